"""The contract of `INodeState` as tests, for every implementation.

Mix :class:`NodeStateContract` into a ``twisted.trial.unittest.TestCase``, and say how a node state
is made, and how the next process makes one for the same memory::

    class TestMyState(NodeStateContract, TestCase):
        @abstractmethod
    def make_state(self):
            self.path = self.mktemp()
            return MyState(self.path)

        @abstractmethod
    def make_again(self, state):
            return MyState(self.path)

The tests promise what the interface promises and nothing more.  Every Deferred is awaited, so an
implementation may use threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from twisted.internet.defer import gatherResults
from zope.interface.verify import verifyObject

from kadtwisted.errors import StorageError
from kadtwisted.identity.keys import node_id_of
from kadtwisted.interfaces import INodeState, Remembered
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _TestCase
else:
    _TestCase = object

LARGEST_RECORD = 1151
"""Bytes of the largest record that a STORE can carry."""
HIGH = NodeID(2**160 - 1)
DAY = 86400.0
NOW = 1_800_000_000.25
"""A wall-clock moment (Unix seconds) that is not whole."""


def known(number: int, host: str = "192.0.2.1") -> Contact:
    """A contact; its key implies its ID as on a live network."""
    key = blake2b(number.to_bytes(4, "big"), digest_size=32).digest()
    return Contact.at(node_id_of(key), Endpoint(host, 1 + number % 65535), key)


def published(
    number: int,
    record: bytes = b"record",
    *,
    kind: int = 1,
    sub: bytes = b"",
    lifetime: float = DAY,
    next_at: float = NOW,
) -> Publication:
    """A publication to keep."""
    return Publication(StorageKey(kind, NodeID(number), sub), record, lifetime, next_at)


class NodeStateContract(ABC, _TestCase):
    """What every node state does."""

    @abstractmethod
    def make_state(self) -> INodeState:
        """A node state that remembers nothing yet, not yet open."""

    @abstractmethod
    def make_again(self, state: INodeState) -> INodeState:
        """A node state for the memory of ``state``, which is closed, as in the next process."""

    async def opened(self) -> INodeState:
        """A node state ready for use, closed when the test ends."""
        state = self.make_state()
        self.addCleanup(state.close)
        await state.open()
        return state

    async def after_restart(self, state: INodeState) -> tuple[INodeState, Remembered]:
        """The node state of the next process, and what it remembers."""
        await state.close()
        again = self.make_again(state)
        self.addCleanup(again.close)
        return again, await again.open()

    async def assert_contacts(self, state: INodeState, expected: Sequence[Contact]) -> None:
        """The same contacts in the same order are found after a restart."""
        _, remembered = await self.after_restart(state)
        self.assertEqual(list(remembered.contacts), list(expected))

    async def assert_kept(self, state: INodeState, *expected: Publication) -> None:
        """Exactly these publications, in any order, are found after a restart."""
        _, remembered = await self.after_restart(state)
        self.assertEqual(sorted(remembered.publications), sorted(expected))

    # --- Life --------------------------------------------------------------------------------

    async def test_interface(self) -> None:
        self.assertTrue(verifyObject(INodeState, self.make_state()))

    async def test_remembers_nothing_at_first(self) -> None:
        state = self.make_state()
        self.addCleanup(state.close)
        self.assertEqual(await state.open(), Remembered((), ()))

    async def test_close_is_idempotent(self) -> None:
        state = await self.opened()
        await gatherResults([state.close(), state.close()])
        await state.close()

    async def test_close_before_open(self) -> None:
        await self.make_state().close()

    async def test_can_be_opened_again(self) -> None:
        """A stopped node can be started again, with the state it was made with."""
        state = await self.opened()
        await state.keep(published(1))
        await state.close()
        self.assertEqual((await state.open()).publications, (published(1),))
        await state.keep(published(2))
        await self.assert_kept(state, published(1), published(2))

    async def test_refuses_what_it_would_forget(self) -> None:
        state = self.make_state()
        await self.assert_refuses(state)
        await state.open()
        await state.close()
        await self.assert_refuses(state)

    async def assert_refuses(self, state: INodeState) -> None:
        """Assert that a state that is not open fails with ``StorageError``."""
        for asked in (
            state.save_contacts([known(1)]),
            state.keep(published(1)),
            state.withdraw(published(1).where),
        ):
            await self.assertFailure(asked, StorageError)

    async def test_close_finishes_what_was_asked_for(self) -> None:
        state = await self.opened()
        asked = [state.keep(published(number)) for number in range(50)]
        asked.append(state.save_contacts([known(1)]))
        closing = state.close()
        await gatherResults(asked)
        await closing
        _, remembered = await self.after_restart(state)
        self.assertEqual(remembered.contacts, (known(1),))
        self.assertEqual(len(remembered.publications), 50)

    # --- Contacts ----------------------------------------------------------------------------

    async def test_contacts_keep_their_order(self) -> None:
        contacts = [known(5), known(3), known(4, "2001:db8::4"), known(1), known(2, "203.0.113.9")]
        state = await self.opened()
        await state.save_contacts(contacts)
        await self.assert_contacts(state, contacts)

    async def test_contacts_take_the_place_of_all_others(self) -> None:
        state = await self.opened()
        await state.save_contacts([known(1), known(2), known(3)])
        await state.save_contacts([known(4), known(2)])
        await self.assert_contacts(state, [known(4), known(2)])

    async def test_no_contacts_can_be_saved(self) -> None:
        state = await self.opened()
        await state.save_contacts([known(1)])
        await state.save_contacts([])
        await self.assert_contacts(state, [])

    async def test_contacts_are_taken_as_they_were_when_they_were_given(self) -> None:
        contacts = [known(1), known(2)]
        state = await self.opened()
        saving = state.save_contacts(contacts)
        contacts.clear()
        await saving
        await self.assert_contacts(state, [known(1), known(2)])

    async def test_a_thousand_contacts(self) -> None:
        contacts = [known(number) for number in range(1024)]
        state = await self.opened()
        await state.save_contacts(contacts)
        await self.assert_contacts(state, contacts)

    # --- Publications ------------------------------------------------------------------------

    async def test_publications_come_back_exactly(self) -> None:
        publications = (
            published(0),
            published(int(HIGH), b"x" * LARGEST_RECORD),
            published(1, bytes(range(256)), lifetime=1 / 3, next_at=NOW + 0.1),
            published(2, b"", lifetime=2 * DAY, next_at=0.0),
        )
        state = await self.opened()
        for each in publications:
            await state.keep(each)
        await self.assert_kept(state, *publications)

    async def test_keep_replaces_at_the_same_place(self) -> None:
        state = await self.opened()
        await state.keep(published(1, b"a long record to begin with"))
        later = published(1, b"new", lifetime=2 * DAY, next_at=NOW + DAY)
        await state.keep(later)
        await self.assert_kept(state, later)

    async def test_kinds_keys_and_subs_are_apart(self) -> None:
        several = (
            published(1),
            published(2),
            published(1, kind=2),
            published(1, kind=2, sub=b"a"),
            published(1, kind=2, sub=b"a\0"),
        )
        state = await self.opened()
        for each in several:
            await state.keep(each)
        await state.withdraw(several[3].where)
        await self.assert_kept(state, *several[:3], several[4])

    async def test_withdrawn(self) -> None:
        state = await self.opened()
        await state.keep(published(1))
        await state.keep(published(2))
        await state.withdraw(published(1).where)
        await self.assert_kept(state, published(2))

    async def test_withdrawing_nothing(self) -> None:
        state = await self.opened()
        await state.withdraw(published(1).where)
        await self.assert_kept(state)

    async def test_what_is_asked_for_at_once_is_done_in_order(self) -> None:
        state = await self.opened()
        asked = []
        for number in range(100):
            asked.append(state.keep(published(number % 7, b"%d" % number)))
            if number % 3 == 0:
                asked.append(state.withdraw(published(number % 7).where))
            if number % 10 == 0:
                asked.append(state.save_contacts([known(number)]))
        await gatherResults(asked)
        _, remembered = await self.after_restart(state)
        self.assertEqual(remembered.contacts, (known(90),))
        last = [(number % 7, b"%d" % number) for number in range(93, 100) if number % 3]
        found = sorted((each.where.key, each.record) for each in remembered.publications)
        self.assertEqual(found, sorted(last))

    async def test_contacts_and_publications_do_not_touch_each_other(self) -> None:
        state = await self.opened()
        await state.keep(published(1))
        await state.save_contacts([known(1)])
        again, remembered = await self.after_restart(state)
        self.assertEqual(remembered, Remembered((known(1),), (published(1),)))
        await again.withdraw(published(1).where)
        await again.keep(published(2))
        _, remembered = await self.after_restart(again)
        self.assertEqual(remembered, Remembered((known(1),), (published(2),)))
