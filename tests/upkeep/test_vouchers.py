"""The word of other holders: for how long it counts, and that it never counts for ever."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey
from kadtwisted.upkeep.vouchers import REMEMBERED, SILENCE, Vouchers

PLACE = StorageKey(1, NodeID(7))
ONE, OTHER = NodeID(1), NodeID(2)
WITHIN, PERIOD = 40.0, 60.0


class VoucherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.vouchers = Vouchers(20, random.Random(1))

    def excuses(self, now: float, where: StorageKey = PLACE) -> bool:
        return self.vouchers.excuse(where, now, WITHIN)

    def test_a_word_counts_for_a_while_and_for_one_record(self) -> None:
        self.vouchers.vouch(PLACE, ONE, 100.0)
        self.assertTrue(self.excuses(139.0))
        self.assertFalse(self.excuses(140.0))
        self.assertFalse(self.excuses(101.0, PLACE._replace(sub=b"x")))

    def test_it_counts_no_longer_however_often_it_is_said(self) -> None:
        for now in range(100, 1000, 10):
            self.vouchers.vouch(PLACE, ONE, float(now))
            self.assertEqual(self.excuses(float(now)), now < 140, now)
            self.vouchers.forget(now, PERIOD)

    def test_another_voice_counts_and_does_not_make_the_first_one_count_again(self) -> None:
        self.vouchers.vouch(PLACE, ONE, 100.0)
        self.vouchers.vouch(PLACE, OTHER, 150.0)
        self.vouchers.vouch(PLACE, ONE, 160.0)
        self.assertTrue(self.excuses(189.0))
        self.assertFalse(self.excuses(190.0))

    def test_who_was_silent_for_long_counts_anew(self) -> None:
        self.vouchers.vouch(PLACE, ONE, 100.0)
        self.vouchers.forget(100 + SILENCE * PERIOD, PERIOD)
        self.vouchers.vouch(PLACE, ONE, 300.0)
        self.assertFalse(self.excuses(300.0))
        self.vouchers.forget(300 + SILENCE * PERIOD, PERIOD)
        self.assertEqual(len(self.vouchers), 1)
        self.vouchers.forget(301 + SILENCE * PERIOD, PERIOD)
        self.assertEqual(len(self.vouchers), 0)
        self.vouchers.vouch(PLACE, ONE, 700.0)
        self.assertTrue(self.excuses(700.0))

    def test_so_many_voices_are_remembered(self) -> None:
        for number in range(9):
            self.vouchers.vouch(PLACE, NodeID(number), 100.0 + number)
        self.assertEqual(len(self.vouchers._words[PLACE]), REMEMBERED)

    def test_several_who_take_turns_are_disbelieved_once_a_period_by_k_holders(self) -> None:
        periods = 1000
        draws = [self.vouchers.believes(2) for _ in range(2 * 20 * periods)]
        self.assertTrue(0.8 * periods < draws.count(False) < 1.2 * periods)
