"""What is known of endpoints: patience, tokens, failures."""

from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import NO_TOKEN
from kadtwisted.model.contact import Endpoint
from kadtwisted.parameters import Timeouts
from kadtwisted.rpc.endpoints import (
    SLOW,
    UNKNOWN,
    UNMEASURED,
    EndpointRecord,
    Endpoints,
    Patience,
    RecentRTTs,
    smoothed,
)

HERE = Endpoint("192.0.2.1", 4000)
THERE = Endpoint("192.0.2.2", 4000)
TOKEN = b"8 bytes!"
ALICE, BOB = b"a" * 32, b"b" * 32
WIDE = Timeouts(floor=0.0, ceiling=1000.0, unknown_factor=3.0, hard_factor=3.0)


class EstimatorTests(SynchronousTestCase):
    """RFC 6298 against numbers computed by hand."""

    def test_by_hand(self):
        # R = 0.800: SRTT = R, RTTVAR = R / 2.
        srtt, rttvar = smoothed(UNMEASURED, 0.0, 0.8)
        self.assertEqual((srtt, rttvar), (0.8, 0.4))
        # R = 1.600: RTTVAR = 3/4 x 0.4 + 1/4 x |0.8 - 1.6| = 0.5, SRTT = 7/8 x 0.8 + 0.2 = 0.9.
        srtt, rttvar = smoothed(srtt, rttvar, 1.6)
        self.assertAlmostEqual(rttvar, 0.5, 12)
        self.assertAlmostEqual(srtt, 0.9, 12)
        # R = 0.100: RTTVAR = 0.375 + 0.2 = 0.575, SRTT = 0.7875 + 0.0125 = 0.8.
        srtt, rttvar = smoothed(srtt, rttvar, 0.1)
        self.assertAlmostEqual(rttvar, 0.575, 12)
        self.assertAlmostEqual(srtt, 0.8, 12)

    def test_a_known_endpoint_is_waited_for_by_its_own_estimate(self):
        endpoints = Endpoints(WIDE, 10)
        for rtt, rto in ((0.8, 2.4), (1.6, 2.9), (0.1, 3.1)):
            endpoints.answered(HERE, rtt)
            soft, hard, _ = endpoints.patience(HERE)
            self.assertAlmostEqual(soft, rto, 12)
            self.assertAlmostEqual(hard, 3 * rto, 12)

    def test_no_sample_moves_no_estimate(self):
        endpoints = Endpoints(WIDE, 10)
        endpoints.answered(HERE, 0.5)
        before = endpoints.patience(HERE), endpoints.patience(THERE)
        endpoints.failed(HERE)
        endpoints.answered(HERE, None)
        self.assertEqual((endpoints.patience(HERE), endpoints.patience(THERE)), before)

    def test_an_answer_without_sample_leaves_the_endpoint_unmeasured(self):
        endpoints = Endpoints(Timeouts(unknown_factor=3.0, hard_factor=3.0), 10)
        endpoints.answered(HERE, None)
        self.assertEqual(endpoints.patience(HERE), Patience(1.0, 3.0))
        endpoints.answered(THERE, 0.1)
        self.assertAlmostEqual(endpoints.patience(HERE).soft, 0.3 * 5, 12)

    def test_a_repeated_request_says_that_somebody_was_slow(self):
        endpoints = Endpoints(WIDE, 1000)
        for number in range(1, 17):
            endpoints.answered(Endpoint("192.0.2.9", number), number / 100)
        before = endpoints.patience(HERE)
        for _ in range(16):
            endpoints.answered(THERE, None)  # a STORE: no sample of any kind
        self.assertEqual(endpoints.patience(HERE), before)
        endpoints = Endpoints(WIDE, 1000)
        for number in range(1, 97):
            fast = number <= 91
            rtt = number / 1000 if fast else None
            endpoints.answered(Endpoint("192.0.2.9", number), rtt, repeated=not fast)
        self.assertAlmostEqual(endpoints.patience(HERE).soft, 3 * 0.091 * (1 + 4 / 96), 12)


class PatienceTests(SynchronousTestCase):
    def test_nothing_was_ever_measured(self):
        endpoints = Endpoints(Timeouts(hard_factor=3.0), 10)
        self.assertEqual(endpoints.patience(HERE), Patience(1.0, 3.0))

    def test_an_endpoint_never_asked_is_judged_by_the_others(self):
        endpoints = Endpoints(WIDE, 1000)
        for number in range(100):
            endpoints.answered(Endpoint("192.0.2.9", number), number / 1000)
        # The last computation saw 96 samples, 0 to 95 ms: ranks ceil(91.2) = 92, ceil(95.04) = 96.
        self.assertAlmostEqual(endpoints.patience(HERE).soft, 3 * 0.091 * (1 + 4 / 100), 12)
        self.assertAlmostEqual(endpoints.patience(HERE).hard, 3 * 3 * 0.095 * (1 + 4 / 100), 12)

    def test_clamped(self):
        endpoints = Endpoints(Timeouts(unknown_factor=3.0, hard_factor=3.0), 10)
        endpoints.answered(HERE, 0.001)
        self.assertEqual(endpoints.patience(HERE), Patience(0.05, 0.2))
        self.assertEqual(endpoints.patience(THERE), Patience(0.05, 0.2))
        endpoints.answered(THERE, 10.0)
        self.assertEqual(endpoints.patience(THERE), Patience(2.0, 6.0))
        self.assertEqual(endpoints.patience(Endpoint("192.0.2.3", 1)).soft, 2.0)

    def test_a_floor_of_ones_own(self):
        endpoints = Endpoints(Timeouts(unknown_factor=3.0, hard_factor=3.0), 10)
        endpoints.answered(HERE, 0.05)
        self.assertAlmostEqual(endpoints.patience(HERE, 0.01).soft, 0.15, 12)
        self.assertEqual(endpoints.patience(HERE, 0.5), Patience(0.5, 1.5))
        self.assertEqual(endpoints.patience(HERE, 5.0), Patience(5.0, 15.0))
        self.assertEqual(endpoints.patience(THERE, 2.0), Patience(2.0, 6.0))


class RecentTests(SynchronousTestCase):
    def test_nothing_yet(self):
        self.assertIsNone(RecentRTTs(256).p99)
        self.assertIsNone(RecentRTTs(256).p95)

    def test_by_nearest_rank(self):
        recent = RecentRTTs(256)
        for number in range(1, 257):
            recent.add(float(number))
        # ceil(0.99 x 256) = 254, ceil(0.95 x 256) = 244.
        self.assertEqual((recent.p99, recent.p95), (254.0, 244.0))

    def test_nothing_but_slow_answers_measures_nothing(self):
        recent = RecentRTTs(256)
        recent.add()
        self.assertEqual((recent.p99, recent.p95), (None, None))

    def test_slow_answers_keep_the_rest_from_looking_faster_than_it_is(self):
        """Of 100 the five slowest are asked again: the p95 stays where it was."""
        recent = RecentRTTs(256)
        for number in range(1, 97):
            recent.add(float(number) if number <= 91 else SLOW)
        self.assertEqual(recent.p95, 91.0)
        self.assertEqual(recent.p99, 91.0)

    def test_where_many_are_lost_the_p95_is_the_p99_of_the_measured(self):
        recent = RecentRTTs(256)
        for number in range(1, 257):
            recent.add(float(number) if number <= 200 else SLOW)
        self.assertEqual((recent.p95, recent.p99), (198.0, 200.0))

    def test_it_does_not_shrink_by_its_own_doing(self):
        """Whoever is slower than the p95 is asked again, unless we know how slow it is, as every
        other one.  The p95 stays near the true one, for ever; without SLOW it would not."""
        recent, draw = RecentRTTs(256), random.Random(1).random
        for _ in range(256):
            recent.add(draw())
        seen = []
        for number in range(5000):
            rtt = draw()
            recent.add(rtt if number % 2 or rtt <= recent.p95 else SLOW)
            seen.append(recent.p95)
        self.assertAlmostEqual(sum(seen) / len(seen), 0.95, 1)
        self.assertGreater(min(seen), 0.85)

    @settings(max_examples=30, deadline=None, derandomize=True)
    @given(st.integers(0, 2**32), st.integers(1, 256), st.integers(0, 600))
    def test_like_the_plain_computation(self, seed, size, count):
        draw = random.Random(seed).random
        recent, every = RecentRTTs(size), []
        for seen in range(1, count + 1):
            every.append(draw())
            before = recent.p99
            recent.add(every[-1])
            if seen <= 16 or seen % 16 == 0:
                window = sorted(every[-size:])
                self.assertEqual(recent.p99, window[math.ceil(len(window) * 99 / 100) - 1])
                self.assertEqual(recent.p95, window[math.ceil(len(window) * 95 / 100) - 1])
            else:
                self.assertEqual(recent.p99, before)


class TokenTests(SynchronousTestCase):
    def setUp(self):
        self.endpoints = Endpoints(Timeouts(unknown_factor=3.0, hard_factor=3.0), 10)

    def test_none(self):
        self.assertEqual(self.endpoints.token(HERE, 0.0), NO_TOKEN)
        self.endpoints.failed(HERE)
        self.assertEqual(self.endpoints.token(HERE, 0.0), NO_TOKEN)
        self.assertEqual(self.endpoints.token(HERE, 0.0, ALICE), NO_TOKEN)

    def test_kept_for_one_rotation_and_a_half(self):
        self.endpoints.remember_token(HERE, TOKEN, 1000.0)
        self.assertEqual(self.endpoints.token(HERE, 1000.0), TOKEN)
        self.assertEqual(self.endpoints.token(HERE, 1450.0), TOKEN)
        self.assertEqual(self.endpoints.token(HERE, 1450.1), NO_TOKEN)
        self.assertEqual(self.endpoints.token(THERE, 1000.0), NO_TOKEN)

    def test_the_rotation_is_the_networks(self):
        endpoints = Endpoints(Timeouts(unknown_factor=3.0, hard_factor=3.0), 10, rotation=10.0)
        endpoints.remember_token(HERE, TOKEN, 0.0)
        self.assertEqual(endpoints.token(HERE, 15.0), TOKEN)
        self.assertEqual(endpoints.token(HERE, 15.1), NO_TOKEN)

    def test_of_use_with_the_node_that_gave_it_only(self):
        self.endpoints.remember_token(HERE, TOKEN, 0.0, ALICE)
        self.assertEqual(self.endpoints.token(HERE, 0.0, ALICE), TOKEN)
        self.assertEqual(self.endpoints.token(HERE, 0.0), TOKEN)
        self.assertEqual(self.endpoints.token(HERE, 0.0, BOB), NO_TOKEN)
        self.endpoints.remember_token(HERE, TOKEN, 0.0)
        self.assertEqual(self.endpoints.token(HERE, 0.0, BOB), TOKEN)


class RecordTests(SynchronousTestCase):
    def setUp(self):
        self.endpoints = Endpoints(Timeouts(unknown_factor=3.0, hard_factor=3.0), 3)

    def test_nothing_known(self):
        self.assertIsNone(self.endpoints.get(HERE))
        self.assertIsNone(self.endpoints.network(HERE))
        self.endpoints.answered(HERE, None)
        self.assertEqual(
            self.endpoints.get(HERE),
            EndpointRecord(UNMEASURED, 0.0, NO_TOKEN, -math.inf, bytes(8), UNKNOWN, True),
        )
        self.assertIsNone(self.endpoints.round_trip(HERE))

    def test_each_event_changes_its_own_part(self):
        endpoints = self.endpoints
        endpoints.failed(HERE)
        self.assertFalse(endpoints.has_answered(HERE))
        endpoints.remember_token(HERE, TOKEN, 5.0, ALICE, 2)
        self.assertFalse(endpoints.has_answered(HERE))
        endpoints.answered(HERE, 0.25)
        whole = EndpointRecord(0.25, 0.125, TOKEN, 5.0, ALICE[:8], 2, True)
        self.assertEqual(endpoints.get(HERE), whole)
        self.assertEqual(endpoints.round_trip(HERE), 0.25)
        endpoints.remember_network(HERE, 1)
        self.assertEqual(endpoints.get(HERE), whole._replace(network=1))
        endpoints.failed(HERE)
        self.assertEqual(endpoints.get(HERE), whole._replace(network=UNKNOWN))
        self.assertIsNone(endpoints.network(HERE))
        endpoints.remember_token(HERE, b"another!", 6.0, BOB)
        known = whole._replace(token=b"another!", token_from=6.0, issuer=BOB[:8], network=UNKNOWN)
        self.assertEqual(endpoints.get(HERE), known)
        self.assertTrue(endpoints.has_answered(HERE))
        self.assertFalse(endpoints.has_answered(THERE))
        self.assertIsNone(endpoints.round_trip(THERE))

    def test_who_has_answered_is_told_by_the_key(self) -> None:
        endpoints = self.endpoints
        endpoints.answered(HERE, 0.25)
        for key in (b"", ALICE, BOB):
            self.assertTrue(endpoints.has_answered(HERE, key))
        endpoints.remember_token(HERE, TOKEN, 5.0, ALICE)
        for key, has_answered in ((b"", True), (ALICE, True), (BOB, False)):
            self.assertEqual(endpoints.has_answered(HERE, key), has_answered)
        endpoints.remember_token(HERE, TOKEN, 6.0, BOB)
        self.assertFalse(endpoints.has_answered(HERE, ALICE))
        self.assertTrue(endpoints.has_answered(HERE, BOB))

    def test_the_network_last_accepted(self):
        self.endpoints.remember_network(HERE, 0)
        self.assertEqual(self.endpoints.network(HERE), 0)
        self.endpoints.remember_network(HERE, 1)
        self.assertEqual(self.endpoints.network(HERE), 1)
        self.assertIsNone(self.endpoints.network(THERE))

    def test_who_was_silent_for_longest_goes_first(self):
        endpoints = Endpoints(Timeouts(), 4)
        ports = [Endpoint("192.0.2.1", port) for port in range(4)]
        for endpoint in ports[:3]:
            endpoints.answered(endpoint, None)
        endpoints.failed(ports[0])
        endpoints.failed(ports[3])
        self.assertEqual(
            [endpoints.get(each) is not None for each in ports], [True, False, True, True]
        )

    def test_looking_makes_no_record(self):
        self.endpoints.patience(HERE)
        self.endpoints.token(HERE, 0.0)
        self.endpoints.network(HERE)
        self.assertEqual(len(self.endpoints), 0)
