"""The node as its users see it, on a simulated network: life, operations, failures, receipts."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from kadtwisted.errors import (
    BootstrapFailed,
    CannotListen,
    ClockSkew,
    ConfigurationError,
    InvalidAddress,
    InvalidInput,
    InvalidKey,
    InvalidLifetime,
    NoContacts,
    NodeStopped,
    NotFound,
    NotStored,
    RecordTooLarge,
    StorageError,
    Unavailable,
)
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID, id_to_bytes, key_of_name
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Datagram, Network
from kadtwisted.testing.nodes import Swarm, simulated_node, simulated_world, wait_for


class LifeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.host = self.network.host("192.0.2.1")
        self.node = simulated_node(self.host, 1)

    def test_provides_the_interface(self) -> None:
        self.assertTrue(verifyObject(INode, self.node))

    def test_before_start_and_after_stop_everything_fails_typed(self) -> None:
        def try_all() -> None:
            for trying in (
                self.node.bootstrap(["192.0.2.2:8000"]),
                self.node.ping("192.0.2.2:8000"),
                self.node.find_node(NodeID(1)),
                self.node.get("k"),
                self.node.put("k", b"v"),
                self.node.delete("k"),
            ):
                self.failureResultOf(trying, NodeStopped)

        try_all()
        wait_for(self.clock, self.node.start())
        self.assertTrue(self.node.status().running)
        wait_for(self.clock, self.node.stop())
        try_all()
        self.assertFalse(self.node.status().running)

    def test_start_and_stop_are_idempotent_and_repeatable(self) -> None:
        for _ in range(3):
            wait_for(self.clock, self.node.start())
            self.successResultOf(self.node.start())
            wait_for(self.clock, self.node.stop())
            self.successResultOf(self.node.stop())
        self.assertEqual(self.clock.pending(), 0)

    def test_a_taken_port_is_one_sentence_and_leaves_nothing_open(self) -> None:
        wait_for(self.clock, self.node.start())
        second = simulated_node(self.host, 2)
        error = self.failureResultOf(second.start(), CannotListen).value
        self.assertIn("192.0.2.1", str(error))
        self.assertIn("8000", str(error))
        self.failureResultOf(second.ping("192.0.2.1:8000"), NodeStopped)
        wait_for(self.clock, self.node.stop())
        wait_for(self.clock, second.start())
        wait_for(self.clock, second.stop())

    def test_when_the_second_family_cannot_be_bound_the_first_is_let_go(self) -> None:
        host = self.network.host("192.0.2.5", "2001:db8::5")
        settings = NodeSettings(port=8000, interfaces=("192.0.2.5", "2001:db8::6"))
        starting = simulated_node(host, 3, settings).start()
        self.assertRaises(CannotListen, wait_for, self.clock, starting)
        good = simulated_node(host, 4)
        wait_for(self.clock, good.start())
        wait_for(self.clock, good.stop())

    def test_settings_that_cannot_work_fail_at_construction(self) -> None:
        for settings in (
            NodeSettings(interfaces=()),
            NodeSettings(interfaces=("192.0.2.1", "192.0.2.2")),
            NodeSettings(network=""),
            NodeSettings(network="mainline"),
            NodeSettings(sealer="rot13"),
        ):
            self.assertRaises(ConfigurationError, simulated_node, self.host, 1, settings)

    def test_start_stop_a_hundred_times_with_requests_in_flight(self) -> None:
        """RPCs, lookups, puts, bootstraps in the air; all end with NodeStopped, nothing stays."""
        others = Swarm(8, network=self.network)
        outcomes: list[object] = []
        started = 0
        for round_number in range(100):
            wait_for(self.clock, self.node.start())
            running = [
                self.node.bootstrap([others.address_of(others.nodes[0]), "192.0.2.200:1"]),
                self.node.ping("192.0.2.200:1"),
                self.node.put("k", b"v"),
            ]
            self.clock.advance(0.005 * (round_number % 12))
            running += [self.node.get("other"), self.node.find_node(NodeID(round_number))]
            self.clock.advance(0.015 * (round_number % 3))
            for each in running:
                each.addBoth(outcomes.append)
            started += len(running)
            before = self.clock.seconds()
            wait_for(self.clock, self.node.stop())
            self.assertLessEqual(self.clock.seconds() - before, 2.0)
            self.assertEqual(len(outcomes), started)
        stopped = [each for each in outcomes if getattr(each, "type", None) is NodeStopped]
        self.assertGreater(len(stopped), 200)
        self.clock.advance(120)
        others.stop()
        self.clock.advance(120)
        self.assertEqual(self.clock.pending(), 0)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_dead_port_is_bound_again(self) -> None:
        other = simulated_node(self.network.host("192.0.2.2"), 2)
        wait_for(self.clock, self.node.start())
        wait_for(self.clock, other.start())
        for _ in range(3):
            self.host.fail_reads(OSError(12, "Cannot allocate memory"))
            other.ping("192.0.2.1:8000").addErrback(lambda _: None)
            self.clock.advance(5)
            wait_for(self.clock, other.ping("192.0.2.1:8000"))
        self.assertEqual(self.node.status().counters["port.died"], 3)
        for node in (self.node, other):
            wait_for(self.clock, node.stop())
        self.assertEqual(self.clock.pending(), 0)
        self.flushLoggedErrors(OSError)

    def test_a_port_that_stays_dead_is_tried_until_stop(self) -> None:
        wait_for(self.clock, self.node.start())
        self.host.fail_reads(OSError(5, "Input/output error"))
        self.network.send(b"x", ("192.0.2.9", 1), ("192.0.2.1", 8000))
        self.patch(self.host, "listenUDP", self._refuse)
        self.clock.advance(60)
        wait_for(self.clock, self.node.stop())
        self.assertEqual(self.clock.pending(), 0)
        self.flushLoggedErrors(OSError)

    def _refuse(self, *_: object, **__: object) -> None:
        raise CannotListenError("", 8000, OSError(98, "Address already in use"))


class BrokenStorage(MemoryStorage):
    """Opens, then fails to close, or fails to open at all."""

    def __init__(self, opens: bool) -> None:
        super().__init__(10, 1000)
        self.opens = opens
        self.closing: Exception = StorageError("the disk is gone")

    def open(self) -> Deferred[None]:
        opening: Deferred[None] = Deferred()
        if self.opens:
            opening.callback(None)
        else:
            opening.errback(StorageError("the disk is on fire"))
        return opening

    def close(self) -> Deferred[None]:
        closing: Deferred[None] = Deferred()
        closing.errback(self.closing)
        return closing


class StorageLifeTests(SynchronousTestCase):
    def test_a_storage_that_does_not_open_fails_the_start(self) -> None:
        clock = HeapClock()
        host = Network(clock).host("192.0.2.1")
        node = simulated_node(host, 1, storage=BrokenStorage(opens=False))
        self.failureResultOf(node.start(), StorageError)

    def test_a_storage_that_does_not_close_does_not_stop_the_stop(self) -> None:
        clock = HeapClock()
        host = Network(clock).host("192.0.2.1")
        storage = BrokenStorage(opens=True)
        node = simulated_node(host, 1, storage=storage)
        wait_for(clock, node.start())
        with capturedLogs() as told:
            wait_for(clock, node.stop())
        sentences = [formatEvent(each) for each in told]
        self.assertIn("the storage did not close cleanly: the disk is gone", sentences)
        self.assertEqual(self.flushLoggedErrors(), [])
        storage.closing = OSError("nobody expected that")
        wait_for(clock, node.start())
        wait_for(clock, node.stop())
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class AloneTests(SynchronousTestCase):
    """A network of one."""

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.node = simulated_node(self.network.host("192.0.2.1"), 1)
        wait_for(self.clock, self.node.start())
        self.addCleanup(lambda: wait_for(self.clock, self.node.stop()))

    def test_puts_to_itself_and_reads_it_back(self) -> None:
        receipt = self.successResultOf(self.node.put("k", b"v", lifetime=60))
        self.assertEqual((receipt.remote_acks, len(receipt.acknowledged)), (0, 1))
        for mode in ("first", "latest"):
            found = self.successResultOf(self.node.get("k", mode=mode))
            self.assertEqual((found.value, found.holders), (b"v", 1))
        self.successResultOf(self.node.delete("k"))
        self.failureResultOf(self.node.get("k"), NotFound)
        self.failureResultOf(self.node.get("other"), NotFound)
        self.failureResultOf(self.node.find_node(NodeID(1)), NoContacts)

    def test_a_value_lives_as_long_as_it_should_and_no_longer(self) -> None:
        self.successResultOf(self.node.put("k", b"v", lifetime=60))
        self.clock.advance(59)
        self.assertEqual(self.successResultOf(self.node.get("k")).remaining, 1)
        self.clock.advance(1.001)
        self.failureResultOf(self.node.get("k"), NotFound)

    def test_a_read_only_node_alone_can_do_nothing(self) -> None:
        settings = NodeSettings(port=8000, interfaces=("192.0.2.3",), read_only=True)
        node = simulated_node(self.network.host("192.0.2.3"), 3, settings)
        wait_for(self.clock, node.start())
        self.failureResultOf(node.get("k"), NoContacts)
        self.failureResultOf(node.put("k", b"v"), NoContacts)
        wait_for(self.clock, node.stop())


class BadInputTests(SynchronousTestCase):
    """One clear error each, and nothing is sent."""

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        host = self.network.host("192.0.2.1")
        names = {"six.example": ["2001:db8::1"]}
        self.node = simulated_node(host, 1, world=simulated_world(host, 1, names=names))
        wait_for(self.clock, self.node.start())
        self.addCleanup(lambda: wait_for(self.clock, self.node.stop()))

    def test_keys(self) -> None:
        for key in ("", b"short", b"x" * 21, 7, "\ud800"):
            self.failureResultOf(self.node.get(key), InvalidKey)  # type: ignore[arg-type]
            self.failureResultOf(self.node.put(key, b"v"), InvalidKey)  # type: ignore[arg-type]
            self.failureResultOf(self.node.delete(key), InvalidKey)  # type: ignore[arg-type]

    def test_a_key_may_be_a_name_or_its_digest(self) -> None:
        self.successResultOf(self.node.put("k", b"v"))
        digest = id_to_bytes(key_of_name("k"))
        self.assertEqual(self.successResultOf(self.node.get(digest)).value, b"v")

    def test_values(self) -> None:
        self.successResultOf(self.node.put("k", b""))
        self.successResultOf(self.node.put("k", bytes(996)))
        error = self.failureResultOf(self.node.put("k", bytes(997)), RecordTooLarge).value
        self.assertIn("1000", str(error))
        self.failureResultOf(self.node.put("k", "text"), InvalidInput)  # type: ignore[arg-type]

    def test_lifetimes(self) -> None:
        for lifetime in (0, -1, 48 * 3600 + 1, float("nan"), float("inf")):
            self.failureResultOf(self.node.put("k", b"v", lifetime=lifetime), InvalidLifetime)
        receipt = self.successResultOf(self.node.put("k", b"v", lifetime=48 * 3600))
        self.assertEqual(receipt.acknowledged[0].remaining, 48 * 3600)

    def test_modes(self) -> None:
        self.failureResultOf(self.node.get("k", mode="fast"), InvalidInput)  # type: ignore[arg-type]

    def test_addresses(self) -> None:
        for address in ("", "nowhere", "1.2.3.4:0", "::1:8000", "zz@1.2.3.4:5"):
            self.failureResultOf(self.node.ping(address), InvalidAddress)
            self.failureResultOf(self.node.bootstrap([address]), InvalidAddress)
        self.failureResultOf(self.node.bootstrap([]), InvalidInput)
        self.assertEqual(self.network.sent, 0)

    def test_names_that_do_not_help(self) -> None:
        self.failureResultOf(self.node.ping("no.example:1"), Unavailable)
        error = self.failureResultOf(self.node.ping("six.example:1"), Unavailable).value
        self.assertIn("IPv4", str(error))
        error = self.failureResultOf(self.node.bootstrap(["no.example:1"]), BootstrapFailed).value
        self.assertIn("resolve", error.reasons["no.example:1"])


class NetworkTests(SynchronousTestCase):
    """A few nodes more than k."""

    def setUp(self) -> None:
        self.swarm = Swarm(24)
        self.clock = self.swarm.clock
        self.addCleanup(self.swarm.stop)

    def test_everybody_knows_enough_within_seconds(self) -> None:
        self.assertLess(self.clock.seconds(), 30)
        for node in self.swarm.nodes:
            link = node.status().links[0]
            self.assertGreaterEqual(link.contacts + link.tentative, 20)
            self.assertEqual(link.observed, link.listening)

    def test_put_get_overwrite_delete(self) -> None:
        writer, reader, other = self.swarm.nodes[3], self.swarm.nodes[17], self.swarm.nodes[22]
        receipt = self.swarm.wait(writer.put("k", b"one", wait="all"))
        self.assertGreaterEqual(receipt.remote_acks, 19)
        self.assertEqual(receipt.failures, {})
        distances = [each.distance for each in receipt.acknowledged]
        self.assertEqual(distances, sorted(distances))
        closest = sorted(node.node_id ^ receipt.key for node in self.swarm.nodes)
        self.assertEqual(distances[:20], closest[:20])
        found = self.swarm.wait(reader.get("k"))
        self.assertEqual((found.value, found.raw), (b"one", b"3:one"))
        self.assertGreaterEqual(found.holders, 20)
        self.assertGreater(len(found.trace.steps), 5)
        self.swarm.wait(other.put("k", b"two"))
        self.assertEqual(self.swarm.wait(reader.get("k")).value, b"two")
        self.assertEqual(self.swarm.wait(writer.get("k", mode="first")).value, b"two")
        self.swarm.wait(reader.delete("k"))
        for node in self.swarm.nodes:
            self.assertRaises(NotFound, self.swarm.wait, node.get("k"))

    def test_a_writer_whose_clock_is_behind_still_wins(self) -> None:
        self.swarm.wait(self.swarm.nodes[1].put("k", b"one"))
        host = self.swarm.network.host("198.51.100.1")
        late = simulated_node(host, 77, world=simulated_world(host, 77, skew=-3600))
        self.swarm.wait(late.start())
        self.swarm.wait(late.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
        self.swarm.wait(late.put("k", b"two"))
        self.assertEqual(self.swarm.wait(self.swarm.nodes[2].get("k")).value, b"two")
        self.swarm.wait(late.stop())

    def test_a_writer_whose_clock_is_far_ahead_is_told(self) -> None:
        host = self.swarm.network.host("198.51.100.1")
        settings = NodeSettings(port=8000, interfaces=("198.51.100.1",), read_only=True)
        world = simulated_world(host, 78, skew=3600)
        early = simulated_node(host, 78, settings, world=world)
        self.swarm.wait(early.start())
        self.swarm.wait(early.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
        self.assertRaises(ClockSkew, self.swarm.wait, early.put("k", b"v"))
        self.assertRaises(NotFound, self.swarm.wait, self.swarm.nodes[1].get("k"))
        self.swarm.wait(early.stop())

    def test_a_read_only_node_is_in_no_table_and_holds_nothing(self) -> None:
        guest = self.swarm.add(read_only=True)
        receipt = self.swarm.wait(guest.put("k", b"v", wait="all"))
        self.assertEqual(receipt.remote_acks, 20)
        self.assertEqual(guest.status().stored_records, 0)
        self.clock.advance(200)
        for node in self.swarm.nodes[:-1]:
            known = [c.node_id for b in node.routing().buckets for c in b.contacts]
            self.assertNotIn(guest.node_id, known)

    def test_find_node_gives_the_k_closest(self) -> None:
        for number in range(10):
            target = key_of_name(f"target {number}")
            asker = self.swarm.nodes[number]
            found = self.swarm.wait(asker.find_node(target))
            others = [node.node_id for node in self.swarm.nodes if node is not asker]
            expected = sorted(others, key=lambda each: each ^ target)[:20]
            self.assertEqual([each.node_id for each in found.contacts], expected)
            self.assertGreaterEqual(found.trace.hops, 1)

    def test_dead_contacts_stall_no_lookup(self) -> None:
        self.swarm.wait(self.swarm.nodes[0].put("k", b"v"))
        for node in self.swarm.nodes[5:14]:
            self.swarm.network.partition([self.swarm.host_of(node)])
        dead = [self.swarm.host_of(node) for node in self.swarm.nodes[5:14]]
        self.swarm.network.partition(dead)
        before = self.clock.seconds()
        for node in self.swarm.nodes[14:24]:
            self.assertEqual(self.swarm.wait(node.get("k", mode="first")).value, b"v")
        self.assertLess((self.clock.seconds() - before) / 10, 0.5)
        before = self.clock.seconds()
        found = self.swarm.wait(self.swarm.nodes[0].get("k"))
        # Nobody is waited for longer than the hard patience, and dead ones are waited for at once.
        self.assertLess(self.clock.seconds() - before, 1.5)
        silent = [step for step in found.trace.steps if step.outcome in ("silent", "waiting")]
        self.assertGreater(len(silent), 0)
        self.swarm.network.heal()

    def test_a_bootstrap_that_is_dead_beside_one_that_lives(self) -> None:
        node = simulated_node(self.swarm.network.host("198.51.100.1"), 99)
        self.swarm.wait(node.start())
        living = self.swarm.address_of(self.swarm.nodes[0])
        result = self.swarm.wait(node.bootstrap(["192.0.2.250:1", living]))
        self.assertEqual(list(result.failures), ["192.0.2.250:1"])
        self.assertEqual(len(result.answered), 1)
        self.assertGreaterEqual(result.contacts, 20)
        self.assertRaises(
            BootstrapFailed, self.swarm.wait, node.bootstrap(["192.0.2.250:1", "192.0.2.251:1"])
        )
        self.swarm.wait(node.stop())

    def test_cancelling_an_operation_cancels_its_requests(self) -> None:
        node = self.swarm.nodes[0]
        for start in (
            lambda: node.get("nothing"),
            lambda: node.put("k", b"v"),
            lambda: node.find_node(NodeID(3)),
            lambda: node.bootstrap(["192.0.2.250:1"]),
            lambda: node.ping("192.0.2.250:1"),
        ):
            for after in (0.0, 0.005, 0.015, 0.025):
                working = start()
                self.clock.advance(after)
                if working.called:
                    continue
                working.cancel()
                self.failureResultOf(working, CancelledError)
        self.assertEqual(node.status().links[0].requests_in_flight, 0)

    def test_when_nobody_stores_the_put_says_who_refused_and_why(self) -> None:
        guest = self.swarm.add(read_only=True)
        for node in self.swarm.nodes[:-1]:
            self.patch(node._storage, "_fits", lambda _: False)
        error = None
        try:
            self.swarm.wait(guest.put("k", b"v"))
        except NotStored as caught:
            error = caught
        assert error is not None
        self.assertEqual(len(error.reasons), 20)
        self.assertIn("code 7", next(iter(error.reasons.values())))


class FamiliesTests(SynchronousTestCase):
    """IPv4-only, IPv6-only and dual-stack nodes in one network."""

    def test_a_dual_stack_node_serves_both(self) -> None:
        clock = HeapClock()
        network = Network(clock, 1, latency=0.01)
        both = simulated_node(network.host("192.0.2.1", "2001:db8::1"), 1)
        four = simulated_node(network.host("192.0.2.2"), 2)
        six = simulated_node(network.host("2001:db8::3"), 3)
        second = simulated_node(network.host("192.0.2.4", "2001:db8::4"), 4)
        nodes = (both, four, six, second)
        for node in nodes:
            wait_for(clock, node.start())
        wait_for(clock, four.bootstrap(["192.0.2.1:8000"]))
        wait_for(clock, six.bootstrap(["[2001:db8::1]:8000"]))
        wait_for(clock, second.bootstrap(["192.0.2.1:8000", "[2001:db8::1]:8000"]))
        families = [link.family for link in second.status().links]
        self.assertEqual(families, [Family.IPV4, Family.IPV6])
        receipt = wait_for(clock, both.put("k", b"v"))
        self.assertGreaterEqual(receipt.remote_acks, 3)
        for node in nodes:
            self.assertEqual(wait_for(clock, node.get("k")).value, b"v")
            self.assertEqual(wait_for(clock, node.get("k", mode="first")).value, b"v")
        self.assertRaises(Unavailable, wait_for, clock, four.ping("[2001:db8::1]:8000"))
        for node in nodes:
            wait_for(clock, node.stop())
        self.assertEqual(clock.pending(), 0)


class ParameterTests(SynchronousTestCase):
    def test_a_smaller_k_is_a_parameter(self) -> None:
        """Open networks may store on more than k nodes, private ones do not."""
        secrets = (b"a secret of a private network...",)
        swarm = Swarm(12, parameters=Parameters(k=4, alpha=2), network_secrets=secrets)
        receipt = swarm.wait(swarm.nodes[0].put("k", b"v"))
        self.assertLessEqual(receipt.remote_acks, 4)
        swarm.stop()


class VictimTests(SynchronousTestCase):
    """Contact lists cannot aim us at a victim, nor hide an honest holder."""

    def setUp(self) -> None:
        self.swarm = Swarm(12)
        self.clock = self.swarm.clock
        self.network = self.swarm.network
        self.sent: list[tuple[str, int]] = []
        self.addCleanup(self.swarm.stop)

    def poison(self, contacts: Callable[[NodeID], tuple[Contact, ...]]) -> None:
        """Let every node but the first name these contacts whenever it is asked."""
        for node in self.swarm.nodes[1:]:
            handlers = node._links[Family.IPV4].protocol._handle.__self__
            self.patch(handlers, "_nearest", lambda target, want, count: contacts(target))
        ours = self.swarm.host_of(self.swarm.nodes[0]).addresses[0]

        def watch(datagram: Datagram) -> None:
            if datagram.source[0] == ours:
                self.sent.append(datagram.destination)

        self.network.watch(watch)

    def towards(self, host: str) -> int:
        return sum(1 for destination in self.sent if destination[0] == host)

    def liars(self, endpoint: Callable[[], Endpoint]) -> Callable[[NodeID], tuple[Contact, ...]]:
        """Name twenty nodes that nobody ever saw, at these endpoints."""
        source = random.Random(4)
        self.named = 0

        def name(_: NodeID) -> tuple[Contact, ...]:
            self.named += 20
            keys = [NodeKey.generate(source.randbytes) for _ in range(20)]
            return tuple(Contact.at(key.node_id, endpoint(), key.public_key) for key in keys)

        return name

    def test_a_victim_named_everywhere_gets_two_datagrams_a_lookup(self) -> None:
        ports = iter(range(10_000, 65_000))
        self.poison(self.liars(lambda: Endpoint("203.0.113.66", next(ports))))
        lookups = 10
        for number in range(lookups):
            self.swarm.wait(self.swarm.nodes[0].find_node(key_of_name(str(number))))
        self.assertGreater(self.towards("203.0.113.66"), lookups)
        self.assertLessEqual(self.towards("203.0.113.66"), 2 * lookups)

    def test_one_endpoint_named_ten_thousand_times_gets_one_datagram_a_minute(self) -> None:
        victim = Endpoint("203.0.113.66", 53)
        self.poison(self.liars(lambda: victim))
        began = self.clock.seconds()
        for number in range(50):
            self.swarm.wait(self.swarm.nodes[0].find_node(key_of_name(str(number))))
            self.clock.advance(2)
        minutes = (self.clock.seconds() - began) / 60
        self.assertGreater(self.named, 10_000)
        self.assertGreater(self.towards(victim.host), 1)
        self.assertLessEqual(self.towards(victim.host), minutes + 1)

    def test_an_honest_key_at_a_false_address_hides_nobody(self) -> None:
        honest = self.swarm.nodes[5]
        address = self.swarm.host_of(honest).addresses[0]
        others = [n for n in self.swarm.nodes[1:] if n is not honest]
        true = [
            Contact.at(n.node_id, Endpoint(self.swarm.host_of(n).addresses[0], 8000), n.public_key)
            for n in [honest, *others]
        ]
        false = Contact.at(honest.node_id, Endpoint("203.0.113.66", 8000), honest.public_key)
        fresh = simulated_node(self.network.host("198.51.100.7"), 321)
        self.swarm.wait(fresh.start())
        count = iter(range(10**6))
        self.poison(lambda _: (false, *true[1:]) if next(count) % 3 else tuple(true))
        self.swarm.wait(fresh.bootstrap([self.swarm.address_of(others[0])]))
        found = self.swarm.wait(fresh.find_node(honest.node_id))
        self.assertEqual(found.contacts[0].node_id, honest.node_id)
        self.assertEqual(found.contacts[0].endpoint, Endpoint(address, 8000))
        self.swarm.wait(fresh.stop())
