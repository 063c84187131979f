"""A kind of record that half of the nodes do not know: those who do keep it, and all read it.

Nodes that do not know a kind say so, and name contacts all the same.  They are passed over by
writers, readers and holders, however near the key they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NotFound, NotStored
from kadtwisted.model.ids import NodeID, id_to_bytes, key_of_name
from kadtwisted.model.results import Collection
from kadtwisted.node.node import Node
from kadtwisted.node.operations.searches import Query, find_records
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.testing.inspect import context_of, link_of, records_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import PORT, seeded_key, simulated_world, wait_for
from tests.node.test_toy_kind import note, speaking
from tests.records.toys import COUNTER, COUNTERS, NOTE, Notary, count

K = 4
PARAMETERS = Parameters(k=K, alpha=3, replication_period=600.0)
KEYS = tuple(key_of_name(f"guest book {number}") for number in range(4))


class MixedCase(SynchronousTestCase):
    """Nodes that know notes, and as many older ones."""

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.nodes: list[Node] = []
        self.newer: list[Node] = []

    def grow(self, size: int, newer: int = 2) -> None:
        """So many nodes, one in ``newer`` of which knows the new kinds."""
        for number in range(size):
            self.start(number, knows=number % newer == newer - 1)
        self.clock.advance(300.0)

    def start(self, seed: int, *, knows: bool, read_only: bool = False) -> Node:
        number = len(self.nodes) + 1
        host = self.network.host(f"{10 + number}.1.0.1")
        where = (host.addresses[0],)
        settings = NodeSettings(
            port=PORT,
            interfaces=where,
            parameters=PARAMETERS,
            read_only=read_only,
            sealer="plain",
        )
        dialect = speaking(Notary()) if knows else None
        world = simulated_world(host, seed)
        node = Node(host, settings, seeded_key(seed), world=world, dialect=dialect)
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        wait_for(self.clock, node.start())
        if self.nodes:
            wait_for(self.clock, node.bootstrap(["11.1.0.1:8000"]))
        if not read_only:
            self.nodes.append(node)
            if knows:
                self.newer.append(node)
        return node

    def collect(self, node: Node, key: NodeID, kind: int = NOTE) -> Collection:
        return wait_for(self.clock, node.collect(kind, id_to_bytes(key)))

    def nearest(self, key: NodeID, nodes: Sequence[Node]) -> list[Node]:
        return sorted(nodes, key=lambda node: node.node_id ^ key)[:K]

    def holders(self, record: bytes) -> list[Node]:
        return [node for node in self.newer if any(e.data == record for e in records_of(node))]


class HalfTests(MixedCase):
    def setUp(self) -> None:
        super().setUp()
        self.grow(14)

    def test_the_k_closest_that_know_it_keep_it_and_all_read_it(self) -> None:
        reader = self.start(-1, knows=True, read_only=True)
        for number, key in enumerate(KEYS):
            record = note(number, key=key)
            writer = self.newer[number % len(self.newer)]
            receipt = wait_for(self.clock, writer.put_record(record, lifetime=7000.0))
            holders = self.holders(record)
            self.assertGreaterEqual(len(holders), K)
            self.assertLessEqual({*self.nearest(key, self.newer)}, {*holders})
            older = [e for e in self.nearest(key, self.nodes) if e not in self.newer]
            passed = {each.node_id for each in receipt.passed_over}
            self.assertLessEqual({each.node_id for each in older}, passed)
            self.assertEqual(receipt.failures, {})
            for node in (reader, *self.newer):
                self.assertEqual([e.data for e in self.collect(node, key).records], [record])

    def test_one_record_under_a_key_is_read_in_every_mode(self) -> None:
        reader = self.start(-1, knows=True, read_only=True)
        for number, key in enumerate(KEYS):
            record = count(key, 5 + number)
            wait_for(self.clock, self.newer[number].put_record(record))
            (found,) = self.collect(reader, key, COUNTER).records
            self.assertEqual((found.data, found.holders >= K), (record, True))
            first = Query(COUNTERS, key, "first")
            searching = find_records(context_of(reader), link_of(reader), first)
            (winner,) = wait_for(self.clock, searching).winners
            self.assertEqual(winner.record, record)

    def test_who_passes_over_says_so_in_the_trace(self) -> None:
        reader = self.start(-1, knows=True, read_only=True)
        outcomes = {each.outcome for each in self.collect(reader, KEYS[0]).trace.steps}
        self.assertEqual(outcomes, {"nodes", "unknown-kind"})
        self.assertNotIn("removed", reader.status().counters)

    def test_a_value_is_kept_by_old_and_new_alike(self) -> None:
        raw = id_to_bytes(KEYS[0])
        receipt = wait_for(self.clock, self.newer[0].put(raw, b"value", wait="all"))
        self.assertEqual(receipt.passed_over, ())
        acknowledged = {e.contact.node_id for e in receipt.acknowledged if e.contact}
        near = {e.node_id for e in self.nearest(KEYS[0], self.nodes)} - {self.newer[0].node_id}
        self.assertLessEqual(near, acknowledged)

    def test_when_holders_leave_others_that_know_it_take_their_place(self) -> None:
        key, record = KEYS[0], note(1, key=KEYS[0])
        wait_for(self.clock, self.newer[0].put_record(record, lifetime=7000.0))
        for node in self.nearest(key, self.newer)[:2]:
            wait_for(self.clock, node.stop())
            self.newer.remove(node)
            self.nodes.remove(node)
        self.clock.advance(1800.0)
        self.assertLessEqual({*self.nearest(key, self.newer)}, {*self.holders(record)})

    def test_a_newcomer_that_knows_it_is_handed_it(self) -> None:
        key, record = KEYS[1], note(1, key=KEYS[1])
        wait_for(self.clock, self.newer[0].put_record(record, lifetime=7000.0))
        nearest = min(node.node_id ^ key for node in self.nodes)
        seeds = (seed for seed in range(100, 9999) if seeded_key(seed).node_id ^ key < nearest)
        newcomer = self.start(next(seeds), knows=True)
        self.clock.advance(1500.0)
        self.assertEqual([each.data for each in records_of(newcomer)], [record])


class FewTests(MixedCase):
    def test_one_in_four_is_found_all_the_same(self) -> None:
        self.grow(28, newer=4)
        reader = self.start(-1, knows=True, read_only=True)
        for number, key in enumerate(KEYS):
            record = note(number, key=key)
            wait_for(self.clock, self.newer[number].put_record(record, lifetime=7000.0))
            self.assertGreaterEqual(len(self.holders(record)), K)
            self.assertEqual([e.data for e in self.collect(reader, key).records], [record])

    def test_where_nobody_knows_it_nothing_is_stored_and_nothing_found(self) -> None:
        self.grow(8, newer=99)
        node = self.start(-1, knows=True)
        record = note(1, key=KEYS[0])
        storing = node.put_record(record, lifetime=7000.0)
        error = self.assertRaises(NotStored, wait_for, self.clock, storing)
        self.assertIn("knows this kind", str(error))
        self.assertEqual({*error.reasons.values()}, {"it does not know this kind of record"})
        self.assertEqual(self.collect(node, KEYS[0]).records, ())
        getting = node.get(id_to_bytes(KEYS[0]))
        self.assertRaises(NotFound, wait_for, self.clock, getting)
