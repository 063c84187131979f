"""Values over HTTP: read, put, deleted; in which forms, and with which errors."""

from __future__ import annotations

from kadtwisted import errors
from kadtwisted.model.ids import id_to_bytes, id_to_hex
from kadtwisted.model.reference import Reference
from tests.daemon.fakes import NAME_KEY, a_get
from tests.web.serving import GatewayCase

INDEX = "1700000000500000"
HEX = f"hex:{id_to_hex(NAME_KEY)}"
BYTES = "application/octet-stream"


class ReadingTests(GatewayCase):
    def test_as_json_with_its_version(self) -> None:
        answer = self.get("/v1/values/name?mode=first")
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual((answer.json["value"], answer.json["holders"]), ("value", 2))
        self.assertEqual(answer.headers["etag"], f'"{INDEX}"')
        self.assertEqual(answer.headers["x-kad-index"], INDEX)
        self.assertEqual(self.node.calls, [("get", "name", "first")])

    def test_as_raw_bytes(self) -> None:
        self.node.answers["get"] = a_get(b"\x00\xff")
        answer = self.get("/v1/values/name", Accept=BYTES)
        self.assertEqual((answer.headers["content-type"], answer.body), (BYTES, b"\x00\xff"))
        self.node.answers["get"] = a_get(None, b"i7e")
        self.assertEqual(self.get("/v1/values/name", Accept=BYTES).body, b"i7e")
        self.node.answers["get"] = a_get(b"", b"0:")
        self.assertEqual(self.get("/v1/values/name", Accept=BYTES).body, b"")

    def test_not_again_if_the_client_has_it(self) -> None:
        for tag in (f'"{INDEX}"', f'W/"{INDEX}"', f'"1", "{INDEX}"', "*"):
            answer = self.get("/v1/values/name", If_None_Match=tag)
            self.assertEqual((answer.status, answer.body), (304, b""), tag)
            self.assertEqual(answer.headers["etag"], f'"{INDEX}"')
            self.assertNotIn("content-length", answer.headers)
        self.assertEqual(self.get("/v1/values/name", If_None_Match='"1"').status, 200)

    def test_by_each_way_to_name_it(self) -> None:
        reference = Reference(3, bytes(32), b"salt")
        for path in ("a%2Fb%20%C3%A9", HEX, str(reference)):
            self.assertEqual(self.get(f"/v1/values/{path}").status, 200)
        asked = [call[1] for call in self.node.calls]
        self.assertEqual(asked, ["a/b é", id_to_bytes(NAME_KEY), reference])

    def test_errors_have_their_status(self) -> None:
        for error, status in (
            (errors.NotFound("not found"), 404),
            (errors.InvalidKey("bad key"), 400),
            (errors.NoContacts("nobody"), 503),
            (errors.RequestTimedOut("late"), 504),
            (errors.TooManyRequests("busy"), 429),
            (errors.StorageError("broken"), 500),
        ):
            self.node.answers["get"] = error
            answer = self.get("/v1/values/name")
            self.refused(answer, status, str(error))
            self.assertEqual(answer.json["error"], type(error).__name__)
            self.assertNotIn("type", answer.json)
        self.node.answers["get"] = errors.NotFound("not found")
        self.assertEqual(self.get("/v1/values/name").headers["x-kad-index"], "0")


class WritingTests(GatewayCase):
    def test_raw_bytes_and_json(self) -> None:
        forms = (
            (b"\x00\xff", {}),
            ({"value": "é"}, {}),
            ({"value_base64": "AP8="}, {}),
            (b"", {}),
            (b'{"value": "x"}', {"Content_Type": "text/plain"}),
        )
        for body, headers in forms:
            answer = self.ask("PUT", "/v1/values/name", body, **headers)
            self.assertEqual((answer.status, answer.json["remote_acks"]), (201, 1))
            self.assertEqual(answer.headers["etag"], f'"{INDEX}"')
        written = [call[2] for call in self.node.calls]
        self.assertEqual(written, [b"\x00\xff", "é".encode(), b"\x00\xff", b"", b'{"value": "x"}'])

    def test_wishes(self) -> None:
        query = "lifetime=60&keep=true&put_back=true&pin=4&wait=all"
        self.ask("PUT", f"/v1/values/{HEX}?{query}", b"v")
        key = id_to_bytes(NAME_KEY)
        wishes = ("keep", "put back", "pin 4", "wait for all")
        self.assertEqual(self.node.calls, [("put", key, b"v", 60.0, *wishes)])

    def test_what_is_no_value(self) -> None:
        for body in ({}, {"value": 7}, {"value": "a", "value_base64": ""}, {"value_base64": "é"}):
            self.assertEqual(self.ask("PUT", "/v1/values/name", body).status, 400, body)
        for body in (b"[]", b"{", b"[" * 60000, b"\xff", b'{"value": "\\ud800"}'):
            answer = self.ask("PUT", "/v1/values/k", body, Content_Type="application/json")
            self.assertEqual(answer.status, 400, body[:9])
        for body, words in (
            (b'{"value": "a", "value": "b"}', "'value' twice"),
            (b'{"value": {"a": 1, "a": 1}}', "'a' twice"),
            (b'{"value": NaN}', "no JSON"),
            (b'{"value": -Infinity}', "no JSON"),
        ):
            answer = self.ask("PUT", "/v1/values/k", body, Content_Type="application/json")
            self.refused(answer, 400, words)
        self.assertEqual(self.node.calls, [])

    def test_a_condition_that_nobody_can_decide(self) -> None:
        for condition in ({"If_Match": '"1"'}, {"If_None_Match": "*"}):
            for method in ("PUT", "DELETE"):
                answer = self.ask(method, "/v1/values/name", b"", **condition)
                self.refused(answer, 400, "/v1/signed")
        self.assertEqual(self.node.calls, [])

    def test_a_reference_names_where_to_write_only_if_it_is_a_plain_values(self) -> None:
        plain = Reference(1, id_to_bytes(NAME_KEY))
        self.assertEqual(self.ask("PUT", f"/v1/values/{plain}", b"v").status, 201)
        self.assertEqual(self.node.calls[0][1], id_to_bytes(NAME_KEY))
        signed = Reference(3, bytes(32))
        self.refused(self.ask("DELETE", f"/v1/values/{signed}"), 400, "PUT /v1/signed")

    def test_delete(self) -> None:
        answer = self.ask("DELETE", "/v1/values/name?wait=all")
        self.assertEqual((answer.status, answer.json["deleted"]), (200, True))
        self.assertEqual(self.node.calls, [("delete", "name", "wait for all")])

    def test_what_is_refused(self) -> None:
        for error, status in (
            (errors.RecordTooLarge("at most 1,000 bytes"), 413),
            (errors.InvalidLifetime("too long"), 400),
            (errors.NotStored("nobody took it", {"192.0.2.7:8000": "full"}), 503),
            (errors.StorageFull("full"), 507),
        ):
            self.node.answers["put"] = error
            self.refused(self.ask("PUT", "/v1/values/name", b"v"), status, str(error))
        self.node.answers["put"] = errors.NotStored("nobody", {"192.0.2.7:8000": "full"})
        answer = self.ask("PUT", "/v1/values/name", b"v")
        self.assertEqual(answer.json["reasons"], {"192.0.2.7:8000": "full"})


class ImmutableTests(GatewayCase):
    def test_stored_under_its_hash(self) -> None:
        answer = self.ask("POST", "/v1/immutable?keep=true", b"v")
        self.assertEqual(answer.status, 201)
        self.assertTrue(answer.json["reference"].startswith("kad:"))
        self.assertEqual(self.node.calls, [("put_immutable", b"v", None, True)])
