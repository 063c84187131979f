"""Keys that stay with the node, and the values that they sign."""

from __future__ import annotations

from kadtwisted import errors
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import Mutable
from kadtwisted.model.results import GetResult
from kadtwisted.web.gateway import Gateway
from kadtwisted.web.index import Rooms, Served
from tests.daemon.fakes import TRACE
from tests.web.serving import ADMIN, GatewayCase

PATH = "/v1/signed/registry/web"


def a_signed(seq: int) -> GetResult:
    record = Mutable(bytes(32), b"web", seq, bytes(64), b"1:v")
    return GetResult(NodeID(7), b"v", b"1:v", record, 60, 3, TRACE)


class KeyTests(GatewayCase):
    def test_an_admin_makes_a_key_and_nobody_gets_it(self) -> None:
        made = self.ask("POST", "/v1/keys/registry", token=ADMIN)
        self.assertEqual(made.status, 201)
        self.assertEqual(set(made.json), {"name", "public_key", "reference"})
        key = self.keys.key("registry")
        self.assertEqual(made.json["public_key"], key.public_key.hex())
        told = self.get("/v1/keys/registry").body + self.get("/v1/keys").body + made.body
        self.assertNotIn(key.seed.hex().encode(), told)
        self.assertEqual(self.get("/v1/keys").json, {"keys": [made.json]})

    def test_one_that_is_there_stays(self) -> None:
        self.ask("POST", "/v1/keys/registry", token=ADMIN)
        self.refused(self.ask("POST", "/v1/keys/registry", token=ADMIN), 409, "already")

    def test_one_whose_file_cannot_be_used_hides_no_other(self) -> None:
        made = self.ask("POST", "/v1/keys/registry", token=ADMIN).json
        (self.path / "keys" / "broken").write_text("no key")
        (self.path / "keys" / "folder").mkdir()
        told = self.get("/v1/keys")
        self.assertEqual(told.status, 200)
        self.assertEqual(told.json, {"keys": [made], "unusable": ["broken", "folder"]})

    def test_names(self) -> None:
        self.refused(self.ask("POST", "/v1/keys/..%2Fx", token=ADMIN), 400, "letters")
        self.refused(self.get("/v1/keys/none"), 404, "POST /v1/keys/none")
        self.refused(self.ask("PUT", "/v1/signed/none", b"v"), 404, "POST /v1/keys/none")

    def test_without_a_state_directory_there_are_none(self) -> None:
        rooms = Rooms(Served(self.node, self.clock))
        self.gateway = Gateway(self.clock, rooms.routes, self.admission)
        self.refused(self.get("/v1/keys"), 400, "--state-dir")


class SignedTests(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        self.key = self.keys.make("registry")

    def test_the_next_version(self) -> None:
        answer = self.ask("PUT", f"{PATH}?lifetime=60&keep=true", b"v")
        self.assertEqual(answer.status, 201)
        wanted = ("put_mutable", self.key, b"v", b"web", None, None, 60.0, True)
        self.assertEqual(self.node.calls, [wanted])
        self.ask("PUT", "/v1/signed/registry?seq=9", b"v")
        self.assertEqual(
            self.node.calls[1:], [("put_mutable", self.key, b"v", b"", 9, None, None, False)]
        )

    def test_compare_and_set(self) -> None:
        self.ask("PUT", PATH, b"v", If_Match='"7"')
        self.assertEqual(self.node.calls[0][4:6], (None, 7))
        self.node.answers["put_mutable"] = errors.CasConflict("another writer was faster")
        self.refused(self.ask("PUT", PATH, b"v", If_Match='"7"'), 412, "faster")
        self.node.answers["put_mutable"] = errors.Uncertain("read it to find out")
        self.refused(self.ask("PUT", PATH, b"v", If_Match='"7"'), 504, "find out")

    def test_only_if_there_is_none(self) -> None:
        self.ask("PUT", PATH, b"v", If_None_Match="*")
        self.assertEqual(self.node.calls[0][4:6], (1, None))
        self.node.answers["put_mutable"] = errors.Superseded("a value stands there")
        self.refused(self.ask("PUT", PATH, b"v", If_None_Match="*"), 412, "already")
        self.refused(self.ask("PUT", f"{PATH}?seq=1", b"v"), 409, "stands there")

    def test_conditions_that_make_no_sense(self) -> None:
        for headers in (
            {"If_Match": "*"},
            {"If_Match": '"x"'},
            {"If_Match": '"' + "9" * 30 + '"'},
            {"If_Match": '"' + "0" * 5000 + '"'},
            {"If_Match": '"-1"'},
            {"If_None_Match": '"7"'},
            {"If_None_Match": "*", "If_Match": '"7"'},
        ):
            self.assertEqual(self.ask("PUT", PATH, b"v", **headers).status, 400, headers)
        self.refused(self.ask("DELETE", PATH, If_Match='"7"'), 400, "If-Match is for PUT")
        self.refused(self.ask("DELETE", PATH, If_None_Match="*"), 400, "If-Match is for PUT")
        self.assertEqual(self.node.calls, [])

    def test_read_by_name(self) -> None:
        self.node.answers["get"] = a_signed(7)
        answer = self.get(f"{PATH}?mode=latest")
        self.assertEqual((answer.json["seq"], answer.headers["etag"]), (7, '"7"'))
        self.assertEqual(self.node.calls, [("get", self.key.reference(b"web"), "latest")])

    def test_deleted(self) -> None:
        self.assertTrue(self.ask("DELETE", f"{PATH}?keep=false").json["deleted"])
        self.assertEqual(self.node.calls, [("delete_mutable", self.key, b"web", False)])
