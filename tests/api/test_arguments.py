"""Whatever stands in a request, a real node answers it with a result or with a typed error."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial import unittest

from kadtwisted.api.arguments import FIELDS, InvalidRequest, read_arguments
from kadtwisted.api.control import ControlFactory
from kadtwisted.api.operations import Operations
from kadtwisted.errors import InvalidInput
from kadtwisted.model.record import Kind
from kadtwisted.model.reference import Reference
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import simulated_node, wait_for

GOOD: dict[str, dict[str, Any]] = {
    "status": {},
    "routing": {},
    "ping": {"address": "192.0.2.9:8000"},
    "open-path": {"node": "ab" * 32},
    "find-node": {"target": "ab" * 20},
    "get": {"key": "name", "mode": "first"},
    "put": {"key": "name", "value_base64": "dg==", "lifetime": 60, "keep": True, "pin": 2},
    "put-many": {"values": [{"key": "name", "value": "v"}], "wait": "all"},
    "get-many": {"keys": ["name", {"key_hex": "ab" * 20}], "mode": "first"},
    "delete": {"key": "name"},
    "put-record": {"record_base64": "AjA6", "lifetime": 60, "keep": True, "cas": 7},
    "collect": {"key": "name", "kind": 3},
    "announce": {"key": "name", "port": 631, "attributes_base64": "dg==", "lifetime": 60},
    "withdraw": {"key": "name"},
    "providers": {"key": "name", "limit": 3},
    "pin": {"reference": str(Reference(Kind.IMMUTABLE, bytes(20))), "kind": 2, "holders": 3},
    "unpin": {"key": "name"},
    "watch": {"key": "name", "kind": 1},
    "records": {"limit": 3, "after": [1, "ab" * 20, ""]},
    "own": {"limit": 3, "after": [1, "ab" * 20, ""]},
}
"""A request of each verb that is right."""
NASTY = (
    *("null", "true", "false", "0", "-1", "1", "0.5", "-0.0", "256", "65536", "1e308", "5e-324"),
    *("1e999", "-1e999", "9223372036854775808", "-" + "9" * 400, "9" * 400, "9" * 4000),
    *("NaN", "Infinity", "-Infinity"),
    *(
        '""',
        '"60"',
        '"nan"',
        '"\\u0000"',
        '"\\ud800"',
        '"\\u202e"',
        '"\\u2028\\n\\u001b[2J"',
        '"\u00e9"',
    ),
    *('"127.0.0.1:99999"', '"[::1]:1"', '"[fe80::1%eth0]:1"', '"x@192.0.2.9:8000"', '":1"'),
    *(f'"{"x" * 60000}"', f'"{"ab" * 20}"', f'"{"AB" * 20}"', f'"{"x" * 300}.example:8000"'),
    *(
        '"\u00fc.example:8000"',
        '"\\ud800:8000"',
        '"..:1"',
        '"a b:1"',
        '"0x7f.1:80"',
        '"\u0661:\u0661"',
    ),
    *("[]", "{}", "[[]]", '{"a": 1}', "[1, 2, 3]", '["first"]', "[null]", "[" * 50 + "]" * 50),
    *('[1, "' + "ab" * 20 + '", "zz"]', '[true, "' + "ab" * 20 + '", ""]', '["1", 2, 3]'),
    *('[999, "' + "ab" * 20 + '", ""]', '[1, "' + "ab" * 20 + '", "' + "ab" * 9999 + '"]'),
    *('[1.0, "' + "ab" * 20 + '", ""]', '[-1, "' + "ab" * 20 + '", ""]', '[1, "\\ud800", ""]'),
)
"""JSON, and what Python takes for it, for any field."""
ALLOWED = frozenset(
    {
        "InvalidRequest",
        "InvalidInput",
        "InvalidReference",
        "InvalidKey",
        "InvalidAddress",
        "InvalidLifetime",
        "InvalidRecord",
        "NotConditional",
        "RecordTooLarge",
        "UnknownKind",
    }
    | {"NotFound", "NoContacts", "Unavailable", "RequestTimedOut", "SendFailed", "NotStored"}
)


class NastyTests(unittest.SynchronousTestCase):
    """A node that is alone on a simulated network, asked over the control socket's protocol."""

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.node = simulated_node(Network(self.clock, 1).host("192.0.2.1"), 1)
        wait_for(self.clock, self.node.start())
        self.factory = ControlFactory(Operations(self.node), self.clock)
        self.connect()

    def connect(self) -> None:
        self.protocol = self.factory.buildProtocol(None)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)

    def tearDown(self) -> None:
        wait_for(self.clock, self.node.stop())

    def answer(self, line: str) -> dict[str, Any]:
        self.protocol.dataReceived(line.encode() + b"\n")
        for _ in range(60):
            if self.transport.value():
                break
            self.clock.advance(1)
        (said,) = self.transport.value().splitlines()
        self.transport.clear()
        answer: dict[str, Any] = json.loads(said, parse_constant=self.fail)
        self.assertFalse(self.transport.disconnecting, line[:200])
        if "event" in answer:  # of a stream, which ends with its connection
            self.protocol.connectionLost()
            self.connect()
            answer["result"] = answer["event"]
        return answer

    def test_every_good_request_is_good(self) -> None:
        self.assertEqual(GOOD.keys(), FIELDS.keys())
        for verb, arguments in GOOD.items():
            answer = self.answer(json.dumps({"verb": verb, **arguments}))
            kind = answer.get("error", {}).get("type", "")
            self.assertNotEqual(kind[:7], "Invalid", (verb, answer))

    def test_every_field_of_every_verb(self) -> None:
        for verb, good in GOOD.items():
            for field in (*FIELDS[verb], "unknown", "id"):
                others = {name: value for name, value in good.items() if name != field}
                rest = json.dumps({"verb": verb, **others})[1:]
                for nasty in NASTY:
                    answer = self.answer(f'{{"{field}": {nasty}, {rest}')
                    kind = answer.get("error", {}).get("type", "")
                    asked = f"{verb} with {field} = {nasty[:80]}: {answer.get('error')}"
                    self.assertTrue("result" in answer or kind in ALLOWED, asked)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_nasty_verbs(self) -> None:
        for nasty in NASTY:
            answer = self.answer(f'{{"verb": {nasty}}}')
            self.assertEqual(answer["error"]["type"], "InvalidRequest", nasty[:80])
            self.assertLess(len(answer["error"]["message"]), 1000)


class ReadingTests(unittest.SynchronousTestCase):
    def refused(self, verb: str, **given: Any) -> str:
        error = self.assertRaises(InvalidRequest, read_arguments, verb, given)
        self.assertIsInstance(error, InvalidInput)
        return str(error)

    def test_arguments_that_there_are_not(self) -> None:
        self.assertIn("its arguments are key, key_hex", self.refused("delete", lifetime=1))
        self.assertIn("it takes none", self.refused("status", x=1))
        self.assertIn("'address' is missing", self.refused("ping"))

    def test_seconds(self) -> None:
        given = {"key": "k", "value_base64": ""}
        for good in (0, 60, -1, 0.5, None):
            self.assertEqual(read_arguments("put", {**given, "lifetime": good})["lifetime"], good)
        for bad in (True, "60", float("nan"), float("inf"), 10**400, [], {}):
            self.assertIn("a number of seconds", self.refused("put", **given, lifetime=bad))

    def test_defaults(self) -> None:
        self.assertIsNone(read_arguments("get", {"key": "k"})["mode"])
        self.assertIsNone(read_arguments("put", {"value_base64": ""})["lifetime"])
