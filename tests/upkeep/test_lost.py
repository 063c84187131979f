"""Contacts that were lost, and the turn in which they are asked whether they are back."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.upkeep.lost import Lost


def contact(number: int, port: int = 8000) -> Contact:
    return Contact.at(NodeID(number), Endpoint(f"192.0.2.{number}", port), bytes([number]) * 32)


class LostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lost = Lost(capacity=3, kept=100.0)
        self.lost.noticed({contact(n): float(n) for n in range(1, 6)}, 10.0)

    def test_who_is_there_is_not_lost(self) -> None:
        self.assertIsNone(self.lost.next())
        self.assertEqual(len(self.lost), 0)

    def test_each_is_asked_in_turn(self) -> None:
        self.lost.noticed({contact(n): float(n) for n in (1, 2, 3)}, 20.0)
        asked = [self.lost.next() for _ in range(4)]
        self.assertEqual(asked, [contact(4), contact(5), contact(4), contact(5)])

    def test_without_room_the_shortest_stays_are_forgotten(self) -> None:
        self.lost.noticed({}, 20.0)
        self.assertEqual({self.lost.next() for _ in range(3)}, {contact(n) for n in (1, 2, 3)})

    def test_who_is_back_maybe_elsewhere_is_not_lost_any_more(self) -> None:
        self.lost.noticed({contact(n): float(n) for n in (1, 2, 3)}, 20.0)
        self.lost.noticed(
            {contact(n): float(n) for n in (1, 2, 3)} | {contact(4, 9000): 25.0}, 30.0
        )
        self.assertEqual([self.lost.next() for _ in range(2)], [contact(5), contact(5)])

    def test_after_a_while_they_are_given_up(self) -> None:
        self.lost.noticed({contact(n): float(n) for n in (1, 2, 3)}, 20.0)
        there = {contact(n): float(n) for n in (1, 2, 3)}
        self.lost.noticed(there, 119.0)
        self.assertEqual(len(self.lost), 2)
        self.lost.noticed(there, 120.0)
        self.assertIsNone(self.lost.next())
