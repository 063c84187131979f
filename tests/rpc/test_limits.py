"""Budgets: what is admitted, where it is charged, and how little is remembered."""

from __future__ import annotations

import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Endpoint
from kadtwisted.parameters import LimitSettings
from kadtwisted.rpc.limits import Limits
from tests.thoroughness import sized

SMALL = LimitSettings(
    proven_rate=10.0,
    proven_burst=5.0,
    stranger_rate=2.0,
    stranger_burst=3.0,
    strangers_total_rate=1000.0,
    strangers_total_burst=1000.0,
    max_sources=100,
)
HERE = Endpoint("192.0.2.1", 4000)


def admitted(admit, endpoint, now, times):
    return sum(admit(endpoint, now) for _ in range(times))


class ProvenTests(SynchronousTestCase):
    def test_burst_then_rate(self):
        limits = Limits(SMALL)
        self.assertEqual(admitted(limits.admit_proven, HERE, 0.0, 20), 5)
        self.assertEqual(admitted(limits.admit_proven, HERE, 0.2, 20), 2)
        self.assertEqual(admitted(limits.admit_proven, HERE, 100.0, 20), 5)

    def test_each_endpoint_has_its_own(self):
        limits = Limits(SMALL)
        admitted(limits.admit_proven, HERE, 0.0, 20)
        self.assertTrue(limits.admit_proven(Endpoint("192.0.2.1", 4001), 0.0))
        self.assertTrue(limits.admit_proven(Endpoint("192.0.2.2", 4000), 0.0))
        self.assertFalse(limits.admit_proven(HERE, 0.0))
        self.assertEqual(limits.sources(), 3 + 2)  # and their hosts

    def test_many_ports_of_one_host_share_its_budget(self):
        limits = Limits(LimitSettings())
        ports = [Endpoint("192.0.2.1", port) for port in range(100)]
        served = sum(limits.admit_proven(each, 0.0) for each in ports for _ in range(200))
        self.assertEqual(served, 8000)
        self.assertTrue(limits.admit_proven(Endpoint("192.0.2.2", 4000), 0.0))
        later = sum(limits.admit_proven(each, 1.0) for each in ports for _ in range(200))
        self.assertEqual(later, 4000)

    def test_many_hosts_of_one_site_share_its_budget(self):
        limits = Limits(LimitSettings(proven_rate=10.0, proven_burst=10.0, proven_host_burst=10.0))
        hosts = [Endpoint(f"2001:db8:1:{net:x}::1", 1) for net in range(100)]
        served = sum(limits.admit_proven(each, 0.0) for each in hosts for _ in range(10))
        self.assertEqual(served, 8 * 10)

    def test_a_loopback_address_is_a_host_like_others(self):
        for host in ("127.0.0.1", "::1"):
            limits = Limits(LimitSettings())
            ports = [Endpoint(host, port) for port in range(100)]
            served = sum(limits.admit_proven(each, 0.0) for each in ports for _ in range(200))
            self.assertEqual(served, 8000)

    def test_a_refused_datagram_costs_its_host_nothing(self):
        limits = Limits(LimitSettings(proven_burst=2.0, proven_host_burst=5.0))
        self.assertEqual(admitted(limits.admit_proven, HERE, 0.0, 50), 2)
        self.assertEqual(admitted(limits.admit_proven, Endpoint("192.0.2.1", 1), 0.0, 50), 2)

    def test_secrets_that_are_not_known_cost_the_host_and_all(self):
        limits = Limits(LimitSettings())
        ports = [Endpoint("192.0.2.1", port) for port in range(100)]
        served = sum(limits.admit_secret(each, 0.0) for each in ports for _ in range(10))
        self.assertEqual(served, 200)  # a stranger's burst
        self.assertFalse(limits.admit_stranger(ports[0], 0.0))
        crowd = [Endpoint(f"10.{host >> 8}.{host & 255}.1", 1) for host in range(3000)]
        self.assertEqual(sum(limits.admit_secret(each, 0.0) for each in crowd), 800 - 200)

    def test_a_costly_request_is_charged_by_its_cost(self):
        limits = Limits(SMALL)
        self.assertTrue(limits.admit_cost(HERE, 4.0, 0.0))
        self.assertEqual(admitted(limits.admit_proven, HERE, 0.0, 20), 1)
        self.assertFalse(limits.admit_cost(HERE, 4.0, 0.0))

    def test_writes_have_a_budget_of_their_host(self):
        limits = Limits(LimitSettings(writes_rate=10.0, writes_burst=20.0))
        ports = [Endpoint("192.0.2.1", port) for port in range(50)]
        self.assertEqual(sum(limits.admit_write(each, 0.0) for each in ports), 20)
        self.assertTrue(limits.admit_write(Endpoint("192.0.2.2", 1), 0.0))
        self.assertEqual(sum(limits.admit_write(each, 1.0) for each in ports), 10)

    def test_the_default_burst_is_exact_late_in_a_long_run(self):
        limits = Limits(LimitSettings())
        self.assertEqual(admitted(limits.admit_proven, HERE, 3e7, 5000), 4000)

    def test_strangers_and_proven_ones_spend_different_budgets(self):
        limits = Limits(SMALL)
        self.assertEqual(admitted(limits.admit_stranger, HERE, 0.0, 20), 3)
        self.assertEqual(admitted(limits.admit_proven, HERE, 0.0, 20), 5)
        loopback = Endpoint("127.0.0.1", 4000)
        self.assertEqual(admitted(limits.admit_stranger, loopback, 0.0, 20), 3)
        self.assertEqual(admitted(limits.admit_proven, loopback, 0.0, 20), 5)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.lists(st.integers(0, 8), max_size=60))
    def test_like_a_bucket_of_tokens(self, waits):
        # Moments in sixteenths of a second and one token in eight of them: all exact in floats.
        limits = Limits(LimitSettings(proven_rate=2.0, proven_burst=3.0))
        tokens, moment = 3 * 8, 0
        for wait in waits:
            moment += wait
            tokens = min(3 * 8, tokens + wait)
            # The bucket tolerates half a token of debt, so that rounding costs nobody one.
            fits = tokens >= 4
            tokens -= 8 * fits
            self.assertEqual(limits.admit_proven(HERE, moment / 16), fits)


class StrangerTests(SynchronousTestCase):
    def setUp(self):
        self.limits = Limits(SMALL)

    def admitted(self, host, port=4000, now=0.0, times=100):
        return admitted(self.limits.admit_stranger, Endpoint(host, port), now, times)

    def test_an_ipv4_address_whatever_the_port(self):
        self.assertEqual(self.admitted("192.0.2.1", 4000), 3)
        self.assertEqual(self.admitted("192.0.2.1", 4001), 0)
        self.assertEqual(self.admitted("192.0.2.2", 4000), 3)
        self.assertEqual(self.admitted("192.0.2.1", 4000, now=0.5), 1)
        self.assertEqual(self.limits.sources(), 2)

    def test_silence_saves_up_no_more_than_a_burst(self):
        self.assertEqual(self.admitted("192.0.2.1"), 3)
        self.assertEqual(self.admitted("192.0.2.1", now=1000.0), 3)

    def test_an_ipv4_address_written_as_ipv6_is_the_same_source(self):
        self.assertEqual(self.admitted("192.0.2.1"), 3)
        self.assertEqual(self.admitted("::ffff:192.0.2.1"), 0)

    def test_an_ipv6_64_whatever_the_rest(self):
        self.assertEqual(self.admitted("2001:db8:1:2::1"), 3)
        for same in ("2001:db8:1:2::", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:f::9"):
            self.assertEqual(self.admitted(same), 0)
        self.assertEqual(self.admitted("2001:db8:1:3::1"), 3)
        self.assertEqual(self.admitted("2001:db8:2::1"), 3)

    def test_zeros_may_be_left_out_anywhere(self):
        for one, same in (
            ("2001:db8::1", "2001:db8:0:0:5::1"),
            ("2001::1:0:0:1", "2001:0:0:0:9::"),
            ("fe80::1%eth0", "fe80::2%eth1"),
            ("1::", "1::2"),
            ("2:0:0:7::1", "2::7:0:0:0:2"),
            ("::", "::2"),
            ("::1:2:3:4:5:6", "0:0:1:2::9"),
        ):
            self.assertEqual(self.admitted(one), 3)
            self.assertEqual(self.admitted(same), 0, same)

    def test_a_48_has_eight_times_as_much(self):
        served = [self.admitted(f"2001:db8:1:{net:x}::1") for net in range(20)]
        self.assertEqual(served, [3] * 8 + [0] * 12)
        self.assertEqual(self.admitted("2001:db8:2:1::1"), 3)
        # Half a second later the /48 may send 8 more, each /64 but one.
        served = [self.admitted(f"2001:db8:1:{net:x}::1", now=0.5) for net in range(8)]
        self.assertEqual(served, [1] * 8)

    def test_a_64_refused_by_its_48_keeps_its_own_budget(self):
        for net in range(8):
            self.admitted(f"2001:db8:1:{net:x}::1")
        self.admitted("2001:db8:1:9::1")
        self.assertEqual(self.admitted("2001:db8:1:9::1", now=2.0), 3)

    def test_a_refused_64_leaves_its_48_to_the_neighbours(self):
        self.assertEqual(self.admitted("2001:db8:1:2::1", times=1000), 3)
        served = sum(self.admitted(f"2001:db8:1:{net:x}::1") for net in range(3, 20))
        self.assertEqual(served, 24 - 3)

    def test_loopback_by_endpoint(self):
        for host in ("127.0.0.1", "::1", "127.9.9.9"):
            self.assertEqual(self.admitted(host, 4000), 3)
            self.assertEqual(self.admitted(host, 4000), 0)
            self.assertEqual(self.admitted(host, 4001), 3)
        self.assertEqual(self.admitted("::ffff:127.0.0.1", 4000), 0)


class AllStrangersTests(SynchronousTestCase):
    settings = LimitSettings(
        stranger_rate=10.0,
        stranger_burst=10.0,
        strangers_total_rate=4.0,
        strangers_total_burst=20.0,
    )

    def test_together_they_have_one_budget(self):
        limits = Limits(self.settings)
        served = [limits.admit_stranger(Endpoint(f"192.0.2.{host}", 1), 0.0) for host in range(100)]
        self.assertEqual(sum(served), 20)
        self.assertEqual(limits.sources(), 20)
        self.assertTrue(limits.admit_proven(HERE, 0.0))
        self.assertTrue(limits.admit_stranger(Endpoint("192.0.2.99", 1), 0.25))
        self.assertFalse(limits.admit_stranger(Endpoint("192.0.2.98", 1), 0.25))

    def test_one_loud_source_does_not_spend_it(self):
        limits = Limits(self.settings)
        self.assertEqual(admitted(limits.admit_stranger, HERE, 0.0, 10_000), 10)
        served = [limits.admit_stranger(Endpoint(f"192.0.2.{host}", 1), 0.0) for host in range(50)]
        self.assertEqual(sum(served), 20 - 10)

    def test_a_source_refused_for_the_others_keeps_its_own_budget(self):
        limits = Limits(self.settings)
        for host in range(2, 22):
            limits.admit_stranger(Endpoint(f"192.0.2.{host}", 1), 0.0)
        self.assertEqual(admitted(limits.admit_stranger, HERE, 0.0, 50), 0)
        self.assertEqual(admitted(limits.admit_stranger, HERE, 10.0, 50), 10)


class BusyTests(SynchronousTestCase):
    def test_a_host_is_told_once_a_second_whatever_its_ports(self) -> None:
        for host in ("192.0.2.1", "2001:db8::1", "127.0.0.1"):
            limits = Limits(LimitSettings())
            told = [limits.admit_busy(Endpoint(host, port), 0.0) for port in range(5000)]
            self.assertEqual(sum(told), 1, host)
            self.assertTrue(limits.admit_busy(Endpoint(host, 1), 1.0))

    def test_a_host_over_its_budget_is_silenced_until_it_has_some_again(self) -> None:
        limits = Limits(LimitSettings(proven_host_rate=10.0, proven_host_burst=5.0))
        here, there = Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 1)
        self.assertEqual(admitted(limits.admit_proven, here, 0.0, 9), 5)
        self.assertFalse(limits.is_silenced(here, 0.0))  # it is to be told first
        self.assertTrue(limits.admit_busy(here, 0.0))
        self.assertTrue(limits.is_silenced(Endpoint("192.0.2.1", 2), 0.0))
        self.assertFalse(limits.is_silenced(there, 0.0))
        self.assertFalse(limits.is_silenced(here, 0.15))

    def test_and_is_told_again_after_a_second(self) -> None:
        limits = Limits(LimitSettings(proven_host_rate=0.1, proven_host_burst=1.0))
        self.assertEqual(admitted(limits.admit_proven, HERE, 0.0, 9), 1)
        self.assertTrue(limits.admit_busy(HERE, 0.0))
        self.assertTrue(limits.is_silenced(HERE, 0.9))
        self.assertFalse(limits.is_silenced(HERE, 1.0))
        self.assertTrue(limits.admit_busy(HERE, 1.0))

    def test_one_port_over_its_own_budget_silences_no_other(self) -> None:
        limits = Limits(LimitSettings(proven_rate=1.0, proven_burst=1.0))
        self.assertEqual(admitted(limits.admit_proven, HERE, 0.0, 9), 1)
        self.assertTrue(limits.admit_busy(HERE, 0.0))
        self.assertFalse(limits.is_silenced(HERE, 0.0))

    def test_others_are_told_all_the_same(self) -> None:
        limits = Limits(LimitSettings())
        self.assertTrue(limits.admit_busy(Endpoint("192.0.2.1", 1), 0.0))
        self.assertTrue(limits.admit_busy(Endpoint("192.0.2.2", 1), 0.0))


class StateTests(SynchronousTestCase):
    """What is remembered is bounded."""

    def test_a_flood_of_sources(self):
        limits = Limits(LimitSettings(strangers_total_rate=1e9, strangers_total_burst=1e9))
        proven, stranger = limits.admit_proven, limits.admit_stranger
        for number in range(sized(20_000, 100_000)):
            now, high, low = number / 1e6, number >> 8, number & 0xFF
            # Ten sources each: two IPv6 addresses of one /64, four of IPv4, four proven endpoints.
            stranger((f"2001:db8:{high:x}:{low:x}::1", 1), now)
            stranger((f"2001:db8:{high:x}:{low:x}::2", 1), now)
            tail = f"{high >> 8}.{high & 0xFF}.{low}"
            for first in ("10.", "11.", "12.", "13."):
                stranger((first + tail, 1), now)
            for port in range(4):
                proven(("14." + tail, port), now)
            if number % 1000 == 0:
                self.assertLessEqual(limits.sources(), 65_536)
        self.assertEqual(limits.sources(), 65_536)
        held = limits._sources
        size = sys.getsizeof(held) + sum(map(sys.getsizeof, held)) + 24 * len(held)
        self.assertLess(size, 20 * 1024 * 1024)

    def test_ipv6_strangers_are_held_by_64_and_48(self):
        limits = Limits(LimitSettings(strangers_total_rate=1e6, strangers_total_burst=1e6))
        for site in range(10):
            for net in range(10):
                for host in range(10):
                    limits.admit_stranger(Endpoint(f"2001:db8:{site:x}:{net:x}::{host:x}", 1), 0.0)
        self.assertEqual(limits.sources(), 10 + 10 * 10)

    def test_forged_addresses_beyond_the_total_leave_nothing_behind(self):
        limits = Limits(LimitSettings())
        for number in range(20_000):
            limits.admit_stranger(Endpoint(f"10.0.{number >> 8}.{number & 255}", 1), 0.0)
        self.assertEqual(limits.sources(), 3000)

    def test_the_least_recently_charged_goes_first(self):
        limits = Limits(LimitSettings(proven_rate=1.0, proven_burst=2.0, max_sources=4))
        ports = [Endpoint("192.0.2.1", port) for port in range(4)]
        for endpoint in (*ports[:3], ports[0]):
            self.assertTrue(limits.admit_proven(endpoint, 0.0))
        self.assertTrue(limits.admit_proven(ports[3], 0.0))
        self.assertEqual(limits.sources(), 4)  # three, and their host
        # The first was charged twice and is remembered, the second was forgotten.
        self.assertFalse(limits.admit_proven(ports[0], 0.0))
        self.assertEqual(admitted(limits.admit_proven, ports[1], 0.0, 5), 2)

    def test_the_stranger_least_recently_charged_goes_first(self):
        limits = Limits(LimitSettings(stranger_rate=1.0, stranger_burst=2.0, max_sources=3))
        hosts = [Endpoint(f"192.0.2.{host}", 1) for host in range(4)]
        for endpoint in (*hosts[:3], hosts[0], hosts[3]):
            self.assertTrue(limits.admit_stranger(endpoint, 0.0))
        self.assertFalse(limits.admit_stranger(hosts[0], 0.0))
        self.assertEqual(admitted(limits.admit_stranger, hosts[1], 0.0, 5), 2)

    def test_a_loud_proven_source_is_not_forgotten_for_strangers(self):
        limits = Limits(
            LimitSettings(
                proven_rate=1.0,
                proven_burst=2.0,
                strangers_total_rate=1e6,
                strangers_total_burst=1e6,
                stranger_rate=0.1,
                max_sources=10,
            )
        )
        served = 0
        for number in range(200):
            now = number / 20
            served += limits.admit_proven(HERE, now)
            if number % 5 == 0:
                limits.admit_stranger(Endpoint(f"10.0.0.{number}", 1), now)
        self.assertEqual(limits.sources(), 10)
        self.assertLessEqual(served, 2 + 10)

    def test_who_has_a_full_budget_again_is_forgotten_as_others_come(self):
        limits = Limits(LimitSettings(proven_rate=1.0, proven_burst=5.0))
        ports = [Endpoint("192.0.2.1", port) for port in range(100)]
        admitted(limits.admit_proven, HERE, 0.0, 5)
        for number, endpoint in enumerate(ports):
            limits.admit_proven(endpoint, number / 50)  # each is full again after a second
        self.assertEqual(limits.sources(), 102)  # the loud one, at the front, is not yet; its host
        for number in range(40):
            limits.admit_stranger(Endpoint(f"10.0.0.{number}", 1), 10.0)
        self.assertEqual(limits.sources(), 40)
        self.assertEqual(admitted(limits.admit_proven, HERE, 10.0, 20), 5)

    def test_an_ipv6_stranger_makes_room_for_both_its_entries(self):
        limits = Limits(LimitSettings(max_sources=2))
        for net in range(5):
            self.assertTrue(limits.admit_stranger(Endpoint(f"2001:db8:{net:x}::1", 1), 0.0))
            self.assertEqual(limits.sources(), 2)


class SettingsTests(SynchronousTestCase):
    def test_budgets_that_cannot_work(self):
        for wrong in (
            {"proven_rate": 0.0},
            {"stranger_rate": -1.0},
            {"strangers_total_burst": 0.5},
            {"strangers_total_rate": float("nan")},
        ):
            with self.assertRaises(ConfigurationError):
                Limits(LimitSettings(**wrong))
