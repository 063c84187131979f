"""Nodes of a simulated network watch records: what they are told, and what they do for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import LISTEN_LIMIT
from kadtwisted.dialects.dialect import Dialect, MakeDialect
from kadtwisted.dialects.door import Received
from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import InvalidInput, InvalidKey, NodeStopped, TooManyRequests
from kadtwisted.identity.keys import NodeKey
from kadtwisted.lookup.posts import BEYOND, POSTS
from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.model.messages import Changed, Listen, Listening, Noted, ReplyBody
from kadtwisted.model.record import Kind
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import Change
from kadtwisted.node.assembly import WrapHandler
from kadtwisted.node.node import Node
from kadtwisted.node.port.protocol import Handle
from kadtwisted.node.watching import watches
from kadtwisted.node.watching.watch import Watch
from kadtwisted.node.watching.watcher import SEARCH_EVERY
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records.kinds import RecordKinds
from kadtwisted.records.value import encode, value_of
from kadtwisted.testing.inspect import listeners_of, posts_of
from kadtwisted.testing.nodes import EPOCH, PORT, Swarm, seeded_key, simulated_world
from tests.node.stranger import Stranger
from tests.records.toys import NOTE, Notary, Note, write

K = 12
PARAMETERS = Parameters(k=K, alpha=3)
NAME = "name"
KEY = key_of_name(NAME)


def speaking(*, listens: bool = True) -> MakeDialect:
    """The native dialect with notes; an older program knows no LISTEN."""

    def make(key: NodeKey, settings: NodeSettings, random: Callable[[int], bytes]) -> Dialect:
        spoken = native_dialect(key, settings, random)
        spoken = replace(spoken, kinds=RecordKinds((*spoken.kinds, Notary().kind)))
        if listens:
            return spoken
        return replace(spoken, messages=spoken.messages - {Listen, Changed})

    return make


def note(author: int, number: int = 1, text: bytes = b"text") -> bytes:
    return write(Note(KEY, b"auth%04d" % author, number, text))


class WatchingCase(SynchronousTestCase):
    """Some nodes with a small k; whoever watches is one of its own."""

    size = 16

    def setUp(self) -> None:
        parts: Any = {"dialect": speaking()}
        self.swarm = Swarm(self.size, parts=parts, parameters=PARAMETERS, sealer="plain")
        self.addCleanup(self.swarm.stop)
        self.nodes = self.swarm.nodes
        self.told: list[Change] = []
        self.started = 0

    def node(
        self,
        wrap_handler: WrapHandler | None = None,
        *,
        read_only: bool = True,
        listens: bool = True,
    ) -> Node:
        """One more node, which has joined."""
        self.started += 1
        host = self.swarm.network.host(f"198.51.{self.started}.1")
        settings = NodeSettings(
            port=PORT,
            interfaces=host.addresses,
            parameters=PARAMETERS,
            read_only=read_only,
            sealer="plain",
        )
        node = Node(
            host,
            settings,
            seeded_key(-self.started),
            world=simulated_world(host, -self.started),
            dialect=speaking(listens=listens),
            wrap_handler=wrap_handler,
        )
        self.swarm.wait(node.start())
        self.addCleanup(lambda: self.swarm.wait(node.stop()))
        self.swarm.wait(node.bootstrap([self.swarm.address_of(self.nodes[0])]))
        return node

    def watch(self, node: Node | None = None, **how: Any) -> Watch:
        """Watch by a new node; what is there now has been told."""
        watch = (node or self.node()).watch(NAME, callback=self.told.append, **how)
        self.advance(5)
        return watch

    def put(self, value: bytes, lifetime: float = 3600.0) -> None:
        self.swarm.wait(self.nodes[0].put(NAME, value, lifetime=lifetime))

    def advance(self, seconds: float) -> None:
        self.swarm.clock.advance(seconds)

    def values(self) -> list[bytes | None]:
        return [each.value for each in self.told]

    def nearest(self) -> list[Node]:
        return sorted(self.nodes, key=lambda each: each.node_id ^ KEY)

    def listeners(self) -> int:
        return sum(listeners_of(each) for each in self.nodes)


class ToldTests(WatchingCase):
    def test_the_state_then_each_change_once(self) -> None:
        self.watch()
        self.assertEqual(self.values(), [None])
        for value in (b"one", b"two"):
            self.put(value)
            self.advance(2)
        self.swarm.wait(self.nodes[1].delete(NAME))
        self.advance(2)
        self.assertEqual(self.values(), [None, b"one", b"two", None])
        self.assertTrue(self.told[-1].record.deleted)
        self.advance(SEARCH_EVERY + LISTEN_LIMIT)
        self.assertEqual(len(self.told), 4)

    def test_what_stands_already(self) -> None:
        self.put(b"one")
        self.watch()
        self.assertEqual(self.values(), [b"one"])
        self.assertIn(self.told[0].remaining, range(3590, 3601))
        self.assertEqual(self.told[0].where.key, KEY)

    def test_a_change_is_told_within_a_round_trip(self) -> None:
        self.watch()
        self.put(b"one")
        self.assertEqual(self.values()[-1], b"one", "before the receipt came")

    def test_the_end_of_a_record_and_its_prolongation(self) -> None:
        self.put(b"one", lifetime=60.0)
        self.watch()
        self.swarm.wait(self.nodes[0].put_record(self.told[0].data, lifetime=120.0))
        self.advance(70)
        self.assertEqual(self.values(), [b"one"])
        self.advance(60)
        self.assertEqual(self.values(), [b"one", None])
        self.assertIsNone(self.told[-1].record)
        self.put(b"two")
        self.advance(1)
        self.assertEqual(self.values()[-1], b"two")

    def test_it_is_renewed_for_as_long_as_it_lasts(self) -> None:
        self.watch()
        self.advance(4000)
        self.assertEqual(self.listeners(), POSTS)
        self.put(b"late")
        self.advance(1)
        self.assertEqual(self.values()[-1], b"late")

    def test_a_holder_hears_of_what_it_stores_itself(self) -> None:
        nearest = self.nearest()[0]
        self.watch(nearest)
        self.put(b"one")
        self.advance(2)
        self.assertEqual(self.values(), [None, b"one"])

    def test_a_node_alone_watches_itself(self) -> None:
        alone = Swarm(1, 7, parameters=PARAMETERS, sealer="plain")
        self.addCleanup(alone.stop)
        alone.nodes[0].watch(NAME, callback=self.told.append)
        alone.clock.advance(1)
        alone.wait(alone.nodes[0].put(NAME, b"one"))
        self.assertEqual(self.values(), [None, b"one"])

    def test_a_reference_needs_no_kind(self) -> None:
        reference = Reference(Kind.VALUE, id_to_bytes(KEY))
        watch = self.node().watch(reference, callback=self.told.append)
        self.advance(5)
        self.put(b"one")
        self.advance(1)
        self.assertEqual((watch.kind, watch.key), (1, id_to_bytes(KEY)))
        self.assertEqual(self.values(), [None, b"one"])


class LossTests(WatchingCase):
    size = 20

    def test_holders_that_die_are_replaced_and_nothing_is_missed(self) -> None:
        self.watch()
        for number in range(3):
            gone = [each for each in self.nearest() if listeners_of(each)][:3]
            for each in gone:
                self.nodes.remove(each)
                self.swarm.wait(each.stop())
            self.advance(LISTEN_LIMIT)
            self.assertEqual(self.listeners(), POSTS)
            self.put(b"%d" % number)
            self.advance(1)
            self.assertEqual(self.values()[-1], b"%d" % number)

    def test_when_all_posts_die_at_once_it_is_caught_up(self) -> None:
        self.watch()
        for each in [each for each in self.nodes if listeners_of(each)]:
            self.nodes.remove(each)
            self.swarm.wait(each.stop())
        self.put(b"one")
        self.advance(LISTEN_LIMIT)
        self.assertEqual(self.values(), [None, b"one"])
        self.assertEqual(self.listeners(), POSTS)

    def test_what_all_holders_told_in_vain_is_read_at_the_renewal(self) -> None:
        def deaf(handle: Handle) -> Handle:
            def answer(received: Received) -> ReplyBody | Deferred[ReplyBody] | None:
                return None if isinstance(received.body, Changed) else handle(received)

            return answer

        self.watch(self.node(deaf))
        self.put(b"one")
        self.advance(30)
        self.assertEqual(self.values(), [None])
        self.assertLessEqual(self.listeners(), BEYOND, "who was told in vain has forgotten us")
        self.advance(LISTEN_LIMIT)
        self.assertEqual((self.values(), self.listeners()), ([None, b"one"], POSTS))

    def test_older_programs_are_passed_over(self) -> None:
        old = [self.node(read_only=False, listens=False) for _ in range(6)]
        self.advance(120)
        self.watch()
        self.assertEqual(self.listeners(), POSTS)
        self.put(b"one")
        self.advance(1)
        self.assertEqual(self.values(), [None, b"one"])
        self.assertEqual(sum(listeners_of(each) for each in old), 0)

    def test_while_nobody_is_there_it_waits(self) -> None:
        node = self.node()
        self.swarm.network.partition([self.swarm.host_of(node)])
        self.watch(node)
        self.advance(100)
        self.assertEqual(self.told, [])
        self.swarm.network.heal()
        self.put(b"one")
        self.advance(600)
        self.assertEqual(self.values(), [b"one"])


class LiarTests(WatchingCase):
    def setUp(self) -> None:
        super().setUp()
        self.watcher = self.node()
        self.watch(self.watcher)
        host = self.swarm.network.host("203.0.113.1")
        self.liar = Stranger(host, 1, NodeSettings(sealer="plain"))

    def record(self, value: bytes, ahead: float = 0.0) -> bytes:
        now = EPOCH + self.swarm.clock.seconds() + ahead
        return encode(value_of(KEY, value, int(now * 1e6)))

    def tell(self, record: bytes) -> list[object]:
        self.liar.ask(self.watcher, Changed(KEY, 1, bytes(8), record, 100), length=400)
        self.advance(2)
        return [each.body for each in self.liar.replies]

    def test_who_was_not_asked_is_not_believed(self) -> None:
        self.assertEqual(self.tell(self.record(b"lie")), [Noted(False)])
        self.assertEqual(self.values(), [None])

    def test_what_a_holder_forges_is_no_news(self) -> None:
        (watcher,) = self.watcher._parts.watches._watchers.values()
        link = next(iter(self.watcher._links.values()))
        holder = next(iter(watcher._posts.values())).all()[0]
        for bad in (b"", b"junk", self.record(b"v")[:-1], encode(value_of(KEY ^ 1, b"v", 7))):  # type: ignore[arg-type]
            watcher.told(link, holder, Changed(KEY, 1, bytes(8), bad, 100))
            self.advance(5)
        watcher.told(link, holder, Changed(KEY, 1, bytes(8), self.record(b"gone"), 0))
        watcher.told(link, holder, Changed(KEY, 1, bytes(8), self.record(b"late", 400), 100))
        self.advance(30)
        self.assertEqual(self.values(), [None])


class ManyTests(WatchingCase):
    def put_notes(self, *notes: bytes) -> None:
        for each in notes:
            self.swarm.wait(self.nodes[0].put_record(each, lifetime=900.0))

    def notes(self) -> list[tuple[bytes, int]]:
        return [(each.record.author, each.record.number) for each in self.told if each.record]

    def test_each_has_changes_of_its_own(self) -> None:
        self.put_notes(note(1), note(2))
        self.watch(kind=NOTE)
        self.assertEqual(self.notes(), [(b"auth0001", 1), (b"auth0002", 1)])
        del self.told[:]
        self.put_notes(note(1, 2))
        self.advance(2)
        self.put_notes(note(3))
        self.advance(2)
        self.assertEqual(self.notes(), [(b"auth0001", 2), (b"auth0003", 1)])
        self.assertEqual([each.where.sub for each in self.told], [b"auth0001", b"auth0003"])

    def test_many_at_once_are_all_told(self) -> None:
        self.watch(kind=NOTE)
        records = [note(author, text=bytes(200)) for author in range(30)]
        putting = [self.nodes[0].put_record(each, lifetime=900.0) for each in records]
        for each in putting:
            self.swarm.wait(each)
        self.advance(15)
        self.assertEqual(
            {author for author, _ in self.notes()}, {b"auth%04d" % n for n in range(30)}
        )
        self.assertEqual(len(self.notes()), 30)

    def test_their_ends_are_told_one_by_one(self) -> None:
        self.put_notes(note(1))
        self.watch(kind=NOTE)
        self.advance(300)
        self.put_notes(note(2))
        self.advance(620)
        self.assertEqual([each.where.sub for each in self.told if each.gone], [b"auth0001"])
        self.advance(300)
        gone = [each.where.sub for each in self.told if each.gone]
        self.assertEqual(gone, [b"auth0001", b"auth0002"])

    def test_one_that_does_not_fit_is_read(self) -> None:
        self.watch(kind=NOTE)
        large = note(1, text=bytes(1095))
        self.put_notes(large)
        self.advance(5)
        self.assertEqual(self.told[-1].data, large)


class LifeTests(WatchingCase):
    def test_who_stops_is_forgotten_at_once(self) -> None:
        watch = self.watch()
        ended = watch.when_ended()
        self.assertEqual(self.listeners(), POSTS)
        watch.stop()
        watch.stop()
        self.advance(1)
        self.assertEqual(self.listeners(), 0)
        self.assertIsNone(self.successResultOf(ended))
        self.put(b"one")
        self.advance(5)
        self.assertEqual(self.values(), [None])

    def test_a_node_that_stops_ends_its_watches(self) -> None:
        node = self.node()
        watch = node.watch(NAME)
        self.advance(5)
        self.successResultOf(watch.next())
        waiting, ended = watch.next(), watch.when_ended()
        self.swarm.wait(node.stop())
        for each in (waiting, ended, watch.next(), watch.when_ended()):
            self.failureResultOf(each, NodeStopped)
        self.assertRaises(NodeStopped, node.watch, NAME)
        self.swarm.wait(node.start())
        self.swarm.wait(node.bootstrap([self.swarm.address_of(self.nodes[0])]))
        self.watch(node)
        self.assertEqual(self.values(), [None])

    def test_watches_of_one_key_share_their_posts(self) -> None:
        node = self.node()
        first = self.watch(node)
        self.put(b"one")
        self.advance(2)
        second = node.watch(NAME)
        self.assertEqual(self.successResultOf(second.next()).value, b"one")
        self.assertEqual((self.listeners(), posts_of(node)), (POSTS, POSTS))
        first.stop()
        self.put(b"two")
        self.advance(2)
        self.assertEqual(self.successResultOf(second.next()).value, b"two")
        self.assertEqual(self.values(), [None, b"one"])
        second.stop()
        self.advance(1)
        self.assertEqual((self.listeners(), posts_of(node)), (0, 0))

    def test_one_that_is_stopped_while_it_is_told(self) -> None:
        def tell(change: Change) -> None:
            self.told.append(change)
            watch.stop()

        watch = self.node().watch(NAME, callback=tell)
        self.advance(5)
        self.assertEqual((len(self.told), self.listeners()), (1, 0))

    def test_they_are_bounded(self) -> None:
        self.patch(watches, "MOST_WATCHES", 2)
        node = self.node()
        first, _ = node.watch("a"), node.watch("a")
        self.assertRaises(TooManyRequests, node.watch, "b")
        first.stop()
        node.watch("b")

    def test_what_cannot_be_watched(self) -> None:
        node = self.nodes[0]
        reference = Reference(Kind.VALUE, bytes(20))
        self.assertRaises(InvalidKey, node.watch, b"short")
        for wrong in ({"kind": 199}, {"kind": 256}, {"kind": "1"}, {"callback": 7}):
            self.assertRaises(InvalidInput, node.watch, NAME, **wrong)
        self.assertRaises(InvalidInput, node.watch, reference, kind=2)


class RefusalTests(WatchingCase):
    def test_who_has_no_room_is_passed_over(self) -> None:
        nearest = self.nearest()[0]
        nearest._parts.telling.listeners._most = 0
        self.watch()
        self.assertEqual((listeners_of(nearest), self.listeners()), (0, POSTS))

    def test_who_grants_nothing_is_too(self) -> None:
        asked: list[Listen] = []

        def stingy(handle: Handle) -> Handle:
            def answer(received: Received) -> ReplyBody | Deferred[ReplyBody] | None:
                if isinstance(received.body, Listen):
                    asked.append(received.body)
                    return Listening(0)
                return handle(received)

            return answer

        for _ in range(3):
            self.node(stingy, read_only=False)
        self.advance(120)
        self.watch()
        self.assertEqual(self.listeners(), POSTS)
        before = len(asked)
        self.advance(LISTEN_LIMIT)
        self.assertEqual(len(asked), before)
