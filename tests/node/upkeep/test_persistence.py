"""What a node brings over a restart: its contacts come back without any bootstrap."""

from __future__ import annotations

from twisted.internet.defer import fail, succeed

from kadtwisted.errors import StorageError
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.testing.nodes import PORT, wait_for
from tests.node.upkeep.cases import HOUR, RestartCase


class ContactTests(RestartCase):
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
        self.assertEqual(alone.status().health, "blocked")  # no one of many networks answers
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

    def test_a_run_without_ipv6_forgets_no_ipv6_contact(self) -> None:
        first = self.joined(k=4)
        wait_for(self.clock, first.stop())
        node_id, key = first.node_id ^ 1, bytes(32)
        ipv6 = [Contact.at(NodeID(node_id), Endpoint(f"2001:db8::{n}", PORT), key) for n in (1, 2)]
        saved = self.state.remembered().contacts
        self.state.open()
        wait_for(self.clock, self.state.save_contacts((ipv6[0], *saved, ipv6[1])))
        again = self.node(k=4)
        self.clock.advance(1200)
        wait_for(self.clock, again.stop())
        contacts = self.state.remembered().contacts
        self.assertEqual(contacts[-2:], tuple(ipv6))
        self.assertGreaterEqual(len(contacts), 4 + 2)

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
