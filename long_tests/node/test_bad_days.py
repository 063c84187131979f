"""Bad days of a network in memory: those that take longer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.parameters import Parameters
from kadtwisted.testing.nodes import Swarm
from tests.node.test_bad_days import SwarmCase
from tests.node.upkeep.cases import upkeep_of
from tests.thoroughness import sized


class ConcurrencyTests(SynchronousTestCase):
    def test_lookups_side_by_side_do_not_disturb_each_other(self) -> None:
        """Twenty gets of one key by a node that has met almost nobody: each finds it."""
        swarm = Swarm(40, parameters=Parameters(k=8))
        swarm.clock.advance(400)  # verified
        swarm.wait(swarm.nodes[0].put("k", b"v"))
        fresh = swarm.add(read_only=True)
        gets = [fresh.get("k") for _ in range(20)]
        holders = [swarm.wait(each).holders for each in gets]
        self.assertGreaterEqual(min(holders), 7)
        swarm.stop()

    def test_hundreds_of_puts_at_once_all_arrive(self) -> None:
        swarm = Swarm(25, parameters=Parameters(k=8))
        puts = [swarm.nodes[1].put(f"k{number}", b"v") for number in range(sized(200, 400))]
        receipts = [swarm.wait(each) for each in puts]
        self.assertGreaterEqual(min(each.remote_acks for each in receipts), 6)
        wholes = [swarm.wait(each.complete()) for each in receipts]
        self.assertGreaterEqual(min(each.remote_acks for each in wholes), 7)
        swarm.stop()


class OutageTests(SwarmCase):
    def test_while_alone_a_node_is_quiet(self) -> None:
        self.clock.advance(600)
        upkeep_of(self.swarm, self.swarm.nodes[3])
        self.isolate(3)
        address = self.swarm.host_of(self.swarm.nodes[3]).addresses[0]
        sent = [0]
        self.clock.advance(120)

        def count(datagram: object) -> None:
            sent[0] += datagram.source[0] == address  # type: ignore[attr-defined]

        self.network.watch(count)
        self.clock.advance(600)
        self.assertLessEqual(sent[0], 600)
        self.network.heal()
