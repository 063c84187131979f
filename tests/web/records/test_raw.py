"""Records as bytes, pages of them, announcements and pins, over HTTP."""

from __future__ import annotations

from kadtwisted import errors
from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.publication import OwnRecord
from kadtwisted.model.record import DatedRecord, Immutable, RecordsPage, StorageKey
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import Collection, FoundRecord
from tests.daemon.fakes import NAME_KEY, TRACE
from tests.web.serving import GatewayCase

WHERE = StorageKey(3, NAME_KEY, b"\x0a")
PLACE = f"3-{id_to_hex(NAME_KEY)}-0a"
OWN = OwnRecord(StorageKey(1, NAME_KEY), b"data", 60, 1e9, "kept", 8, None)


class RecordTests(GatewayCase):
    def test_stored_as_it_is(self) -> None:
        self.ask("POST", "/v1/records", b"\x020:")
        self.ask("POST", "/v1/records?lifetime=60", {"record_base64": "AjA6"}, If_Match='"7"')
        self.assertEqual(
            self.node.calls,
            [
                ("put_record", b"\x020:", None, False, None),
                ("put_record", b"\x020:", 60.0, False, 7),
            ],
        )
        self.node.answers["put_record"] = errors.NotConditional("it has no sequence number")
        self.refused(self.ask("POST", "/v1/records", b"x", If_Match='"7"'), 400, "no sequence")

    def test_a_condition_that_would_be_passed_over_is_refused(self) -> None:
        answer = self.ask("POST", "/v1/records", b"\x020:", If_None_Match="*")
        self.refused(answer, 400, "If-Match alone")
        self.assertEqual(self.node.calls, [])

    def test_collected(self) -> None:
        held = FoundRecord(StorageKey(2, NAME_KEY), b"data", Immutable(b"0:"), 60, 3)
        self.node.answers["collect"] = Collection(2, NAME_KEY, (held,), TRACE)
        found = self.get("/v1/records/name?kind=2").json
        self.assertEqual([each["record_base64"] for each in found["records"]], ["ZGF0YQ=="])
        self.get("/v1/records/name")
        self.assertEqual(self.node.calls, [("collect", 2, "name"), ("collect", 1, "name")])

    def test_page_by_page(self) -> None:
        self.node.answers["records"] = RecordsPage((DatedRecord(WHERE, b"d", 2e9, 1e9),), WHERE)
        found = self.get("/v1/records?limit=1").json
        self.assertEqual(found["next"], PLACE)
        self.node.answers["records"] = RecordsPage((), None)
        self.assertIsNone(self.get(f"/v1/records?after={found['next']}").json["next"])
        self.assertEqual(self.node.calls[-1][1], WHERE)
        self.refused(self.get("/v1/records?after=x"), 400, "KIND-KEY-SUB")
        self.refused(self.get("/v1/records?after=999-" + PLACE[2:]), 400, "KIND")

    def test_own(self) -> None:
        self.node.answers["own_records"] = (OWN,)
        found = self.get("/v1/own?limit=1").json
        self.assertEqual((found["own"][0]["pin"], found["own"][0]["state"]), (8, "kept"))
        self.assertEqual(found["next"], f"1-{id_to_hex(NAME_KEY)}-")
        self.assertEqual(self.get("/v1/own?limit=1&after=" + found["next"]).status, 200)


class AnnouncingTests(GatewayCase):
    def test_announced(self) -> None:
        path = "/v1/announcements/printer"
        self.assertEqual(self.ask("PUT", f"{path}?port=631", b"colour=1").status, 201)
        self.ask("PUT", path, {"attributes": "a"})
        self.ask("PUT", f"{path}?lifetime=600&wait=all", {"attributes_base64": "/w=="})
        self.ask("PUT", path)
        self.assertEqual(
            self.node.calls,
            [
                ("announce", "printer", 631, b"colour=1", None),
                ("announce", "printer", None, b"a", None),
                ("announce", "printer", None, b"\xff", 600.0, "wait for all"),
                ("announce", "printer", None, b"", None),
            ],
        )
        self.refused(self.ask("PUT", path, {"attribute": "a"}), 400, '"attributes": "text"')

    def test_withdrawn(self) -> None:
        self.assertTrue(self.ask("DELETE", "/v1/announcements/printer").json["deleted"])

    def test_providers(self) -> None:
        found = self.get("/v1/providers/printer?limit=2").json
        self.assertEqual(found["providers"][0]["attributes"], "colour=1")
        self.assertEqual(self.node.calls, [("providers", "printer", 2)])


class PinTests(GatewayCase):
    def test_pinned_and_not_any_more(self) -> None:
        reference = Reference(3, bytes(32))
        self.node.answers |= {"pin": OWN, "unpin": True}
        self.assertEqual(self.ask("PUT", f"/v1/pins/{reference}?holders=5").json["pin"], 8)
        self.assertEqual(self.ask("DELETE", "/v1/pins/name?kind=1").json, {"was_pinned": True})
        self.assertEqual(self.node.calls, [("pin", reference, 5, None), ("unpin", "name", 1)])
        self.refused(self.ask("PUT", "/v1/pins/name"), 400, "lacks holders")
