"""What others have told of the kinds of record that they know."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.rpc.bitmaps import bitmap_of
from kadtwisted.rpc.served_kinds import REFUSAL_COUNTS, ServedKinds

A, B = bytes(32), bytes(31) + b"\1"


class ServedKindsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kinds = ServedKinds(3)

    def test_who_has_told_nothing_may_know_every_kind(self) -> None:
        self.assertIsNone(self.kinds.knows(A, 1, 0.0))
        self.kinds.told(A, b"")
        self.assertIsNone(self.kinds.knows(A, 1, 0.0))
        self.assertEqual(len(self.kinds), 0)

    def test_a_pong_tells_all(self) -> None:
        self.kinds.told(A, bitmap_of((1, 200)))
        found = [number for number in range(256) if self.kinds.knows(A, number, 0.0)]
        self.assertEqual(found, [1, 200])
        self.assertIs(self.kinds.knows(A, 2, 0.0), False)
        self.assertIsNone(self.kinds.knows(B, 1, 0.0))

    def test_the_newest_word_counts(self) -> None:
        self.kinds.told(A, bitmap_of((1, 2)))
        self.kinds.refused(A, 2, 0.0)
        self.assertEqual([self.kinds.knows(A, kind, 1.0) for kind in (1, 2)], [True, False])
        self.kinds.told(A, bitmap_of((1, 2)))
        self.assertIs(self.kinds.knows(A, 2, 1.0), True)

    def test_a_refusal_counts_for_a_while_and_for_its_kind(self) -> None:
        self.kinds.refused(A, 2, 0.0)
        self.kinds.refused(A, 3, 10.0)
        self.assertIs(self.kinds.knows(A, 2, REFUSAL_COUNTS - 1), False)
        self.assertIsNone(self.kinds.knows(A, 2, REFUSAL_COUNTS))
        self.assertIs(self.kinds.knows(A, 3, REFUSAL_COUNTS), False)
        self.assertIsNone(self.kinds.knows(A, 1, 0.0))

    def test_it_is_bounded_and_who_told_longest_ago_goes_first(self) -> None:
        self.kinds = ServedKinds(4)
        keys = [number.to_bytes(32, "big") for number in range(4)]
        for key in keys[:3]:
            self.kinds.told(key, b"\x40")
        self.kinds.refused(keys[0], 9, 0.0)
        for key in keys[3:]:
            self.kinds.told(key, b"\x40")
            self.assertLessEqual(len(self.kinds), 4)
        known = [self.kinds.knows(key, 1, 0.0) for key in keys]
        self.assertEqual(known, [True, None, True, True])

    def test_room_for_one(self) -> None:
        self.kinds = ServedKinds(1)
        for key in (A, B):
            self.kinds.told(key, b"\x40")
        self.assertEqual(len(self.kinds), 1)
        self.assertEqual([self.kinds.knows(key, 1, 0.0) for key in (A, B)], [None, True])

    def test_each_has_its_own_word(self) -> None:
        self.kinds = ServedKinds(10)
        keys = [number.to_bytes(32, "big") for number in range(4)]
        for key, number in zip(keys, (1, 2, 2, 1), strict=True):
            self.kinds.told(key, bitmap_of((number,)))
        self.kinds.refused(keys[1], 2, 0.0)
        self.assertEqual(
            [self.kinds.knows(key, 2, 0.0) for key in keys], [False, False, True, False]
        )
