"""Verbs with JSON arguments become calls of the node."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial import unittest

from kadtwisted.api import describe, describe_status
from kadtwisted.api.arguments import MAX_RECORDS, InvalidRequest
from kadtwisted.api.operations import Operations
from kadtwisted.errors import InvalidKey, NotFound
from kadtwisted.model.ids import NodeID, id_to_bytes, id_to_hex
from kadtwisted.model.publication import Audit, OwnRecord
from kadtwisted.model.record import DatedRecord, Immutable, RecordsPage, StorageKey
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import Collection, FoundRecord, Receipt
from kadtwisted.testing.contracts.storage import LARGEST_RECORD
from tests.daemon.fakes import (
    CONTACT,
    NAME_KEY,
    TRACE,
    FakeNode,
    a_get,
    a_receipt,
    a_routing,
    a_status,
)


class OperationTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.node = FakeNode()
        self.operations = Operations(self.node)

    def perform(self, verb: str, **arguments: Any) -> Any:
        return self.successResultOf(self.operations.perform(verb, arguments))

    def refused(self, verb: str, **arguments: Any) -> str:
        failure = self.failureResultOf(self.operations.perform(verb, arguments), InvalidRequest)
        self.assertEqual(self.node.calls, [])
        return failure.getErrorMessage()

    def test_pictures(self) -> None:
        self.assertEqual(self.perform("status"), describe_status.of_status(a_status()))
        self.assertEqual(self.perform("routing"), describe_status.of_routing(a_routing()))

    def test_get(self) -> None:
        self.assertEqual(self.perform("get", key="name"), describe.of_get(a_get()))
        self.perform("get", key_hex=id_to_hex(NAME_KEY), mode="first")
        self.assertEqual(
            self.node.calls,
            [("get", "name", None), ("get", id_to_bytes(NAME_KEY), "first")],
        )

    def test_put_and_delete(self) -> None:
        receipt = self.perform("put", key="name", value_base64="dmFsdWU=", lifetime=60)
        self.assertEqual(receipt, describe.of_receipt(a_receipt()))
        self.perform("put", key="name", value_base64="")
        self.assertTrue(self.perform("delete", key="name")["deleted"])
        self.assertEqual(
            self.node.calls,
            [("put", "name", b"value", 60), ("put", "name", b"", None), ("delete", "name")],
        )

    def test_many_at_once(self) -> None:
        self.node.answers["put"] = [a_receipt(), NotFound("no")]
        values = [{"key": "a", "value": "v"}, {"key_hex": "ab" * 20, "value_base64": "/w=="}]
        stored, failed = self.perform("put-many", values=values, wait="all")["results"]
        self.assertEqual((stored["remote_acks"], stored["remaining_seconds"]), (1, 3600))
        self.assertEqual(failed["error"], {"type": "NotFound", "message": "no"})
        self.assertEqual(self.node.calls[0][2:], ("wait for all",))
        (got,) = self.perform("get-many", keys=["a"])["results"]
        self.assertEqual((got["value"], got["holders"]), ("value", 2))

    def test_many_that_are_wrong(self) -> None:
        for wrong in ([], [7], [{}], "a", [{"key": "a", "key_hex": "ab" * 20}], ["a"] * 257):
            self.refused("get-many", keys=wrong)
        for wrong in ([], ["a"], [{"key": "a"}], [{"key": "a", "value": "v", "x": 1}]):
            self.refused("put-many", values=wrong)

    def test_get_by_reference(self) -> None:
        reference = Reference(3, bytes(32), b"salt")
        self.perform("get", reference=str(reference))
        self.assertEqual(self.node.calls, [("get", reference, None)])
        self.node.calls.clear()
        self.refused("get", reference=str(reference), key="name")

    def test_records_of_any_kind(self) -> None:
        receipt = self.perform("put-record", record_base64="AjA6", lifetime=60, keep=True, cas=7)
        self.assertEqual(receipt["reference"], str(Reference(1, id_to_bytes(NAME_KEY))))
        where = StorageKey(2, NAME_KEY)
        held = FoundRecord(where, b"data", Immutable(b"0:"), 60, 3)
        self.node.answers["collect"] = Collection(2, NAME_KEY, (held,), TRACE)
        found = self.perform("collect", key="name", kind=2)
        self.assertEqual((found["kind"], found["key"]), (2, id_to_hex(NAME_KEY)))
        self.assertEqual(
            found["records"],
            [{"sub": "", "record_base64": "ZGF0YQ==", "remaining_seconds": 60, "holders": 3}],
        )
        self.assertEqual(
            self.node.calls, [("put_record", b"\x020:", 60.0, True, 7), ("collect", 2, "name")]
        )

    def test_put_and_keep(self) -> None:
        self.perform("put", key="name", value_base64="", keep=True)
        self.perform("put", key="name", value_base64="", keep=False)
        self.assertEqual(
            self.node.calls, [("put", "name", b"", None, "keep"), ("put", "name", b"", None)]
        )

    def test_a_write_may_wait_for_all(self) -> None:
        self.perform("put", key="name", value_base64="", wait="all")
        self.perform("delete", key="name", wait="all")
        self.perform("announce", key="name", wait="all")
        self.perform("withdraw", key="name", wait="quorum")
        self.assertEqual([each[-1] == "wait for all" for each in self.node.calls], [1, 1, 1, 0])
        self.node.calls.clear()
        self.assertIn("quorum or all", self.refused("put", key="n", value_base64="", wait="most"))

    def test_who_has_not_decided_yet_is_told(self) -> None:
        told: list[Receipt] = []
        receipt = a_receipt(pending=(CONTACT,))
        performer = Operations(FakeNode(put=receipt), told.append)
        performing = performer.perform("put", {"key": "name", "value_base64": ""})
        described = self.successResultOf(performing)
        self.assertEqual(described["pending"], [str(CONTACT)])
        self.assertEqual(told, [receipt])

    def test_records(self) -> None:
        where = StorageKey(1, NAME_KEY, b"\x00")
        page = RecordsPage((DatedRecord(where, b"data", 2e9, 1e9),), where)
        self.node.answers["records"] = page
        found = self.perform("records")
        self.assertEqual(found, describe.of_records(page))
        self.perform("records", after=found["next"], limit=1)
        self.assertEqual(self.node.calls, [("records", None, MAX_RECORDS), ("records", where, 1)])

    def test_own_records(self) -> None:
        where = StorageKey(1, NAME_KEY, b"")
        own = OwnRecord(where, b"data", 600.0, None, "lost", 5, Audit(9.0, 1, 4))
        self.node.answers["own_records"] = (own,)
        key = id_to_hex(NAME_KEY)
        found = self.perform("own", limit=1)
        self.assertEqual(
            found,
            {
                "own": [
                    {
                        "place": [1, key, ""],
                        "state": "lost",
                        "lifetime_seconds": 600.0,
                        "next_at_unix": None,
                        "reference": None,
                        "pin": 5,
                        "audit": {"at_unix": 9.0, "found": 1, "held": 4},
                        "record_base64": "ZGF0YQ==",
                    }
                ],
                "next": [1, key, ""],
            },
        )
        self.assertIsNone(self.perform("own", after=found["next"])["next"])
        self.assertEqual(
            self.node.calls, [("own_records", None, 1), ("own_records", where, MAX_RECORDS)]
        )

    def test_a_value_may_be_put_back(self) -> None:
        self.assertIn("'put_back'", self.refused("put", key="n", value_base64="", put_back=1))
        self.perform("put", key="name", value_base64="", keep=True, put_back=True)
        self.assertEqual(self.node.calls, [("put", "name", b"", None, "keep", "put back")])

    def test_an_answer_with_records_is_bounded(self) -> None:
        where = StorageKey(255, NodeID(2**160 - 1), bytes(64))
        largest = DatedRecord(where, bytes(LARGEST_RECORD), 1 / 3 + 1e9, 1 / 3 + 1e9)
        described = describe.of_records(RecordsPage((largest,) * MAX_RECORDS, where))
        self.assertLess(len(json.dumps(described)), 65536)

    def test_announcing(self) -> None:
        self.perform("announce", key="name", port=631, attributes_base64="dg==", lifetime=60)
        receipt = self.perform("announce", key_hex=id_to_hex(NAME_KEY))
        self.assertEqual(receipt, describe.of_receipt(a_receipt()))
        self.assertTrue(self.perform("withdraw", key="name")["deleted"])
        raw = id_to_bytes(NAME_KEY)
        self.assertEqual(
            self.node.calls,
            [
                ("announce", "name", 631, b"v", 60),
                ("announce", raw, None, b"", None),
                ("withdraw", "name"),
            ],
        )

    def test_what_cannot_be_announced(self) -> None:
        for port in (0, 65536, "631", 1.5, True):
            self.assertIn("from 1 to 65535", self.refused("announce", key="n", port=port))
        self.assertIn("base64", self.refused("announce", key="n", attributes_base64="?"))
        self.assertIn("'limit'", self.refused("providers", key="n", limit=0))

    def test_providers(self) -> None:
        found = self.perform("providers", key="name", limit=2)
        self.assertEqual((found["key"], found["complete"]), (id_to_hex(NAME_KEY), False))
        first, second = found["providers"]
        self.assertEqual((first["endpoint"], first["attributes"]), ("192.0.2.9:631", "colour=1"))
        self.assertEqual((second["attributes"], second["attributes_base64"]), (None, "/xs="))
        self.assertEqual(second["endpoint"], "[2001:db8::9]:8000")
        self.assertEqual(len(first["public_key"]), 64)
        self.assertEqual(self.perform("providers", key="name")["key"], found["key"])
        called = [("providers", "name", 2), ("providers", "name", None)]
        self.assertEqual(self.node.calls, called)

    def test_ping_and_find_node(self) -> None:
        self.perform("ping", address="192.0.2.7:8000")
        self.perform("find-node", key="name")
        self.perform("find-node", target=id_to_hex(NAME_KEY))
        self.assertEqual(
            self.node.calls,
            [("ping", "192.0.2.7:8000"), ("find_node", NAME_KEY), ("find_node", NAME_KEY)],
        )

    def test_the_nodes_failures_pass(self) -> None:
        self.node.answers["get"] = NotFound("gone")
        self.failureResultOf(self.operations.perform("get", {"key": "name"}), NotFound)
        self.failureResultOf(self.operations.perform("find-node", {"target": "12"}), InvalidKey)

    def test_bad_arguments(self) -> None:
        self.assertIn("choose one of status, routing", self.refused("reboot"))
        self.assertIn("'key'", self.refused("get"))
        self.assertIn("'key'", self.refused("get", key=7))
        self.assertIn("'key'", self.refused("find-node"))
        self.assertIn("first or latest", self.refused("get", key="name", mode=["first"]))
        self.assertIn("'address'", self.refused("ping", address=None))
        self.assertIn("base64", self.refused("put", key="name", value_base64="?"))
        self.assertIn("base64", self.refused("put", key="name", value_base64="é"))
        self.assertIn("'keep'", self.refused("put", key="name", value_base64="", keep=1))
        for limit in (0, 33, True, "1", None):
            self.assertIn("from 1 to 32", self.refused("records", limit=limit))
        key = id_to_hex(NAME_KEY)
        for after in ([1, key], [256, key, ""], ["1", key, ""], [1, "3", ""], [1, key, "0"],
                      [1, 7, ""], 7, "abc", {"kind": 1}):  # fmt: skip
            self.assertIn("'after'", self.refused("records", after=after))
        for lifetime in (True, "60"):
            self.assertIn(
                "lifetime", self.refused("put", key="name", value_base64="", lifetime=lifetime)
            )
