"""Who is remembered as asking us without being reachable: where, how long, and how many."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.rpc.attached import A_HOST, A_PROVIDER, KEPT, MOST, Attached


def at(provider: int, host: int = 1) -> Endpoint:
    return Endpoint(f"20.{provider}.{host // 256}.{host % 256}", 8000)


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


class AttachedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.attached = Attached(fair=True, most=64)

    def test_a_node_is_found_where_it_asked_last(self) -> None:
        self.attached.heard(key(1), at(1), 0.0)
        self.attached.heard(key(1), at(2), 5.0)
        self.assertEqual(self.attached.find(key(1), 6.0), at(2))
        self.assertEqual(len(self.attached), 1)

    def test_nobody_else_is(self) -> None:
        self.assertIsNone(self.attached.find(key(1), 0.0))
        self.attached.heard(key(1), at(1), 0.0)
        self.attached.forget(key(1))
        self.attached.forget(key(1))
        self.assertIsNone(self.attached.find(key(1), 0.0))

    def test_who_does_not_answer_is_forgotten_the_second_time(self) -> None:
        for _ in range(2):
            self.attached.silent(key(1))
            self.attached.heard(key(1), at(1), 0.0)
            self.attached.silent(key(1))
            self.assertIsNotNone(self.attached.find(key(1), 0.0))
        self.attached.silent(key(1))
        self.assertIsNone(self.attached.find(key(1), 0.0))

    def test_it_is_remembered_for_a_while(self) -> None:
        self.attached.heard(key(1), at(1), 10.0)
        self.assertEqual(self.attached.find(key(1), 9.9 + KEPT), at(1))
        self.assertIsNone(self.attached.find(key(1), 10.0 + KEPT))

    def test_the_one_that_was_silent_for_longest_gives_way(self) -> None:
        for number in range(64):
            self.attached.heard(key(number), at(number), float(number))
        self.attached.heard(key(0), at(0), 64.0)
        self.attached.heard(key(64), at(64), 65.0)
        self.assertEqual(len(self.attached), 64)
        gone = [number for number in range(65) if self.attached.find(key(number), 65.0) is None]
        self.assertEqual(gone, [1])

    def test_one_provider_has_a_share_on_an_open_network(self) -> None:
        self.attached.heard(key(999), at(1), 0.0)
        for number in range(100):
            self.attached.heard(key(number), at(7, number), 1.0 + number / 100)
        self.assertEqual(len(self.attached), 1 + 64 // A_PROVIDER)
        self.assertEqual(self.attached.find(key(999), 3.0), at(1))
        self.assertEqual(self.attached.find(key(99), 3.0), at(7, 99))

    def test_on_a_private_network_and_on_private_addresses_there_are_no_shares(self) -> None:
        for attached, provider in (
            (Attached(fair=False, most=64), "20.7"),
            (Attached(fair=True, most=64), "10.7"),
        ):
            for number in range(100):
                attached.heard(key(number), Endpoint(f"{provider}.0.{number}", 8000), 0.0)
            self.assertEqual(len(attached), 64)

    def test_one_host_has_a_share_whatever_its_ports(self) -> None:
        self.attached = Attached(fair=True)
        neighbour = key(9999)
        self.attached.heard(neighbour, at(7, 9), 0.0)
        for number in range(200):
            self.attached.heard(key(number), Endpoint("20.7.1.1", 1000 + number), 1.0)
        self.assertEqual(len(self.attached), 1 + MOST // A_HOST)
        self.assertEqual(self.attached.find(neighbour, 2.0), at(7, 9))
        self.assertIsNotNone(self.attached.find(key(199), 2.0))

    def test_where_all_places_are_taken_the_largest_crowd_gives_way(self) -> None:
        self.attached.heard(key(9999), at(200), 0.0)
        for number in range(200):
            self.attached.heard(key(number), at(number % A_PROVIDER, number), 1.0 + number / 100)
        self.assertEqual(len(self.attached), 64)
        self.assertEqual(self.attached.find(key(9999), 4.0), at(200))
        self.attached.heard(key(8888), at(201), 4.0)
        self.assertEqual(len(self.attached), 64)

    def test_nothing_is_left_of_those_that_have_gone(self) -> None:
        for number in range(200):
            self.attached.heard(key(number), at(number % 40, number // 3), float(number))
        for number in range(200):
            self.attached.forget(key(number))
        self.assertEqual(len(self.attached), 0)
        self.assertEqual(self.attached._by_host, {})
        self.assertIsNone(self.attached._crowd.first_of_most())
