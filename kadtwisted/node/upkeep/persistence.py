"""What a node brings over a restart: whom it knew, and what it keeps published.

Contacts are saved when they have changed: soon while the table grows, seldom afterwards, and at the
end.  A table that nobody answered yet never replaces a good one on disk: until k contacts have
answered, those remembered from before are saved beside them.

What cannot be written is told to the log, with a count; the node goes on with what it has in
memory.  Only who asks for a record to be kept is told that it was not.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from kadtwisted.errors import StorageError
from kadtwisted.interfaces import INodeState, Remembered
from kadtwisted.model.contact import Contact
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.links import Links
from kadtwisted.upkeep.publishing import Publishing

SAVED_CONTACTS = 1024
"""MAGIC: contacts saved at most; a few dozen alive among them bring back all the others."""
SAVE_AGAIN_AFTER = 300.0
"""Seconds between two savings of a table that does not grow: BEP 5 asks for no more."""
GROWTH = 1.5
"""A table this many times larger than the saved one is saved at once."""


class Remembering:
    """The memory of one node; ``state`` is ``None`` for a node that forgets all when it ends."""

    def __init__(
        self,
        context: NodeContext,
        links: Links,
        state: INodeState | None,
        publishing: Publishing,
    ) -> None:
        self._context = context
        self._links = links
        self._state = state
        self._publishing = publishing
        self._faults = context.faults
        self._unheard: tuple[Contact, ...] = ()
        self._saved: frozenset[Contact] = frozenset()
        self._saved_at = 0.0
        self._is_open = False

    @property
    def lasts(self) -> bool:
        """Whether anything is remembered over a restart at all."""
        return self._state is not None

    async def open(self) -> tuple[Contact, ...]:
        """Recall what an earlier run saved: take over its publications, and return its contacts.

        Fails with :class:`StorageError`.
        """
        if self._state is None:
            return ()
        remembered: Remembered = await self._state.open()
        self._is_open = True
        unix_now = self._context.world.unix_time()
        self._publishing.restore(list(remembered.publications), unix_now)
        self._unheard = tuple(
            each
            for each in remembered.contacts[:SAVED_CONTACTS]
            if each.family in self._links and each.key != self._context.public_key
        )
        return self._unheard

    async def close(self) -> None:
        """Save the contacts, and let go."""
        if self._state is None or not self._is_open:
            return
        self._is_open = False
        try:
            contacts = self._contacts()
            if contacts:
                await self._state.save_contacts(contacts)
        except StorageError:
            self._faults.report("state", "the contacts could not be saved", Failure())
        try:
            await self._state.close()
        except StorageError:
            self._faults.report("state", "the node's state did not close cleanly", Failure())

    # --- Contacts ----------------------------------------------------------------------------

    async def save_contacts(self) -> None:
        """Save the contacts if it is time to."""
        if self._state is None or not self._is_open:
            return
        contacts = self._contacts()
        now = self._context.world.now()
        if not contacts or not self._is_time(frozenset(contacts), now):
            return
        before = self._saved
        self._saved, self._saved_at = frozenset(contacts), now
        try:
            await self._state.save_contacts(contacts)
        except StorageError:
            self._saved = before  # so that it is tried again, though nobody else is met
            self._faults.report("state", "the contacts could not be saved", Failure())

    def _is_time(self, contacts: frozenset[Contact], now: float) -> bool:
        if contacts == self._saved:
            return False
        grown = len(contacts) >= GROWTH * len(self._saved)
        return grown or now - self._saved_at >= SAVE_AGAIN_AFTER

    def _contacts(self) -> list[Contact]:
        """Those in the tables that are believed alive, the latest heard first; behind them, while
        they are fewer than k, those remembered from before."""
        alive = [
            entry
            for link in self._links.values()
            for view in link.table.buckets()
            for entry in view.entries
            if not (entry.tentative or entry.suspect)
        ]
        alive.sort(key=lambda entry: -entry.last_seen)
        contacts = dict.fromkeys(entry.contact for entry in alive)
        if not contacts:
            return []
        if len(contacts) < self._context.parameters.k:
            contacts |= dict.fromkeys(self._unheard)
        else:
            self._unheard = ()
        return list(contacts)[:SAVED_CONTACTS]

    # --- Records of our own ------------------------------------------------------------------

    async def keep(self, publication: Publication) -> None:
        """Remember a new publication; fails with :class:`StorageError`."""
        if self._state is not None:
            await self._state.keep(publication)

    def rescheduled(self, where: StorageKey) -> None:
        """A publication's next time has changed, or it was withdrawn: save that, some time."""
        if self._state is None or not self._is_open:
            return
        publication = self._publishing.get(where)
        state = self._state
        saving = state.withdraw(where) if publication is None else state.keep(publication)
        saving.addErrback(self._not_saved)

    def _not_saved(self, failure: Failure) -> None:
        failure.trap(StorageError, CancelledError)
        self._faults.report("state", "the time of a publication could not be saved", failure)
