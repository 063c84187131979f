"""The kinds of record, one table: whoever handles records looks the rules up and knows no kind.

It decides only which rules a record falls under: its first byte is the number of its kind.  The
rules themselves are in one file a kind.  A network may admit fewer kinds than are known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from kadtwisted.errors import InvalidRecord
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.records import value


class RecordKind(NamedTuple):
    """The rules of one kind, all over the bytes of records.

    ``identify(record)`` checks the record and says where it is stored; it raises
    :class:`~kadtwisted.errors.InvalidRecord` and nothing else.  The others take only what
    ``identify`` has accepted: ``check(record, unix_now)`` raises
    :class:`~kadtwisted.errors.ClockSkew` for a record from the future (Unix seconds), and
    ``supersedes(new, old)`` says whether ``new`` replaces ``old`` at the same place, which is never
    true of two equal ones.
    """

    number: int
    identify: Callable[[bytes], StorageKey]
    check: Callable[[bytes, float], None]
    supersedes: Callable[[bytes, bytes], bool]


VALUE: Final = RecordKind(Kind.VALUE, value.identify, value.check, value.wins)

KINDS: Final[Mapping[int, RecordKind]] = MappingProxyType({int(VALUE.number): VALUE})
"""Every kind whose rules are known, by its number."""


def kind_of(record: bytes, kinds: Mapping[int, RecordKind] = KINDS) -> RecordKind:
    """The rules for these bytes; ``InvalidRecord`` (``empty``, ``unknown-kind``) if none are."""
    if not record:
        raise InvalidRecord("empty")
    rules = kinds.get(record[0])
    if rules is None:
        raise InvalidRecord("unknown-kind")
    return rules


class RecordKinds:
    """The kinds that one network admits: each question goes to the rules of the record's kind."""

    def __init__(self, kinds: Mapping[int, RecordKind]) -> None:
        self._kinds = MappingProxyType(dict(kinds))

    def known(self, number: int) -> bool:
        """Whether records of this kind may be stored on the network."""
        return number in self._kinds

    def identify(self, record: bytes) -> StorageKey:
        """Check a record and say where it is stored; :class:`InvalidRecord` for any other bytes."""
        return kind_of(record, self._kinds).identify(record)

    def check(self, record: bytes, unix_now: float) -> None:
        """:class:`~kadtwisted.errors.ClockSkew` for an identified record from the future."""
        kind_of(record, self._kinds).check(record, unix_now)

    def supersedes(self, new: bytes, old: bytes) -> bool:
        """Whether ``new`` replaces ``old``, both identified and of the same place."""
        return kind_of(new, self._kinds).supersedes(new, old)


NATIVE_KINDS: Final = RecordKinds(KINDS)
"""The kinds of the native network."""
