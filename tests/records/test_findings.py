"""What a search has found: each record judged once, one winner a place, and who is believed."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import StoredItem
from kadtwisted.model.record import StorageKey
from kadtwisted.records.findings import Finding, Findings, merged
from kadtwisted.records.kinds import VALUE, RecordKind
from kadtwisted.records.value import encode, value_of
from kadtwisted.records.version import version_of
from tests.records.toys import LONGEST, NOTE, Notary, Note, write

KEY, OTHER = NodeID(77), NodeID(78)
NOW = 1000.0
HOUR = 3600


def holder(number: int) -> Contact:
    return Contact.at(NodeID(number), Endpoint(f"192.0.2.{number}", 8000))


def record(value: bytes, published: float = 0.0, key: NodeID = KEY) -> bytes:
    """A record published so many seconds after :data:`NOW`."""
    return encode(value_of(key, value, int((NOW + published) * 1_000_000)))


def note(author: int, number: int = 1, key: NodeID = KEY) -> bytes:
    return write(Note(key, b"auth%04d" % author, number, b"text"))


class Search:
    """Findings, and who was found to hold what, as a lookup keeps count of it."""

    def __init__(self, rules: RecordKind = VALUE) -> None:
        self.findings = Findings(rules, KEY, 48 * HOUR)
        self.held: dict[bytes, list[Contact]] = {}

    def take(self, number: int, data: bytes, remaining: int = 100) -> bool | None:
        """A holder returned this; whether it is doubtful, ``None`` if it is worthless."""
        judged = self.findings.take(StoredItem(data, remaining), holder(number), NOW)
        if judged is None:
            return None
        if not judged.doubtful:
            self.held.setdefault(judged.version, []).append(holder(number))
        return judged.doubtful

    def holders(self, version: bytes) -> Sequence[Contact]:
        return self.held[version]

    def winners(self, *closest: int, ended_early: bool = False) -> list[Finding]:
        near = [holder(number) for number in closest]
        return [*self.findings.winners(self.holders, near, ended_early=ended_early)]

    def found(self, *closest: int, ended_early: bool = False) -> list[bytes]:
        return [each.record for each in self.winners(*closest, ended_early=ended_early)]


class JudgingTests(SynchronousTestCase):
    def test_each_distinct_record_is_judged_once(self) -> None:
        notary = Notary()
        search = Search(notary.kind)
        forged = note(1)[:-1] + b"!"
        for number in range(1, 6):
            self.assertIs(search.take(number, note(1)), False)
            self.assertIsNone(search.take(number, forged))
            self.assertIsNone(search.take(number, note(2, key=OTHER)))
        expected = {note(1): 1, forged: 1, note(2, key=OTHER): 1}
        self.assertEqual(notary.verified, expected)
        (winner,) = search.winners()
        self.assertEqual(winner.holders, tuple(map(holder, range(1, 6))))

    def test_two_records_of_one_version_are_judged_one_by_one(self) -> None:
        notary = Notary()
        search = Search(notary.kind._replace(version=lambda record: bytes(8)))
        self.assertIs(search.take(1, note(1)), False)
        self.assertIsNone(search.take(2, note(1)[:-1] + b"!"))
        self.assertEqual(search.found(), [note(1)])

    def test_what_is_no_record_of_the_kind_under_the_key_counts_as_none(self) -> None:
        search = Search()
        for bad in (b"", record(b"a")[:-1], record(b"a", key=OTHER), note(1)):
            self.assertIsNone(search.take(1, bad))
        self.assertEqual(search.found(1), [])

    def test_a_finding_tells_place_version_and_time_left_at_its_freshest_holder(self) -> None:
        search = Search()
        for number, remaining in ((1, 50), (2, 90), (3, 70)):
            search.take(number, record(b"a"), remaining)
        holders = (holder(1), holder(2), holder(3))
        version = version_of(record(b"a"))
        expected = Finding(StorageKey(1, KEY), record(b"a"), version, 90, holders)
        self.assertEqual(search.winners(), [expected])

    def test_nobody_is_believed_who_says_that_it_lives_longer_than_it_may(self) -> None:
        for rules, data, longest in (
            (VALUE, record(b"a"), 48 * HOUR),
            (Notary().kind, note(1), int(LONGEST)),
        ):
            search = Search(rules)
            search.take(1, data, 2**32 - 1)
            self.assertEqual(search.winners()[0].remaining, longest)


class WinnerTests(SynchronousTestCase):
    def test_one_record_wins_under_a_key(self) -> None:
        search = Search()
        for number, data in enumerate((record(b"b", 1), record(b"c", 2), record(b"a", 0)), 1):
            search.take(number, data)
        (winner,) = search.winners()
        self.assertEqual((winner.record, winner.holders), (record(b"c", 2), (holder(2),)))

    def test_of_many_one_wins_at_each_place_in_their_order(self) -> None:
        search = Search(Notary().kind)
        for number, data in enumerate((note(3), note(1, 1), note(2), note(1, 2), note(3)), 1):
            search.take(number, data)
        self.assertEqual(search.found(), [note(1, 2), note(2), note(3)])
        self.assertEqual(search.winners()[2].holders, (holder(1), holder(5)))

    def test_the_newest_one_is_named_to_the_next_holder(self) -> None:
        search = Search()
        self.assertEqual(search.findings.known_version(), b"")
        search.take(1, record(b"late", 3600))
        self.assertEqual(search.findings.known_version(), b"", "it is not believed yet")
        for published, newest in ((1, 1), (3, 3), (2, 3)):
            search.take(2, record(b"a", published))
            self.assertEqual(search.findings.known_version(), version_of(record(b"a", newest)))

    def test_of_many_none_is_named(self) -> None:
        search = Search(Notary().kind)
        search.take(1, note(1))
        self.assertEqual(search.findings.known_version(), b"")

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=8), st.randoms())
    def test_the_order_of_answers_makes_no_difference(self, notes, random) -> None:  # type: ignore[no-untyped-def]
        results = []
        for _ in range(2):
            search = Search(Notary().kind)
            random.shuffle(notes)
            for number, (author, count) in enumerate(notes, 1):
                search.take(number, note(author, count))
            results.append(search.found())
        best = {author: max(c for a, c in notes if a == author) for author, _ in notes}
        self.assertEqual(results[0], results[1])
        self.assertEqual(results[0], [note(author, best[author]) for author in sorted(best)])


class FutureTests(SynchronousTestCase):
    """Records from the future by our clock: is it theirs that is wrong, or ours?"""

    def test_it_counts_if_more_than_half_of_the_closest_hold_it(self) -> None:
        search = Search()
        for number in (1, 2):
            self.assertIs(search.take(number, record(b"late", 3600)), True)
        self.assertEqual(search.found(1, 2, 3, 4), [])
        self.assertEqual(search.found(1, 2, 3), [record(b"late", 3600)])
        self.assertEqual(search.winners(1, 2, 3)[0].holders, (holder(1), holder(2)))

    def test_who_is_not_among_the_closest_does_not_count(self) -> None:
        search = Search()
        for number in (1, 8, 9):
            search.take(number, record(b"late", 3600))
        self.assertEqual(search.found(1, 2, 3), [])

    def test_believed_it_wins_over_what_is_older(self) -> None:
        search = Search()
        search.take(3, record(b"now"))
        for number in (1, 2):
            search.take(number, record(b"late", 3600))
        self.assertEqual(search.found(1, 2, 3), [record(b"late", 3600)])
        self.assertEqual(search.found(1, 2, 3, 4), [record(b"now")])

    def test_a_search_that_ended_early_believes_none_beside_a_plausible_one(self) -> None:
        search = Search()
        for number in (1, 2):
            search.take(number, record(b"late", 3600))
        self.assertEqual(search.found(1, 2, 3, ended_early=True), [record(b"late", 3600)])
        search.take(3, record(b"now"))
        self.assertEqual(search.found(1, 2, 3, ended_early=True), [record(b"now")])


class MergingTests(SynchronousTestCase):
    """The findings of several searches side by side, and of this node's own storage."""

    def finding(self, data: bytes, remaining: int, *holders: int) -> Finding:
        where = StorageKey(NOTE, KEY, data[21:29])
        return Finding(where, data, version_of(data), remaining, tuple(map(holder, holders)))

    def test_the_better_record_wins_and_of_the_same_the_longer_life(self) -> None:
        rules = Notary().kind
        old, new = self.finding(note(1), 90, 1), self.finding(note(1, 2), 10, 2)
        longer, other = self.finding(note(1, 2), 20), self.finding(note(2), 5)
        for order in ((old, new, longer, other), (other, longer, new, old)):
            self.assertEqual(merged(rules, order), (longer, other))

    def test_equal_ones_are_the_firsts(self) -> None:
        one, other = self.finding(note(1), 10, 1), self.finding(note(1), 10, 2)
        self.assertEqual(merged(Notary().kind, (one, other)), (one,))
        self.assertEqual(merged(Notary().kind, (other, one)), (other,))
