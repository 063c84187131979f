"""What a batch of writes to a durable storage is made of."""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.model.record import StorageKey, StoredRecord


class Put(NamedTuple):
    """Store a record, or replace the one at its place.  Gives ``None``, or fails with
    :class:`~kadtwisted.errors.StorageFull`.

    Records that have expired by ``now`` (monotonic seconds) may give way to it.
    """

    record: StoredRecord
    now: float


class Remove(NamedTuple):
    """Forget the record at a place.  Gives whether there was one."""

    where: StorageKey


class Expire(NamedTuple):
    """Forget at most ``limit`` records that have expired by ``now`` (monotonic seconds), the
    earliest first.  Gives how many."""

    now: float
    limit: int


RecordChange = Put | Remove | Expire
