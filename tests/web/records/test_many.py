"""Many values at once, over HTTP."""

from __future__ import annotations

import json
from typing import Any

from kadtwisted.api.arguments import MAX_VALUES
from kadtwisted.errors import NotFound, NotStored
from kadtwisted.web.records.many import NDJSON
from tests.daemon.fakes import a_get, a_receipt
from tests.web.serving import GatewayCase

VALUES = b'{"key": "a", "value": "v"}\n\n{"key": "b", "value_base64": "/w==", "lifetime": 60}'


class ManyTests(GatewayCase):
    def lines(self, body: bytes) -> list[dict[str, Any]]:
        return [json.loads(each) for each in body.splitlines()]

    def test_put(self) -> None:
        self.node.answers["put"] = [a_receipt(), NotStored("nobody stored it", {})]
        answer = self.ask("POST", "/v1/bulk/put?wait=all", VALUES)
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, NDJSON))
        stored, failed = self.lines(answer.body)
        self.assertEqual((stored["remote_acks"], stored["remaining_seconds"]), (1, 3600))
        self.assertEqual(failed["error"]["type"], "NotStored")
        self.assertEqual(self.node.calls[0][-1], "wait for all")
        puts = [each for each in self.node.calls if each[0] == "put"]
        self.assertEqual(puts, [("put", "a", b"v", None), ("put", "b", b"\xff", 60.0)])

    def test_get(self) -> None:
        self.node.answers["get"] = [a_get(), NotFound("it was not found"), a_get(b"\xff")]
        body = b'"a"\n{"key": "b"}\n{"key_hex": "%s"}\n' % (b"ab" * 20)
        one, missing, other = self.lines(self.ask("POST", "/v1/bulk/get?mode=first", body).body)
        self.assertEqual((one["value"], one["value_base64"]), ("value", None))
        self.assertEqual(missing["error"]["type"], "NotFound")
        self.assertEqual((other["value"], other["value_base64"]), (None, "/w=="))
        wanted = ["a", "b", b"\xab" * 20]
        self.assertEqual(self.node.calls[0], ("get_many", wanted, "first"))

    def test_bad_lines_are_named_and_nothing_is_done(self) -> None:
        for path, body, words in (
            ("put", VALUES + b"\n{", "line 4 is not as"),
            ("put", b"\xff", "line 1 is not as"),
            ("put", b'{"key": "a", "value": "v", "lifetime": NaN}', "line 1 is not as"),
            ("put", b'\n{"key": "a"}', "line 2 is not as"),
            ("put", b'{"key": "a", "value": "v", "value": "w"}', "line 1 has 'value' twice"),
            ("get", b'{"reference": "kad:x"}', "line 1: "),
            ("get", b"7", "line 1 is not as"),
            ("get", b"\n", "1 to 256 lines, not 0"),
            ("get", b'"a"\n' * (MAX_VALUES + 1), "not 257"),
        ):
            self.refused(self.ask("POST", f"/v1/bulk/{path}", body), 400, words)
        self.refused(self.ask("POST", "/v1/bulk/put", b"x" * 70000), 413, "longer than")
        self.assertEqual(self.node.calls, [])
