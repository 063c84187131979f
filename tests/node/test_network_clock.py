"""What a node knows of the network's time, though its own clock may be wrong or be set."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.node.network_clock import NetworkClock
from kadtwisted.routing.votes import KEPT
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import EPOCH, PORT, Swarm, simulated_world


class NetworkClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.wrong = 0.0
        host = Network(self.clock, 1).host("192.0.2.1")
        world = simulated_world(host, 1)
        self.world = replace(world, unix_time=lambda: EPOCH + self.clock.seconds() + self.wrong)
        self.known = NetworkClock(self.world)

    def hear(self, *networks: int, rtt: float = 0.0, lie: float = 0.0) -> None:
        """Nodes of these networks tell the right time, in whole seconds, or a lie."""
        stamped = int(EPOCH + self.clock.seconds() - rtt / 2 + lie)
        for each in networks:
            self.known.heard(Endpoint(f"{each}.1.1.1", PORT), stamped, rtt)

    def test_three_networks_tell(self) -> None:
        self.hear(20, 20, 21)
        self.assertIsNone(self.known.ahead())
        self.hear(22)
        ahead = self.known.ahead()
        assert ahead is not None
        self.assertLess(abs(ahead), 1.0)

    def test_a_clock_that_is_off_is_measured_to_within_a_second(self) -> None:
        for wrong in (3600.0, -3600.0, 200.0):
            self.wrong = wrong
            self.known = NetworkClock(self.world)
            for network, rtt in ((20, 0.1), (21, 1.5), (22, 2.0), (23, 0.0)):
                self.hear(network, rtt=rtt)
                self.clock.advance(0.3)
            ahead = self.known.ahead()
            assert ahead is not None
            self.assertLess(abs(ahead - wrong), 1.0)
            off = self.known.unix_time() - EPOCH - self.clock.seconds()
            self.assertLess(abs(off), 1.0)

    def test_as_long_as_it_is_about_right_our_own_clock_counts(self) -> None:
        self.wrong = 140.0
        self.known = NetworkClock(self.world)
        self.hear(20, 21, 22)
        self.assertEqual(self.known.unix_time(), self.world.unix_time())

    def test_what_others_judge_is_dated_by_their_clock(self) -> None:
        for wrong in (140.0, -20.0, 3600.0):
            self.wrong = wrong
            self.known = NetworkClock(self.world)
            self.assertEqual(self.known.network_time(), self.world.unix_time())
            self.hear(20, 21, 22)
            off = self.known.network_time() - EPOCH - self.clock.seconds()
            self.assertLess(abs(off), 1.0)
        self.wrong = 1.0
        self.known = NetworkClock(self.world)
        self.hear(20, 21, 22)
        self.assertEqual(self.known.network_time(), self.world.unix_time())

    def test_liars_who_are_fewer_change_nothing(self) -> None:
        self.hear(20, 21, 22, 23, 24)
        self.hear(30, 31, 32, 33, lie=1e6)
        ahead = self.known.ahead()
        assert ahead is not None
        self.assertLess(abs(ahead), 1.0)
        self.assertEqual(self.known.unix_time(), self.world.unix_time())

    def test_a_clock_that_is_set_voids_all_votes(self) -> None:
        self.hear(20, 21, 22)
        self.wrong = 3600.0
        self.assertIsNone(self.known.ahead())
        self.hear(20, 21)
        self.assertIsNone(self.known.ahead())
        self.assertEqual(self.known.unix_time(), self.world.unix_time())
        self.hear(22)
        self.assertIsNotNone(self.known.ahead())
        self.wrong = 0.0
        self.assertEqual(self.known.unix_time(), self.world.unix_time())

    def test_what_was_told_long_ago_counts_no_more(self) -> None:
        self.hear(20, 21, 22)
        self.clock.advance(KEPT)
        self.assertIsNone(self.known.ahead())

    def test_a_node_learns_it_from_pongs(self) -> None:
        swarm = Swarm(5)
        self.addCleanup(swarm.stop)
        swarm.clock.advance(600)
        for node in swarm.nodes:
            ahead = node.status().clock_ahead
            assert ahead is not None
            self.assertLess(abs(ahead), 1.0)
