"""What a node keeps published: published again when it is due, over restarts too, until it is
withdrawn."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import (
    KadtwistedError,
    NotFound,
    NotStored,
    StorageError,
    Superseded,
    TooManyRequests,
)
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.publication import Keeping
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.node.node import Node
from kadtwisted.node.port.links import Links
from kadtwisted.node.upkeep.auditing import Counted
from kadtwisted.node.upkeep.maintenance import BROUGHT_BACK_AT_ONCE
from kadtwisted.node.upkeep.persistence import Persistence
from kadtwisted.node.upkeep.publisher import Publisher
from kadtwisted.node.upkeep.runner import UpkeepRunner
from kadtwisted.parameters import NodeSettings, UpkeepSettings
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.node_state import RememberedInMemory
from kadtwisted.testing.nodes import simulated_world, wait_for
from kadtwisted.upkeep.publishing import PublicationSchedule
from tests.node.contexts import make_context
from tests.node.upkeep.cases import HOUR, RestartCase, UpkeepCase, upkeep_of

T = TypeVar("T")


class LifetimeTests(UpkeepCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(600)  # verified
        upkeep_of(self.swarm, self.swarm.nodes[3])

    def test_a_kept_record_outlives_its_lifetime_until_deleted(self) -> None:
        publisher = self.swarm.nodes[3]
        self.swarm.wait(publisher.put("kept", b"v", lifetime=HOUR, keep=True))
        self.swarm.wait(publisher.put("not kept", b"v", lifetime=HOUR))
        self.assertEqual(publisher.status().own_records, 1)
        self.clock.advance(5 * HOUR)
        reader = self.swarm.nodes[12]
        self.assertEqual(self.swarm.wait(reader.get("kept")).value, b"v")
        self.assertRaises(NotFound, self.swarm.wait, reader.get("not kept"))
        self.swarm.wait(publisher.delete("kept"))
        self.assertEqual(publisher.status().own_records, 0)
        self.clock.advance(3 * HOUR)
        self.assertRaises(NotFound, self.swarm.wait, reader.get("kept"))

    def test_a_value_that_took_its_place_ends_it(self) -> None:
        publisher, other = self.swarm.nodes[3], self.swarm.nodes[4]
        self.swarm.wait(publisher.put("k", b"old", lifetime=HOUR, keep=True))
        self.swarm.wait(other.put("k", b"new", lifetime=20 * HOUR))
        self.clock.advance(2 * HOUR)
        self.assertEqual(publisher.status().own_records, 0)
        self.assertEqual(self.swarm.wait(publisher.get("k")).value, b"new")

    def test_an_outage_only_delays_it(self) -> None:
        publisher = self.swarm.nodes[3]
        self.swarm.wait(publisher.put("k", b"v", lifetime=2 * HOUR, keep=True))
        self.swarm.network.partition([self.swarm.host_of(publisher)])
        self.clock.advance(3 * HOUR)
        self.swarm.network.heal()
        self.assertRaises(NotFound, self.swarm.wait, self.swarm.nodes[9].get("k"))
        self.clock.advance(700)
        self.assertEqual(self.swarm.wait(self.swarm.nodes[9].get("k")).value, b"v")

    def test_a_restart_of_the_node_keeps_its_publications(self) -> None:
        publisher = self.swarm.nodes[3]
        self.swarm.wait(publisher.put("k", b"v", lifetime=2 * HOUR, keep=True))
        self.swarm.wait(publisher.stop())
        self.clock.advance(60)
        self.swarm.wait(publisher.start())
        self.swarm.wait(publisher.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
        self.clock.advance(4 * HOUR)
        self.assertEqual(self.swarm.wait(self.swarm.nodes[9].get("k")).value, b"v")


class RestartTests(RestartCase):
    def put(self, node: Node, name: str = "name", *, keep: bool = True) -> None:
        wait_for(self.clock, node.put(name, b"value", lifetime=2 * HOUR, keep=keep))

    def read(self, name: str = "name") -> bytes:
        return wait_for(self.clock, self.swarm.nodes[3].get(name)).value

    def test_it_is_kept_over_a_restart(self) -> None:
        first = self.joined()
        self.put(first)
        wait_for(self.clock, first.stop())
        again = self.node()
        self.assertEqual(again.status().own_records, 1)
        self.clock.advance(3 * HOUR)
        self.assertEqual(self.read(), b"value")

    def test_what_is_acknowledged_would_survive_a_crash(self) -> None:
        self.put(self.joined())
        saved = self.state.remembered().publications
        self.assertEqual([each.where.key for each in saved], [key_of_name("name")])

    def test_a_restart_publishes_nothing_that_is_not_due(self) -> None:
        first = self.joined()
        self.put(first)
        due = self.state.remembered().publications[0].next_at
        wait_for(self.clock, first.stop())
        self.node()
        self.clock.advance(600)
        self.assertEqual(self.state.remembered().publications[0].next_at, due)

    def test_the_next_time_is_saved_whenever_it_changes(self) -> None:
        first = self.joined()
        self.put(first)
        due = self.state.remembered().publications[0].next_at
        self.clock.advance(1.5 * HOUR)
        self.assertGreater(self.state.remembered().publications[0].next_at, due)

    def test_withdrawn_is_withdrawn_for_good(self) -> None:
        first = self.joined()
        self.put(first, "replaced")
        self.put(first, "deleted")
        self.put(first, "replaced", keep=False)
        wait_for(self.clock, first.delete("deleted"))
        self.assertEqual(self.state.remembered().publications, ())

    def test_that_another_value_won_is_remembered(self) -> None:
        first = self.joined()
        self.put(first)
        wait_for(self.clock, self.swarm.nodes[4].put("name", b"other", lifetime=5 * HOUR))
        self.clock.advance(2 * HOUR)
        (lost,) = self.state.remembered().publications
        self.assertEqual((lost.state, first.status().own_records), ("lost", 0))

    def test_who_asks_to_keep_is_told_when_that_cannot_be(self) -> None:
        node = self.joined()
        self.state.error = StorageError("the disk is full")
        putting = node.put("name", b"value", keep=True)
        self.clock.advance(10)
        self.assertIn("not be published again", str(self.failureResultOf(putting, StorageError)))
        self.assertEqual(node.status().own_records, 0)
        self.assertEqual(self.read(), b"value")
        self.state.error = None
        self.flushLoggedErrors(StorageError)  # contacts may be due to be saved meanwhile

    def test_who_no_longer_waits_for_the_saving_has_it_published_again_nevertheless(self) -> None:
        node = self.joined()
        self.state.saving = Deferred()
        putting = node.put("name", b"value", lifetime=2 * HOUR, keep=True)
        self.clock.advance(10)
        self.assertNoResult(putting)
        putting.cancel()
        self.failureResultOf(putting, CancelledError)
        self.state.saving = None
        self.clock.advance(1.5 * HOUR)
        self.assertEqual(len(self.state.remembered().publications), 1)

    def test_a_newer_value_of_our_own_that_wins_meanwhile_stays_kept(self) -> None:
        node = self.joined()
        self.put(node)
        (old,) = self.state.remembered().publications
        self.put(node)
        (new,) = self.state.remembered().publications
        publisher = node._upkeep.publisher
        was_published = Deferred.fromCoroutine(publisher._published(old))
        self.assertIsNone(wait_for(self.clock, was_published))
        self.assertEqual(self.state.remembered().publications, (new,))
        self.assertEqual(node.status().own_records, 1)

    def test_a_late_publishing_does_not_take_the_place_of_what_came_meanwhile(self) -> None:
        node = self.joined()
        self.put(node, "replaced")
        self.put(node, "deleted")
        late: list[Deferred[None]] = []

        async def slow(record: bytes, lifetime: float, *, put_back: bool = False) -> bytes:
            late.append(Deferred())
            await late[-1]
            return record

        node._upkeep.publisher._publish_again = slow
        self.clock.advance(1.2 * HOUR)
        self.assertGreaterEqual(len(late), 2)
        self.put(node, "replaced")
        wait_for(self.clock, node.delete("deleted"))
        (new,) = self.state.remembered().publications
        for each in late:
            each.callback(None)
        self.assertEqual(self.state.remembered().publications, (new,))

    def test_the_record_is_at_its_place(self) -> None:
        first = self.joined()
        self.put(first)
        where = StorageKey(Kind.VALUE, key_of_name("name"))
        self.assertEqual(self.state.remembered().publications[0].where, where)


class LostStorageTests(RestartCase):
    """The storage of these nodes is in memory: a restart loses it."""

    size = 3

    def test_a_kept_record_is_here_at_once_after_a_restart(self) -> None:
        first = self.node()
        wait_for(self.clock, first.put("kept", b"value", lifetime=2 * HOUR, keep=True))
        wait_for(self.clock, first.put("not kept", b"value", lifetime=2 * HOUR))
        wait_for(self.clock, first.stop())
        again = self.node()
        before = self.clock.seconds()
        self.assertEqual(wait_for(self.clock, again.get("kept")).value, b"value")
        self.assertLess(self.clock.seconds() - before, 1)
        with self.assertRaises(NotFound):
            wait_for(self.clock, again.get("not kept"))

    def test_so_it_is_where_it_became_due_meanwhile(self) -> None:
        first = self.node()
        wait_for(self.clock, first.put("name", b"value", lifetime=2 * HOUR, keep=True))
        wait_for(self.clock, first.stop())
        self.clock.advance(5 * HOUR)
        self.assertEqual(wait_for(self.clock, self.node().get("name")).value, b"value")

    def test_many_come_back_one_batch_after_the_other(self) -> None:
        first = self.node()
        for number in range(2 * BROUGHT_BACK_AT_ONCE + 1):
            wait_for(self.clock, first.put(f"name {number}", b"value", keep=True))
        wait_for(self.clock, first.stop())
        again = self.node()
        held = wait_for(self.clock, again._records.usage()).records
        self.assertGreaterEqual(held, BROUGHT_BACK_AT_ONCE)
        self.clock.advance(0.1)
        held = wait_for(self.clock, again._records.usage()).records
        self.assertEqual(held, 2 * BROUGHT_BACK_AT_ONCE + 1)

    def test_one_that_was_lost_to_another_writer_stays_away(self) -> None:
        first = self.joined()
        wait_for(self.clock, first.put("name", b"old", lifetime=2 * HOUR, keep=True))
        wait_for(self.clock, self.swarm.nodes[1].put("name", b"new", lifetime=5 * HOUR))
        self.clock.advance(2 * HOUR)
        wait_for(self.clock, first.stop())
        again = self.node()
        self.assertEqual(wait_for(self.clock, again._records.usage()).records, 0)


class KindTests(SynchronousTestCase):
    """The publisher alone, with records that are none of a kind that the node knows."""

    def setUp(self) -> None:
        self.clock = HeapClock()
        host = Network(self.clock, 1).host("192.0.2.1")
        settings = NodeSettings(upkeep=UpkeepSettings(own_records=2))
        made = make_context(simulated_world(host, 1), settings)
        self.context = context = replace(made, reactor=self.clock)
        self.state = RememberedInMemory()
        self.runner = UpkeepRunner(context)
        self.addCleanup(self.runner.stop)
        self.persistence = Persistence(context, Links(), self.state)
        self.publications = PublicationSchedule(context.world.random, 2)
        self.published: list[tuple[bytes, float]] = []
        self.error: KadtwistedError | None = None
        self.publisher = Publisher(
            context,
            self.runner,
            self.publications,
            self.persistence,
            self.publish_again,
            self.count_holders,
        )
        self.start()

    async def publish_again(
        self, record: bytes, lifetime: float, *, put_back: bool = False
    ) -> bytes:
        self.published.append((record, lifetime))
        if self.error is not None:
            raise self.error
        return record

    async def count_holders(self, record: bytes, lifetime: float, pin: int) -> Counted:
        raise AssertionError("nothing is pinned")

    def start(self) -> None:
        remembered = self.now(self.persistence.open())
        assert remembered is not None
        self.publisher.restore(remembered.publications)
        self.publisher.start()
        self.runner.start()

    def now(self, work: Coroutine[Any, Any, T]) -> T:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def keep(self, number: int, record: bytes) -> None:
        self.now(self.publisher.keep(place(number), record, 2 * HOUR, Keeping()))

    def saved(self) -> list[StorageKey]:
        return [each.where for each in self.state.remembered().publications]

    def test_records_of_any_kind_are_published_again_until_withdrawn(self) -> None:
        self.keep(1, b"one")
        self.keep(2, b"two")
        self.assertEqual((len(self.publisher), self.saved()), (2, [place(1), place(2)]))
        self.clock.advance(1.2 * HOUR)
        self.assertEqual(sorted(self.published), [(b"one", 2 * HOUR), (b"two", 2 * HOUR)])
        self.publisher.withdraw(place(1))
        self.publisher.withdraw(place(1))
        self.clock.advance(1.2 * HOUR)
        self.assertEqual([record for record, _ in self.published[2:]], [b"two"])
        self.assertEqual((len(self.publisher), self.saved()), (1, [place(2)]))

    def test_what_is_withdrawn_waits_no_longer(self) -> None:
        for _ in range(50):
            self.keep(1, b"one")
            self.publisher.withdraw(place(1))
        self.assertEqual(len(self.runner), 0)

    def test_another_record_at_the_same_place_takes_over(self) -> None:
        self.keep(1, b"one")
        self.keep(1, b"other")
        self.clock.advance(1.2 * HOUR)
        self.assertEqual([record for record, _ in self.published], [b"other"])

    def test_without_room_it_is_not_kept(self) -> None:
        self.keep(1, b"one")
        self.keep(2, b"two")
        keeping = Deferred.fromCoroutine(self.publisher.keep(place(3), b"three", HOUR, Keeping()))
        self.failureResultOf(keeping, TooManyRequests)
        self.keep(2, b"instead")
        self.assertEqual(self.saved(), [place(1), place(2)])

    def test_when_no_node_acknowledges_it_is_tried_again_soon(self) -> None:
        self.error = NotStored("none of 3 nodes stored the record", {})
        self.keep(1, b"one")
        self.clock.advance(1.2 * HOUR)
        tries = len(self.published)
        self.assertGreaterEqual(tries, 2)
        self.error = None
        self.clock.advance(0.5 * HOUR)
        self.assertEqual(len(self.published), tries + 1)

    def test_when_another_record_won_it_is_lost(self) -> None:
        self.error = Superseded("another record won")
        self.keep(1, b"one")
        self.clock.advance(3 * HOUR)
        self.assertEqual((len(self.published), len(self.publisher)), (1, 0))
        self.assertEqual((self.publisher.lost, self.saved()), (1, [place(1)]))

    def test_a_restart_brings_back_what_was_saved(self) -> None:
        self.keep(1, b"one")
        self.runner.stop()
        self.now(self.persistence.close())
        self.publisher.withdraw(place(1))  # in memory alone: the node state is closed
        self.assertEqual((len(self.publisher), self.saved()), (0, [place(1)]))
        self.start()
        self.clock.advance(1.2 * HOUR)
        self.assertEqual(self.published, [(b"one", 2 * HOUR)])

    def test_what_may_be_missing_after_a_restart(self) -> None:
        self.keep(1, b"one")
        self.keep(2, b"two")
        self.now(self.publisher.keep(place(2), b"two", 20 * HOUR, Keeping()))

        def missing(*, everything: bool) -> list[StorageKey]:
            return [each.where for each in self.publisher.missing(everything=everything)]

        self.assertEqual(missing(everything=False), [])
        self.runner.stop()
        self.now(self.persistence.close())
        self.clock.advance(3 * HOUR)
        self.start()
        self.assertEqual(missing(everything=False), [place(1)])
        self.assertEqual(missing(everything=True), [place(1), place(2)])

    def test_the_budget_of_the_upkeep_suffices_or_not(self) -> None:
        self.assertTrue(self.publisher.keeps_up())
        # One record with 50 datagrams each 2.4 s: more than the 20 a second that it may send.
        self.now(self.publisher.keep(place(1), b"one", 4.8, Keeping()))
        self.assertFalse(self.publisher.keeps_up())


def place(number: int) -> StorageKey:
    """The place of a record whose kind nobody has."""
    return StorageKey(0xEE, NodeID(number), b"sub")
