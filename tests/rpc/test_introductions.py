"""How often a host is served, and that nothing grows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.rpc.introductions import A_PROVIDER, REMEMBERED, Book, Places


class BookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.book = Book(4, 5.0)
        self.now = 100.0

    def spent(self, host: str, times: int, port: int = 8000) -> int:
        there = [Endpoint(host, port + each) for each in range(times)]
        return sum(self.book.spend(each, self.now) for each in there)

    def test_so_many_at_once_for_a_host_whatever_its_ports(self) -> None:
        self.assertEqual(self.spent("20.1.1.1", 10), 4)
        self.assertEqual(self.spent("20.1.1.2", 10), 4)
        self.assertEqual(self.spent("2001:db8::1", 5) + self.spent("2001:db8::2", 5), 4)

    def test_each_endpoint_of_a_loopback_address_has_its_own(self) -> None:
        self.assertEqual(self.spent("127.0.0.1", 10), 10)
        self.assertEqual(sum(self.spent("127.0.0.1", 1) for _ in range(5)), 3)

    def test_each_port_may_have_its_own(self) -> None:
        self.book = Book(4, 5.0, each_port=True)
        self.assertEqual(self.spent("20.1.1.1", 10), 10)
        self.assertEqual(sum(self.spent("20.1.1.1", 1) for _ in range(5)), 3)

    def test_it_fills_with_time(self) -> None:
        self.assertEqual(self.spent("20.1.1.1", 10), 4)
        self.now += 10.0
        self.assertEqual(self.spent("20.1.1.1", 10), 2)
        self.now += 1000.0
        self.assertEqual(self.spent("20.1.1.1", 10), 4)

    def test_what_is_refused_is_not_charged(self) -> None:
        self.spent("20.1.1.1", 100)
        self.now += 5.0
        self.assertEqual(self.spent("20.1.1.1", 1), 1)

    def test_it_is_bounded(self) -> None:
        for number in range(3 * REMEMBERED):
            self.book.spend(Endpoint(f"20.1.{number // 256}.{number % 256}", 1), self.now)
        self.assertLessEqual(len(self.book), REMEMBERED)


class PlacesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.places = Places(16, fair=True)

    def taken(self, hosts: list[str]) -> int:
        return sum(self.places.take(Endpoint(each, 8000)) for each in hosts)

    def test_a_provider_has_a_share_whatever_its_hosts(self) -> None:
        hosts = [f"20.1.{number}.1" for number in range(16)]
        self.assertEqual(self.taken(hosts), 16 // A_PROVIDER)
        self.assertEqual(self.taken(["20.2.1.1", "2001:db8::1"]), 2)
        self.assertEqual(self.taken([f"2001:db8:{each:x}::1" for each in range(16)]), 1)

    def test_there_are_so_many(self) -> None:
        hosts = [f"20.{number}.1.1" for number in range(20)]
        self.assertEqual(self.taken(hosts), 16)
        self.assertEqual(len(self.places), 16)

    def test_what_is_given_back_may_be_taken_again(self) -> None:
        for _ in range(40):
            self.assertTrue(self.places.take(Endpoint("20.1.1.1", 7)))
            self.places.give_back(Endpoint("20.1.1.1", 7))
        self.assertEqual(len(self.places), 0)
        self.assertEqual(len(self.places._of), 0)

    def test_no_shares_for_private_networks_and_private_addresses(self) -> None:
        self.assertEqual(self.taken([f"10.1.1.{number}" for number in range(20)]), 16)
        self.places = Places(16, fair=False)
        self.assertEqual(self.taken([f"20.1.1.{number}" for number in range(20)]), 16)
