"""The table of kinds: whoever uses it needs to know none of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ClockSkew, InvalidRecord
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.records.kinds import KINDS, NATIVE_KINDS, VALUE, RecordKinds, kind_of
from kadtwisted.records.value import encode, value_of

KEY = NodeID(77)
OLD, NEW = (encode(value_of(KEY, b"x", published)) for published in (1, 2_000_000))


class TestKinds(SynchronousTestCase):
    def test_values_are_known(self) -> None:
        self.assertIs(kind_of(OLD), VALUE)
        self.assertEqual(dict(KINDS), {Kind.VALUE: VALUE})

    def test_each_kind_stands_under_its_number(self) -> None:
        for number, rules in KINDS.items():
            self.assertEqual(rules.number, number)

    def test_unknown_kinds(self) -> None:
        for record, reason in (
            (b"", "empty"),
            (b"\x00", "unknown-kind"),
            (b"\x04x", "unknown-kind"),
        ):
            error = self.assertRaises(InvalidRecord, kind_of, record)
            self.assertEqual(error.reason, reason)

    def test_a_network_may_admit_fewer(self) -> None:
        self.assertRaises(InvalidRecord, kind_of, OLD, {})

    def test_rules_of_values(self) -> None:
        rules = kind_of(NEW)
        self.assertEqual(rules.identify(NEW), StorageKey(Kind.VALUE, KEY))
        self.assertRaises(InvalidRecord, rules.identify, NEW + b"x")
        self.assertTrue(rules.supersedes(NEW, OLD))
        self.assertFalse(rules.supersedes(OLD, NEW))
        self.assertFalse(rules.supersedes(NEW, NEW))
        self.assertIsNone(rules.check(NEW, -298.0))
        self.assertRaises(ClockSkew, rules.check, NEW, -298.5)

    def test_the_table_cannot_be_changed(self) -> None:
        with self.assertRaises(TypeError):
            KINDS[9] = VALUE  # type: ignore[index]


class TestRecordKinds(SynchronousTestCase):
    def test_questions_go_to_the_rules_of_the_kind(self) -> None:
        self.assertEqual(NATIVE_KINDS.identify(NEW), StorageKey(Kind.VALUE, KEY))
        self.assertTrue(NATIVE_KINDS.supersedes(NEW, OLD))
        self.assertFalse(NATIVE_KINDS.supersedes(OLD, NEW))
        self.assertIsNone(NATIVE_KINDS.check(NEW, -298.0))
        self.assertRaises(ClockSkew, NATIVE_KINDS.check, NEW, -298.5)

    def test_known(self) -> None:
        self.assertEqual([NATIVE_KINDS.known(number) for number in range(4)], [0, 1, 0, 0])

    def test_kinds_not_admitted_are_refused(self) -> None:
        for kinds, record in ((NATIVE_KINDS, b"\x02" + NEW[1:]), (RecordKinds({}), NEW)):
            error = self.assertRaises(InvalidRecord, kinds.identify, record)
            self.assertEqual(error.reason, "unknown-kind")
