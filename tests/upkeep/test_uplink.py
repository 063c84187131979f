"""Whether it is they who are gone, or we."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.upkeep.uplink import FAILED_CONTACTS, SILENCE, Uplink


def endpoint(number: int, prefix: int = 0) -> Endpoint:
    return Endpoint(f"192.0.{prefix}.{number}", 8000)


class ChargeTests(SynchronousTestCase):
    def test_silence_is_charged_only_while_somebody_else_is_heard(self) -> None:
        uplink = Uplink(0.0)
        self.assertFalse(uplink.failed(endpoint(1), asked_at=1.0))
        uplink.heard(5.0)
        self.assertTrue(uplink.failed(endpoint(1), asked_at=4.0))
        self.assertTrue(uplink.failed(endpoint(1), asked_at=5.0))
        self.assertFalse(uplink.failed(endpoint(1), asked_at=5.1))

    def test_the_start_is_no_evidence(self) -> None:
        self.assertFalse(Uplink(10.0).failed(endpoint(1), asked_at=9.0))


class DownTests(SynchronousTestCase):
    def fail(self, uplink: Uplink, count: int, prefixes: int) -> None:
        for number in range(count):
            uplink.failed(endpoint(number, number % prefixes), asked_at=1.0)

    def test_enough_contacts_in_enough_prefixes(self) -> None:
        for count, prefixes, expected in (
            (FAILED_CONTACTS, 3, True),
            (FAILED_CONTACTS - 1, 3, False),
            (FAILED_CONTACTS, 2, False),
        ):
            uplink = Uplink(0.0)
            self.fail(uplink, count, prefixes)
            self.assertIs(uplink.is_down(100, SILENCE), expected)

    def test_all_there_are_in_a_small_table(self) -> None:
        uplink = Uplink(0.0)
        self.fail(uplink, 2, 1)
        self.assertTrue(uplink.is_down(2, SILENCE))
        self.assertFalse(uplink.is_down(3, SILENCE))

    def test_not_before_half_a_minute_of_silence(self) -> None:
        uplink = Uplink(0.0)
        self.fail(uplink, 20, 3)
        self.assertFalse(uplink.is_down(100, SILENCE - 0.1))

    def test_a_network_that_is_merely_idle_is_not_down(self) -> None:
        self.assertFalse(Uplink(0.0).is_down(0, 10_000))
        self.assertFalse(Uplink(0.0).is_down(20, 10_000))

    def test_any_valid_datagram_thaws(self) -> None:
        uplink = Uplink(0.0)
        self.fail(uplink, 20, 3)
        uplink.heard(100.0)
        self.assertFalse(uplink.is_down(20, 200.0))
        self.assertEqual(uplink.silent_for(160.0), 60.0)

    def test_ipv6_neighbours_are_one_prefix(self) -> None:
        uplink = Uplink(0.0)
        for number in range(20):
            uplink.failed(Endpoint(f"2001:db8:1::{number:x}", 1), 0.0)
        self.assertFalse(uplink.is_down(100, 100.0))

    def test_bounded(self) -> None:
        uplink = Uplink(0.0)
        self.fail(uplink, 250, 200)
        self.assertLessEqual(len(uplink._failed), 8 * FAILED_CONTACTS)


class BlockedTests(SynchronousTestCase):
    """Nothing gets through from here."""

    def asked(self, *hosts: str, times: int = 4) -> Uplink:
        """Nodes at these addresses were asked so often, at the moments 1, 2, 3 and so on."""
        uplink = Uplink(0.0)
        for number in range(times * len(hosts)):
            uplink.unanswered(Endpoint(hosts[number % len(hosts)], 8000), 1.0 + number)
        return uplink

    def test_several_networks_are_silent(self) -> None:
        uplink = self.asked("192.0.2.1", "198.51.100.1")
        self.assertTrue(uplink.is_blocked(1.0 + SILENCE))
        self.assertFalse(uplink.is_blocked(0.9 + SILENCE))
        self.assertTrue(self.asked("2001:db8::1", "2001:db9::1").is_blocked(100.0))

    def test_one_network_may_be_down(self) -> None:
        self.assertFalse(self.asked("192.0.2.1", "192.0.9.1").is_blocked(100.0))
        self.assertFalse(self.asked().is_blocked(100.0))

    def test_they_were_asked_more_than_once(self) -> None:
        uplink = self.asked("192.0.2.1", "198.51.100.1", times=1)
        self.assertFalse(uplink.is_blocked(100.0))

    def test_this_machine_is_no_network(self) -> None:
        uplink = self.asked("127.0.0.1", "127.9.0.1", "192.0.2.1", "::1")
        self.assertFalse(uplink.is_blocked(100.0))

    def test_whoever_is_heard_ends_it_until_the_machine_moves(self) -> None:
        uplink = self.asked("192.0.2.1", "198.51.100.1")
        uplink.heard(50.0)
        self.assertFalse(uplink.is_blocked(60.0))
        for _ in range(8):
            uplink.unanswered(Endpoint("192.0.2.1", 8000), 60.0)
            uplink.unanswered(Endpoint("198.51.100.1", 8000), 60.0)
        self.assertFalse(uplink.is_blocked(100.0))
        uplink.start_anew()
        self.assertFalse(uplink.is_blocked(200.0))
        for _ in range(2):
            uplink.unanswered(Endpoint("192.0.2.1", 8000), 200.0)
            uplink.unanswered(Endpoint("198.51.100.1", 8000), 200.0)
        self.assertTrue(uplink.is_blocked(200.0 + SILENCE))
