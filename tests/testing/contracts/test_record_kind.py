"""The contract of record kinds: our kinds keep it, and each of its rules catches an offender."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import TestResult

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, Value
from kadtwisted.node.serving.pages import ROOM_ALONE
from kadtwisted.records.kinds import VALUE
from kadtwisted.records.value import TOMBSTONE, encode
from kadtwisted.testing.contracts.record_kind import RecordKindContract
from tests.records.toys import COUNTER, COUNTERS, Notary, Note, count, write

KEY, OTHER = NodeID(77), NodeID(78)


class ValueTests(RecordKindContract, SynchronousTestCase):
    kind = VALUE
    records = (
        encode(Value(KEY, 5, False, b"1:a")),
        encode(Value(KEY, 5, False, b"1:b")),
        encode(Value(KEY, 2**50, True, TOMBSTONE)),
        encode(Value(OTHER, 5, False, b"1:a")),
        encode(Value(OTHER, 7, False, b"996:" + bytes(996))),
    )
    wanted = Value(KEY, 0, False, b"1:c")


class NoteTests(RecordKindContract, SynchronousTestCase):
    kind = Notary().kind
    records = tuple(
        write(Note(key, b"author %d" % author, number, b"text"))
        for key in (KEY, OTHER)
        for author in (1, 2)
        for number in (1, 2, 3)
    )
    wanted = Note(KEY, b"author 2", 1, b"next")


class CounterTests(RecordKindContract, SynchronousTestCase):
    kind = COUNTERS
    records = (count(KEY, 1), count(KEY, 2), count(KEY, 2, b"x"), count(OTHER, 1))
    wanted = KEY


def offender(**rules: Any) -> type[CounterTests]:
    """The tests of a counter some of whose rules are wrong."""

    class Offender(CounterTests):
        kind = COUNTERS._replace(**rules)

    return Offender


def anywhere(record: bytes) -> StorageKey:
    return StorageKey(COUNTER, KEY)


def with_sub(record: bytes) -> StorageKey:
    return COUNTERS.identify(record)._replace(sub=b"sub")


class CatchesTests(SynchronousTestCase):
    def caught(self, **rules: Any) -> list[str]:
        """The tests that fail for a kind with these rules."""
        result = TestResult()
        names = [each for each in dir(CounterTests) if each.startswith("test_")]
        for name in names:
            offender(**rules)(name).run(result)
        return [test.id().rpartition(".")[2] for test, _ in result.failures + result.errors]

    def test_offenders(self) -> None:
        broken: tuple[tuple[str, dict[str, Any]], ...] = (
            ("test_the_first_byte_is_the_number", {"number": 202}),
            ("test_any_other_bytes_are_refused_or_another_record", {"identify": anywhere}),
            ("test_each_record_is_told_apart_by_its_place", {"identify": with_sub}),
            ("test_each_record_is_told_apart_by_its_place", {"most": 9}),
            ("test_decoding_is_repeatable", {"decode": lambda record: object()}),
            (
                "test_of_two_records_of_one_place_one_supersedes_the_other",
                {"supersedes": lambda new, old: new[21:29] > old[21:29]},
            ),
            ("test_no_record_supersedes_itself", {"supersedes": lambda new, old: new >= old}),
            (
                "test_what_supersedes_does_so_in_one_order",
                {"supersedes": lambda new, old: (len(new) - len(old) + new[28] - old[28]) % 3 == 1},
            ),
            (
                "test_a_floor_stops_exactly_what_its_record_supersedes",
                {"floor": lambda record: record[21:29]},
            ),
            (
                "test_a_floor_stops_exactly_what_its_record_supersedes",
                {"beats": lambda record, floor: record > floor},
            ),
            (
                "test_a_floor_stops_exactly_what_its_record_supersedes",
                {"beats": lambda record, floor: record[:29] >= floor[:29]},
            ),
            ("test_versions_are_eight_bytes_and_differ", {"version": lambda record: record[:8]}),
            ("test_versions_are_eight_bytes_and_differ", {"version": lambda record: record}),
            ("test_the_higher_sequence_number_supersedes", {"sequence": lambda record: 2**63}),
            ("test_the_higher_sequence_number_supersedes", {"sequence": lambda r: 9 - r[28]}),
            ("test_every_record_may_live_for_a_while", {"longest": lambda record: 0.0}),
            ("test_no_record_is_too_old", {"check": lambda record, unix_now: bool(record)}),
            (
                "test_what_is_published_supersedes_what_was_seen",
                {"publish": lambda wanted, seen, unix_now: count(wanted, 1)},
            ),
        )
        for test, rules in broken:
            self.assertIn(test, self.caught(**rules), rules)

    def test_a_kind_that_is_right_is_not_caught(self) -> None:
        self.assertEqual(self.caught(), [])

    def test_records_that_no_answer_has_room_for(self) -> None:
        class Large(CounterTests):
            records = (*CounterTests.records, count(OTHER, 3, bytes(ROOM_ALONE)))

        self.assertEqual(self.failed(Large, "test_an_answer_has_room_for_the_largest"), 1)

    def failed(self, tests: Callable[[str], SynchronousTestCase], name: str) -> int:
        result = TestResult()
        tests(name).run(result)
        return len(result.failures + result.errors)
