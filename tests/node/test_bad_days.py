"""Bad days: dead ports under load, outages, loss, rotating secrets, hasty starts and stops."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from functools import partial

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import (
    BootstrapFailed,
    DiskFull,
    KadtwistedError,
    NodeStopped,
    NotFound,
    NotStored,
    Unavailable,
)
from kadtwisted.model.contact import Family
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.record import Kind, StorageKey, StoredRecord
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records.value import encode, value_of
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.inspect import storage_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Conditions, Network
from kadtwisted.testing.nodes import PORT, Swarm, simulated_node, simulated_world, wait_for
from tests.node.storages import FailingStorage
from tests.node.upkeep.cases import upkeep_of


class SwarmCase(SynchronousTestCase):
    """Nodes that have contacts in several buckets."""

    SIZE = 16
    PARAMETERS = Parameters(k=8)

    def setUp(self) -> None:
        self.swarm = Swarm(self.SIZE, parameters=self.PARAMETERS)
        self.clock = self.swarm.clock
        self.network = self.swarm.network
        self.addCleanup(self.swarm.stop)

    def isolate(self, number: int) -> None:
        """Cut one node off."""
        self.network.partition([self.swarm.host_of(self.swarm.nodes[number])])


class DeadPortTests(SwarmCase):
    def test_operations_under_way_when_the_port_dies_all_end(self) -> None:
        node = self.swarm.nodes[3]
        outcomes: list[object] = []
        running = [node.get("a"), node.get("b"), node.put("c", b"v"), node.ping("192.0.2.5:8000")]
        for each in running:
            each.addBoth(outcomes.append)
        self.clock.advance(0.005)
        self.swarm.host_of(node).fail_reads(OSError(12, "Cannot allocate memory"))
        self.clock.advance(30)
        self.assertEqual(len(outcomes), len(running))
        self.assertEqual(node.status().links[0].requests_in_flight, 0)
        self.swarm.wait(node.put("c", b"v"))
        self.flushLoggedErrors(OSError)


class FullDiskTests(SynchronousTestCase):
    """A node alone whose storage refuses to write for a while."""

    def test_it_reads_and_says_so_and_heals_by_itself(self) -> None:
        clock = HeapClock()
        storage = FailingStorage(DiskFull("the disk is full"))
        node = simulated_node(Network(clock, 1).host("192.0.2.1"), 1, storage=storage)
        wait_for(clock, node.start())
        with capturedLogs() as told:
            self.assertRaises(NotStored, wait_for, clock, node.put("k", b"v"))
            clock.advance(200)
        self.assertEqual(node.status().health, "degraded")
        self.assertEqual(
            [each["text"] for each in told if "text" in each],
            ["records cannot be stored: the disk is full"],
        )
        storage.error = None
        clock.advance(100)
        self.assertEqual(node.status().health, "serving")
        clock.advance(1)
        self.assertEqual(node.status().stored_records, 0)
        self.assertRaises(NotFound, wait_for, clock, node.get("k"))
        wait_for(clock, node.stop())


class OutageTests(SwarmCase):
    def test_a_put_that_reached_nobody_is_a_failure_and_leaves_nothing(self) -> None:
        self.isolate(3)
        node = self.swarm.nodes[3]
        error = None
        try:
            self.swarm.wait(node.put("k", b"v"))
        except NotStored as caught:
            error = caught
        assert error is not None
        self.assertGreater(len(error.reasons), 5)
        self.assertRaises(Unavailable, self.swarm.wait, node.get("k"))
        self.assertEqual(node.status().stored_records, 0)

    def test_an_outage_empties_no_table_and_ends_by_itself(self) -> None:
        self.clock.advance(600)
        node = self.swarm.nodes[3]
        before = node.status().links[0]
        self.assertGreaterEqual(before.contacts, 10)
        upkeep_of(self.swarm, node)
        self.isolate(3)
        states = set()
        for number in range(180):
            node.get(f"k{number}").addErrback(lambda failure: failure.trap(KadtwistedError))
            self.clock.advance(20)
            states.add(node.status().health)
        after = node.status().links[0]
        self.assertEqual(after.contacts, before.contacts)
        self.assertIn("isolated", states)
        self.network.heal()
        self.clock.advance(60)
        self.assertEqual(node.status().health, "serving")
        self.swarm.wait(node.put("k", b"v"))

    def test_who_is_gone_is_dropped_while_others_live(self) -> None:
        self.clock.advance(600)
        gone, observed = self.swarm.nodes[7], self.swarm.nodes[:5]
        self.swarm.wait(gone.stop())
        upkeep_of(self.swarm, *observed)
        self.clock.advance(1800)
        for node in observed:
            known = {c.node_id for b in node.routing().buckets for c in b.contacts}
            self.assertNotIn(gone.node_id, known)

    def test_no_network_at_start(self) -> None:
        """Bootstraps dead for an hour, then back: serving within a minute, quiet meanwhile."""
        self.clock.advance(600)
        upkeep_of(self.swarm)
        host = self.network.host("198.51.100.1")
        self.network.partition([host])
        late = simulated_node(host, 500)
        self.swarm.wait(late.start())
        bootstraps = [self.swarm.address_of(self.swarm.nodes[n]) for n in (0, 1, 2)]
        self.assertRaises(BootstrapFailed, self.swarm.wait, late.bootstrap(bootstraps))
        self.assertEqual(late.status().health, "joining")
        self.clock.advance(3600)
        self.network.heal()
        self.clock.advance(60)
        self.assertEqual(late.status().health, "serving")
        self.assertGreaterEqual(late.status().links[0].contacts, 10)
        self.swarm.wait(late.stop())


class LossTests(SwarmCase):
    SIZE = 16

    def test_loss_drops_no_live_contact(self) -> None:
        self.clock.advance(600)
        before = {n.node_id: n.status().links[0].contacts for n in self.swarm.nodes}
        self.network.conditions = Conditions(latency=0.02, loss=0.05, duplicate=0.05, jitter=0.05)
        self.clock.advance(3600)
        for node in self.swarm.nodes:
            self.assertGreaterEqual(node.status().links[0].contacts, before[node.node_id])
        self.network.conditions = Conditions(latency=0.02)


class ClockTests(SwarmCase):
    SIZE = 12
    PARAMETERS = Parameters()

    def test_a_full_node_with_a_clock_ahead_publishes_by_the_networks_clock(self) -> None:
        host = self.network.host("198.51.100.1")
        early = simulated_node(host, 78, world=simulated_world(host, 78, skew=3600))
        self.swarm.wait(early.start())
        self.swarm.wait(early.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
        receipt = self.swarm.wait(early.put("k", b"v"))
        self.assertGreaterEqual(receipt.remote_acks, 9)
        published = receipt.record.published / 1e6
        right = simulated_world(host, 79).unix_time()
        self.assertLess(abs(published - right), 5.0)
        self.swarm.wait(early.stop())

    def hold(self, liar: Node, key: NodeID, record: bytes) -> None:
        """Let a node hold a record that its rules would refuse."""
        now = self.clock.seconds()
        stored = StoredRecord(StorageKey(Kind.VALUE, key), record, now + 3600.0, now)
        self.swarm.wait(storage_of(liar).put(stored, now))

    def test_one_record_from_the_future_spoils_no_key(self) -> None:
        key = key_of_name("k")
        far = encode(value_of(key, b"later", 2**63 - 1))
        liar = self.swarm.nodes[4]
        self.hold(liar, key, far)
        receipt = self.swarm.wait(self.swarm.nodes[1].put("k", b"now"))
        self.assertGreaterEqual(receipt.remote_acks, 9)
        self.assertEqual(self.swarm.wait(self.swarm.nodes[2].get("k")).value, b"now")

    def test_nor_do_several_for_who_takes_the_first_answer(self) -> None:
        key = key_of_name("k")
        far = encode(value_of(key, b"later", 2**63 - 1))
        liars = self.swarm.nodes[1:6]
        for liar in liars:
            self.hold(liar, key, far)
        self.swarm.wait(self.swarm.nodes[8].put("k", b"now"))
        host = self.network.host("198.51.100.1")
        for honest in (self.swarm.nodes[0], *self.swarm.nodes[6:]):  # liars are quick to answer
            self.network.set_conditions(
                host.addresses[0], self.swarm.host_of(honest).addresses[0], Conditions(latency=0.04)
            )
        for number in range(5):
            settings = NodeSettings(port=PORT, interfaces=host.addresses, read_only=True)
            reader = simulated_node(host, 100 + number, settings)
            self.swarm.wait(reader.start())
            self.swarm.wait(reader.bootstrap([self.swarm.address_of(liars[number])]))
            self.assertEqual(self.swarm.wait(reader.get("k", mode="first")).value, b"now")
            self.swarm.wait(reader.stop())


class RotationTests(SynchronousTestCase):
    def test_a_secret_is_rotated_without_splitting_the_network(self) -> None:
        clock = HeapClock()
        network = Network(clock, 1, latency=0.01)
        old, new = b"old secret", b"new secret"
        starts = iter(range(1000, 2000))

        def run(number: int, *secrets: bytes) -> object:
            address = f"192.0.2.{number}"
            host = network.host(address)
            node = simulated_node(
                host,
                number,
                NodeSettings(port=8000, interfaces=(address,), network_secrets=secrets),
                # Other random bytes after each start: the same ones would be a replay.
                world=simulated_world(host, next(starts)),
            )
            wait_for(clock, node.start())
            return node

        first, second = run(1, new, old), run(2, old)
        wait_for(clock, second.bootstrap(["192.0.2.1:8000"]))
        clock.advance(10)
        self.assertEqual(first.status().links[0].tentative, 1)
        wait_for(clock, first.ping("192.0.2.2:8000"))
        for secrets in ((old, new), (new, old), (new,)):
            wait_for(clock, second.stop())
            second = run(2, *secrets)
            wait_for(clock, second.ping("192.0.2.1:8000"))
            wait_for(clock, first.ping("192.0.2.2:8000"))
            wait_for(clock, first.put("k", b"v"))
        wait_for(clock, first.stop())
        wait_for(clock, second.stop())


class SlowStorage(MemoryStorage):
    """Opens and closes when told to."""

    def __init__(self) -> None:
        super().__init__(100, 100_000)
        self.opening: Deferred[None] = Deferred()

    def open(self) -> Deferred[None]:
        return self.opening


class HasteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.host = Network(self.clock, 1).host("192.0.2.1")

    def test_stop_while_starting_wins(self) -> None:
        storage = SlowStorage()
        node = simulated_node(self.host, 1, storage=storage)
        starting, stopping = node.start(), node.stop()
        self.assertEqual(node.status().health, "starting")
        storage.opening.callback(None)
        wait_for(self.clock, starting)
        wait_for(self.clock, stopping)
        self.assertFalse(node.status().running)
        self.assertEqual(self.clock.pending(), 0)

    def test_two_starts_are_one(self) -> None:
        storage = SlowStorage()
        node = simulated_node(self.host, 1, storage=storage)
        first, second = node.start(), node.start()
        storage.opening.callback(None)
        wait_for(self.clock, first)
        wait_for(self.clock, second)
        self.assertTrue(node.status().running)
        wait_for(self.clock, node.stop())

    def test_start_from_what_a_stop_failed(self) -> None:
        node = simulated_node(self.host, 1)
        wait_for(self.clock, node.start())
        again: list[Deferred[None]] = []
        node.ping("192.0.2.9:1").addErrback(lambda _: again.append(node.start()))
        stopping = node.stop()
        wait_for(self.clock, stopping)
        wait_for(self.clock, again[0])
        self.assertTrue(node.status().running)
        wait_for(self.clock, node.put("k", b"v"))
        wait_for(self.clock, node.stop())
        self.assertEqual(self.clock.pending(), 0)


class EveryMomentTests(SynchronousTestCase):
    """A bootstrap can be cancelled, or its node stopped, at every moment."""

    def interrupt(self, how: Callable[[Node, Deferred[object]], object], expected: type) -> None:
        swarm = Swarm(3)
        for step in range(1, 60):
            node = simulated_node(swarm.network.host(f"198.51.100.{step}"), 99 + step)
            swarm.wait(node.start())
            ended: list[object] = []
            joining = node.bootstrap([swarm.address_of(swarm.nodes[0])])
            joining.addBoth(ended.append)
            swarm.clock.advance(step * 0.005)
            over = bool(ended)
            if not over:
                how(node, joining)
                swarm.clock.advance(5)
                self.assertTrue(ended[0].check(expected), (step, ended))  # type: ignore[attr-defined]
            swarm.wait(node.stop())
            if over:
                break
        self.assertGreater(step, 5)
        swarm.stop()

    def test_stop(self) -> None:
        self.interrupt(lambda node, _: node.stop(), NodeStopped)

    def test_cancel(self) -> None:
        self.interrupt(lambda _, joining: joining.cancel(), CancelledError)


class FamilyNameTests(SynchronousTestCase):
    def test_a_name_with_addresses_of_both_families_joins_both(self) -> None:
        clock = HeapClock()
        network = Network(clock, 1, latency=0.01)
        first = simulated_node(network.host("192.0.2.1", "2001:db8::1"), 1)
        host = network.host("192.0.2.2", "2001:db8::2")
        names = {"boot.example": ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"]}
        second = simulated_node(host, 2, world=simulated_world(host, 2, names=names))
        for node in (first, second):
            wait_for(clock, node.start())
        result = wait_for(clock, second.bootstrap(["boot.example:8000"]))
        self.assertEqual(len(result.answered), 2)
        for family in (Family.IPV4, Family.IPV6):
            self.assertEqual(len(second._links[family].table), 1)
        receipt = wait_for(clock, second.put("k", b"v"))
        self.assertEqual(receipt.remote_acks, 1)
        for node in (first, second):
            wait_for(clock, node.stop())
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


class AnyOrderTests(SynchronousTestCase):
    """Random operations under loss, partitions, cancels, stops and starts: all of them end."""

    def test_everything_ends(self) -> None:
        for seed in range(4):
            self.play(random.Random(seed), seed)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def play(self, source: random.Random, seed: int) -> None:
        swarm = Swarm(10, seed=seed + 1)
        swarm.network.conditions = Conditions(0.02, jitter=0.1, loss=0.1, duplicate=0.1)
        begun: list[Deferred[object]] = []
        ended: list[object] = []
        for _ in range(150):
            node = source.choice(swarm.nodes)
            deed = source.randrange(9)
            doing: Deferred[object] | None = None
            if deed < 3:
                doing = (node.get, node.delete, partial(node.put, value=b"v"))[deed](f"k{deed}")
            elif deed == 3:
                doing = node.bootstrap(["192.0.2.2:8000", "192.0.2.99:1"])
            elif deed == 4:
                doing = node.find_node(key_of_name("x"))
            elif deed == 5 and begun:
                source.choice(begun).cancel()
            elif deed == 6:
                swarm.network.partition([swarm.network.host("192.0.2.3")])
            elif deed == 7:
                swarm.network.heal()
            else:
                doing = swarm.nodes[-1].stop() if source.random() < 0.5 else swarm.nodes[-1].start()
            if doing is not None:
                doing.addBoth(ended.append)
                begun.append(doing)
            swarm.clock.advance(source.random() * 0.2)
        swarm.network.heal()
        swarm.clock.advance(120)
        self.assertEqual(len(ended), len(begun))
        for failure in ended:
            if hasattr(failure, "check"):
                failure.trap(KadtwistedError, CancelledError)
        swarm.stop()
        self.assertEqual(swarm.clock.pending(), 0)
        for node in swarm.nodes:
            self.assertEqual(len(node._operations), 0)
            self.failureResultOf(node.get("k"), NodeStopped)
