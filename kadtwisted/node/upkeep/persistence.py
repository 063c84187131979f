"""What a node brings over a restart: its node state is opened and closed here, and contacts saved.

Contacts are saved when they have changed: soon while the table grows, rarely after that, and at the
end.  A table in which no contact has answered yet never replaces a good one on disk.  In each
address family, until k contacts have answered, the contacts of the earlier run are saved beside
them; so a run without IPv6 forgets no IPv6 contact.

A failure to save is reported in the log, and the node continues with what it has in memory.  The
records kept published are saved by the :class:`~kadtwisted.node.upkeep.publisher.Publisher`.
"""

from __future__ import annotations

from twisted.python.failure import Failure

from kadtwisted.errors import StorageError
from kadtwisted.interfaces import INodeState, Remembered
from kadtwisted.model.contact import Contact, Family
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.links import Links

SAVED_CONTACTS = 1024
"""MAGIC: contacts saved at most; a few dozen alive among them bring back all the others."""
SAVE_AGAIN_AFTER = 300.0
"""Seconds between two saves of a table that does not grow: BEP 5 asks for no more."""
GROWTH = 1.5
"""A table this many times larger than the saved one is saved at once."""


class Persistence:
    """The memory of one node; ``state`` is ``None`` for a node that remembers nothing."""

    def __init__(self, context: NodeContext, links: Links, state: INodeState | None) -> None:
        self._state = state
        self._links = links
        self._faults = context.faults
        self._now = context.world.now
        self._public_key = context.public_key
        self._k = context.parameters.k
        self._unheard: dict[Family, tuple[Contact, ...]] = {}
        self._saved: frozenset[Contact] = frozenset()
        self._saved_at = 0.0
        self._is_open = False

    @property
    def lasts(self) -> bool:
        """Whether anything is remembered over a restart at all."""
        return self._state is not None

    @property
    def open_state(self) -> INodeState | None:
        """The node state while it is open."""
        return self._state if self._is_open else None

    async def open(self) -> Remembered | None:
        """What an earlier run saved, with contacts of our address families only; ``None`` without a
        node state.

        Fails with :class:`~kadtwisted.errors.StorageError`.
        """
        if self._state is None:
            return None
        contacts, publications = await self._state.open()
        self._is_open = True
        others = [each for each in contacts[:SAVED_CONTACTS] if each.key != self._public_key]
        self._unheard = {
            family: tuple(each for each in others if each.family is family) for family in Family
        }
        ours = tuple(each for each in others if each.family in self._links)
        return Remembered(ours, publications)

    async def close(self) -> None:
        """Save the contacts, and close the node state."""
        state = self.open_state
        if state is None:
            return
        self._is_open = False
        try:
            contacts = self._contacts()
            if contacts:
                await state.save_contacts(contacts)
        except StorageError:
            self._faults.report("state", "the contacts could not be saved", Failure())
        try:
            await state.close()
        except StorageError:
            self._faults.report("state", "the node's state did not close cleanly", Failure())

    async def save_contacts(self) -> None:
        """Save the contacts if it is time to."""
        state = self.open_state
        if state is None:
            return
        contacts = self._contacts()
        now = self._now()
        if not contacts or not self._is_time(frozenset(contacts), now):
            return
        before = self._saved
        self._saved, self._saved_at = frozenset(contacts), now
        try:
            await state.save_contacts(contacts)
        except StorageError:
            self._saved = before  # so that it is tried again, even if no contact changes
            self._faults.report("state", "the contacts could not be saved", Failure())

    def _is_time(self, contacts: frozenset[Contact], now: float) -> bool:
        if contacts == self._saved:
            return False
        grown = len(contacts) >= GROWTH * len(self._saved)
        return grown or now - self._saved_at >= SAVE_AGAIN_AFTER

    def _contacts(self) -> list[Contact]:
        """The contacts to save: those in the tables that seem alive, the latest heard first; then,
        of each family with fewer than k of them, those of the earlier run."""
        alive = [
            entry
            for link in self._links.values()
            for view in link.table.buckets()
            for entry in view.entries
            if not (entry.tentative or entry.suspect)
        ]
        if not alive:
            return []
        alive.sort(key=lambda entry: -entry.last_seen)
        contacts = dict.fromkeys(entry.contact for entry in alive)
        for family in Family:
            if sum(each.contact.family is family for each in alive) < self._k:
                contacts |= dict.fromkeys(self._unheard.get(family, ()))
            else:
                self._unheard.pop(family, None)
        return list(contacts)[:SAVED_CONTACTS]
