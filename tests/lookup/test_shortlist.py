"""The shortlist: order, three endpoints an ID, what a flood may do to it and to a host."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.lookup.shortlist import Candidate, HearsayBudget, Round, Shortlist
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from tests.lookup.toy_network import closest_of, contact

TARGET = NodeID(0b1010_0000)


def shortlist(capacity: int = 8, own_id: int | None = None) -> Shortlist:
    return Shortlist(TARGET, capacity, None if own_id is None else NodeID(own_id))


def listed(shortlist: Shortlist) -> list[int]:
    return [each.distance ^ TARGET for each in shortlist.candidates]


def known(shortlist: Shortlist, node_id: int) -> Candidate:
    candidate = shortlist.get(NodeID(node_id))
    assert candidate is not None
    return candidate


class OrderTests(SynchronousTestCase):
    def test_closest_first(self) -> None:
        each = shortlist()
        each.tell([contact(0b0010_0000), contact(0b1010_0001), contact(0b1010_1000)], 2)
        each.seed(contact(0b1010_0011))
        self.assertEqual(listed(each), [0b1010_0001, 0b1010_0011, 0b1010_1000, 0b0010_0000])
        self.assertEqual(len(each), 4)

    def test_never_lists_ourselves(self) -> None:
        each = shortlist(own_id=7)
        self.assertIsNone(each.seed(contact(7)))
        each.tell([contact(7), contact(8)], 2)
        self.assertEqual(listed(each), [8])

    def test_depth_is_that_of_the_first_naming(self) -> None:
        each = shortlist()
        each.seed(contact(1))
        each.tell([contact(1), contact(2)], 2)
        each.tell([contact(2), contact(3)], 3)
        self.assertEqual([known(each, node_id).depth for node_id in (1, 2, 3)], [1, 2, 3])

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.lists(st.lists(st.integers(0, 255), max_size=12), max_size=12), st.integers(1, 9))
    def test_flooded_it_keeps_the_closest_of_all_told(
        self, replies: list[list[int]], capacity: int
    ) -> None:
        each = shortlist(capacity)
        for reply in replies:
            each.tell([contact(node_id) for node_id in reply], 2)
            self.assertLessEqual(len(each), capacity)
        told = {node_id for reply in replies for node_id in reply}
        self.assertEqual(listed(each), closest_of(told, TARGET, capacity))
        for node_id in range(256):
            self.assertEqual(each.get(NodeID(node_id)) is not None, node_id in listed(each))


class FloodTests(SynchronousTestCase):
    def test_own_and_tried_ones_cannot_be_pushed_out(self) -> None:
        each = shortlist(capacity=4)
        each.seed(contact(0))
        each.tell([contact(1), contact(2)], 2)
        known(each, 1).take(contact(1))
        each.tell([contact(TARGET ^ distance) for distance in range(1, 9)], 2)
        self.assertEqual(listed(each), [TARGET ^ 1, TARGET ^ 2, 0, 1])

    def test_the_farthest_of_only_own_ones_goes(self) -> None:
        each = shortlist(capacity=2)
        for node_id in (0, TARGET ^ 1, TARGET ^ 2):
            each.seed(contact(node_id))
        self.assertEqual(listed(each), [TARGET ^ 1, TARGET ^ 2])
        self.assertIsNone(each.get(NodeID(0)))

    def test_one_dropped_may_be_told_again(self) -> None:
        each = shortlist(capacity=2)
        each.seed(contact(TARGET ^ 8))
        each.tell([contact(TARGET ^ 2), contact(TARGET ^ 1)], 2)
        self.assertEqual(listed(each), [TARGET ^ 1, TARGET ^ 8])
        each.tell([contact(TARGET)], 3)
        self.assertEqual(listed(each), [TARGET, TARGET ^ 8])
        each.tell([contact(TARGET ^ 1)], 4)
        self.assertIsNone(each.get(NodeID(TARGET ^ 1)))
        self.assertEqual(listed(each), [TARGET, TARGET ^ 8])


class EndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.shortlist = shortlist()

    def tell(self, *ports: int) -> None:
        """Each port comes from a reply of its own."""
        for port in ports:
            self.shortlist.tell([contact(1, port=port)], 2)

    def ports(self) -> list[int]:
        candidate = known(self.shortlist, 1)
        return [each.endpoint.port for each in candidate.own + candidate.told]

    def test_at_most_three_in_the_order_of_telling(self) -> None:
        self.tell(10, 11, 10, 12, 13)
        self.assertEqual(self.ports(), [10, 11, 12])

    def test_own_ones_come_first_and_push_out_the_last_told(self) -> None:
        self.tell(10, 11, 12)
        self.shortlist.seed(contact(1, port=20))
        self.assertEqual(self.ports(), [20, 10, 11])
        self.shortlist.seed(contact(1, port=20))
        self.assertEqual(self.ports(), [20, 10, 11])

    def test_a_fourth_own_one_finds_no_place(self) -> None:
        for port in (20, 21, 22, 23):
            self.shortlist.seed(contact(1, port=port))
        self.assertEqual(self.ports(), [20, 21, 22])

    def test_told_and_then_known_ourselves_it_is_own(self) -> None:
        self.tell(10, 11)
        self.shortlist.seed(contact(1, port=11))
        self.assertEqual(self.ports(), [11, 10])
        self.assertFalse(known(self.shortlist, 1).take(contact(1, port=11)))
        self.assertTrue(known(self.shortlist, 1).take(contact(1, port=10)))

    def test_one_reply_names_an_id_once(self) -> None:
        self.shortlist.tell([contact(1, port=port) for port in (10, 11, 12)], 2)
        self.assertEqual(self.ports(), [10])
        self.shortlist.tell([contact(1, port=port) for port in (10, 11, 12)], 2)
        self.assertEqual(self.ports(), [10])
        self.shortlist.tell([contact(1, port=port) for port in (11, 12)], 2)
        self.assertEqual(self.ports(), [10, 11])

    def test_who_is_tried_keeps_its_place(self) -> None:
        self.tell(10, 11)
        known(self.shortlist, 1).take(contact(1, port=10))
        self.tell(10, 12, 13)
        self.assertEqual(self.ports(), [11, 12])

    def test_once_one_answered_the_others_are_out(self) -> None:
        self.tell(10, 11)
        known(self.shortlist, 1).answered(contact(1, port=10))
        self.tell(12)
        self.shortlist.seed(contact(1, port=20))
        self.assertEqual(self.ports(), [])
        known(self.shortlist, 1).answered(contact(1, port=11))
        self.assertEqual(known(self.shortlist, 1).winner, contact(1, port=10))


class HearsayBudgetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.budget = HearsayBudget()

    def at(self, host: str) -> Contact:
        return Contact.at(NodeID(1), Endpoint(host, 8000))

    def admits(self, host: str, *besides: str) -> bool:
        """Whether one more is admitted besides others that are about to be asked."""
        chosen = Round()
        for each in besides:
            self.budget.choose(self.at(each), chosen)
        self.assertEqual(chosen.contacts, len(besides))
        return self.budget.admits(self.at(host), chosen)

    def test_two_may_be_asked(self) -> None:
        one = "192.0.2.1"
        self.assertTrue(self.admits(one, one))
        self.assertFalse(self.admits(one, one, one))
        self.budget.asked(self.at(one))
        self.assertTrue(self.admits(one))
        self.budget.asked(self.at(one))
        self.assertFalse(self.admits(one))
        self.assertTrue(self.admits("192.0.2.2"))

    def test_failures_use_it_up_and_answers_give_it_back(self) -> None:
        one = self.at("192.0.2.1")
        for _ in range(2):
            self.budget.asked(one)
        self.budget.answered(one)
        self.assertTrue(self.admits("192.0.2.1"))
        self.budget.failed(one)
        self.budget.asked(one)
        self.assertFalse(self.budget.exhausted(one))
        self.budget.failed(one)
        self.assertTrue(self.budget.exhausted(one))
        self.assertFalse(self.admits("192.0.2.1"))
        self.budget.answered_late(one)
        self.assertFalse(self.budget.exhausted(one))
        self.assertTrue(self.admits("192.0.2.1"))

    def test_loopback_is_exempt(self) -> None:
        self.budget = HearsayBudget(by_block=True)
        for host in ("127.0.0.1", "127.9.9.9", "::1"):
            for _ in range(9):
                self.budget.asked(self.at(host))
                self.budget.failed(self.at(host))
            self.assertTrue(self.admits(host, *[host] * 9))
            self.assertFalse(self.budget.exhausted(self.at(host)))

    def test_eight_of_a_block_on_a_network_without_a_secret(self) -> None:
        for hosts in ("192.0.2.{}", "2001:db8:7:{}::1"):
            others = [hosts.format(each) for each in range(1, 9)]
            self.assertTrue(self.admits(hosts.format(9), *others))
            self.budget = HearsayBudget(by_block=True)
            self.assertTrue(self.admits(hosts.format(9), *others[1:]))
            self.assertFalse(self.admits(hosts.format(9), *others))
            for each in others:
                self.budget.asked(self.at(each))
            self.assertFalse(self.admits(hosts.format(9)))
            for each in others:
                self.budget.failed(self.at(each))
            self.assertTrue(self.budget.exhausted(self.at(hosts.format(9))))
            self.budget.answered_late(self.at(others[0]))
            self.assertTrue(self.admits(hosts.format(9)))
            self.budget = HearsayBudget()

    def test_but_not_on_a_site_of_our_own(self) -> None:
        self.budget = HearsayBudget(by_block=True)
        others = [f"10.1.1.{each}" for each in range(1, 20)]
        self.assertTrue(self.admits("10.1.1.77", *others))
        self.assertTrue(self.admits("192.0.3.1", *[f"192.0.2.{each}" for each in range(1, 9)]))
