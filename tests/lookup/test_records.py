"""Lookups of records: two modes, who holds which version, who lacks it."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidInput
from kadtwisted.lookup.disjoint import DisjointLookup
from kadtwisted.lookup.iterative import PASSED_OVER, Breadth, Lookup
from kadtwisted.lookup.records import Mode, RecordSearch
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from tests.lookup.toy_network import SOFT, ToyNetwork, closest_of, contact, ids, run

OLD, NEW = b"old.....", b"new....."


def search(mode: Mode, target: int = 0, k: int = 4, alpha: int = 8) -> RecordSearch:
    """A search on one path."""
    return RecordSearch(Lookup(NodeID(target), Breadth(k, alpha)), mode)


def lookup(mode: Mode, *node_ids: int, k: int = 4) -> RecordSearch:
    """A search for key 0 that has asked these nodes."""
    each = search(mode, k=k)
    each.add([contact(node_id) for node_id in node_ids], 0.0)
    for named in each.next(0.0):
        each.asked(named, 0.0, SOFT)
    return each


class FirstTests(SynchronousTestCase):
    def test_one_record_ends_it(self) -> None:
        each = lookup("first", 1, 2, 9)
        each.replied(contact(2), [contact(3)], 0.1)
        self.assertFalse(each.finished)
        self.assertEqual(ids(each.next(0.1)), [3])
        each.found(contact(9), [NEW], [contact(4)], 0.2)
        self.assertTrue(each.finished)
        self.assertEqual(each.next(0.2), [])
        self.assertEqual(each.holders(NEW), [contact(9)])

    def test_without_any_record_it_goes_all_the_way(self) -> None:
        random = Random(1)
        network = ToyNetwork(random, 100, 4)
        each = search("first", 77, k=4, alpha=3)
        each.add(network.answer(network.nodes[0], 77), 0.0)
        run(each, lambda asked: network.answer(asked.node_id, 77))
        self.assertEqual(each.versions(), [])
        self.assertEqual(each.without_record(), each.closest())
        self.assertEqual(len(each.closest()), 4)


class PassedOverTests(SynchronousTestCase):
    def test_the_next_closest_take_their_places(self) -> None:
        each = lookup("latest", 1, 2, 3, k=2)
        each.replied(contact(1), [contact(4)], 0.1, PASSED_OVER)
        each.replied(contact(2), [], 0.1)
        each.failed(contact(3), 0.1)
        self.assertFalse(each.finished)
        self.assertEqual(ids(each.next(0.1)), [4])
        each.asked(contact(4), 0.1, SOFT)
        each.replied(contact(4), [], 0.2)
        self.assertTrue(each.finished)
        self.assertEqual(ids(each.closest()), [2, 4])
        self.assertEqual(ids(each.passed_over()), [1])
        self.assertEqual(ids(each.without_record()), [2, 4])

    def test_on_several_paths(self) -> None:
        each = RecordSearch(DisjointLookup(NodeID(0), Breadth(2, 4), 2), "latest")
        each.add([contact(number) for number in range(1, 9)], 0.0)
        while not each.finished:
            for named in each.next(0.0):
                each.asked(named, 0.0, SOFT)
                outcome = PASSED_OVER if named.node_id < 4 else "nodes"
                each.replied(named, [], 0.1, outcome)
        self.assertEqual(ids(each.passed_over()), [1, 2, 3])
        self.assertEqual(ids(each.closest()), [4, 5])

    def test_a_record_is_not_brought_to_those_who_returned_it(self) -> None:
        each = lookup("latest", 1, 2)
        each.claims(contact(1), NEW)
        each.replied(contact(1), [], 0.1)
        each.replied(contact(2), [], 0.1)
        self.assertEqual(ids(each.without_record(NEW)), [2])
        self.assertEqual(ids(each.without_record(OLD)), [1, 2])
        self.assertEqual(ids(each.without_record()), [1, 2])


class Search(RecordSearch):
    """For the network's event loop: every answer of those ``holding`` has the record in it."""

    def __init__(self, target: int, k: int, holding: frozenset[int]) -> None:
        super().__init__(Lookup(NodeID(target), Breadth(k, alpha=5)), "latest")
        self.holding = holding
        self._replied = self.replied
        self.replied = self._answered

    def _answered(
        self, contact: Contact, contacts: Iterable[Contact], now: float, outcome: str = "nodes"
    ) -> None:
        if contact.node_id in self.holding:
            self.holds(contact, [NEW])
        self._replied(contact, contacts, now, outcome)


class FewContactsTests(SynchronousTestCase):
    """A holder sends 8 contacts beside its record, and k where the asker had the record already."""

    K = 20
    BESIDE_RECORD = 8

    def search(self, network: ToyNetwork, target: int, most: int) -> tuple[list[int], int]:
        """The closest nodes that a search finds if a record comes with ``most`` contacts, and how
        many requests it makes."""
        each = Search(target, self.K, frozenset(closest_of(network.nodes, target, self.K)))
        each.add(network.answer(network.nodes[0], target), 0.0)

        def answer(asked: Contact) -> list[Contact]:
            contacts = network.answer(asked.node_id, target)
            bare = asked.node_id not in each.holding or each.versions()  # it sends no record
            return contacts if bare else contacts[:most]

        seen = run(each, answer)
        return ids(each.closest()), len(seen.asked)

    def test_they_cost_no_request_and_hide_nobody(self) -> None:
        requests = {self.BESIDE_RECORD: 0, self.K: 0}
        for seed in range(12):
            random = Random(seed)
            network = ToyNetwork(random, 300, self.K, bits=16)
            target = random.getrandbits(16)
            for most in requests:
                found, asked = self.search(network, target, most)
                self.assertEqual(found, closest_of(network.nodes, target, self.K))
                requests[most] += asked
        self.assertLessEqual(requests[self.BESIDE_RECORD], 1.01 * requests[self.K])


class LatestTests(SynchronousTestCase):
    def test_a_record_does_not_end_it(self) -> None:
        each = lookup("latest", 1, 2)
        each.found(contact(1), [OLD], [contact(3)], 0.1)
        self.assertFalse(each.finished)
        self.assertEqual(ids(each.next(0.1)), [3])
        each.asked(contact(3), 0.1, SOFT)
        each.found(contact(3), [NEW], [], 0.2)
        each.replied(contact(2), [], 0.3)
        self.assertTrue(each.finished)
        self.assertEqual(each.versions(), [OLD, NEW])

    def test_holders_are_told_by_version_closest_first(self) -> None:
        each = lookup("latest", 1, 2, 3, 4)
        for node_id, version in ((4, NEW), (3, OLD), (1, NEW)):
            each.found(contact(node_id), [version], [], 0.1)
        self.assertEqual(ids(each.holders(NEW)), [1, 4])
        self.assertEqual(ids(each.holders(OLD)), [3])
        self.assertEqual(each.holders(b"none...."), [])

    def test_who_lacks_it_is_told_of_the_k_closest_only(self) -> None:
        each = lookup("latest", 1, 2, 3, 9, k=3)
        each.found(contact(1), [NEW], [], 0.1)
        each.found(contact(2), [OLD], [], 0.1)
        each.replied(contact(3), [], 0.1)
        each.replied(contact(9), [], 0.1)
        self.assertEqual(ids(each.without_record(NEW)), [2, 3])
        self.assertEqual(ids(each.without_record(OLD)), [1, 3])
        self.assertEqual(ids(each.without_record()), [3])

    def test_who_failed_is_not_asked_to_take_it(self) -> None:
        each = lookup("latest", 1, 2)
        each.found(contact(1), [NEW], [], 0.1)
        each.failed(contact(2), 0.1)
        self.assertEqual(each.without_record(NEW), [])

    def test_a_contact_may_hold_several(self) -> None:
        each = lookup("latest", 1)
        each.found(contact(1), [OLD, NEW], [contact(2)], 0.1)
        each.holds(contact(1), [b"more...."])
        self.assertEqual(each.holders(OLD), each.holders(NEW))
        self.assertEqual(each.holders(OLD), each.holders(b"more...."))
        self.assertEqual(ids(each.next(0.1)), [2])

    def test_a_late_record_counts(self) -> None:
        each = lookup("latest", 1)
        each.failed(contact(1), 1.0)
        self.assertTrue(each.finished)
        each.found(contact(1), [NEW], [], 1.5)
        self.assertEqual(each.holders(NEW), [contact(1)])
        self.assertEqual(each.trace(2.0).steps[0].outcome, "late")

    def test_the_trace_says_how_it_was_found(self) -> None:
        each = lookup("latest", 1, 2, 3)
        each.found(contact(1), [NEW], [], 0.1)
        each.found(contact(2), [NEW], [], 0.1, "unchanged")
        each.replied(contact(3), [], 0.1)
        outcomes = [step.outcome for step in each.trace(0.1).steps]
        self.assertEqual(outcomes, ["record", "unchanged", "nodes"])


class ModeTests(SynchronousTestCase):
    def test_there_is_no_third_mode(self) -> None:
        unknown = cast("Any", "newest")
        self.assertRaises(InvalidInput, search, unknown)
