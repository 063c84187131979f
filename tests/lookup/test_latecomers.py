"""Who answers when the lookup is over."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.lookup.disjoint import AnyLookup, DisjointLookup
from kadtwisted.lookup.iterative import Breadth, Lookup
from kadtwisted.lookup.latecomers import Latecomers
from kadtwisted.model.ids import NodeID
from tests.lookup.toy_network import RTT, SOFT, contact

OLD, NEW = b"old.....", b"new....."


class LatecomersCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[object] = []

    def listen(self, late: Latecomers, *node_ids: int) -> None:
        for node_id in node_ids:
            late.when(contact(node_id), lambda told, who=node_id: self.events.append((who, told)))


class TellingTests(LatecomersCase):
    def test_each_as_it_comes_and_once(self) -> None:
        late = Latecomers([contact(1), contact(2), contact(3)])
        self.listen(late, 1, 2, 3)
        late.answered(contact(2), [OLD, NEW])
        late.settled(contact(2))
        late.settled(contact(1))
        self.assertEqual(self.events, [(2, (OLD, NEW)), (1, None)])
        late.answered(contact(1))
        late.answered(contact(3))
        late.answered(contact(2), [NEW])
        self.assertEqual(self.events, [(2, (OLD, NEW)), (1, None), (3, ())])
        self.assertEqual(late.contacts, [contact(2), contact(3)])

    def test_what_came_before_anybody_asked(self) -> None:
        late = Latecomers([contact(1), contact(2), contact(3)])
        late.answered(contact(1), [NEW])
        late.settled(contact(2))
        self.assertEqual(late.contacts, [contact(1), contact(3)])
        self.listen(late, 1, 2)
        self.assertEqual(self.events, [(1, (NEW,)), (2, None)])

    def test_several_may_be_told(self) -> None:
        late = Latecomers([contact(1)])
        self.listen(late, 1, 1)
        late.answered(contact(1))
        self.assertEqual(self.events, [(1, ()), (1, ())])

    def test_strangers_are_nobody(self) -> None:
        late = Latecomers([contact(1)])
        late.answered(contact(9))
        self.listen(late, 9)
        self.assertEqual(self.events, [(9, None)])
        self.assertIn(contact(1), late)
        self.assertNotIn(contact(9), late)


class ClosestTests(LatecomersCase):
    """Of a lookup: those among the closest that were asked and are silent."""

    def asked(self, each: AnyLookup) -> None:
        """Ask all of eight; 3 to 8 answer."""
        each.add([contact(node_id) for node_id in range(1, 9)], 0.0)
        for now in (0.0, SOFT):
            for named in each.next(now):
                each.asked(named, now, SOFT)
                if named.node_id > 2:
                    each.replied(named, [], now + RTT)

    def waiting(self, each: AnyLookup) -> list[int]:
        asked = [contact(node_id) for node_id in range(1, 12)]
        late = Latecomers.of(each, asked)
        return [int(one.node_id) for one in asked if one in late]

    def test_on_one_path_and_on_several(self) -> None:
        for each in (
            Lookup(NodeID(0), Breadth(4, 8)),
            DisjointLookup(NodeID(0), Breadth(4, 8), 2),
        ):
            self.asked(each)
            self.assertEqual(self.waiting(each), [1, 2])
            each.failed(contact(2), 1.0)
            self.assertEqual(self.waiting(each), [1])

    def test_whoever_is_farther_does_not_matter_unless_within_the_radius(self) -> None:
        for radius, waiting in ((0, []), (9, [9])):
            each = Lookup(NodeID(0), Breadth(2, 8, radius=radius))
            each.add([contact(node_id) for node_id in (1, 2, 9)], 0.0)
            for node_id in (1, 2, 9):
                each.asked(contact(node_id), 0.0, SOFT)
            for node_id in (1, 2):
                each.replied(contact(node_id), [], RTT)
            self.assertEqual(self.waiting(each), waiting)

    def test_if_fewer_than_k_were_found_all_matter(self) -> None:
        each = Lookup(NodeID(0), Breadth(4, 8))
        for node_id in (1, 9):
            each.asked(contact(node_id), 0.0, SOFT)
        each.replied(contact(1), [], RTT)
        self.assertEqual(self.waiting(each), [9])
