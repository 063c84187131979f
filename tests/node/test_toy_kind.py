"""A kind of record that ``node/`` has never heard of: many under one key, each with a signature.

Its rules come with the dialect.  Nodes store its records, keep them published, replicate them to
new holders, and read them page by page; a reader verifies each record once, however many holders
return it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.dialects.dialect import Dialect, MakeDialect
from kadtwisted.dialects.door import Received
from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import (
    CasConflict,
    InvalidInput,
    InvalidRecord,
    NotConditional,
    NotFound,
    Superseded,
)
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.ids import NodeID, id_to_bytes, key_of_name
from kadtwisted.model.messages import FindValue, Have, Records, ReplyBody, StoredItem
from kadtwisted.model.results import Collection
from kadtwisted.node.assembly import WrapHandler
from kadtwisted.node.node import Node
from kadtwisted.node.port.protocol import Handle
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records.value import encode, value_of
from kadtwisted.testing.inspect import records_of
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import PORT, NodeParts, Swarm, seeded_key, simulated_world
from tests.node.upkeep.cases import upkeep_of
from tests.records.toys import (
    COUNTER,
    LONGEST,
    NOTE,
    Notary,
    Note,
    count,
    with_toys,
    write,
)

K = 8
SIZE = 14
COUNT = 60
PARAMETERS = Parameters(k=K, alpha=3, replication_period=600.0)
KEY = key_of_name("the guest book")


def speaking(notary: Notary) -> MakeDialect:
    """The native dialect on a network that admits notes; this notary verifies them."""

    def make(key: NodeKey, settings: NodeSettings, random: Callable[[int], bytes]) -> Dialect:
        return replace(native_dialect(key, settings, random), kinds=with_toys(notary))

    return make


def note(author: int, number: int = 1, key: NodeID = KEY) -> bytes:
    return write(Note(key, b"auth%04d" % author, number, b"I was here. " * 8))


NOTES = [note(author) for author in range(COUNT)]


class GuestBookCase(SynchronousTestCase):
    """A network in whose nodes the upkeep brings records to new holders within minutes."""

    def setUp(self) -> None:
        parts: NodeParts = {"dialect": speaking(Notary())}
        self.swarm = Swarm(SIZE, parts=parts, parameters=PARAMETERS, sealer="plain")
        self.addCleanup(self.swarm.stop)
        self.started: list[Node] = []

    def put(self, records: Sequence[bytes], lifetime: float = 7000.0) -> None:
        """Each record is stored by another node."""
        for number, record in enumerate(records):
            writer = self.swarm.nodes[number % len(self.swarm.nodes)]
            putting = writer.put_record(record, lifetime=lifetime, wait="all")
            receipt = self.swarm.wait(putting)
            self.assertGreaterEqual(receipt.remote_acks, K - 1)

    def start(
        self,
        seed: int,
        notary: Notary,
        wrap_handler: WrapHandler | None = None,
        *,
        read_only: bool = False,
    ) -> Node:
        """One more node, with the identity of this seed, who is no member of the swarm."""
        address = f"198.51.100.{len(self.started) + 1}"
        host = self.swarm.network.host(address)
        node = Node(
            host,
            NodeSettings(
                port=PORT,
                interfaces=(address,),
                parameters=PARAMETERS,
                read_only=read_only,
                sealer="plain",
            ),
            seeded_key(seed),
            world=simulated_world(host, seed),
            dialect=speaking(notary),
            wrap_handler=wrap_handler,
        )
        self.started.append(node)
        self.addCleanup(lambda: self.swarm.wait(node.stop()))
        self.swarm.wait(node.start())
        self.swarm.wait(node.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
        return node

    def reader(self) -> tuple[Node, Notary]:
        """A new node that stores nothing, and who verifies notes for it."""
        notary = Notary()
        return self.start(-1, notary, read_only=True), notary

    def start_nearest(self, wrap_handler: WrapHandler | None = None) -> Node:
        """A new node that is nearer to the key than all others."""
        nearest = min(node.node_id ^ KEY for node in self.swarm.nodes)
        seeds = (seed for seed in range(10_000) if seeded_key(seed).node_id ^ KEY < nearest)
        return self.start(next(seeds), Notary(), wrap_handler)

    def collect(self, node: Node, key: NodeID = KEY) -> Collection:
        return self.swarm.wait(node.collect(NOTE, id_to_bytes(key)))

    def holders(self, record: bytes, nodes: Sequence[Node]) -> list[Node]:
        return [node for node in nodes if any(e.data == record for e in records_of(node))]

    def nearest(self) -> list[Node]:
        """The k nodes nearest to the key."""
        return sorted(self.swarm.nodes, key=lambda node: node.node_id ^ KEY)[:K]


class ReadingTests(GuestBookCase):
    def test_all_are_found_and_each_is_verified_once(self) -> None:
        self.assertGreater(sum(map(len, NOTES)), 5 * DATAGRAM_LIMIT)
        self.put(NOTES)
        reader, notary = self.reader()
        found = self.collect(reader)
        self.assertEqual([each.data for each in found.records], NOTES)
        self.assertEqual({*notary.verified.values()}, {1})
        self.assertEqual(len(notary.verified), COUNT)
        self.assertEqual(
            [each.record.author for each in found.records][:2], [b"auth0000", b"auth0001"]
        )
        self.assertGreaterEqual(min(each.holders for each in found.records), K)
        self.assertLessEqual(max(each.remaining for each in found.records), 7000)

    def test_a_holder_reads_its_own_and_those_of_others(self) -> None:
        self.put(NOTES[:9])
        for node in self.nearest()[:1] + self.swarm.nodes[-1:]:
            self.assertEqual([each.data for each in self.collect(node).records], NOTES[:9])

    def test_a_reading_that_is_cancelled_asks_nobody_more(self) -> None:
        self.put(NOTES)
        reader, _ = self.reader()
        sent: list[float] = []

        def watch(datagram: Datagram) -> None:
            if datagram.source[0] == "198.51.100.1":
                sent.append(datagram.moment)

        self.swarm.network.watch(watch)
        for pages in range(1, 6):
            reading = reader.collect(NOTE, id_to_bytes(KEY))
            self.swarm.clock.advance(0.05 + 0.02 * pages)
            self.assertNoResult(reading)
            sent.clear()
            reading.cancel()
            self.failureResultOf(reading, CancelledError)
            self.assertEqual(sent, [])
            self.swarm.clock.advance(30)

    def test_none_are_an_empty_collection(self) -> None:
        reader, _ = self.reader()
        self.assertEqual(self.collect(reader).records, ())

    def test_an_authors_next_one_takes_the_place_of_the_last(self) -> None:
        self.put([note(1, 1), note(2, 1), note(1, 2)])
        stale = self.swarm.nodes[0].put_record(note(1, 1))
        self.assertRaises(Superseded, self.swarm.wait, stale)
        reader, _ = self.reader()
        self.assertEqual(
            [each.data for each in self.collect(reader).records], [note(1, 2), note(2)]
        )

    def test_notes_and_values_under_one_key_know_nothing_of_each_other(self) -> None:
        reader, _ = self.reader()
        raw = id_to_bytes(KEY)
        self.put(NOTES[:1])
        self.assertRaises(NotFound, self.swarm.wait, reader.get(raw))
        self.swarm.wait(self.swarm.nodes[3].put(raw, b"value"))
        self.assertEqual(self.swarm.wait(reader.get(raw)).value, b"value")
        self.assertEqual([each.data for each in self.collect(reader).records], NOTES[:1])
        found = self.swarm.wait(reader.collect(1, raw))
        self.assertEqual([each.record.v for each in found.records], [b"5:value"])

    def test_they_live_no_longer_than_their_kind_allows(self) -> None:
        writer = self.swarm.nodes[0]
        receipt = self.swarm.wait(writer.put_record(NOTES[0], lifetime=1e5))
        self.assertEqual({each.remaining for each in receipt.acknowledged}, {int(LONGEST)})

    def test_what_the_network_does_not_admit_is_refused_before_anything_is_sent(self) -> None:
        node = self.swarm.nodes[0]
        self.failureResultOf(node.put_record(b"\xc7 no such kind"), InvalidRecord)
        self.failureResultOf(node.put_record(NOTES[0][:-1]), InvalidRecord)
        self.failureResultOf(node.collect(199, b"k" * 20), InvalidInput)
        self.failureResultOf(node.collect(NOTE, b"no key"), InvalidInput)


class KeepingTests(GuestBookCase):
    def test_what_is_kept_is_published_again_until_its_author_writes_anew(self) -> None:
        author = self.swarm.nodes[0]
        reader, _ = self.reader()
        upkeep_of(self.swarm, author)
        self.swarm.wait(author.put_record(note(1, 1), lifetime=600.0, keep=True))
        self.swarm.wait(author.put_record(note(2, 1), lifetime=600.0, keep=True))
        self.swarm.clock.advance(3000.0)
        self.assertEqual([each.data for each in self.collect(reader).records], [note(1), note(2)])
        self.swarm.wait(author.put_record(note(1, 2), lifetime=600.0))
        self.swarm.clock.advance(3000.0)
        self.assertEqual([each.data for each in self.collect(reader).records], [note(2)])

    def test_a_condition_on_the_sequence_number_is_kept_end_to_end(self) -> None:
        first, second = self.swarm.nodes[:2]
        raw = id_to_bytes(KEY)
        self.swarm.wait(first.put_record(count(KEY, 5)))
        self.swarm.wait(first.put_record(count(KEY, 6), cas=5))
        lost = second.put_record(count(KEY, 7), cas=5)
        self.assertRaises(CasConflict, self.swarm.wait, lost)
        (found,) = self.swarm.wait(second.collect(COUNTER, raw)).records
        self.assertEqual(found.record, 6)
        value = encode(value_of(KEY, b"v", 0))
        self.assertRaises(NotConditional, self.swarm.wait, first.put_record(value, cas=5))


class LiarTests(GuestBookCase):
    """The node nearest to the key lies; it has met all others."""

    def start_liar(self, *items: tuple[bytes, int]) -> list[bytes]:
        """It returns these, and that there is more; the cursors that it will be asked for."""
        asked: list[bytes] = []

        def wrap(handle: Handle) -> Handle:
            def lie(received: Received) -> ReplyBody | Deferred[ReplyBody] | None:
                body = received.body
                if not isinstance(body, FindValue):
                    return handle(received)
                asked.append(body.cursor)
                return Records(tuple(StoredItem(*each) for each in items), (), b"more")

            return lie

        self.start_nearest(wrap)
        self.swarm.clock.advance(120.0)
        return asked

    def test_a_forgery_is_verified_once_and_its_holder_asked_for_nothing_more(self) -> None:
        forged = NOTES[0][:-1] + b"!"
        asked = self.start_liar((forged, 60), (NOTES[1], 60))
        self.put(NOTES[:9])
        reader, notary = self.reader()
        del asked[:]
        found = self.collect(reader)
        self.assertEqual([each.data for each in found.records], NOTES[:9])
        self.assertEqual((notary.verified[forged], asked), (1, [b""]))

    def test_a_holder_that_never_ends_is_left_in_time(self) -> None:
        asked = self.start_liar((NOTES[1], 60))
        self.put(NOTES[:9])
        reader, notary = self.reader()
        del asked[:]
        found = self.collect(reader)
        self.assertEqual([each.data for each in found.records], NOTES[:9])
        self.assertEqual((notary.verified[NOTES[1]], asked), (1, [b"", b"more"]))


class ReplicationTests(GuestBookCase):
    def test_when_holders_leave_others_take_their_place(self) -> None:
        self.put(NOTES)
        for node in self.nearest()[:4]:
            self.swarm.wait(node.stop())
            self.swarm.nodes.remove(node)
        new = self.nearest()
        self.assertLess(len(self.holders(NOTES[0], new)), K)
        self.swarm.clock.advance(1800.0)
        missing = {
            (NOTES.index(record), node.node_id)
            for record in NOTES
            for node in new
            if node not in self.holders(record, new)
        }
        self.assertEqual(missing, set())
        reader, notary = self.reader()
        self.assertEqual([each.data for each in self.collect(reader).records], NOTES)
        self.assertEqual({*notary.verified.values()}, {1})

    def test_where_there_is_no_have_records_are_stored_unasked(self) -> None:
        def make(key: NodeKey, settings: NodeSettings, random: Callable[[int], bytes]) -> Dialect:
            spoken = speaking(Notary())(key, settings, random)
            return replace(spoken, messages=spoken.messages - {Have})

        swarm = Swarm(12, 2, parts={"dialect": make}, parameters=PARAMETERS, sealer="plain")
        self.addCleanup(swarm.stop)
        swarm.wait(swarm.nodes[0].put_record(NOTES[0], lifetime=7000.0))
        first, *others = sorted(swarm.nodes, key=lambda node: node.node_id ^ KEY)
        swarm.wait(first.stop())
        swarm.clock.advance(1800.0)
        near = others[:K]
        self.assertEqual(self.holders(NOTES[0], near), near)
        counters = [node.counters.snapshot() for node in others]
        self.assertFalse(any("in.Have" in each for each in counters))

    def test_a_newcomer_near_the_key_is_handed_all_of_them(self) -> None:
        self.put(NOTES)
        node = self.start_nearest()
        self.swarm.clock.advance(1500.0)
        self.assertEqual([each.data for each in records_of(node)], NOTES)
