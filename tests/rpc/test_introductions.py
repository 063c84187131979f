"""How often a host is served, and that nothing grows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.rpc.introductions import REMEMBERED, Book


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
