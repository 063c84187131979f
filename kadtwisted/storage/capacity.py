"""How much a storage may hold, and what it says when it is full."""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.errors import ConfigurationError, StorageFull
from kadtwisted.model.printable import described
from kadtwisted.model.record import StorageUsage


class Capacity(NamedTuple):
    """The most records that a storage may hold, and the most bytes of data in all of them."""

    records: int
    size: int

    @classmethod
    def checked(cls, records: int, size: int) -> Capacity:
        """A capacity; :class:`~kadtwisted.errors.ConfigurationError` unless both are positive."""
        for each in (records, size):
            if not isinstance(each, int) or isinstance(each, bool):
                raise ConfigurationError(
                    f"the bounds of a storage are whole numbers, not {described(each)}"
                )
        if records < 1 or size < 1:
            raise ConfigurationError("a storage needs room for at least one record and one byte")
        return cls(records, size)

    def allows(self, usage: StorageUsage) -> bool:
        """Whether a storage may hold this much."""
        return usage.records <= self.records and usage.size <= self.size


def no_room(length: int, usage: StorageUsage) -> StorageFull:
    """The error of a put of ``length`` bytes of data into a full storage."""
    return StorageFull(
        f"no room for {length} bytes more beside {usage.records} records"
        f" of {usage.size} bytes: raise the limits, or wait until records expire"
    )
