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


class Versions:
    """Who was found to hold which version of the record under one key."""

    __slots__ = ("_holders", "_target")

    def __init__(self, target: NodeID) -> None:
        self._target = target
        self._holders: dict[bytes, dict[NodeID, Contact]] = {}

    def note(self, version: bytes, contact: Contact) -> None:
        self._holders.setdefault(version, {})[contact.node_id] = contact

    def all(self) -> list[bytes]:
        """In the order of their first finding."""
        return list(self._holders)

    def holders(self, version: bytes) -> list[Contact]:
        """Closest first."""
        holders = self._holders.get(version, {}).values()
        return sorted(holders, key=lambda each: each.node_id ^ self._target)

    def lacking(self, contacts: Iterable[Contact], version: bytes | None) -> list[Contact]:
        """Those of ``contacts`` that do not hold this version, or with ``None`` any at all."""
        wanted = self._holders if version is None else (version,)
        holders = {node_id for each in wanted for node_id in self._holders.get(each, {})}
        return [each for each in contacts if each.node_id not in holders]


def check_mode(mode: Mode) -> Mode:
    """The mode, if it is one; :class:`~kadtwisted.errors.InvalidInput` otherwise."""
    if mode not in ("first", "latest"):
        raise InvalidInput(f"the mode must be first or latest, not {mode!r}")
    return mode


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
        self.mode = check_mode(mode)
        self._versions = Versions(target)

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
        self._versions.note(version, contact)
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
        return self.mode == "first" and bool(self._versions.all())

    def versions(self) -> list[bytes]:
        """The versions found, in the order of their first finding."""
        return self._versions.all()

    def holders(self, version: bytes) -> list[Contact]:
        """Who was found to hold this version, closest first, near the key or not."""
        return self._versions.holders(version)

    def without_record(self, version: bytes | None = None) -> list[Contact]:
        """Who of the k closest that answered should get this version, because it has none or
        another one; without ``version``, who has none at all.  Closest first."""
        return self._versions.lacking(self.closest(), version)
