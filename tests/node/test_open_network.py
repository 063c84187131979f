"""What a node does on a network that anyone may join: disjoint paths, misses confirmed, records
kept by more than the k closest where others crowd before them."""

from __future__ import annotations

from collections import Counter
from itertools import count, islice
from random import Random
from statistics import median
from types import MappingProxyType

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NotFound
from kadtwisted.identity.keys import NodeKey, node_id_of
from kadtwisted.lookup.iterative import WIDEST
from kadtwisted.lookup.records import Mode
from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.model.record import Value
from kadtwisted.model.results import Receipt
from kadtwisted.node.node import Node
from kadtwisted.node.operations.searches import refresh_bucket
from kadtwisted.node.operations.sizes import disjoint_paths, network_size
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records import value as value_rules
from kadtwisted.routing.size import SizeEstimates
from kadtwisted.testing.inspect import context_of, link_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import (
    EPOCH,
    PORT,
    NodeBuilder,
    Swarm,
    block_address,
    simulated_node,
    wait_for,
)

K = 8
SIZE = 48
SECRETS = (b"known to the members alone, 32 b",)
SETTINGS = MappingProxyType({"parameters": Parameters(k=K, alpha=3), "sealer": "plain"})


def paths_of(node: Node) -> int:
    return disjoint_paths(context_of(node), link_of(node))


class SwarmCase(SynchronousTestCase):
    def swarm(self, size: int = SIZE, **settings: object) -> Swarm:
        """Nodes of one network, stopped at the end."""
        swarm = Swarm(size, **{**SETTINGS, **settings})
        self.addCleanup(swarm.stop)
        return swarm

    def refreshed(self, swarm: Swarm) -> Swarm:
        """As a network that has not grown for a while: its members have refreshed their buckets."""
        for node in swarm.nodes:
            context, link = context_of(node), link_of(node)
            for index in range(len(link.table.buckets())):
                swarm.wait(refresh_bucket(context, link, index))
        return swarm


class SiteTests(SynchronousTestCase):
    def test_a_site_in_one_block_is_joined_at_full_speed(self) -> None:
        """What protects the block of a victim does not bind where all live in one."""
        clock = HeapClock()
        network = Network(clock, 1, latency=0.01)
        plain = {"sealer": "plain"}
        builder = NodeBuilder.seeded(network, 7, plain, lambda number: f"10.7.7.{number}")
        members = [builder.build() for _ in range(40)]
        for each in members:
            each.start()
            if each is not members[0]:
                wait_for(clock, each.node.bootstrap([members[0].address]))
        newcomer = builder.build()
        newcomer.start()
        began = clock.seconds()
        wait_for(clock, newcomer.node.bootstrap([members[0].address]))
        self.assertLess(clock.seconds() - began, 2.0)
        self.assertGreater(len(newcomer.known()), 30)
        for each in (*members, newcomer):
            wait_for(clock, each.node.stop())


class PathsTests(SwarmCase):
    def test_an_open_network_has_four_where_there_is_room(self) -> None:
        nodes = self.refreshed(self.swarm()).nodes
        counted = Counter(paths_of(node) for node in nodes)
        self.assertGreater(counted[4], SIZE * 3 // 4)
        self.assertGreaterEqual(min(counted), 2)
        sizes = [network_size(context_of(node), link_of(node)).nodes for node in nodes]
        self.assertLess(abs(median(sizes) / SIZE - 1), 0.5)

    def test_a_private_one_has_one(self) -> None:
        nodes = self.swarm(12, network_secrets=SECRETS).nodes
        self.assertEqual({paths_of(node) for node in nodes}, {1})

    def test_fewer_where_the_parameters_say_so(self) -> None:
        for wanted in (1, 2):
            nodes = self.swarm(20, parameters=Parameters(k=3, disjoint_paths=wanted)).nodes
            self.assertEqual(max(paths_of(node) for node in nodes), wanted)

    def test_one_where_there_is_no_room_for_more(self) -> None:
        self.assertEqual({paths_of(node) for node in self.swarm(K).nodes}, {1})

    def test_where_a_bucket_is_not_even_full_all_are_known(self) -> None:
        nodes = self.swarm(K).nodes
        sizes = [network_size(context_of(node), link_of(node)).nodes for node in nodes]
        self.assertEqual(sizes, [len(link_of(node).table) + 1 for node in nodes])
        self.assertLessEqual(max(sizes), K)


class AskedTests(SwarmCase):
    """How many are asked; ``first`` asks one path unless it misses."""

    def asked(self, swarm: Swarm, mode: Mode) -> float:
        """How many are asked by a reader, on the average of twelve."""
        found = [swarm.wait(node.get("k", mode=mode)) for node in swarm.nodes[-12:]]
        return sum(len(each.trace.steps) for each in found) / len(found)

    def test_the_latest_is_asked_for_on_all_paths_the_first_on_one(self) -> None:
        public, private = self.swarm(), self.swarm(network_secrets=SECRETS)
        for swarm in (public, private):
            swarm.wait(swarm.nodes[0].put("k", b"v"))
            self.assertLess(self.asked(swarm, "first"), K)
        self.assertLess(self.asked(private, "latest"), 2 * K)
        self.assertGreater(self.asked(public, "latest"), 3 * K)


class MissTests(SwarmCase):
    """One honest node has the record; the k that are closest to its key say they have none."""

    def found(self, **settings: object) -> int:
        """How many of all readers that do not hold it themselves find it."""
        swarm = self.swarm(**settings)
        key = key_of_name("k")
        holder = sorted(swarm.nodes, key=lambda node: node.node_id ^ key)[K * 3 // 2]
        published = int((EPOCH + swarm.clock.seconds()) * 1e6)
        record = value_rules.encode(Value(key, published, False, b"1:v"))
        swarm.wait(holder._records.store(record, 3600))
        found = 0
        for node in swarm.nodes:
            try:
                result = swarm.wait(node.get("k", mode="first"))
            except NotFound:
                continue
            self.assertEqual(result.value, b"v")
            at_once = [step for step in result.trace.steps if step.asked == 0.0]
            self.assertLessEqual(len(at_once), 3, "the second search begins after the first")
            found += node is not holder
        return found

    def test_a_miss_is_confirmed_on_disjoint_paths(self) -> None:
        alone = self.found(network_secrets=SECRETS)
        confirmed = self.found()
        self.assertLess(alone, SIZE // 2)
        self.assertGreater(confirmed, alone + SIZE // 4)
        self.assertGreater(confirmed, SIZE * 3 // 4)


class KeepersTests(SwarmCase):
    """K + 2 nodes have made themselves IDs nearer to a key than any honest node's."""

    KEY = key_of_name("the target")
    CROWD = K + 2

    def seeds(self, target: int) -> list[int]:
        """Seeds of nodes whose IDs share their first eight bits with the target."""
        candidates = (seed for seed in count(1) if not (id_of(seed) ^ target) >> 152)
        return list(islice(candidates, self.CROWD))

    def crowd(self, swarm: Swarm, seeds: list[int], **settings: object) -> None:
        """Let the nodes of these seeds join."""
        for seed in seeds:
            address = block_address(1000 + seed)
            chosen = NodeSettings(port=PORT, interfaces=(address,), **{**SETTINGS, **settings})
            node = simulated_node(swarm.network.host(address), seed, chosen)
            swarm.wait(node.start())
            swarm.wait(node.bootstrap([swarm.address_of(swarm.nodes[0])]))
            self.addCleanup(lambda stopping=node.stop: swarm.wait(stopping()))

    def put(self, **settings: object) -> tuple[Swarm, Receipt]:
        """An honest put under a crowded key, from far away."""
        swarm = self.swarm(**settings)
        self.crowd(swarm, self.seeds(self.KEY), **settings)
        writer = max(swarm.nodes, key=lambda node: node.node_id ^ self.KEY)
        return swarm, swarm.wait(writer.put(id_to_bytes(self.KEY), b"v", wait="all"))

    def honest(self, swarm: Swarm, receipt: Receipt) -> list[int]:
        """The ranks, among the honest nodes, of those that acknowledged."""
        ranks = sorted(node.node_id ^ self.KEY for node in swarm.nodes)
        return [
            ranks.index(each.distance) for each in receipt.acknowledged if each.distance in ranks
        ]

    def test_the_crowd_pushes_nobody_out(self) -> None:
        swarm, receipt = self.put()
        self.assertEqual(self.honest(swarm, receipt)[:2], [0, 1])
        self.assertLessEqual(receipt.remote_acks, WIDEST * K)
        self.assertEqual(receipt.failures, {})

    def test_not_even_if_it_crowds_around_the_writer_too(self) -> None:
        swarm = self.swarm()
        writer = max(swarm.nodes, key=lambda node: node.node_id ^ self.KEY)
        self.crowd(swarm, self.seeds(self.KEY) + self.seeds(writer.node_id))
        link = link_of(writer)
        around = sorted(each.node_id ^ writer.node_id for each in link.table.contacts())
        self.assertLess(around[2], 1 << 152, "the writer knows of its crowd")
        link.sizes = SizeEstimates()  # as if it had just begun
        receipt = swarm.wait(writer.put(id_to_bytes(self.KEY), b"v", wait="all"))
        self.assertGreaterEqual(len(self.honest(swarm, receipt)), K * 3 // 4)
        self.assertLess(network_size(context_of(writer), link).nodes, 2 * SIZE)

    def test_on_a_private_network_there_are_no_crowds(self) -> None:
        swarm, receipt = self.put(network_secrets=SECRETS)
        self.assertEqual(self.honest(swarm, receipt), [])
        self.assertEqual(receipt.remote_acks, K)

    def test_a_key_like_others_is_kept_by_about_k(self) -> None:
        swarm = self.swarm()
        acks = [
            swarm.wait(n.put(f"key {i}", b"v", wait="all")).remote_acks
            for i, n in enumerate(swarm.nodes[:16])
        ]
        self.assertGreaterEqual(min(acks), K)
        self.assertLessEqual(max(acks), WIDEST * K)
        self.assertLess(sum(acks) / len(acks), 2 * K)

    def test_a_network_of_less_than_2k_has_no_more_than_k(self) -> None:
        swarm = self.swarm(2 * K - 1, parameters=Parameters(k=K))
        receipt = swarm.wait(swarm.nodes[0].put("k", b"v", wait="all"))
        self.assertEqual(receipt.remote_acks, K)


def id_of(seed: int) -> int:
    """The ID of the simulated node of this seed."""
    return node_id_of(NodeKey.generate(Random(f"key {seed}").randbytes).public_key)
