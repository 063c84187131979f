"""Lost contacts, remembered for two days, so that a network that fell apart can heal.

While a network is cut in two, each half drops the other half's nodes from its tables.  When the cut
ends, no node on one side knows a node on the other, unless some node asks its lost contacts whether
they are back.  A contact that stayed long is the most likely to be back (Maymounkov and Mazieres
2002, section 2.1).  So when there is no room, the contacts with the shortest stays are forgotten.

Pure: it asks no contact.  Bounded by ``capacity``.
"""

from __future__ import annotations

from collections.abc import Mapping

from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID

CAPACITY = 64
"""MAGIC: cuts after which fewer than one in 64 of a node's lost contacts are alive would settle
it."""
KEPT = 48 * 3600.0
"""Seconds that a lost contact is remembered: as long as any record of a cut network can live."""


class Lost:
    """The contacts that one table has lost; moments are monotonic seconds."""

    def __init__(self, capacity: int = CAPACITY, kept: float = KEPT) -> None:
        self._capacity = capacity
        self._kept = kept
        self._present: tuple[Contact, ...] = ()
        self._since: tuple[float, ...] = ()
        self._stays: dict[Contact, float] = {}
        self._lost_at: dict[Contact, float] = {}

    def __len__(self) -> int:
        return len(self._lost_at)

    def noticed(self, present: Mapping[Contact, float], now: float) -> None:
        """These contacts are in the table now, each known since the moment given.

        A contact that was there the last time and is not now is lost.  One that is there again is
        lost no more.
        """
        for contact, since in zip(self._present, self._since, strict=True):
            if contact not in present:
                self._lost_at.pop(contact, None)
                self._lost_at[contact] = now
                self._stays[contact] = now - since
        ids = {contact.node_id for contact in present}
        for contact in [each for each in self._lost_at if self._is_back(each, ids, now)]:
            self._forget(contact)
        while len(self._lost_at) > self._capacity:
            self._forget(min(self._lost_at, key=self._stays.__getitem__))
        self._present, self._since = tuple(present), tuple(present.values())

    def next(self) -> Contact | None:
        """The contact to ask whether it is back: each in turn; ``None`` if none is lost."""
        contact = next(iter(self._lost_at), None)
        if contact is not None:
            self._lost_at[contact] = self._lost_at.pop(contact)  # to the end of the queue
        return contact

    def _is_back(self, contact: Contact, ids: set[NodeID], now: float) -> bool:
        """Whether it is in the table, maybe at another endpoint, or lost for too long."""
        return contact.node_id in ids or now - self._lost_at[contact] >= self._kept

    def _forget(self, contact: Contact) -> None:
        del self._lost_at[contact], self._stays[contact]
