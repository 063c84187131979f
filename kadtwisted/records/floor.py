"""What stays of a record when its time is over, so that no older one comes back.

A record may live shorter than those whose place it took: a value for a minute, put over one for a
day.  Other nodes may still hold the older one and offer it.  So the holder keeps a *floor*: enough
of the newest record that it accepted to tell which records lose to it, until the last of all
records that stood at the place would have expired.  A floor is needed only where it outlives its
record, because a record that is there refuses the losers itself.

A floor lies in the same storage, as a record of kind 0, under the same key; so it survives what
records survive, and expires as they do.  Kind 0 is no kind: nobody reads, replicates or counts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kadtwisted.constants import ID_BITS
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.records.kinds import RecordKind

FLOOR_KIND: Final = 0

FLOORS_END: Final = StorageKey(FLOOR_KIND, NodeID((1 << ID_BITS) - 1), b"\xff" * 255)
"""Behind the places of all floors, and before those of all records."""


def floor_place(where: StorageKey) -> StorageKey:
    """Where the floor lies that was left by records of this place."""
    return StorageKey(FLOOR_KIND, where.key, bytes((where.kind,)) + where.sub)


def floored_place(floor: StorageKey) -> StorageKey:
    """The place of the records that left the floor at this one."""
    return StorageKey(floor.sub[0], floor.key, floor.sub[1:])


def floor_among(found: Iterable[StoredRecord], where: StorageKey) -> StoredRecord | None:
    """The floor of this place among those that lie under its key."""
    place = floor_place(where)
    return next((each for each in found if each.where == place), None)


def floor_left(
    rules: RecordKind,
    record: StoredRecord,
    floor: StoredRecord | None,
    until: float,
) -> StoredRecord | None:
    """The floor to write before this record: ``None`` if none is needed that is not there already.

    ``floor`` is the one there now; ``until`` is when the last of the records expires whose place
    the record takes.
    """
    if floor is not None:
        until = max(until, floor.expires)
    if until <= record.expires:
        return None
    data = rules.floor(record.data)
    if floor is not None and (floor.data, floor.expires) == (data, until):
        return None
    return StoredRecord(floor_place(record.where), data, until, record.arrived)
