"""The kinds of record: what a node must know of a kind, and the table of those a network admits.

A kind is data: one :class:`RecordKind` with the functions that are its rules.  The code that
stores, replicates, searches or publishes records looks up the rules here and knows no kind by name.
So a new kind is a new file of rules and a new entry in a table.

This file decides only which rules apply to a record: its first byte is the number of its kind.  A
network may admit fewer kinds than there are here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from kadtwisted.errors import InvalidInput, InvalidRecord, NotConditional, UnknownKind
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.records import immutable, mutable, value
from kadtwisted.records.version import version_of

SUB_LIMIT: Final = 64
"""The most bytes of a record's ``sub``: the cursor of an answer contains one."""


class Sender(NamedTuple):
    """The node that asks this one to store a record: its proven endpoint and its public key.

    ``welcome`` says whether its address is one that this node keeps and passes on (see
    ``routing/reachable.py``)."""

    endpoint: Endpoint
    key: bytes
    welcome: bool = True


def _accept(record: bytes, _: object) -> None:
    """Accept every record."""


def _whole(record: bytes) -> bytes:
    """The record itself."""
    return record


def _never(record: bytes, winner: bytes | None) -> None:
    """No record is put back."""


def _unknown(record: bytes) -> None:
    """Nothing says from where it came."""


def _unlimited(record: bytes) -> float:
    """A record may live as long as the network lets any record live."""
    return math.inf


class RecordKind(NamedTuple):
    """The rules of one kind, all over the bytes of records.

    ``identify`` takes any bytes; the other functions take only records that it has accepted.  All
    of them are pure, and two nodes must come to the same results.  By default a kind has one record
    under a key, and no sequence numbers.
    """

    number: int
    """The first byte of each record of this kind."""
    identify: Callable[[bytes], StorageKey]
    """Check a record, its signature too, and say where it is stored.

    Raises :class:`~kadtwisted.errors.InvalidRecord` and nothing else.  Where many records stand
    under one key, each has a ``sub`` of 1 to ``SUB_LIMIT`` bytes; otherwise it is empty."""
    decode: Callable[[bytes], Any]
    """The record as a value of the model."""
    supersedes: Callable[[bytes, bytes], bool]
    """``supersedes(new, old)``: whether ``new`` replaces ``old`` at the same place.  A strict total
    order; never true of two equal records."""
    publish: Callable[[Any, Sequence[bytes], float], bytes]
    """``publish(wanted, seen, unix_now)``: the next record to publish, from what its writer wants
    (a value of the kind's own choice) and the winning records seen under the key, one a place.  It
    supersedes the one among them that stands at its own place; if none can,
    :class:`~kadtwisted.errors.Superseded` is raised.  A later ``unix_now`` makes no lesser record.
    """
    check: Callable[[bytes, float], None] = _accept
    """``check(record, unix_now)`` raises :class:`~kadtwisted.errors.ClockSkew` for a record from
    the future by a clock in Unix seconds."""
    admit: Callable[[bytes, Sender], None] = _accept
    """``admit(record, sender)`` raises :class:`~kadtwisted.errors.InvalidRecord` for a record that
    this sender may not store here.  It may be the record's owner, or another holder that passes the
    record on."""
    version: Callable[[bytes], bytes] = version_of
    """Eight bytes made from the whole record, by which nodes name it to each other."""
    sequence: Callable[[bytes], int] | None = None
    """The record's sequence number, below 2^63: what a conditional STORE names.  ``None`` where
    the kind has no such numbers."""
    most: int = 1
    """How many records a holder keeps under one key."""
    renew: Callable[[bytes, bytes | None], Any] = _never
    """``renew(record, winner)``: what its publisher has to ``publish`` to put ``record`` back at
    its place, which the ``winner`` has now (``None``: no record).  ``None`` if the place is not
    free, or if a record of this kind cannot be made anew."""
    longest: Callable[[bytes], float] = _unlimited
    """The longest time in seconds for which a holder keeps this record without hearing of it again,
    if that is shorter than ``Parameters.max_remaining``, which binds all kinds."""

    passed_on: bool = True
    """Whether holders bring these records to each other.  If not, only its owner stores a record,
    and each holder has seen that it may."""
    origin: Callable[[bytes], Endpoint | None] = _unknown
    """From where a stored record came, if it says it itself."""
    sampled: bool = False
    """Whether the first page of an answer is a random sample of the many records under a key; the
    next ones have all of them."""

    floor: Callable[[bytes], bytes] = _whole
    """What a holder keeps of a record, to know which others lose to it when it has expired."""
    beats: Callable[[bytes, bytes], bool] | None = None
    """``beats(record, floor)``: whether the record supersedes the one that left the floor, or is
    that one.  ``None`` if a floor is a whole record: then ``supersedes`` says it."""

    verifiable: bool = False
    """Whether a record proves by itself that it belongs where it is stored, so that anybody may
    keep the newest one published; others can be replaced by anybody."""

    @property
    def many(self) -> bool:
        """Whether many records stand under one key, read page by page: they have no winner."""
        return self.most > 1

    def is_deletion(self, record: bytes) -> bool:
        """Whether a record says that its value was deleted."""
        return bool(getattr(self.decode(record), "deleted", False))

    def holds_against(self, record: bytes, floor: bytes) -> bool:
        """Whether a record may take a place at which there is this floor."""
        if self.beats is not None:
            return self.beats(record, floor)
        return record == floor or self.supersedes(record, floor)

    def remembering(self) -> RecordKind:
        """The same rules for one search: whatever is identified with them is verified once, however
        often it comes.  What the search finds bounds what they remember."""
        known: dict[bytes, StorageKey | InvalidRecord] = {}

        def identify(record: bytes) -> StorageKey:
            if record not in known:
                try:
                    known[record] = self.identify(record)
                except InvalidRecord as error:
                    known[record] = error
            found = known[record]
            if isinstance(found, InvalidRecord):
                raise InvalidRecord(found.reason)
            return found

        return self._replace(identify=identify)

    def check_condition(self, cas: int | None) -> None:
        """:class:`~kadtwisted.errors.NotConditional` for a condition on a sequence number where the
        kind has none."""
        if cas is not None and self.sequence is None:
            raise NotConditional("records of this kind have no sequence number to compare")


VALUE: Final = RecordKind(
    Kind.VALUE,
    value.identify,
    value.decode,
    value.wins,
    value.publish,
    value.check,
    renew=value.renew,
    floor=value.floor,
    beats=value.beats,
)

IMMUTABLE: Final = RecordKind(
    Kind.IMMUTABLE,
    immutable.identify,
    immutable.decode,
    immutable.supersedes,
    immutable.publish,
    verifiable=True,
)

MUTABLE: Final = RecordKind(
    Kind.MUTABLE,
    mutable.identify,
    mutable.decode,
    mutable.supersedes,
    mutable.publish,
    sequence=mutable.sequence,
    floor=mutable.floor,
    beats=mutable.beats,
    verifiable=True,
)


class RecordKinds:
    """The kinds that one network admits, by number; iterating gives them in ascending order.

    :class:`~kadtwisted.errors.InvalidInput` for two kinds with the same number, and for a number
    that is not from 1 to 255: 0 is no kind.
    """

    def __init__(self, kinds: Iterable[RecordKind]) -> None:
        given = sorted(kinds, key=lambda each: each.number)
        self._kinds = MappingProxyType({int(each.number): each for each in given})
        if len(self._kinds) < len(given) or not all(0 < number < 256 for number in self._kinds):
            raise InvalidInput("each kind of record has a number of its own, from 1 to 255")
        self.many = frozenset(number for number, each in self._kinds.items() if each.many)
        """The numbers of the kinds of which many records stand under one key."""
        self.crowded = MappingProxyType(
            {n: each.most for n, each in self._kinds.items() if each.many}
        )
        """How many of each of these may."""
        self.kept = frozenset(n for n, each in self._kinds.items() if not each.passed_on)
        """The numbers of the kinds that holders do not bring to each other."""

    def __iter__(self) -> Iterator[RecordKind]:
        return iter(self._kinds.values())

    def known(self, number: int) -> bool:
        """Whether records of this kind may be stored on the network."""
        return number in self._kinds

    def is_verifiable(self, number: int) -> bool:
        """Whether records of this kind prove by themselves that they belong where they are."""
        rules = self._kinds.get(number)
        return rules is not None and rules.verifiable

    def get(self, number: int) -> RecordKind | None:
        """The rules of this kind, if the network admits it."""
        return self._kinds.get(number)

    def identify(self, record: bytes) -> tuple[RecordKind, StorageKey]:
        """Check a record; the rules it falls under, and where it is stored.

        :class:`~kadtwisted.errors.InvalidRecord` for bytes that are no record: ``empty``, or a
        reason of the kind's own; :class:`~kadtwisted.errors.UnknownKind` for a kind that the
        network does not admit.
        """
        rules = self.rules_of(record)
        return rules, rules.identify(record)

    def rules_of(self, record: bytes) -> RecordKind:
        """The rules it falls under, whether it keeps them or not; fails as :meth:`identify`."""
        if not record:
            raise InvalidRecord("empty")
        rules = self._kinds.get(record[0])
        if rules is None:
            raise UnknownKind
        return rules

    def version(self, number: int, record: bytes) -> bytes:
        """The version of a stored record, also if its kind is not admitted (any more)."""
        rules = self._kinds.get(number)
        return version_of(record) if rules is None else rules.version(record)


def just_before(where: StorageKey) -> StorageKey:
    """The last place before this one that a record can have; for a ``sub`` that is not empty."""
    sub, last = where.sub[:-1], where.sub[-1]
    if last:
        sub += bytes([last - 1]) + b"\xff" * (SUB_LIMIT + 1 - len(where.sub))
    return where._replace(sub=sub)


NATIVE_KINDS: Final = RecordKinds((VALUE, IMMUTABLE, MUTABLE))
"""The kinds of all native networks; that of announcements is made for a network and a node."""
