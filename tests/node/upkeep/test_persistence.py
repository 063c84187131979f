"""What a node brings over a restart: its contacts come back without any bootstrap, and what it
keeps published is published again when it is due, not before."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import StorageError
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.node_state import RememberedInMemory
from kadtwisted.testing.nodes import PORT, Swarm, simulated_node, wait_for

HOUR = 3600.0


class CountingState(RememberedInMemory):
    """Counts savings, and fails them while it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.savings: list[int] = []
        self.error: StorageError | None = None
        self.saving: Deferred[None] | None = None

    def save_contacts(self, contacts: Sequence[Contact]) -> Deferred[None]:
        self.savings.append(len(contacts))
        return fail(self.error) if self.error else super().save_contacts(contacts)

    def keep(self, publication: Publication) -> Deferred[None]:
        if self.saving is not None:
            return self.saving
        return fail(self.error) if self.error else super().keep(publication)


class PersistenceTests(SynchronousTestCase):
    size = 12

    def setUp(self) -> None:
        self.swarm = Swarm(self.size)
        self.clock = self.swarm.clock
        self.network: Network = self.swarm.network
        self.state = CountingState()
        self.host = self.network.host("192.0.2.1")
        self.addCleanup(self.swarm.stop)

    def node(self, **parameters: int) -> Node:
        """A run of the node with the state, started."""
        settings = NodeSettings(
            port=PORT, interfaces=self.host.addresses, parameters=Parameters(**parameters)
        )
        node = simulated_node(self.host, 7, settings, state=self.state)
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        return node

    def joined(self, **parameters: int) -> Node:
        node = self.node(**parameters)
        wait_for(self.clock, node.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
        return node

    def contacts(self, node: Node) -> int:
        return node.status().links[0].contacts


class ContactTests(PersistenceTests):
    def test_the_table_comes_back_without_any_bootstrap(self) -> None:
        first = self.joined()
        known = self.contacts(first)
        wait_for(self.clock, first.stop())
        again = self.node()
        self.assertEqual(again.status().health, "joining")
        self.clock.advance(5)
        self.assertEqual(again.status().health, "serving")
        self.assertGreaterEqual(self.contacts(again), known)

    def test_a_crash_soon_after_joining_loses_nobody(self) -> None:
        first = self.joined()
        self.clock.advance(15)
        saved = self.state.remembered().contacts
        self.assertEqual(len(saved), self.contacts(first))

    def test_the_latest_heard_comes_first(self) -> None:
        first = self.joined()
        self.clock.advance(60)
        wait_for(self.clock, first.ping(self.swarm.address_of(self.swarm.nodes[5])))
        wait_for(self.clock, first.stop())
        latest = self.state.remembered().contacts[0]
        self.assertEqual(latest.node_id, self.swarm.nodes[5].node_id)

    def test_a_table_that_does_not_change_is_not_saved_again(self) -> None:
        self.joined()
        self.clock.advance(HOUR)
        self.assertLessEqual(len(self.state.savings), 4)

    def test_a_start_without_a_network_forgets_nobody(self) -> None:
        first = self.joined()
        wait_for(self.clock, first.stop())
        saved = set(self.state.remembered().contacts)
        self.network.partition([self.host], [self.network.host("192.0.2.2")])
        alone = self.node()
        self.clock.advance(HOUR)
        self.assertEqual(alone.status().health, "isolated")
        wait_for(self.clock, alone.stop())
        self.assertEqual(set(self.state.remembered().contacts), saved)

    def test_it_comes_back_when_the_network_does(self) -> None:
        first = self.joined()
        wait_for(self.clock, first.stop())
        self.network.partition([self.host], [self.network.host("192.0.2.2")])
        late = self.node()
        self.clock.advance(HOUR)
        self.network.heal()
        self.clock.advance(60)
        self.assertEqual(late.status().health, "serving")

    def test_few_who_answer_do_not_push_out_the_silent_ones(self) -> None:
        first = self.joined()
        wait_for(self.clock, first.stop())
        saved = set(self.state.remembered().contacts)
        silent = [self.swarm.host_of(each) for each in self.swarm.nodes[2:]]
        others = [self.swarm.host_of(each) for each in self.swarm.nodes[:2]]
        self.network.partition([self.host, *others], silent)
        few = self.node()
        self.clock.advance(600)
        wait_for(self.clock, few.stop())
        self.assertEqual(set(self.state.remembered().contacts), saved)

    def test_once_k_have_answered_the_silent_ones_are_forgotten(self) -> None:
        first = self.joined(k=4)
        wait_for(self.clock, first.stop())
        for gone in self.swarm.nodes[-3:]:
            wait_for(self.clock, gone.stop())
        again = self.node(k=4)
        self.clock.advance(1200)
        wait_for(self.clock, again.stop())
        gone_ids = {each.node_id for each in self.swarm.nodes[-3:]}
        self.assertFalse(gone_ids & {each.node_id for each in self.state.remembered().contacts})

    def test_what_cannot_be_saved_is_told_and_ends_nothing(self) -> None:
        self.state.error = StorageError("the disk is full")
        node = self.joined()
        self.clock.advance(60)
        self.assertEqual(node.status().health, "serving")
        wait_for(self.clock, node.stop())
        self.assertTrue(self.flushLoggedErrors(StorageError))

    def test_what_could_not_be_saved_is_saved_when_there_is_room(self) -> None:
        self.state.error = StorageError("the disk is full")
        node = self.joined()
        self.clock.advance(60)
        self.flushLoggedErrors(StorageError)
        self.state.error = None
        self.clock.advance(60)
        self.assertEqual(len(self.state.remembered().contacts), self.contacts(node))

    def test_a_state_that_breaks_leaves_the_storage_closed_and_the_node_stopped(self) -> None:
        node = self.node()
        closed: list[bool] = []
        self.patch(self.state, "close", lambda: fail(RuntimeError("a plugin's mistake")))
        self.patch(node._storage, "close", lambda: succeed(closed.append(True)))
        stopping = node.stop()
        self.clock.advance(1)
        self.failureResultOf(stopping, RuntimeError)
        self.assertEqual((closed, node.status().health), ([True], "stopped"))


class PublicationTests(PersistenceTests):
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

    def test_another_value_that_won_is_withdrawn_too(self) -> None:
        first = self.joined()
        self.put(first)
        wait_for(self.clock, self.swarm.nodes[4].put("name", b"other", lifetime=5 * HOUR))
        self.clock.advance(2 * HOUR)
        self.assertEqual(self.state.remembered().publications, ())

    def test_who_asks_to_keep_is_told_when_that_cannot_be(self) -> None:
        node = self.joined()
        self.state.error = StorageError("the disk is full")
        putting = node.put("name", b"value", keep=True)
        self.clock.advance(10)
        self.assertIn("not be published again", str(self.failureResultOf(putting, StorageError)))
        self.assertEqual(node.status().own_records, 0)
        self.assertEqual(self.read(), b"value")
        self.state.error = None

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
        was_published = Deferred.fromCoroutine(publisher._was_published(old))
        self.assertFalse(wait_for(self.clock, was_published))
        self.assertEqual(self.state.remembered().publications, (new,))
        self.assertEqual(node.status().own_records, 1)

    def test_a_late_publishing_does_not_take_the_place_of_what_came_meanwhile(self) -> None:
        node = self.joined()
        self.put(node, "replaced")
        self.put(node, "deleted")
        late: list[Deferred[None]] = []

        async def slow(record: bytes, lifetime: float) -> None:
            late.append(Deferred())
            await late[-1]

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
