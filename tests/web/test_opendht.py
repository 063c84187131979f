"""What a program for OpenDHT's proxy asks, and hears."""

from __future__ import annotations

import json

from kadtwisted.model.ids import id_to_bytes, id_to_hex
from tests.daemon.fakes import NAME_KEY, a_change
from tests.web.serving import GatewayCase, response_from, unchunked

INDEX = "1700000000500000"


class OpenDhtTests(GatewayCase):
    def test_get(self) -> None:
        line = {"id": INDEX, "data": "dmFsdWU=", "type": 0}
        answer = self.get(f"/key/{id_to_hex(NAME_KEY)}")
        self.assertEqual((answer.json, answer.body.count(b"\n")), (line, 1))
        self.assertEqual(self.get("/key/name").json, line)
        asked = [call[1] for call in self.node.calls]
        self.assertEqual(asked, [id_to_bytes(NAME_KEY), "name"])

    def test_listen(self) -> None:
        connection = self.connect()
        connection.ask("GET", "/key/name/listen")
        answer = response_from(connection.written())
        line = {"id": INDEX, "data": "dmFsdWU=", "type": 0}
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(json.loads(unchunked(answer.body)), line)
        self.node.watches[0].tell(a_change(None))
        gone = json.loads(unchunked(connection.written()))
        self.assertEqual(gone, {"id": "0", "data": "", "type": 0, "expired": True})
        connection.leave()

    def test_post(self) -> None:
        answer = self.ask("POST", "/key/name", {"data": "dmFsdWU=", "permanent": True, "type": 3})
        self.assertEqual(answer.json, {"id": INDEX, "data": "dmFsdWU=", "type": 0})
        self.assertEqual(self.node.calls, [("put", "name", b"value", None, "keep")])
        self.node.calls.clear()
        woken = {"data": "dmFsdWU=", "permanent": {"key": "k", "client_id": "7"}}
        self.assertEqual(self.ask("POST", "/key/name", woken).status, 200)
        self.assertEqual(self.node.calls, [("put", "name", b"value", None, "keep")])
        for body in ({}, {"data": 7}, {"data": "é"}, {"data": "", "permanent": 1}):
            self.assertEqual(self.ask("POST", "/key/name", body).status, 400, body)
