"""What requests are charged, in PINGs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.native.costs import COSTLY, extra_cost
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Changed, FindNode, Have, HaveEntry, Listen, Ping, Store


class CostTests(SynchronousTestCase):
    def test_cheap_requests_cost_nothing_beyond_a_ping(self) -> None:
        for body in (Ping(), FindNode(NodeID(1))):
            self.assertNotIn(type(body), COSTLY)
            self.assertEqual(extra_cost(body), 0)

    def test_a_have_is_charged_by_its_entries(self) -> None:
        entries = tuple(HaveEntry(1, NodeID(n), b"version.") for n in range(32))
        self.assertEqual(extra_cost(Have(entries)), 8)

    def test_a_store_is_charged_by_its_bytes(self) -> None:
        self.assertEqual(extra_cost(Store(bytes(1024), 60)), 5)

    def test_lists_and_dictionaries_cost_more_than_text(self) -> None:
        """A list takes two bytes, and as long to check as a text of many."""
        for nested in (b"le" * 512, b"de" * 512):
            self.assertEqual(extra_cost(Store(nested, 60)), 13)

    def test_a_signature_costs_more_than_all_bytes(self) -> None:
        for kind, cost in ((1, 5), (2, 5), (3, 9), (4, 9), (200, 5)):
            record = bytes([kind]) + bytes(1023)
            self.assertEqual(extra_cost(Store(record, 60)), cost, kind)

    def test_a_listen_reads_the_storage_and_a_changed_is_checked_as_a_store_is(self) -> None:
        self.assertEqual(extra_cost(Listen(NodeID(1), 1)), 2)
        for record in (bytes(1024), b"le" * 512):
            changed = Changed(NodeID(1), 1, bytes(8), record, 60)
            self.assertEqual(extra_cost(changed), extra_cost(Store(record, 60)))
