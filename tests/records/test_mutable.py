"""Records of kind 3: the vectors of BEP 44, which bytes are valid, and which of two wins."""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidRecord, InvalidSalt, RecordTooLarge, Superseded
from kadtwisted.identity.signing import SigningKey
from kadtwisted.model import bencode
from kadtwisted.model.ids import id_to_bytes
from kadtwisted.model.record import Mutable, StorageKey
from kadtwisted.records.kinds import MUTABLE
from kadtwisted.records.mutable import (
    SEQ_END,
    Draft,
    beats,
    decode,
    encode,
    floor,
    identify,
    next_seq,
    publish,
    sequence,
    signed_bytes,
    supersedes,
    write,
)
from kadtwisted.testing.contracts.record_kind import RecordKindContract
from tests.records.ed25519 import signed

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(32))
HELLO = b"12:Hello World!"

# BEP 44, test vectors 1 and 2.
VECTOR_KEY = bytes.fromhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")
VECTOR_SECRET = bytes.fromhex(
    "e06d3183d14159228433ed599221b80bd0a5ce8352e4bdf0262f76786ef1c74d"
    "b7e7a9fea2c0eb269d61e3b38e450a22e754941ac78479d6c54e1faf6037881d"
)
VECTORS = (
    (
        b"",
        b"3:seqi1e1:v12:Hello World!",
        "4a533d47ec9c7d95b1ad75f576cffc641853b750",
        "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
        "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01",
    ),
    (
        b"foobar",
        b"4:salt6:foobar3:seqi1e1:v12:Hello World!",
        "411eba73b6f087ca51a3795d9c8c938d365e32c1",
        "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
        "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08",
    ),
)
# BEP 46: public key, salt, target.
TARGETS = (
    ("", "cc3f9d90b572172053626f9980ce261a850d050b"),
    ("6e", "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"),
)
TARGET_KEY = bytes.fromhex("8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e")


def draft(v: bytes = HELLO, salt: bytes = b"", key: SigningKey = KEY) -> Draft:
    return Draft(key.public_key, key.sign, salt, v)


def record(seq: int, v: bytes = HELLO, salt: bytes = b"", key: SigningKey = KEY) -> bytes:
    return write(draft(v, salt, key), seq)


LARGEST = record(4, bencode.encode(bytes(932)), bytes(64))


class TheContract(RecordKindContract, SynchronousTestCase):
    kind = MUTABLE
    records = (
        record(1),
        record(2),
        record(2, b"5:other"),
        record(3, b"de"),
        record(SEQ_END - 2, b"0:"),
        LARGEST,
        record(1, HELLO, b"salt"),
        record(1, HELLO, b"", OTHER),
    )
    wanted = draft(b"4:next")


class VectorTests(SynchronousTestCase):
    def test_the_vectors_of_bep_44(self) -> None:
        scalar, prefix = int.from_bytes(VECTOR_SECRET[:32], "little"), VECTOR_SECRET[32:]
        for salt, buffer, target, signature in VECTORS:
            self.assertEqual(signed_bytes(salt, 1, HELLO), buffer)

            def sign(message: bytes) -> bytes:
                key, made = signed(message, scalar, prefix)
                self.assertEqual(key, VECTOR_KEY)
                return made

            made = publish(Draft(VECTOR_KEY, sign, salt, HELLO, 1), [], 0.0)
            where = identify(made)
            self.assertEqual(id_to_bytes(where.key).hex(), target)
            self.assertEqual(decode(made).signature.hex(), signature)

    def test_the_targets_of_bep_46(self) -> None:
        for salt, target in TARGETS:
            found = Mutable(TARGET_KEY, bytes.fromhex(salt), 0, bytes(64), b"0:")
            self.assertEqual(id_to_bytes(found.key).hex(), target)

    def test_each_integer_has_one_form(self) -> None:
        for seq, text in ((0, b"i0e"), (10, b"i10e"), (SEQ_END - 1, b"i9223372036854775807e")):
            self.assertEqual(signed_bytes(b"", seq, b"0:"), b"3:seq" + text + b"1:v0:")


class BytesTests(SynchronousTestCase):
    def test_the_largest(self) -> None:
        self.assertEqual(len(LARGEST), 106 + 1000)

    def test_layout(self) -> None:
        made = record(7, b"1:v", b"salt")
        self.assertEqual(made[:33], b"\x03" + KEY.public_key)
        self.assertEqual(made[33:41], (7).to_bytes(8, "big"))
        self.assertEqual(made[41:105], KEY.sign(b"4:salt4:salt3:seqi7e1:v1:v"))
        self.assertEqual(made[105:], b"\x04salt1:v")
        found = decode(made)
        self.assertEqual(found, Mutable(KEY.public_key, b"salt", 7, made[41:105], b"1:v"))
        self.assertEqual((found.deleted, found.facts()), (False, {"seq": 7}))
        self.assertEqual((encode(found), sequence(made)), (made, 7))
        self.assertEqual(identify(made), StorageKey(3, KEY.reference(b"salt").key))

    def test_a_tombstone_is_the_empty_dictionary(self) -> None:
        self.assertTrue(decode(record(1, b"de")).deleted)
        for v in (b"0:", b"le", b"d1:a0:e", b"2:de"):
            self.assertFalse(decode(record(1, v)).deleted)

    def test_what_is_no_record(self) -> None:
        good = record(1, HELLO, b"salt")
        head = good[:105]
        for data, reason in (
            (b"", "truncated"),
            (good[:105], "truncated"),
            (head + b"\x04sal", "truncated"),
            (b"\x02" + good[1:], "wrong-kind"),
            (good[:33] + b"\x80" + good[34:], "bad-sequence"),
            (head + b"\x41" + bytes(65) + b"0:", "salt-too-long"),
            (head + b"\x00997:" + bytes(997), "too-large"),
            (head + b"\x04salt997:" + bytes(997), "too-large"),
            (head + b"\x04salt", "not-bencode"),
            (good + b"x", "trailing-bytes"),
            (good[:-1] + b"?", "bad-signature"),
            (head + b"\x00" + HELLO, "bad-signature"),
            (head + b"\x05salt1" + HELLO[1:], "trailing-bytes"),
        ):
            error = self.assertRaises(InvalidRecord, identify, data)
            self.assertEqual(error.reason, reason, data[100:130])

    def test_what_is_not_written(self) -> None:
        self.assertRaises(InvalidSalt, write, draft(salt=bytes(65)), 1)
        self.assertRaises(RecordTooLarge, write, draft(b"997:" + bytes(997)), 1)
        self.assertRaises(RecordTooLarge, write, draft(b"994:" + bytes(994), b"abc"), 1)
        self.assertEqual(len(write(draft(b"994:" + bytes(994), b"ab"), 1)), 106 + 1000)
        for seq in (-1, SEQ_END, 2**64):
            self.assertRaises(InvalidRecord, write, draft(), seq)
        self.assertRaises(InvalidRecord, write, draft(b"no bencode"), 1)


class OrderTests(SynchronousTestCase):
    def test_the_higher_number_then_the_larger_hash(self) -> None:
        twins = sorted((record(2), record(2, b"5:other")), key=floor)
        ascending = [record(0), record(1, b"de"), *twins, record(3), record(256), record(2**62)]
        for (i, a), (j, b) in product(enumerate(ascending), repeat=2):
            self.assertEqual(supersedes(a, b), i > j)
            self.assertEqual(beats(a, floor(b)), i >= j)

    def test_the_next_number(self) -> None:
        self.assertEqual(next_seq([], 1_800_000_000.9), 1_800_000_000)
        self.assertEqual(next_seq([], -5.0), 1, "a clock before 1970")
        self.assertEqual(next_seq([record(0)], 1.8e9), 1)
        self.assertEqual(next_seq([record(7), record(9)], 1.8e9), 10)
        self.assertEqual(next_seq([record(SEQ_END - 2)], 1.8e9), SEQ_END - 1)
        self.assertRaises(Superseded, next_seq, [record(SEQ_END - 1)], 1.8e9)

    def test_a_number_of_ones_own(self) -> None:
        wanted = draft()._replace(seq=5)
        self.assertEqual(sequence(publish(wanted, [record(9)], 1.8e9)), 5)
