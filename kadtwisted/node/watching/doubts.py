"""What holders told that a search has to confirm, and who was found to hold what.

A holder may be right about a record from the future: our clock may be wrong.  A search tells, for
most of the closest holders must have it.  If they do not, the holder is doubted for
:data:`DOUBTED_FOR` seconds; what else it tells in that time, and what is doubtful, too, causes no
search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from kadtwisted.model.contact import Contact
from kadtwisted.node.operations.records import Read
from kadtwisted.records.findings import Finding

DOUBTED_FOR: Final = 600.0
"""MAGIC: seconds; as long as between two searches that nobody caused."""
MOST_DOUBTED: Final = 64
"""Holders that are remembered; a watch has sixteen at a time."""


@dataclass(slots=True)
class _Doubt:
    """The newest doubtful record that a holder told, and whether a search failed to confirm it."""

    data: bytes
    since: float
    failed: bool = False


class Doubts:
    """The holders that told one watch of doubtful records."""

    def __init__(self) -> None:
        self._doubts: dict[Contact, _Doubt] = {}

    def __len__(self) -> int:
        return len(self._doubts)

    def add(self, holder: Contact, data: bytes, now: float) -> bool:
        """A holder told of a doubtful record; whether to search, else the holder is a liar."""
        doubt = self._doubts.get(holder)
        if doubt is not None and doubt.failed and now < doubt.since + DOUBTED_FOR:
            return False
        self._doubts.pop(holder, None)
        self._doubts[holder] = _Doubt(data, now)
        if len(self._doubts) > MOST_DOUBTED:
            del self._doubts[next(iter(self._doubts))]
        return True

    def searched(self, began: float, is_doubtful: Callable[[bytes], bool]) -> None:
        """A search that ``began`` then has ended: whom it did not confirm is doubted, unless it was
        told meanwhile; whom it confirmed is not."""
        for holder, doubt in list(self._doubts.items()):
            if not is_doubtful(doubt.data):
                del self._doubts[holder]
            elif doubt.since <= began:
                doubt.failed = True


def by_holders(read: Read) -> Iterator[tuple[Finding, Contact | None]]:
    """What a search has found, and who alone holds it, if one of several holders does: these come
    last."""
    holders: dict[bytes, dict[Contact, None]] = {}
    for found in read.founds:
        for each in found.winners:
            holders.setdefault(each.record, {}).update(dict.fromkeys(each.holders))
    local = {each.record for each in read.local}
    several = len({who for each in holders.values() for who in each}) > 1
    alone: list[tuple[Finding, Contact | None]] = []
    for each in read.winners:
        who = holders.get(each.record, {})
        if several and len(who) == 1 and each.record not in local:
            alone.append((each, next(iter(who))))
        else:
            yield each, None
    yield from alone
