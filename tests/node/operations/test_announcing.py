"""Announcing and finding providers, on a network of real nodes."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.door import Received
from kadtwisted.errors import (
    InvalidInput,
    InvalidLifetime,
    InvalidRecord,
    NoContacts,
    RecordTooLarge,
)
from kadtwisted.model.announcing import Offer, Providers
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.messages import FindValue, Records, StoredItem
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.node.node import Node
from kadtwisted.node.operations.announcing import nearby
from kadtwisted.node.operations.record_driver import READING_TIME
from kadtwisted.node.operations.records import Read
from kadtwisted.node.operations.searches import Found
from kadtwisted.node.port.protocol import Handle
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records.announcement import announcements, decode
from kadtwisted.records.findings import Finding
from kadtwisted.testing.inspect import records_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.node_state import RememberedInMemory
from kadtwisted.testing.nodes import EPOCH, PORT, Swarm, seeded_key, simulated_node, wait_for

NAME = "printers"
KEY = key_of_name(NAME)
PARAMETERS = Parameters(k=5, alpha=3, replication_period=60.0)
SHORT = 120.0
"""The lifetime of announcements that time passes over."""


class AnnouncingCase(SynchronousTestCase):
    SIZE = 12

    def setUp(self) -> None:
        self.swarm = Swarm(self.SIZE, parameters=PARAMETERS, sealer="plain")
        self.addCleanup(self.swarm.stop)
        self.nodes = self.swarm.nodes

    def announce(self, node: Node, **told: Any) -> Any:
        return self.swarm.wait(node.announce(NAME, **told))

    def found(self, node: Node, limit: int | None = None) -> Providers:
        return self.swarm.wait(node.providers(NAME, limit))

    def ids(self, node: Node) -> set[NodeID]:
        return {each.node_id for each in self.found(node).providers}


class ProvidersTests(AnnouncingCase):
    def test_who_announces_is_found_with_all_that_it_says(self) -> None:
        receipt = self.announce(self.nodes[1], port=631, attributes=b"colour=1", lifetime=600)
        self.assertGreaterEqual(receipt.remote_acks, 5)
        self.assertEqual({each.remaining for each in receipt.acknowledged}, {600})
        self.announce(self.nodes[2])
        found = self.found(self.nodes[9])
        self.assertTrue(found.complete)
        first, second = sorted(found.providers, key=lambda each: -each.endpoint.port)
        host = self.swarm.host_of(self.nodes[1]).addresses[0]
        self.assertEqual(second[:2], (self.nodes[1].node_id, self.nodes[1].public_key))
        self.assertEqual(second[2:4], (Endpoint(host, 631), b"colour=1"))
        self.assertIn(second.remaining, range(590, 601))
        self.assertEqual(first.node_id, self.nodes[2].node_id)
        self.assertEqual((first.endpoint.port, first.attributes), (PORT, b""))

    def test_nobody_is_an_empty_answer(self) -> None:
        self.assertEqual(self.found(self.nodes[3]).providers, ())

    def test_whoever_withdraws_is_gone_at_once(self) -> None:
        for node in self.nodes[1:4]:
            self.announce(node, lifetime=SHORT)
        receipt = self.swarm.wait(self.nodes[2].withdraw(NAME))
        self.assertTrue(receipt.record.deleted)
        self.assertEqual(self.ids(self.nodes[9]), {n.node_id for n in self.nodes[1:4:2]})
        self.swarm.clock.advance(3 * SHORT)
        self.assertEqual(self.ids(self.nodes[9]), {n.node_id for n in self.nodes[1:4:2]})

    def test_it_lives_while_its_node_does_and_no_longer(self) -> None:
        for node in self.nodes[1:3]:
            self.announce(node, lifetime=SHORT)
        self.swarm.clock.advance(3 * SHORT)
        self.assertEqual(self.ids(self.nodes[9]), {n.node_id for n in self.nodes[1:3]})
        dead = self.nodes.pop(1)
        self.swarm.wait(dead.stop())
        self.swarm.clock.advance(SHORT + 1)
        self.assertEqual(self.ids(self.nodes[9]), {self.nodes[1].node_id})

    def test_holders_do_not_bring_it_to_each_other(self) -> None:
        self.announce(self.nodes[1])
        self.swarm.clock.advance(180.0)
        self.assertEqual(self.offered(), 0)
        self.swarm.wait(self.nodes[2].put(NAME, b"value"))
        self.swarm.clock.advance(180.0)
        self.assertGreater(self.offered(), 0)

    def offered(self) -> int:
        """How many records holders have offered to each other."""
        counters = [node.counters.snapshot() for node in self.nodes]
        return sum(each.get("replication.offered", 0) for each in counters)

    def test_a_limit_gives_a_sample(self) -> None:
        for node in self.nodes[1:9]:
            self.announce(node)
        found = self.found(self.nodes[9], 3)
        self.assertEqual((len({*found.providers}), found.complete), (3, False))
        found = self.found(self.nodes[9], 30)
        self.assertEqual((len({*found.providers}), found.complete), (8, True))

    def test_of_an_announcement_and_its_withdrawal_the_later_one_wins(self) -> None:
        node = self.nodes[1]
        doing = [node.announce(NAME), node.withdraw(NAME)]
        for each in doing:
            self.swarm.wait(each)
        self.assertEqual((self.ids(self.nodes[9]), node.own_records(None, 9)), (set(), ()))
        doing = [node.withdraw(NAME), node.announce(NAME, port=1), node.announce(NAME, port=2)]
        for each in doing:
            self.swarm.wait(each)
        (found,) = self.found(self.nodes[9]).providers
        self.assertEqual(found.endpoint.port, 2)
        self.assertEqual(len(node.own_records(None, 9)), 1)

    def test_watchers_hear_who_comes_and_goes(self) -> None:
        watch = self.nodes[9].watch(NAME, kind=Kind.ANNOUNCEMENT)
        self.assertIsNone(self.swarm.wait(watch.next()).record)
        self.announce(self.nodes[1])
        came = self.swarm.wait(watch.next())
        self.assertEqual(came.record.public_key, self.nodes[1].public_key)
        self.assertFalse(came.record.deleted)
        self.swarm.wait(self.nodes[1].withdraw(NAME))
        self.assertTrue(self.swarm.wait(watch.next()).record.deleted)
        watch.stop()

    def test_values_under_the_same_key_are_apart(self) -> None:
        self.announce(self.nodes[1])
        self.swarm.wait(self.nodes[2].put(NAME, b"value"))
        self.assertEqual(self.swarm.wait(self.nodes[3].get(NAME)).value, b"value")
        self.assertEqual(self.ids(self.nodes[9]), {self.nodes[1].node_id})


class LiarTests(AnnouncingCase):
    """One node returns whatever it likes."""

    def start_liar(self, *records: bytes, cursor: bytes = b"", seconds: float = 0.0) -> list[bytes]:
        """It is the node nearest to the key, and sends each further page after so many seconds (for
        a slow first answer nobody would wait); the cursors that it is asked for.  Each page has
        another cursor, if there is one."""
        asked: list[bytes] = []

        def wrap(handle: Handle) -> Handle:
            def lie(received: Received) -> Any:
                if not isinstance(received.body, FindValue):
                    return handle(received)
                asked.append(received.body.cursor)
                further = cursor and cursor + b"%d" % len(asked)
                wait = seconds if asked[-1] else 0.0
                page = more(len(asked)) if asked[-1] else records
                items = tuple(StoredItem(each, 1000) for each in page)
                return deferLater(clock, wait, Records, items, (), further)

            return lie

        def more(number: int) -> tuple[bytes, ...]:
            """Each time a new one, if the liar has any at all."""
            return (self.made(number),) if records else ()

        clock: Any = self.swarm.clock

        nearest = min(node.node_id ^ KEY for node in self.nodes)
        seed = next(n for n in range(10_000) if seeded_key(n).node_id ^ KEY < nearest)
        host = self.swarm.network.host("99.9.0.1")
        chosen = NodeSettings(
            port=PORT, interfaces=host.addresses, parameters=PARAMETERS, sealer="plain"
        )
        liar = simulated_node(host, seed, chosen, wrap_handler=wrap)
        self.addCleanup(liar.stop)
        self.swarm.wait(liar.start())
        self.swarm.wait(liar.bootstrap([self.swarm.address_of(self.nodes[0])]))
        self.swarm.clock.advance(100.0)
        return asked

    def made(
        self, number: int, ago: float = 0.0, lifetime: int = 1800, host: str = "203.0.113.9"
    ) -> bytes:
        """An announcement that no honest holder has taken, of a node that there is not."""
        rules = announcements("kad", number.to_bytes(32, "big"))
        offer = Offer(KEY, Family.IPV4, Endpoint(host, 80), False, b"", lifetime)
        now = EPOCH + self.swarm.clock.seconds()
        return rules.publish(offer, (), now - ago)

    def test_few_holders_return_what_a_liar_has_made(self) -> None:
        self.start_liar(self.made(1))
        self.announce(self.nodes[1])
        holders = {each.node_id: each.holders for each in self.found(self.nodes[9]).providers}
        honest = holders.pop(self.nodes[1].node_id)
        self.assertEqual([*holders.values()], [1])
        self.assertGreaterEqual(honest, 4)

    def test_a_holder_with_ever_new_cursors_and_no_records_is_left_at_once(self) -> None:
        asked = self.start_liar(cursor=b"more")
        self.announce(self.nodes[1])
        for limit, pages in ((None, 2), (1, 1), (8, 3)):
            del asked[:]
            self.assertEqual(len(self.found(self.nodes[9], limit).providers), 1)
            self.assertEqual(len(asked), pages)

    def test_a_slow_holder_with_ever_new_records_is_left_in_time(self) -> None:
        asked = self.start_liar(self.made(1), cursor=b"more", seconds=0.1)
        self.announce(self.nodes[1])
        del asked[:]
        began = self.swarm.clock.seconds()
        self.assertIn(self.nodes[1].node_id, self.ids(self.nodes[9]))
        self.assertGreater(len(asked), 20)
        self.assertLess(self.swarm.clock.seconds() - began, READING_TIME + 5.0)

    def test_what_all_have_sent_is_not_read_twice(self) -> None:
        asked = self.start_liar(self.made(1))
        self.announce(self.nodes[1])
        del asked[:]
        found = self.found(self.nodes[9], 8)
        self.assertEqual((len(found.providers), found.complete, asked), (2, True, [b""]))

    def test_nothing_that_is_old_forged_withdrawn_or_a_martian_counts(self) -> None:
        self.announce(self.nodes[1])
        (own,) = self.nodes[1].own_records(None, 1)
        self.swarm.clock.advance(1.0)
        self.swarm.wait(self.nodes[1].withdraw(NAME))
        old = self.made(2, ago=60 + 301, lifetime=60)
        forged = self.made(3)[:-1] + b"x"
        martian = self.made(4, host="10.0.0.9")
        self.start_liar(martian, own.record, old, forged)
        self.assertEqual(self.found(self.nodes[9]).providers, ())


class FairTests(SynchronousTestCase):
    """A sample is drawn from what the closest nodes return: those farther away hold a few only."""

    def test_what_only_nodes_farther_away_return_does_not_count(self) -> None:
        near, far = (
            Contact.at(NodeID(number), Endpoint("192.0.2.1", number), bytes(32))
            for number in (1, 2)
        )
        each = [
            Finding(StorageKey(4, KEY, bytes([n])), b"", b"%8d" % n, 60, holders)
            for n, holders in enumerate([(near,), (far,), (far, near), ()])
        ]
        nothing: Any = None
        found = Found(nothing, nothing, tuple(each[:3]), (near,), nothing)
        self.assertEqual(nearby(Read(tuple(each), [found], (each[3],))), [each[0], each[2]])
        lonely = Found(nothing, nothing, (each[1],), (), nothing)
        self.assertEqual(nearby(Read((each[1],), [lonely], ())), [each[1]])
        self.assertEqual(nearby(Read((each[3],), [], (each[3],))), [each[3]])


class InputTests(AnnouncingCase):
    SIZE = 2

    def test_what_cannot_be_announced(self) -> None:
        node = self.nodes[0]
        for port in (0, 65536, -1, True, "631", 1.5):
            told: Any = port
            self.failureResultOf(node.announce(NAME, port=told), InvalidInput)
        self.failureResultOf(node.announce(NAME, attributes=bytes(401)), RecordTooLarge)
        wrong: Any = "text"
        self.failureResultOf(node.announce(NAME, attributes=wrong), InvalidInput)
        for lifetime in (0, -1, 59.0, 7201, float("nan")):
            self.failureResultOf(node.announce(NAME, lifetime=lifetime), InvalidLifetime)
        self.failureResultOf(node.announce(b"short"), InvalidInput)
        for limit in (0, -1, True, 1.5):
            many: Any = limit
            self.failureResultOf(node.providers(NAME, many), InvalidInput)
        self.assertEqual([r for each in self.nodes for r in records_of(each)], [])
        self.assertEqual(node.own_records(None, 9), ())

    def test_two_nodes_are_a_network(self) -> None:
        self.announce(self.nodes[0])
        for node in self.nodes:
            self.assertEqual(self.ids(node), {self.nodes[0].node_id})
        self.assertEqual([r.where.kind for r in records_of(self.nodes[1])], [Kind.ANNOUNCEMENT])

    def test_a_node_that_knows_nobody(self) -> None:
        """One that is bound to its address is a network of one; one that is not must be told where
        it is."""
        alone = Swarm(1)
        self.addCleanup(alone.stop)
        self.assertEqual(alone.wait(alone.nodes[0].announce(NAME)).remote_acks, 0)
        self.assertEqual(len(alone.wait(alone.nodes[0].providers(NAME)).providers), 1)
        nowhere = Swarm(1, interfaces=("0.0.0.0",))
        self.addCleanup(nowhere.stop)
        self.failureResultOf(nowhere.nodes[0].announce(NAME), NoContacts)

    def test_the_announcement_of_another_is_refused_here_already(self) -> None:
        first, second = self.nodes
        self.announce(first)
        (held,) = records_of(second)
        self.failureResultOf(second.put_record(held.data), InvalidRecord)
        self.assertEqual(self.swarm.wait(first.put_record(held.data)).remote_acks, 1)


class LastingTests(AnnouncingCase):
    SIZE = 6

    def start(self, address: str, state: RememberedInMemory, **settings: Any) -> Node:
        """A node with always the same key, wherever it is."""
        host = self.swarm.network.host(address)
        chosen = NodeSettings(
            port=PORT, interfaces=(address,), parameters=PARAMETERS, sealer="plain", **settings
        )
        node = simulated_node(host, 777, chosen, state=state)
        self.swarm.wait(node.start())
        self.swarm.wait(node.bootstrap([self.swarm.address_of(self.nodes[0])]))
        return node

    def test_a_node_that_starts_elsewhere_announces_where_it_is_now(self) -> None:
        state = RememberedInMemory()
        node = self.start("99.1.0.1", state)
        first = self.announce(node, lifetime=SHORT, attributes=b"kept")
        self.swarm.wait(node.stop())
        self.swarm.clock.advance(SHORT + 1)
        self.assertEqual(self.ids(self.nodes[3]), set())
        node = self.start("99.2.0.1", state)
        self.swarm.clock.advance(16 * 60.0)  # what is overdue after a start is spread
        (found,) = self.found(self.nodes[3]).providers
        self.assertEqual(found[2:4], (Endpoint("99.2.0.1", PORT), b"kept"))
        (own,) = node.own_records(None, 9)
        self.assertGreater(decode(own.record).sequence, first.record.sequence)
        self.assertEqual(own.state, "kept")
        self.swarm.wait(node.withdraw(NAME))
        self.assertEqual(node.own_records(None, 9), ())
        self.assertEqual(state.remembered().publications, ())
        self.swarm.wait(node.stop())

    def test_a_port_of_the_applications_stays(self) -> None:
        state = RememberedInMemory()
        node = self.start("99.1.0.1", state)
        self.announce(node, lifetime=SHORT, port=631)
        self.swarm.clock.advance(2 * SHORT)
        self.assertEqual(self.found(node).providers[0].endpoint, Endpoint("99.1.0.1", 631))
        self.swarm.wait(node.stop())


class BothFamiliesTests(SynchronousTestCase):
    def test_a_node_with_both_announces_in_both(self) -> None:
        clock = HeapClock()
        network = Network(clock, 1, latency=0.01)
        nodes = []
        for number in range(4):
            host = network.host(f"21.{number}.0.1", f"2a0{number}::1")
            node = simulated_node(host, number)
            nodes.append(node)
            wait_for(clock, node.start())
            self.addCleanup(node.stop)
            if number:
                both = [f"21.0.0.1:{PORT}", f"[2a00::1]:{PORT}"]
                wait_for(clock, node.bootstrap(both))
        receipt = wait_for(clock, nodes[1].announce(NAME, port=631))
        self.assertEqual(receipt.remote_acks, 3)
        found = wait_for(clock, nodes[3].providers(NAME)).providers
        expected = {Endpoint("21.1.0.1", 631), Endpoint("2a01::1", 631)}
        self.assertEqual({each.endpoint for each in found}, expected)
        self.assertEqual({each.node_id for each in found}, {nodes[1].node_id})
        wait_for(clock, nodes[1].withdraw(NAME))
        self.assertEqual(wait_for(clock, nodes[3].providers(NAME)).providers, ())
