"""Records of kind 2: values under their own hashes."""

from __future__ import annotations

from hashlib import sha1

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidRecord, RecordTooLarge
from kadtwisted.model import bencode
from kadtwisted.model.ids import id_to_bytes
from kadtwisted.model.record import Immutable, StorageKey
from kadtwisted.records.immutable import decode, encode, identify, publish
from kadtwisted.records.kinds import IMMUTABLE
from kadtwisted.testing.contracts.record_kind import RecordKindContract

# BEP 44, test vector 3.
HELLO = b"12:Hello World!"
TARGET = "e5f96f6f38320f0f33959cb4d3d656452117aadb"


class TheContract(RecordKindContract, SynchronousTestCase):
    kind = IMMUTABLE
    records = tuple(
        encode(Immutable(v)) for v in (HELLO, b"0:", b"i7e", b"d1:ali1eee", b"996:" + bytes(996))
    )
    wanted = Immutable(HELLO)


class ImmutableTests(SynchronousTestCase):
    def test_the_vector_of_bep_44(self) -> None:
        record = encode(Immutable(HELLO))
        self.assertEqual(record, b"\x02" + HELLO)
        self.assertEqual(id_to_bytes(identify(record).key).hex(), TARGET)

    def test_there_and_back(self) -> None:
        for value in (b"", b"hello", 5, [b"a", 1], {b"a": b"b"}):
            v = bencode.encode(value)
            record = encode(Immutable(v))
            found = decode(record)
            self.assertEqual((found, found.deleted, found.facts()), (Immutable(v), False, {}))
            self.assertEqual(id_to_bytes(found.key), sha1(v).digest())
            self.assertEqual(identify(record), StorageKey(2, found.key))

    def test_one_value_has_one_record_whenever_it_is_published(self) -> None:
        record = encode(Immutable(HELLO))
        for seen in ([], [record], [encode(Immutable(b"0:"))]):
            self.assertEqual(publish(Immutable(HELLO), seen, 5.0), record)

    def test_what_is_no_record(self) -> None:
        for data, reason in (
            (b"", "wrong-kind"),
            (b"\x03" + HELLO, "wrong-kind"),
            (b"\x02", "not-bencode"),
            (b"\x02" + HELLO + b"x", "trailing-bytes"),
            (b"\x02" + b"05:hello", "bad-integer"),
            (b"\x02" + b"d1:b0:1:a0:e", "unsorted-keys"),
            (b"\x02" + b"997:" + bytes(997), "too-large"),
            (b"\x02de", "no-value"),
        ):
            error = self.assertRaises(InvalidRecord, identify, data)
            self.assertEqual(error.reason, reason, data)

    def test_what_is_not_encoded(self) -> None:
        self.assertRaises(RecordTooLarge, encode, Immutable(b"997:" + bytes(997)))
        for v in (b"de", b"", b"plain"):
            self.assertRaises(InvalidRecord, encode, Immutable(v))
