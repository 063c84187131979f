"""Datagrams are counted where they come from, where they go, and on their way."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.population.traffic import Traffic, TrafficMeter
from kadtwisted.testing.network.network import Datagram

ONE, OTHER, RELAY = "20.0.0.1", "21.0.0.1", "22.0.0.1"


class TrafficTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.meter = TrafficMeter()
        self.meter.count(Datagram(0.0, (ONE, 1), (OTHER, 2), b"seven b"))
        self.meter.count(Datagram(1.0, (OTHER, 9), (ONE, 1), b"abc"), [RELAY])

    def test_both_ends_and_relays_are_charged(self) -> None:
        self.assertEqual(self.meter.of([ONE]), Traffic(7, 3, 1, 1))
        self.assertEqual(self.meter.of([OTHER]), Traffic(3, 7, 1, 1))
        self.assertEqual(self.meter.of([RELAY]), Traffic(3, 3, 1, 1))
        self.assertEqual(self.meter.of([ONE, RELAY, "23.0.0.1"]), Traffic(10, 6, 2, 2))

    def test_it_can_begin_again(self) -> None:
        self.meter.restart()
        self.assertEqual(self.meter.of([ONE, OTHER, RELAY]), Traffic())

    def test_rates_are_for_each_host_and_second(self) -> None:
        expected = {"sent_bytes": 0.5, "received_bytes": 0.25, "sent": 0.1, "received": 0.05}
        self.assertEqual(Traffic(10, 5, 2, 1).rates(2, 10.0), expected)
        self.assertEqual(set(Traffic().rates(0, 10.0).values()), {None})
