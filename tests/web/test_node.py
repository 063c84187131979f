"""The node itself, over HTTP."""

from __future__ import annotations

from kadtwisted.api import describe, describe_status
from kadtwisted.errors import InvalidAddress, NoContacts, NoPath
from kadtwisted.model.health import Health
from kadtwisted.model.ids import id_to_hex, key_of_name
from kadtwisted.model.results import Path
from tests.daemon.fakes import CONTACT, NAME_KEY, a_ping, a_routing, a_status
from tests.web.serving import GatewayCase


class NodeTests(GatewayCase):
    def test_whether_it_is_well(self) -> None:
        self.assertEqual(self.get("/healthz").json, {"status": "ok"})
        for verdict in Health:
            self.node.answers["health"] = verdict
            answer = self.get("/readyz")
            self.assertEqual(answer.status, 200 if verdict is Health.SERVING else 503)
            self.assertEqual(answer.json, {"health": verdict.word, "sentence": verdict.sentence})

    def test_pictures(self) -> None:
        self.assertEqual(self.get("/v1/node").json, describe_status.of_status(a_status()))
        self.assertEqual(self.get("/v1/routing").json, describe_status.of_routing(a_routing()))
        self.assertEqual(self.get("/v1/stats").json, {"in.Ping": 12345, "in.Have": 0})

    def test_lookup(self) -> None:
        digits = id_to_hex(NAME_KEY)
        for path in (digits, f"hex:{digits}", "name"):
            found = self.get(f"/v1/lookup/{path}").json
            self.assertEqual(found["trace"]["hops"], 1)
        asked = [call[1] for call in self.node.calls]
        self.assertEqual(asked, [NAME_KEY, NAME_KEY, key_of_name("name")])
        self.refused(self.get("/v1/lookup/hex:0"), 400, "40 hexadecimal digits")
        self.node.answers["find_node"] = NoContacts("nobody is known; bootstrap first")
        self.refused(self.get("/v1/lookup/name"), 503, "bootstrap first")

    def test_paths(self) -> None:
        self.node.answers["open_path"] = Path(CONTACT, 0.0042, None)
        found = self.ask("POST", "/v1/paths/" + "ab" * 32)
        self.assertEqual(found.json["rtt_seconds"], 0.0042)
        self.assertEqual(self.node.calls, [("open_path", "ab" * 32)])
        self.node.answers["open_path"] = NoPath("it did not answer")
        self.refused(self.ask("POST", "/v1/paths/x"), 503, "did not answer")

    def test_ping(self) -> None:
        found = self.ask("POST", "/v1/ping/192.0.2.7:8000")
        self.assertEqual(found.json, describe.of_ping(a_ping()))
        self.node.answers["ping"] = InvalidAddress("no address")
        self.refused(self.ask("POST", "/v1/ping/x"), 400, "no address")
