"""What is news to a watch: never twice, never older, never forged; and its end."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, Value
from kadtwisted.model.results import Change
from kadtwisted.records.kinds import VALUE, RecordKind
from kadtwisted.records.value import TOMBSTONE, encode, value_of
from kadtwisted.records.version import version_of
from kadtwisted.records.watched import A_SOURCE_AT_LEAST, JUDGED, Verdict, Watched
from tests.records.toys import NOTE, NOTES_A_KEY, Notary, Note, write

KEY, OTHER = NodeID(77), NodeID(78)
UNIX_NOW = 1000.0
LONGEST = 1000.0
NEWS, KNOWN, DOUBTFUL, CROWDED, INVALID = Verdict


def record(value: bytes, published: float = 0.0, key: NodeID = KEY) -> bytes:
    """Published so many seconds after :data:`UNIX_NOW`."""
    return encode(value_of(key, value, int((UNIX_NOW + published) * 1_000_000)))


def tombstone(published: float) -> bytes:
    return encode(Value(KEY, int((UNIX_NOW + published) * 1_000_000), True, TOMBSTONE))


def note(author: int, number: int = 1) -> bytes:
    return write(Note(KEY, b"auth%04d" % author, number, b"text"))


class WatchedCase(SynchronousTestCase):
    rules: RecordKind = VALUE

    def setUp(self) -> None:
        self.watched = Watched(self.rules, KEY, LONGEST)

    def take(self, data: bytes, remaining: float = 100.0, now: float = 0.0) -> Verdict:
        verdict, change = self.watched.take(data, remaining, now, UNIX_NOW)
        self.assertEqual(change is not None, verdict is NEWS)
        return verdict

    def state(self, now: float = 0.0) -> list[Change]:
        return self.watched.state(now)


class ValueTests(WatchedCase):
    def test_one_holder_prolongs_nothing_and_a_search_says_what_is_left(self) -> None:
        self.take(record(b"one"), 50)
        self.watched.take(record(b"one"), 900, 0.0, UNIX_NOW, "liar")
        self.assertEqual(self.watched.next_end(), 50.0)
        self.watched.found(StorageKey(1, KEY), record(b"one"), 80, 0.0)
        self.assertEqual(self.watched.next_end(), 80.0)
        self.watched.found(StorageKey(1, KEY), record(b"one"), 30, 10.0)
        self.assertEqual(self.watched.next_end(), 40.0)

    def test_at_first_nothing_is_there(self) -> None:
        (change,) = self.state()
        self.assertEqual((change.where, change.gone), (StorageKey(1, KEY), True))
        self.assertEqual((change.value, change.data, change.remaining), (None, b"", 0))
        self.assertEqual((self.watched.version(), self.watched.next_end()), (b"", None))

    def test_a_newer_record_is_news_once(self) -> None:
        one, two = record(b"one"), record(b"two", 1)
        self.assertEqual([self.take(each) for each in (one, one, two, one, two)],
                         [NEWS, KNOWN, NEWS, KNOWN, KNOWN])  # fmt: skip
        (change,) = self.state(40.5)
        self.assertEqual((change.value, change.data, change.remaining), (b"two", two, 59))
        self.assertEqual(self.watched.version(), version_of(two))

    def test_what_is_invalid_belongs_elsewhere_or_is_over_is_nothing(self) -> None:
        good = record(b"one")
        for bad in (b"", b"\x01", good[:-1], record(b"one", key=OTHER), note(1)):
            self.assertEqual(self.take(bad), INVALID)
        self.assertEqual(self.take(good, remaining=0), INVALID)
        self.assertEqual(len(self.watched), 0)

    def test_a_record_from_the_future_is_no_news_from_one_holder(self) -> None:
        late = record(b"late", 301)
        self.assertEqual(self.take(late), DOUBTFUL)
        self.assertTrue(self.state()[0].gone)
        verdict, _ = self.watched.found(StorageKey(1, KEY), late, 100, 0.0)
        self.assertEqual(verdict, NEWS, "a search has told that most have it")
        self.assertEqual(self.take(late), KNOWN)

    def test_each_record_is_judged_once_up_to_a_bound(self) -> None:
        counted: list[bytes] = []

        def identify(data: bytes) -> StorageKey:
            counted.append(data)
            return VALUE.identify(data)

        self.watched = Watched(VALUE._replace(identify=identify), KEY, LONGEST)
        for _ in range(8):
            self.take(record(b"one"))
        self.assertEqual(len(counted), 1)
        for number in range(JUDGED + 1):
            self.take(record(b"%d" % number, number))
        self.take(record(b"one"))
        self.assertEqual(len(counted), JUDGED + 3)

    def test_a_tombstone_is_news_and_its_end_is_not(self) -> None:
        self.take(record(b"one"))
        self.assertEqual(self.take(tombstone(1), 50), NEWS)
        (change,) = self.state()
        self.assertEqual((change.gone, change.record.deleted, change.value), (True, True, None))
        self.assertEqual(self.watched.ended(50.0), [])
        self.assertEqual(self.watched.version(), b"")

    def test_the_end_of_a_record_is_told_once(self) -> None:
        self.take(record(b"one"), 50)
        self.assertEqual((self.watched.next_end(), self.watched.ended(49.9)), (50.0, []))
        (end,) = self.watched.ended(50.0)
        self.assertEqual((end.gone, end.record, end.where), (True, None, StorageKey(1, KEY)))
        self.assertEqual((self.watched.ended(51.0), self.watched.next_end()), ([], None))

    def test_more_time_puts_the_end_off_but_no_more_than_the_network_grants(self) -> None:
        self.take(record(b"one"), 50)
        self.take(record(b"one"), 20)
        self.assertEqual(self.watched.next_end(), 50.0)
        self.take(record(b"one"), 1e9, now=10.0)
        self.assertEqual(self.watched.next_end(), 10.0 + LONGEST)

    def test_what_comes_back_is_told_again_and_what_is_older_is_not(self) -> None:
        one, two = record(b"one"), record(b"two", 1)
        self.take(two, 50)
        self.watched.ended(60.0)
        self.assertEqual(self.take(one, now=61.0), KNOWN)
        self.assertTrue(self.state(61.0)[0].gone)
        self.assertEqual(self.take(two, now=62.0), NEWS)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), max_size=40))
    def test_what_is_told_only_ever_gets_newer(self, taken: list[tuple[int, int]]) -> None:
        watched = Watched(VALUE, KEY, LONGEST)
        told: list[bytes] = []
        for now, (number, remaining) in enumerate(taken):
            watched.ended(float(now))
            _, change = watched.take(record(b"v", number), remaining, float(now), UNIX_NOW)
            told += [] if change is None else [change.data]
        for older, newer in pairwise(told):
            self.assertFalse(VALUE.supersedes(older, newer))


class ManyTests(WatchedCase):
    def setUp(self) -> None:
        self.rules = Notary().kind
        super().setUp()

    def test_each_place_has_news_of_its_own(self) -> None:
        taken = [note(1), note(2), note(1), note(1, 2), note(2)]
        self.assertEqual([self.take(e) for e in taken], [NEWS, NEWS, KNOWN, NEWS, KNOWN])
        told = [(each.record.author, each.record.number) for each in self.state()]
        self.assertEqual(told, [(b"auth0001", 2), (b"auth0002", 1)])
        self.assertEqual(self.watched.version(), b"")

    def test_one_holder_fills_a_part_only_until_a_search_has_found_them(self) -> None:
        def tell(author: int, source: str) -> Verdict:
            return self.watched.take(note(author), 99, 0.0, UNIX_NOW, source)[0]

        verdicts = [tell(author, "liar") for author in range(A_SOURCE_AT_LEAST + 1)]
        self.assertEqual(verdicts, [NEWS] * A_SOURCE_AT_LEAST + [CROWDED])
        self.assertEqual(tell(100, "honest"), NEWS)
        self.watched.found(StorageKey(NOTE, KEY, b"auth0000"), note(0), 99, 0.0)
        self.assertEqual([tell(101, "liar"), tell(102, "liar")], [NEWS, CROWDED])
        self.watched.ended(100.0)
        self.assertEqual(tell(102, "liar"), NEWS)

    def test_forgeries_are_nothing(self) -> None:
        self.assertEqual(self.take(note(1)[:-1] + b"!"), INVALID)

    def test_there_are_as_many_places_as_a_holder_keeps(self) -> None:
        for author in range(NOTES_A_KEY):
            self.assertEqual(self.take(note(author), 50 + author), NEWS)
        self.assertEqual(self.take(note(NOTES_A_KEY)), KNOWN)
        self.assertEqual(self.take(note(3, 2), 200), NEWS)
        self.assertEqual(len(self.watched.ended(52.0)), 3)
        fresh = [self.take(note(author), 99, 52.0) for author in range(200, 204)]
        self.assertEqual(fresh, [NEWS, NEWS, NEWS, KNOWN])
        self.assertEqual(len(self.watched), NOTES_A_KEY)
