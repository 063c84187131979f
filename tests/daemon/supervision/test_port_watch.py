"""A port that is gone for good ends the daemon; one that comes back does not."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial import unittest

from kadtwisted.daemon.supervision.port_watch import GIVE_UP_AFTER, LOOK_EVERY, PortWatch
from kadtwisted.errors import CannotListen
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.status import LinkStatus, NodeStatus
from tests.daemon.fakes import a_status

BOUND = Endpoint("0.0.0.0", 8000)


def link(family: Family, listening: Endpoint | None) -> LinkStatus:
    return LinkStatus(family, listening, None, 0, 0, 0, 0)


class PortWatchTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.bound: dict[Family, Endpoint | None] = {Family.IPV4: BOUND, Family.IPV6: BOUND}
        self.lost: list[CannotListen] = []
        self.deaths = 0
        self.watch = PortWatch(self.clock, self.status, self.lost.append)
        self.watch.start()
        self.addCleanup(self.watch.stop)

    def status(self) -> NodeStatus:
        links = tuple(link(family, where) for family, where in self.bound.items())
        return a_status(links=links, counters={"port.died": self.deaths})

    def run_for(self, seconds: float) -> None:
        self.clock.pump([1.0] * round(seconds))

    def test_ports_that_are_bound(self) -> None:
        self.run_for(10 * GIVE_UP_AFTER)
        self.assertEqual(self.lost, [])

    def test_a_port_that_stays_dead_is_told_once(self) -> None:
        self.bound[Family.IPV6] = None
        self.run_for(GIVE_UP_AFTER - LOOK_EVERY)
        self.assertEqual(self.lost, [])
        self.run_for(10 * GIVE_UP_AFTER)
        (error,) = self.lost
        self.assertIn("the UDP port of IPv6 died and could not be bound again", str(error))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_port_that_comes_back_begins_anew(self) -> None:
        for _ in range(5):
            self.bound[Family.IPV4] = None
            self.run_for(GIVE_UP_AFTER - LOOK_EVERY)
            self.bound[Family.IPV4] = BOUND
            self.run_for(2 * LOOK_EVERY)
        self.assertEqual(self.lost, [])

    def test_each_family_has_its_own_time(self) -> None:
        for _ in range(5):
            for dead, alive in (tuple(Family), tuple(Family)[::-1]):
                self.bound = {dead: None, alive: BOUND}
                self.run_for(GIVE_UP_AFTER - LOOK_EVERY)
        self.assertEqual(self.lost, [])

    def test_a_port_that_is_bound_again_and_dies_again(self) -> None:
        for _ in range(round(GIVE_UP_AFTER / LOOK_EVERY)):
            self.deaths += 3
            self.run_for(LOOK_EVERY)
        self.assertEqual(self.lost, [])
        self.deaths += 1
        self.run_for(LOOK_EVERY)
        (error,) = self.lost
        self.assertIn("a UDP port died again and again for 60 s", str(error))

    def test_a_port_that_died_some_times_in_its_life(self) -> None:
        for _ in range(20):
            self.deaths += 1
            self.run_for(3 * LOOK_EVERY)
        self.assertEqual(self.lost, [])

    def test_a_fault_ends_the_watch_and_is_told(self) -> None:
        def fault() -> NodeStatus:
            raise RuntimeError("a fault")

        PortWatch(Clock(), fault, self.lost.append).start()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
