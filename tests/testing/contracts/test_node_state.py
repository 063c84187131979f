"""The contract of node states finds faults: each faulty one fails the tests that name its fault."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import TestCase

from kadtwisted.interfaces import INodeState, Remembered
from kadtwisted.model.contact import Contact
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.testing.contracts.node_state import NodeStateContract
from kadtwisted.testing.node_state import RememberedInMemory


class Tidy(RememberedInMemory):
    """Sorts contacts by their IDs."""

    def save_contacts(self, contacts: Sequence[Contact]) -> Deferred[None]:
        return super().save_contacts(sorted(contacts, key=lambda each: each.node_id))


class Hoarding(RememberedInMemory):
    """Never forgets a contact."""

    def save_contacts(self, contacts: Sequence[Contact]) -> Deferred[None]:
        return super().save_contacts([*contacts, *self._contacts])


class Sharing(RememberedInMemory):
    """Keeps its caller's list."""

    def save_contacts(self, contacts: Sequence[Contact]) -> Deferred[None]:
        if self._is_open:
            self._shared = contacts
        return super().save_contacts(contacts)

    def open(self) -> Deferred[Remembered]:
        self._contacts = tuple(getattr(self, "_shared", ()))
        return super().open()


class Clinging(RememberedInMemory):
    """Withdraws nothing."""

    def withdraw(self, where: StorageKey) -> Deferred[None]:
        return super().withdraw(StorageKey(255, where.key))


class Faithful(RememberedInMemory):
    """Keeps the first record of a place."""

    def keep(self, publication: Publication) -> Deferred[None]:
        return super().keep(self._publications.get(publication.where, publication))


class Coarse(RememberedInMemory):
    """Does not distinguish kinds."""

    def keep(self, publication: Publication) -> Deferred[None]:
        return super().keep(publication._replace(where=publication.where._replace(kind=1)))


class Rounding(RememberedInMemory):
    """Keeps moments as whole seconds."""

    def keep(self, publication: Publication) -> Deferred[None]:
        return super().keep(publication._replace(next_at=float(int(publication.next_at))))


class Wordless(RememberedInMemory):
    """Accepts without an error what it does not keep."""

    def keep(self, publication: Publication) -> Deferred[None]:
        return super().keep(publication) if self._is_open else succeed(None)


def failures(made: Callable[[], INodeState]) -> set[str]:
    """The names of the contract's tests that this node state fails."""

    class Case(NodeStateContract, TestCase):
        def make_state(self) -> INodeState:
            return made()

        def make_again(self, state: INodeState) -> INodeState:
            return state

    result = unittest.TestResult()
    for name in dir(Case):
        if name.startswith("test_"):
            Case(name).run(result)
    return {str(case.id()).rpartition(".")[2] for case, _ in result.failures + result.errors}


class TestContractFindsFaults(TestCase):
    """An ordinary TestCase, so that its reactor is the one the inner cases wait with."""

    def test_a_right_one_passes(self) -> None:
        self.assertEqual(failures(RememberedInMemory), set())

    def test_order_of_contacts(self) -> None:
        self.assertIn("test_contacts_keep_their_order", failures(Tidy))

    def test_contacts_never_forgotten(self) -> None:
        found = failures(Hoarding)
        expected = {"test_contacts_take_the_place_of_all_others", "test_no_contacts_can_be_saved"}
        self.assertLessEqual(expected, found)

    def test_the_callers_list(self) -> None:
        name = "test_contacts_are_taken_as_they_were_when_they_were_given"
        self.assertEqual(failures(Sharing), {name})

    def test_nothing_withdrawn(self) -> None:
        self.assertIn("test_withdrawn", failures(Clinging))

    def test_nothing_replaced(self) -> None:
        self.assertIn("test_keep_replaces_at_the_same_place", failures(Faithful))

    def test_kinds_mixed_up(self) -> None:
        self.assertEqual(failures(Coarse), {"test_kinds_keys_and_subs_are_apart"})

    def test_moments_rounded(self) -> None:
        self.assertIn("test_publications_come_back_exactly", failures(Rounding))

    def test_taken_and_not_kept(self) -> None:
        self.assertEqual(failures(Wordless), {"test_refuses_what_it_would_forget"})
