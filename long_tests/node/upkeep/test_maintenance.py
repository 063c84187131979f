"""Passing records on never lengthens their life, and one holder does it for all."""

from __future__ import annotations

from kadtwisted.errors import NotFound
from tests.node.upkeep.cases import HOUR, UpkeepCase


class ReplicationTests(UpkeepCase):
    SIZE = 20

    def test_passing_on_never_lengthens_a_life(self) -> None:
        self.clock.advance(600)
        self.swarm.wait(self.swarm.nodes[0].put("k", b"v", lifetime=4 * HOUR))
        self.assertGreaterEqual(len(self.holders("k")), 8)
        self.clock.advance(4 * HOUR - 5)
        self.assertEqual(self.swarm.wait(self.swarm.nodes[9].get("k")).value, b"v")
        self.clock.advance(5.1)
        self.assertEqual(self.holders("k"), [])
        self.assertRaises(NotFound, self.swarm.wait, self.swarm.nodes[9].get("k"))
        self.clock.advance(120)
        for node in self.swarm.nodes:
            usage = self.successResultOf(node._storage.usage())
            self.assertEqual((usage.records, usage.size), (0, 0))
            self.assertEqual(node.status().stored_records, 0)

    def test_one_holder_speaks_for_all_and_what_is_there_is_not_sent(self) -> None:
        self.clock.advance(600)
        for number in range(20):
            self.swarm.wait(self.swarm.nodes[number % self.SIZE].put(f"k{number}", b"v"))
        self.clock.advance(3 * HOUR)
        offered, stored = self.counted("replication.offered"), self.counted("replication.stored")
        # Three periods, twenty records, eight targets each: about 480 if one holder speaks.
        self.assertLess(offered, 3 * 480)
        self.assertGreater(offered, 300)
        self.assertLess(stored, 60)
