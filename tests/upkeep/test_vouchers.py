"""The word of other holders: for how long it counts, and that it never counts for ever."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey
from kadtwisted.upkeep.vouchers import Vouchers

PLACE = StorageKey(1, NodeID(7))
ONE, OTHER = NodeID(1), NodeID(2)
WITHIN, PERIOD = 40.0, 60.0


class VoucherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.vouchers = Vouchers(20, random.Random(1))

    def excuses(self, now: float, where: StorageKey = PLACE) -> bool:
        return self.vouchers.excuse(where, now, WITHIN, PERIOD)

    def test_a_word_counts_for_a_while_and_for_one_record(self) -> None:
        self.vouchers.vouch(PLACE, ONE, 100.0)
        self.assertTrue(self.excuses(139.0))
        self.assertFalse(self.excuses(140.0))
        self.assertFalse(self.excuses(101.0, PLACE._replace(sub=b"x")))

    def test_the_word_of_one_node_counts_for_one_period_however_often_it_is_said(self) -> None:
        for now in range(100, 1000, 10):
            self.vouchers.vouch(PLACE, ONE, float(now))
            self.assertEqual(self.excuses(float(now)), now < 160, now)

    def test_another_voice_counts_anew(self) -> None:
        for now, voucher in ((100.0, ONE), (130.0, ONE), (160.0, OTHER)):
            self.vouchers.vouch(PLACE, voucher, now)
        self.assertTrue(self.excuses(190.0))

    def test_several_who_take_turns_are_disbelieved_once_a_period_by_k_holders(self) -> None:
        periods = 1000
        draws = [self.vouchers.believes(2) for _ in range(2 * 20 * periods)]
        self.assertTrue(0.8 * periods < draws.count(False) < 1.2 * periods)

    def test_those_who_are_silent_are_forgotten(self) -> None:
        self.vouchers.vouch(PLACE, ONE, 100.0)
        self.vouchers.vouch(PLACE._replace(sub=b"x"), ONE, 101.0)
        self.vouchers.forget(101.0)
        self.assertEqual(len(self.vouchers), 1)
        self.assertFalse(self.excuses(101.0))
