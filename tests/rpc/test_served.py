"""What others have told of the methods that they serve, and the kinds of record that they know."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.rpc.bitmaps import bitmap_of
from kadtwisted.rpc.served import REFUSAL_COUNTS, Of, Served

A, B = bytes(32), bytes(31) + b"\1"


class ServedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.served = Served(3)

    def test_who_has_told_nothing_may_know_every_kind(self) -> None:
        self.assertIsNone(self.served.serves(A, Of.KINDS, 1, 0.0))
        self.served.told(A, b"", b"")
        self.assertIsNone(self.served.serves(A, Of.KINDS, 1, 0.0))
        self.assertEqual(len(self.served), 0)

    def test_a_pong_tells_all(self) -> None:
        self.served.told(A, b"", bitmap_of((1, 200)))
        found = [number for number in range(256) if self.served.serves(A, Of.KINDS, number, 0.0)]
        self.assertEqual(found, [1, 200])
        self.assertIs(self.served.serves(A, Of.KINDS, 2, 0.0), False)
        self.assertIsNone(self.served.serves(B, Of.KINDS, 1, 0.0))

    def test_the_newest_word_counts(self) -> None:
        self.served.told(A, b"", bitmap_of((1, 2)))
        self.served.refused(A, Of.KINDS, 2, 0.0)
        self.assertEqual(
            [self.served.serves(A, Of.KINDS, kind, 1.0) for kind in (1, 2)], [True, False]
        )
        self.served.told(A, b"", bitmap_of((1, 2)))
        self.assertIs(self.served.serves(A, Of.KINDS, 2, 1.0), True)

    def test_a_refusal_counts_for_a_while_and_for_its_kind(self) -> None:
        self.served.refused(A, Of.KINDS, 2, 0.0)
        self.served.refused(A, Of.KINDS, 3, 10.0)
        self.assertIs(self.served.serves(A, Of.KINDS, 2, REFUSAL_COUNTS - 1), False)
        self.assertIsNone(self.served.serves(A, Of.KINDS, 2, REFUSAL_COUNTS))
        self.assertIs(self.served.serves(A, Of.KINDS, 3, REFUSAL_COUNTS), False)
        self.assertIsNone(self.served.serves(A, Of.KINDS, 1, 0.0))

    def test_methods_and_kinds_are_told_apart(self) -> None:
        self.served.told(A, bitmap_of((1, 2)), bitmap_of((3,)))
        self.served.refused(A, Of.METHODS, 2, 0.0)
        self.served.refused(B, Of.KINDS, 2, 0.0)
        for key, of, known in (
            (A, Of.METHODS, [True, False, False]),
            (A, Of.KINDS, [False, False, True]),
            (B, Of.METHODS, [None] * 3),
            (B, Of.KINDS, [None, False, None]),
        ):
            self.assertEqual([self.served.serves(key, of, each, 1.0) for each in (1, 2, 3)], known)

    def test_who_names_methods_alone_may_know_every_kind(self) -> None:
        self.served.told(A, bitmap_of((1,)), b"")
        self.assertIs(self.served.serves(A, Of.METHODS, 2, 0.0), False)
        self.assertIsNone(self.served.serves(A, Of.KINDS, 2, 0.0))

    def test_it_is_bounded_and_who_told_longest_ago_goes_first(self) -> None:
        self.served = Served(4)
        keys = [number.to_bytes(32, "big") for number in range(4)]
        for key in keys[:3]:
            self.served.told(key, b"", b"\x40")
        self.served.refused(keys[0], Of.KINDS, 9, 0.0)
        for key in keys[3:]:
            self.served.told(key, b"", b"\x40")
            self.assertLessEqual(len(self.served), 4)
        known = [self.served.serves(key, Of.KINDS, 1, 0.0) for key in keys]
        self.assertEqual(known, [True, None, True, True])

    def test_room_for_one(self) -> None:
        self.served = Served(1)
        for key in (A, B):
            self.served.told(key, b"", b"\x40")
        self.assertEqual(len(self.served), 1)
        self.assertEqual(
            [self.served.serves(key, Of.KINDS, 1, 0.0) for key in (A, B)], [None, True]
        )

    def test_each_has_its_own_word(self) -> None:
        self.served = Served(10)
        keys = [number.to_bytes(32, "big") for number in range(4)]
        for key, number in zip(keys, (1, 2, 2, 1), strict=True):
            self.served.told(key, b"", bitmap_of((number,)))
        self.served.refused(keys[1], Of.KINDS, 2, 0.0)
        self.assertEqual(
            [self.served.serves(key, Of.KINDS, 2, 0.0) for key in keys], [False, False, True, False]
        )
