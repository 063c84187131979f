"""Who is closest to a key, from the lookups of its neighbours; on IDs of 8 bits."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.lookup import regions
from kadtwisted.lookup.regions import BELIEVED, Regions, neighbours, stretches_of
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID

BITS = 8
STEADY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""However busy the machine is."""
IDS = st.integers(0, 255).map(NodeID)


def contact(node_id: int) -> Contact:
    return Contact.at(NodeID(node_id), Endpoint("192.0.2.1", 8000), bytes([node_id]) * 32)


def nearest(nodes: list[int], key: int) -> list[Contact]:
    return [contact(each) for each in sorted(nodes, key=lambda node: node ^ key)]


def filled(nodes: list[int], target: int, k: int, now: float = 0.0) -> Regions:
    found = Regions(BITS)
    found.found(NodeID(target), nearest(nodes, target), k, now)
    return found


class RegionsTests(SynchronousTestCase):
    def test_nothing_is_known_at_first(self) -> None:
        self.assertIsNone(Regions(BITS).closest(NodeID(5), 0.0, 2))

    def test_a_neighbour_is_answered_by_the_same_lookup(self) -> None:
        nodes = [0b0000_0001, 0b0000_0100, 0b0000_0110, 0b0001_0000, 0b1000_0000]
        found = filled(nodes, 0b0000_0000, k=4)
        self.assertEqual(found.closest(NodeID(0b0101), 0.0, 2), nearest(nodes, 0b0101)[:2])

    def test_where_nobody_has_searched_it_does_not_guess(self) -> None:
        nodes = [0b0000_0001, 0b0000_0010, 0b0000_0100, 0b1000_0000, 0b1000_0001]
        found = filled(nodes, 0b0000_0000, k=3)
        self.assertIsNone(found.closest(NodeID(0b1000_0000), 0.0, 2))
        self.assertIsNone(found.closest(NodeID(0b0000_0001), 0.0, 4))

    def test_few_answers_are_everybody(self) -> None:
        found = filled([1, 200], 0, k=3)
        self.assertEqual(found.closest(NodeID(255), 0.0, 2), nearest([1, 200], 255))
        self.assertEqual(found.closest(NodeID(255), 0.0, 5), nearest([1, 200], 255))

    def test_all_within_the_radius(self) -> None:
        nodes = [0b0001, 0b0010, 0b0100, 0b1000, 0b1_0000]
        found = filled(nodes, 0, k=5)
        self.assertEqual(found.closest(NodeID(0), 0.0, 1, 0b111), nearest(nodes, 0)[:3])
        self.assertIsNone(found.closest(NodeID(0), 0.0, 1, 0b111_1111))

    def test_it_is_not_believed_for_ever(self) -> None:
        found = filled([1, 2], 0, k=3)
        self.assertIsNotNone(found.closest(NodeID(0), BELIEVED, 1))
        self.assertIsNone(found.closest(NodeID(0), BELIEVED + 1, 1))

    def test_where_somebody_was_lost_is_searched_again(self) -> None:
        nodes = [0b0001, 0b0010, 0b0100, 0b1000]
        found = filled(nodes, 0, k=4, now=1.0)
        found.lost(contact(0b0001), 0.5)  # he was found since he was asked
        self.assertEqual(found.closest(NodeID(0), 1.0, 2), nearest(nodes, 0)[:2])
        for _ in range(2):
            found.lost(contact(0b0001), 1.0)
            self.assertIsNone(found.closest(NodeID(0), 1.0, 2))
            self.assertEqual(found.target(NodeID(0), 1.0, 2), 0b0001)
            self.assertEqual(found.closest(NodeID(0b0100), 1.0, 1), nearest([0b0100], 0))
        found.found(NodeID(0b0001), nearest(nodes[1:], 1), 3, 2.0)
        self.assertEqual(found.closest(NodeID(0), 2.0, 2), nearest(nodes[1:], 0)[:2])
        found.lost(contact(0b1111_0000), 2.0)
        self.assertEqual(len(found), 3)

    def test_who_answers_late_is_there(self) -> None:
        found = filled([0b0010, 0b0100], 0, k=3)
        for _ in range(2):
            found.joined(contact(0b0001))
            self.assertEqual(found.closest(NodeID(0), 0.0, 2), nearest([0b0001, 0b0010], 0))

    def test_who_was_missed_is_still_there(self) -> None:
        found = filled([0b0001, 0b0010, 0b0100], 0, k=3)
        found.found(NodeID(0), nearest([0b0010, 0b0100, 0b0101], 0), 3, 1.0)
        self.assertEqual(found.closest(NodeID(0), 1.0, 1), nearest([0b0001], 0))
        self.assertEqual(len(found), 4)

    def test_what_is_remembered_is_bounded(self) -> None:
        self.patch(regions, "MOST_NODES", 2)
        found = filled([1, 2, 3], 0, k=3)
        found.found(NodeID(255), nearest([254, 253], 255), 2, 0.0)
        self.assertEqual(len(found), 2)
        self.assertIsNone(found.closest(NodeID(0), 0.0, 1))

    @STEADY
    @given(
        st.lists(IDS, unique=True, min_size=1, max_size=40),
        st.lists(IDS, unique=True, max_size=40),
        st.integers(1, 6),
        st.integers(0, 300),
    )
    def test_what_it_says_is_true(
        self, nodes: list[int], keys: list[NodeID], k: int, radius: int
    ) -> None:
        found = Regions(BITS)
        for key in sorted(keys):
            exact = nearest(nodes, key)
            within = [each for each in exact if each.node_id ^ key <= radius]
            said = found.closest(key, 0.0, k, radius)
            if said is None:
                found.found(key, exact, 20, 0.0)
            else:
                self.assertEqual(said, within if len(within) > k else exact[:k])

    @STEADY
    @given(IDS, st.integers(0, 255))
    def test_stretches(self, target: NodeID, reach: int) -> None:
        ball = {each for each in range(256) if each ^ target <= reach}
        for fineness in (2, 8):
            self.patch(regions, "FINENESS", fineness)
            up, down = (
                {each for ends in stretches_of(target, reach, round_up=up) for each in range(*ends)}
                for up in (True, False)
            )
            self.assertLessEqual(down, ball)
            self.assertLessEqual(ball, up)
        self.assertEqual(up, ball)

    @STEADY
    @given(st.lists(IDS, unique=True), IDS, st.integers(0, 255))
    def test_neighbours_are_near(self, keys: list[int], key: NodeID, reach: int) -> None:
        near = sum(each ^ key <= reach for each in keys)
        self.assertLessEqual(neighbours(sorted(keys), key, reach), near)
