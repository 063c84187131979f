"""Records that move: looked-up holders, rare passes of who is not one, and nothing all at once."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import key_of_name
from kadtwisted.model.record import Kind
from kadtwisted.model.results import Receipt
from kadtwisted.node.node import Node
from kadtwisted.node.upkeep.runner import LOADS_AT_ONCE
from kadtwisted.parameters import Parameters, UpkeepSettings
from kadtwisted.records.value import encode, value_of
from kadtwisted.testing.nodes import EPOCH, Swarm
from kadtwisted.upkeep.publishing import SPREAD
from tests.node.upkeep.cases import upkeep_of

MINUTE = 60.0
HOUR = 3600.0


class ReplicationTests(SynchronousTestCase):
    def setUp(self) -> None:
        parameters = Parameters(k=4, replication_period=10 * MINUTE)
        self.swarm = Swarm(30, sealer="plain", parameters=parameters)
        self.addCleanup(self.swarm.stop)
        self.swarm.clock.advance(10 * MINUTE)
        self.key = key_of_name("k")

    def nearest(self) -> list[Node]:
        running = [node for node in self.swarm.nodes if node.status().running]
        return sorted(running, key=lambda node: node.node_id ^ self.key)

    def holds(self, node: Node) -> bool:
        now = self.swarm.clock.seconds()
        return bool(self.successResultOf(node._storage.get(Kind.VALUE, self.key, now)))

    def plant(self, node: Node) -> None:
        """Give a record to this node alone."""
        record = encode(value_of(self.key, b"v", int(EPOCH * 1e6)))
        self.successResultOf(node._records.store(record, 20 * HOUR))

    def test_a_holder_far_away_finds_the_very_closest(self) -> None:
        """Its own table knows few of the nodes there; a lookup finds them."""
        far = self.nearest()[-1]
        own = far._links[next(iter(far._links))].table.closest(self.key, 4)
        self.assertNotEqual(
            [contact.node_id for contact in own], [node.node_id for node in self.nearest()[:4]]
        )
        self.plant(far)
        upkeep_of(self.swarm, far)
        self.swarm.clock.advance(15 * MINUTE)
        self.assertTrue(all(self.holds(node) for node in self.nearest()[:4]))

    def test_who_is_not_among_the_closest_offers_rarely(self) -> None:
        far = self.nearest()[-1]
        self.plant(far)
        upkeep_of(self.swarm, far, *self.nearest()[:4])
        self.swarm.clock.advance(15 * MINUTE)
        self.assertEqual(far.status().counters["replication.offered"], 4)
        self.swarm.clock.advance(80 * MINUTE)
        self.assertLessEqual(far.status().counters["replication.offered"], 4 * 5)

    def test_the_next_closest_step_in_when_all_holders_crash_but_one(self) -> None:
        self.swarm.wait(self.swarm.nodes[0].put("k", b"v"))
        for node in self.nearest()[:3]:
            self.swarm.wait(node.stop())
        upkeep_of(self.swarm, *self.nearest()[:6])
        self.swarm.clock.advance(15 * MINUTE)
        self.assertTrue(all(self.holds(node) for node in self.nearest()[:4]))


class PublicationTests(SynchronousTestCase):
    RECORDS = 40

    def setUp(self) -> None:
        upkeep = UpkeepSettings(rate=2.0)
        self.swarm = Swarm(8, sealer="plain", upkeep=upkeep)
        self.addCleanup(self.swarm.stop)
        self.clock = self.swarm.clock
        self.clock.advance(10 * MINUTE)
        self.publisher = self.swarm.nodes[3]
        puts: list[Deferred[Receipt]] = [
            self.publisher.put(f"k{number}", b"v", lifetime=HOUR, keep=True)
            for number in range(self.RECORDS)
        ]
        for each in puts:
            self.swarm.wait(each)
        upkeep_of(self.swarm, self.publisher)

    def test_what_came_due_during_a_stop_is_spread(self) -> None:
        self.swarm.wait(self.publisher.stop())
        self.clock.advance(HOUR)
        self.swarm.wait(self.publisher.start())
        now = EPOCH + self.clock.seconds()
        waits = sorted(p.next_at - now for p in self.publisher._lasting.publications.publications())
        self.assertEqual(len(waits), self.RECORDS)
        self.assertGreaterEqual(waits[0], -1.0)
        self.assertLessEqual(waits[-1], SPREAD)
        self.assertGreater(waits[-3] - waits[2], SPREAD / 2)

    def test_few_are_under_way_at_once_and_the_budget_sets_their_pace(self) -> None:
        publisher = self.publisher._upkeep.publisher
        publish_again, moments, most = publisher._publish_again, [], 0

        def watched(record: bytes, lifetime: float, **how: bool) -> Awaitable[None]:
            moments.append(self.clock.seconds())
            return publish_again(record, lifetime, **how)

        publisher._publish_again = watched
        for _ in range(52 * 60):
            self.clock.advance(1.0)
            most = max(most, len(publisher._runner._loading))
        self.assertLessEqual(most, LOADS_AT_ONCE)
        self.assertEqual(len(moments), self.RECORDS)
        # Each is charged 50 datagrams: five minutes pay for 12 of them, the burst for 2 more.
        for first, later in zip(moments, moments[15:], strict=False):
            self.assertGreater(later - first, 5 * MINUTE)

    def test_contacts_are_cared_for_while_loads_wait(self) -> None:
        self.clock.advance(33 * MINUTE)  # all are due, and the budget allows one in 25 s
        gone = self.swarm.nodes[6]
        self.swarm.wait(gone.stop())
        self.clock.advance(20 * MINUTE)
        known = {c.node_id for b in self.publisher.routing().buckets for c in b.contacts}
        self.assertNotIn(gone.node_id, known)
