"""A node that says itself that it belongs in no table goes at once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.routing.changes import NOTHING
from tests.routing.helpers import contact, small_table


class WithdrawingTests(SynchronousTestCase):
    def test_it_goes_and_the_next_candidate_moves_up(self) -> None:
        table = small_table()
        for number, node_id in enumerate((200, 201, 202)):
            table.answered(contact(node_id), float(number))
        change = table.withdrew(NodeID(200), contact(200).endpoint, 3.0)
        self.assertEqual((change.removed, change.ping), ((contact(200),), contact(202)))
        self.assertEqual({each.node_id for each in table.contacts()}, {201, 202})

    def test_a_candidate_waits_no_longer(self) -> None:
        table = small_table()
        for number, node_id in enumerate((200, 201, 202)):
            table.answered(contact(node_id), float(number))
        self.assertEqual(table.withdrew(NodeID(202), contact(202).endpoint, 3.0), NOTHING)
        change = table.withdrew(NodeID(200), contact(200).endpoint, 3.0)
        self.assertEqual(change.added, ())

    def test_who_says_so_elsewhere_stays_here(self) -> None:
        table = small_table()
        table.answered(contact(200), 0.0)
        elsewhere = Endpoint("192.0.2.99", 1)
        self.assertEqual(table.withdrew(NodeID(200), elsewhere, 1.0), NOTHING)
        self.assertEqual(table.withdrew(NodeID(77), elsewhere, 1.0), NOTHING)
        self.assertIn(200, table)
