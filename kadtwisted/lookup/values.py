"""The lookup of a key's record: the iterative lookup, plus who holds which version of it.

Rules of this file.  It keeps count of versions and holders and stops early in ``first`` mode.  It
never sees a record: the driver checks records, and which of two versions wins is ``records/``'s.
An answer whose record is worthless is reported by :meth:`~.iterative.Lookup.replied`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from kadtwisted.errors import InvalidInput
from kadtwisted.lookup.iterative import Lookup
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID

Mode = Literal["first", "latest"]


class ValueLookup(Lookup):
    """A lookup that ends at the first record (``first``) or asks all the way (``latest``).

    The paper (section 2.3) ends at the first; ``latest`` is for records that change.
    :class:`~kadtwisted.errors.InvalidInput` for another mode.
    """

    def __init__(
        self,
        target: NodeID,
        *,
        mode: Mode,
        k: int,
        alpha: int,
        own_id: NodeID | None = None,
        now: float = 0.0,
    ) -> None:
        super().__init__(target, k=k, alpha=alpha, own_id=own_id, now=now)
        if mode not in ("first", "latest"):
            raise InvalidInput(f"the mode must be first or latest, not {mode!r}")
        self.mode = mode
        self._versions: dict[bytes, dict[NodeID, Contact]] = {}

    def found(
        self,
        contact: Contact,
        version: bytes,
        contacts: Iterable[Contact],
        now: float,
        outcome: str = "record",
    ) -> None:
        """The contact holds the record of this version (8 bytes) and names ``contacts``.

        One contact may hold several, reported one by one.  ``outcome`` is ``record``, or
        ``unchanged`` if it only said that it has the version we knew.
        """
        self._versions.setdefault(version, {})[contact.node_id] = contact
        self.replied(contact, contacts, now, outcome)

    def next(self, now: float) -> list[Contact]:
        """As in every lookup, but nobody once ``first`` mode has its record."""
        return [] if self._satisfied else super().next(now)

    @property
    def finished(self) -> bool:
        """As in every lookup, and in ``first`` mode as soon as one record was found."""
        return self._satisfied or super().finished

    @property
    def _satisfied(self) -> bool:
        return self.mode == "first" and bool(self._versions)

    def versions(self) -> list[bytes]:
        """The versions found, in the order of their first finding."""
        return list(self._versions)

    def holders(self, version: bytes) -> list[Contact]:
        """Who was found to hold this version, closest first, near the key or not."""
        holders = self._versions.get(version, {}).values()
        return sorted(holders, key=lambda each: each.node_id ^ self.target)

    def without_record(self, version: bytes | None = None) -> list[Contact]:
        """Who of the k closest that answered should get this version, because it has none or
        another one; without ``version``, who has none at all.  Closest first."""
        wanted = self._versions if version is None else (version,)
        holders = {node_id for each in wanted for node_id in self._versions.get(each, {})}
        return [each for each in self.closest() if each.node_id not in holders]
