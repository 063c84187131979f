"""Whose word counts, and which records are too far from us: by what the routing tables know."""

from __future__ import annotations

import random

from kadtwisted.identity.keys import node_id_of
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import ErrorCode, Have, HaveEntry, Store, Stored, Wanted
from kadtwisted.model.record import Kind
from kadtwisted.node.serving.neighbours import FAR, Neighbours
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records.kinds import Sender
from kadtwisted.records.version import version_of
from kadtwisted.routing.table import RoutingTable
from kadtwisted.storage.memory import MemoryStorage
from tests.node.contexts import make_context
from tests.node.serving.cases import StoreCase, record
from tests.node.serving.test_handlers import HandlersCase

K = 4
END = 2**160 - 1


class NeighbourCase(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.use(NodeSettings(parameters=Parameters(k=K)))

    def use(self, settings: NodeSettings) -> None:
        context = make_context(self.world, settings)
        self.own_id = context.node_id
        self.neighbours = Neighbours(context)
        self.table = RoutingTable(self.own_id, k=200)
        self.neighbours.tables = {Family.IPV4: self.table}
        source = random.Random(5)
        keys = [source.randbytes(32) for _ in range(40)]
        self.senders = [
            Sender(Endpoint(f"192.0.{number}.1", 8000), each) for number, each in enumerate(keys)
        ]
        for each in self.senders:
            self.table.answered(self.contact(each), 0.0)

    def contact(self, sender: Sender) -> Contact:
        return Contact.at(node_id_of(sender.key), sender.endpoint, sender.key)

    def nearest(self, key: NodeID) -> list[Sender]:
        return sorted(self.senders, key=lambda each: node_id_of(each.key) ^ key)


class CloseEnoughTests(NeighbourCase):
    def test_as_close_as_the_kth_nearest_contact(self) -> None:
        kth = node_id_of(self.nearest(self.own_id)[K - 1].key)
        shared = f"{kth ^ self.own_id:0160b}".index("1")
        self.assertEqual(self.neighbours.close_enough(), shared)

    def test_while_fewer_are_known_nothing_is(self) -> None:
        self.table = RoutingTable(self.own_id, k=K)
        self.neighbours.tables = {Family.IPV4: self.table}
        for each in self.senders[: K - 1]:
            self.table.answered(self.contact(each), 0.0)
        self.assertEqual(self.neighbours.close_enough(), 160)


class WordTests(NeighbourCase):
    KEY = NodeID(0x1234 << 140)

    def test_the_k_nearest_that_are_known_vouch_and_no_others(self) -> None:
        for rank, sender in enumerate(self.nearest(self.KEY)):
            expected = node_id_of(sender.key) if rank < K else None
            self.assertEqual(self.neighbours.vouches(self.KEY, sender), expected)

    def test_only_at_the_endpoint_that_is_known(self) -> None:
        sender = self.nearest(self.KEY)[0]
        for endpoint in (Endpoint(sender.endpoint.host, 8001), Endpoint("198.51.100.1", 8000)):
            elsewhere = sender._replace(endpoint=endpoint)
            self.assertIsNone(self.neighbours.vouches(self.KEY, elsewhere))

    def test_only_who_is_verified(self) -> None:
        sender = Sender(Endpoint("203.0.113.1", 8000), b"t" * 32)
        near = NodeID(node_id_of(sender.key) ^ 1)
        self.table.introduced(self.contact(sender), 0.0)
        self.assertIn(node_id_of(sender.key), self.table)
        self.assertIsNone(self.neighbours.vouches(near, sender))
        self.table.answered(self.contact(sender), 1000.0)
        self.assertIsNotNone(self.neighbours.vouches(near, sender))

    def test_not_who_is_withheld(self) -> None:
        self.table.withhold(lambda _: True)
        self.assertIsNone(self.neighbours.vouches(self.KEY, self.nearest(self.KEY)[0]))

    def test_nobody_in_a_family_that_we_have_not(self) -> None:
        self.assertIsNone(self.neighbours.vouches(self.KEY, None))
        sender = Sender(Endpoint("2001:db8::1", 1), self.senders[0].key)
        self.assertIsNone(self.neighbours.vouches(self.KEY, sender))


class FarTests(NeighbourCase):
    def test_with_3_k_nodes_nearer_it_is_too_far(self) -> None:
        seen = set()
        source = random.Random(7)
        for _ in range(100):
            key = NodeID(source.getrandbits(160))
            own = self.own_id ^ key
            nearer = sum(node_id_of(each.key) ^ key < own for each in self.senders)
            far = self.neighbours.is_too_far(key, self.senders[0])
            self.assertEqual(far, nearer >= FAR * K)
            seen.add(far)
        self.assertEqual(len(seen), 2)

    def test_the_last_of_the_widest_store_takes_it(self) -> None:
        """A writer stores on up to 3 k nodes: that many less one are nearer than the last."""
        self.assertEqual(FAR * K, len(self.nearest(NodeID(0))[: 3 * K]))
        far = NodeID(self.own_id ^ END)  # everybody is nearer
        self.assertTrue(self.neighbours.is_too_far(far, self.senders[0]))
        for each in self.nearest(far)[3 * K - 1 :]:
            for _ in range(3):
                self.table.failed(node_id_of(each.key), each.endpoint, self.time)
                self.time += 60
        self.assertEqual(len(self.table), 3 * K - 1)
        self.assertFalse(self.neighbours.is_too_far(far, self.senders[0]))

    def test_nothing_is_on_a_private_network_and_nothing_of_ours_is(self) -> None:
        far = NodeID(self.own_id ^ END)
        self.assertFalse(self.neighbours.is_too_far(far, None))
        self.use(NodeSettings(parameters=Parameters(k=K), network_secrets=(b"s" * 32,)))
        self.assertFalse(self.neighbours.is_too_far(NodeID(self.own_id ^ END), self.senders[0]))


class RefusalTests(HandlersCase):
    """What a stranger's STORE and HAVE of far records are answered."""

    def setUp(self) -> None:
        super().setUp()
        self.use(MemoryStorage(100, 100_000), k=8)
        context = self.context
        self.table = RoutingTable(context.node_id, k=200)
        self.records.neighbours.tables = {Family.IPV4: self.table}
        for number in range(60):
            key = self.random.randbytes(32)
            endpoint = Endpoint(f"192.0.{number}.1", 8000)
            self.table.answered(Contact.at(node_id_of(key), endpoint, key), 0.0)
        self.far, self.near = NodeID(context.node_id ^ END), context.node_id

    def test_a_far_record_is_refused_and_a_near_one_is_taken(self) -> None:
        self.refused(self.answer(Store(record(b"a", 0, self.far), 100)), ErrorCode.NOT_ACCEPTED)
        self.assertEqual(self.answer(Store(record(b"a", 0, self.near), 100)), Stored(100))

    def test_a_far_record_that_is_here_already_is_kept_up(self) -> None:
        self.successResultOf(self.records.store(record(b"a", 0, self.far), 100))
        self.assertEqual(self.answer(Store(record(b"b", 1, self.far), 100)), Stored(100))

    def test_a_far_record_is_not_wanted(self) -> None:
        entries = tuple(
            HaveEntry(Kind.VALUE, key, version_of(record(b"a", 0, key)))
            for key in (self.far, self.near)
        )
        self.assertEqual(self.answer(Have(entries)), Wanted(b"\x40"))
