"""The search for a key's records: a lookup on one path or several, plus who holds which version.

Rules of this file.  It counts versions and holders, and ends early in ``first`` mode.  It never
sees a record: whether one is valid, and which of two wins, is ``records/``'s.  Whom to ask next is
the lookup's, of either kind; a holder whose records are worthless is reported by
:meth:`~.iterative.Lookup.replied`, as one that has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from kadtwisted.errors import InvalidInput
from kadtwisted.lookup.disjoint import AnyLookup
from kadtwisted.lookup.iterative import Lookup
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID

Mode = Literal["first", "latest"]

MODES = ("first", "latest")


class RecordSearch:
    """A search that ends at the first record (``first``) or asks all the way (``latest``).

    The paper (section 2.3) ends at the first; ``latest`` is for records that change, and for keys
    with many records.  To its driver it is a lookup: the methods are the same and mean the same.
    :class:`~kadtwisted.errors.InvalidInput` for another mode.
    """

    def __init__(self, lookup: AnyLookup, mode: Mode) -> None:
        if mode not in MODES:
            raise InvalidInput(f"the mode must be first or latest, not {mode!r}")
        self.mode = mode
        self.alone = mode == "first" and isinstance(lookup, Lookup)
        """Whether contacts beside a record are of no use, because it would be the end."""
        self.target = lookup.target
        self.k = lookup.k
        self.seeds = lookup.seeds
        self.radius = lookup.radius
        self.add, self.asked, self.failed = lookup.add, lookup.asked, lookup.failed
        self.replied, self.wakes_at = lookup.replied, lookup.wakes_at
        self.closest, self.trace = lookup.closest, lookup.trace
        self.passed_over, self.is_silent = lookup.passed_over, lookup.is_silent
        self._lookup = lookup
        self._holders: dict[bytes, dict[NodeID, Contact]] = {}
        self._claimed: dict[bytes, dict[NodeID, None]] = {}

    # --- Whom next? --------------------------------------------------------------------------

    def next(self, now: float) -> list[Contact]:
        """As in every lookup, but nobody once ``first`` mode has its record."""
        return [] if self.satisfied else self._lookup.next(now)

    @property
    def finished(self) -> bool:
        """As in every lookup, and in ``first`` mode as soon as one record was found."""
        return self.satisfied or self._lookup.finished

    @property
    def satisfied(self) -> bool:
        """Whether this is ``first`` mode, and it has its record."""
        return self.mode == "first" and bool(self._holders)

    # --- What happened -----------------------------------------------------------------------

    def found(
        self,
        contact: Contact,
        versions: Iterable[bytes],
        contacts: Iterable[Contact],
        now: float,
        outcome: str = "record",
    ) -> None:
        """The contact holds the records of these versions (8 bytes each) and names ``contacts``.

        ``outcome`` is ``record``, or ``unchanged`` if it only said that it has the version that we
        knew.
        """
        self.holds(contact, versions)
        self.replied(contact, contacts, now, outcome)

    def holds(self, contact: Contact, versions: Iterable[bytes]) -> None:
        """The contact turns out to hold these, too; that is not its first answer."""
        for version in versions:
            self._holders.setdefault(version, {})[contact.node_id] = contact

    def claims(self, contact: Contact, version: bytes) -> None:
        """The contact returned a record of this version that may not be believed: if it is, in the
        end, the contact does not lack it."""
        self._claimed.setdefault(version, {})[contact.node_id] = None

    # --- What came out -----------------------------------------------------------------------

    def versions(self) -> list[bytes]:
        """The versions found, in the order of their first finding."""
        return list(self._holders)

    def holders(self, version: bytes) -> list[Contact]:
        """Who was found to hold this version, closest first, near the key or not."""
        holders = self._holders.get(version, {}).values()
        return sorted(holders, key=lambda each: each.node_id ^ self.target)

    def without_record(self, version: bytes | None = None) -> list[Contact]:
        """Who of the k closest that answered should get this version, because it has none or
        another one; without ``version``, who has none at all.  Closest first."""
        wanted = self._holders if version is None else (version,)
        holders = {node_id for each in wanted for node_id in self._holders.get(each, {})}
        if version is not None:
            holders.update(self._claimed.get(version, ()))
        return [each for each in self.closest() if each.node_id not in holders]
