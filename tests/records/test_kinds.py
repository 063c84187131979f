"""The table of kinds: whoever uses it needs to know none of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ClockSkew, InvalidInput, InvalidRecord
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import Kind, StorageKey, Value
from kadtwisted.records.kinds import NATIVE_KINDS, VALUE, RecordKinds, Sender
from kadtwisted.records.value import encode, value_of
from kadtwisted.records.version import version_of
from tests.records.toys import COUNTER, COUNTERS, NOTE, Notary, Note, with_toys, write

KEY = NodeID(77)
OLD, NEW = (encode(value_of(KEY, b"x", published)) for published in (1, 2_000_000))
SENDER = Sender(Endpoint("192.0.2.1", 8000), bytes(32))


class TestValues(SynchronousTestCase):
    def test_identify(self) -> None:
        self.assertEqual(VALUE.identify(NEW), StorageKey(Kind.VALUE, KEY))
        self.assertRaises(InvalidRecord, VALUE.identify, NEW + b"x")

    def test_the_newer_one_supersedes(self) -> None:
        self.assertTrue(VALUE.supersedes(NEW, OLD))
        self.assertFalse(VALUE.supersedes(OLD, NEW))
        self.assertFalse(VALUE.supersedes(NEW, NEW))

    def test_the_future_is_refused(self) -> None:
        self.assertIsNone(VALUE.check(NEW, -298.0))
        self.assertRaises(ClockSkew, VALUE.check, NEW, -298.5)

    def test_anybody_may_store_them_for_as_long_as_the_network_allows(self) -> None:
        self.assertIsNone(VALUE.admit(NEW, SENDER))
        self.assertEqual(VALUE.longest(NEW), float("inf"))

    def test_one_stands_under_a_key_without_a_sequence_number(self) -> None:
        self.assertEqual((VALUE.most, VALUE.many, VALUE.sequence), (1, False, None))

    def test_decode_and_publish_are_each_others_inverse(self) -> None:
        wanted = Value(KEY, 0, False, b"1:x")
        published = VALUE.publish(wanted, [OLD], 2.0)
        self.assertEqual(published, NEW)
        self.assertEqual(VALUE.decode(published), wanted._replace(published=2_000_000))

    def test_the_version_is_the_common_one(self) -> None:
        self.assertEqual(VALUE.version(NEW), version_of(NEW))


class TestRecordKinds(SynchronousTestCase):
    def test_identify_gives_the_rules_and_the_place(self) -> None:
        self.assertEqual(NATIVE_KINDS.identify(NEW), (VALUE, StorageKey(Kind.VALUE, KEY)))
        notary = Notary()
        note = write(Note(KEY, b"author 1", 5, b"text"))
        expected = (notary.kind, StorageKey(NOTE, KEY, b"author 1"))
        self.assertEqual(with_toys(notary).identify(note), expected)

    def test_bytes_that_are_no_record(self) -> None:
        for record, reason in (
            (b"", "empty"),
            (b"\x00", "unknown-kind"),
            (b"\x09x", "unknown-kind"),
            (NEW[:-1], "truncated"),
        ):
            error = self.assertRaises(InvalidRecord, NATIVE_KINDS.identify, record)
            self.assertEqual(error.reason, reason)

    def test_kinds_not_admitted_are_refused(self) -> None:
        for kinds, record in ((NATIVE_KINDS, b"\x09" + NEW[1:]), (RecordKinds(()), NEW)):
            error = self.assertRaises(InvalidRecord, kinds.identify, record)
            self.assertEqual(error.reason, "unknown-kind")

    def test_known(self) -> None:
        self.assertEqual([NATIVE_KINDS.known(number) for number in range(4)], [0, 1, 1, 1])
        self.assertIs(NATIVE_KINDS.get(1), VALUE)
        self.assertIsNone(NATIVE_KINDS.get(9))

    def test_they_come_in_the_order_of_their_numbers(self) -> None:
        kinds = RecordKinds((COUNTERS, Notary().kind, VALUE))
        self.assertEqual([each.number for each in kinds], [1, NOTE, COUNTER])

    def test_it_knows_of_which_kinds_many_stand_under_a_key(self) -> None:
        self.assertEqual(NATIVE_KINDS.many, frozenset())
        self.assertEqual(with_toys(Notary()).many, {NOTE})

    def test_each_number_is_one_kinds_alone(self) -> None:
        wrong_numbers = [COUNTERS._replace(number=number) for number in (256, 0, -1)]
        for wrong in (VALUE, *wrong_numbers):
            self.assertRaises(InvalidInput, RecordKinds, (VALUE, wrong))

    def test_versions_are_the_kinds_own(self) -> None:
        kinds = RecordKinds((VALUE._replace(version=lambda record: record[-8:]),))
        self.assertEqual(kinds.version(1, NEW), NEW[-8:])
        self.assertEqual(kinds.version(2, NEW), version_of(NEW))
