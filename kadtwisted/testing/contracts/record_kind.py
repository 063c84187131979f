"""The contract of `RecordKind` as tests, for the rules of every kind.

Mix :class:`RecordKindContract` into a ``twisted.trial.unittest.SynchronousTestCase``; say which
kind it is, give some valid records of it, and something that its ``publish`` takes::

    class TestMyKind(RecordKindContract, SynchronousTestCase):
        kind = MY_KIND
        records = (encode(...), encode(...), encode(...))
        wanted = (...)

The tests promise what ``records/kinds.py`` says and nothing more.  What is special about a kind
(who may write, who wins) is for its own tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any, ClassVar

from kadtwisted.errors import InvalidRecord
from kadtwisted.model.record import StorageKey
from kadtwisted.node.serving.pages import ITEM_BYTES, ROOM, ROOM_ALONE
from kadtwisted.records.kinds import SUB_LIMIT, RecordKind, RecordKinds

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _TestCase
else:
    _TestCase = object

FAR_AHEAD = 4e9
"""A clock (Unix seconds) by which no record is from the future."""


class RecordKindContract(_TestCase):
    """What the rules of every kind keep."""

    kind: ClassVar[RecordKind]
    records: ClassVar[Sequence[bytes]]
    """Valid records: of several places, and several of one place if its record can be replaced."""
    wanted: ClassVar[Any]
    """What ``publish`` is given, for a place where some of the records belong."""

    def places(self) -> dict[StorageKey, list[bytes]]:
        """The records by their places."""
        found: dict[StorageKey, list[bytes]] = {}
        for each in self.records:
            found.setdefault(self.kind.identify(each), []).append(each)
        return found

    def rivals(self) -> Iterator[tuple[bytes, bytes]]:
        """All pairs of different records of one place, both ways round."""
        for records in self.places().values():
            yield from permutations(records, 2)

    def test_there_is_something_to_test(self) -> None:
        self.assertGreater(len(self.places()), 1)
        self.assertEqual(len({*self.records}), len(self.records))

    def test_the_first_byte_is_the_number(self) -> None:
        for each in self.records:
            self.assertEqual((each[0], self.kind.identify(each).kind), (self.kind.number,) * 2)
        RecordKinds((self.kind,))

    def test_each_record_is_told_apart_by_its_place(self) -> None:
        for where in self.places():
            least, most = (1, SUB_LIMIT) if self.kind.many else (0, 0)
            self.assertGreaterEqual(len(where.sub), least)
            self.assertLessEqual(len(where.sub), most)

    def test_any_other_bytes_are_refused_or_another_record(self) -> None:
        """A record has one form: altered, it is no record, or one of another version."""
        for each in self.records:
            for altered in _altered(each):
                try:
                    where = self.kind.identify(altered)
                except InvalidRecord as error:
                    self.assertTrue(error.reason)
                    continue
                self.assertEqual((altered[0], where.kind), (self.kind.number,) * 2)
                self.assertNotEqual(self.kind.version(altered), self.kind.version(each))

    def test_an_answer_has_room_for_the_largest(self) -> None:
        room = (ROOM if self.kind.many else ROOM_ALONE) - ITEM_BYTES
        for each in self.records:
            self.assertLessEqual(len(each), room)

    def test_decoding_is_repeatable(self) -> None:
        for each in self.records:
            self.assertEqual(self.kind.decode(each), self.kind.decode(each))

    def test_of_two_records_of_one_place_one_supersedes_the_other(self) -> None:
        for one, other in self.rivals():
            supersedes = self.kind.supersedes
            self.assertNotEqual(supersedes(one, other), supersedes(other, one))

    def test_no_record_supersedes_itself(self) -> None:
        for each in self.records:
            self.assertFalse(self.kind.supersedes(each, each))

    def test_what_supersedes_does_so_in_one_order(self) -> None:
        for records in self.places().values():
            for a, b, c in permutations(records, 3):
                if self.kind.supersedes(a, b) and self.kind.supersedes(b, c):
                    self.assertTrue(self.kind.supersedes(a, c))

    def test_a_floor_stops_exactly_what_its_record_supersedes(self) -> None:
        for each in self.records:
            floor = self.kind.floor(each)
            self.assertLessEqual(len(floor), max(len(each), 64))
            self.assertTrue(self.kind.holds_against(each, floor))
        for one, other in self.rivals():
            wins = self.kind.supersedes(one, other)
            self.assertEqual(self.kind.holds_against(one, self.kind.floor(other)), wins)

    def test_versions_are_eight_bytes_and_differ(self) -> None:
        versions = [self.kind.version(each) for each in self.records]
        self.assertEqual({len(each) for each in versions}, {8})
        self.assertEqual(len({*versions}), len(self.records))

    def test_the_higher_sequence_number_supersedes(self) -> None:
        sequence = self.kind.sequence
        if sequence is None:
            return
        for each in self.records:
            self.assertIn(sequence(each), range(1 << 63))
        for one, other in self.rivals():
            if sequence(one) > sequence(other):
                self.assertTrue(self.kind.supersedes(one, other))

    def test_every_record_may_live_for_a_while(self) -> None:
        for each in self.records:
            self.assertGreater(self.kind.longest(each), 0.0)

    def test_no_record_is_too_old(self) -> None:
        for each in self.records:
            self.assertIsNone(self.kind.check(each, FAR_AHEAD))

    def test_what_is_published_supersedes_what_was_seen(self) -> None:
        for seen in ([], list(self._winners())):
            record = self.kind.publish(self.wanted, seen, 1e9)
            where = self.kind.identify(record)
            self.assertIn(where, self.places())
            for each in seen:
                if self.kind.identify(each) == where and each != record:
                    self.assertTrue(self.kind.supersedes(record, each))

    def test_what_is_published_later_is_no_lesser_record(self) -> None:
        """A writer tries later times while holders say that its record is superseded."""
        first, later = (self.kind.publish(self.wanted, [], date) for date in (1e9, 1e9 + 300))
        if self.kind.identify(first) == self.kind.identify(later):
            self.assertFalse(self.kind.supersedes(first, later))

    def _winners(self) -> Iterator[bytes]:
        for records in self.places().values():
            losers = {b for a, b in permutations(records, 2) if self.kind.supersedes(a, b)}
            yield from (each for each in records if each not in losers)


def _altered(record: bytes) -> Iterator[bytes]:
    """Other bytes that look like a record: cut, longer, of another kind, and with a bit flipped."""
    yield from (record[:length] for length in range(len(record)))
    yield record + b"\0"
    for bit in range(8 * len(record)):
        flipped = bytearray(record)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)
