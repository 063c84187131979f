"""One JSON form for every door."""

from __future__ import annotations

import json

from twisted.trial import unittest

from kadtwisted.api import answers, describe, describe_status
from kadtwisted.errors import BootstrapFailed, ErrorReply, NotFound
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.record import DatedRecord, RecordsPage, StorageKey
from kadtwisted.model.results import NodesResult
from tests.daemon.fakes import (
    CONTACT,
    JOINED,
    KEY,
    NAME_KEY,
    OTHER,
    TRACE,
    a_get,
    a_ping,
    a_receipt,
    a_routing,
    a_status,
)

RECORD = DatedRecord(StorageKey(1, NAME_KEY, b"\x00\xff"), b"data", 2e9, 1.7e9)


class DescribeTests(unittest.SynchronousTestCase):
    def test_everything_survives_json(self) -> None:
        for described in (
            describe.of_ping(a_ping()),
            describe.of_bootstrap(JOINED),
            describe.of_nodes(NodesResult(NAME_KEY, (CONTACT,), TRACE)),
            describe.of_get(a_get()),
            describe.of_receipt(a_receipt()),
            describe_status.of_status(a_status()),
            describe_status.of_routing(a_routing()),
            describe.of_record(RECORD),
            answers.of_error(NotFound("gone")),
        ):
            self.assertEqual(json.loads(json.dumps(described)), described)

    def test_an_address_pins_the_key(self) -> None:
        described = describe.of_contact(CONTACT)
        self.assertEqual(described["address"], f"{OTHER.public_key.hex()}@192.0.2.7:8000")
        self.assertEqual(described["endpoint"], "192.0.2.7:8000")

    def test_value_as_text_and_as_bytes(self) -> None:
        text = describe.of_get(a_get("é".encode()))
        self.assertEqual((text["value"], text["value_base64"]), ("é", "w6k="))
        self.assertEqual(text["published_unix"], 1_700_000_000.5)
        binary = describe.of_get(a_get(b"\xff"))
        self.assertEqual((binary["value"], binary["value_base64"]), (None, "/w=="))
        foreign = describe.of_get(a_get(None, b"i7e"))
        self.assertEqual((foreign["value_base64"], foreign["raw_base64"]), (None, "aTdl"))

    def test_receipt_tells_ourselves_from_others(self) -> None:
        described = describe.of_receipt(a_receipt())
        self.assertEqual(described["remote_acks"], 1)
        self.assertEqual(
            [each["endpoint"] for each in described["acknowledged"]], [None, "192.0.2.7:8000"]
        )

    def test_status_gives_addresses_to_share(self) -> None:
        described = describe_status.of_status(a_status())
        self.assertEqual(described["addresses"], [f"{KEY.public_key.hex()}@127.0.0.1:8000"])
        self.assertIsNone(described["links"][0]["observed"])

    def test_status_tells_the_verdict_and_what_is_kept(self) -> None:
        changed = a_status(health="degraded", own_records=2, replication_period=720.00049)
        described = describe_status.of_status(changed)
        self.assertEqual(described["health"], "degraded")
        self.assertEqual(described["health_sentence"], "reads, but cannot store")
        self.assertEqual((described["own_records"], described["own_records_kept"]), (2, True))
        self.assertEqual(described["replication_period_seconds"], 720.0)

    def test_address_to_share(self) -> None:
        for host, shown in (("::", "[::1]"), ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "127.0.0.1")):
            address = describe_status.address_to_share(b"\1" * 32, Endpoint(host, 5))
            self.assertEqual(address, f"{'01' * 32}@{shown}:5")

    def test_errors(self) -> None:
        self.assertEqual(
            answers.of_error(BootstrapFailed("nobody", {"a:1": "silent"})),
            {"type": "BootstrapFailed", "message": "nobody", "reasons": {"a:1": "silent"}},
        )
        self.assertEqual(answers.of_error(ErrorReply(8, "busy"))["code"], 8)
        self.assertEqual(
            answers.of_error(NotFound("gone")), {"type": "NotFound", "message": "gone"}
        )

    def test_records(self) -> None:
        place = (1, f"{NAME_KEY:040x}", "00ff")
        described = describe.of_records(RecordsPage((RECORD,), RECORD.where))
        self.assertEqual(described["next"], place)
        self.assertEqual(
            described["records"],
            [
                {
                    "kind": 1,
                    "key": f"{NAME_KEY:040x}",
                    "sub": "00ff",
                    "data": "ZGF0YQ==",
                    "expires_unix": 2e9,
                    "arrived_unix": 1.7e9,
                }
            ],
        )
        self.assertEqual(describe.of_records(RecordsPage((), None)), {"records": [], "next": None})
