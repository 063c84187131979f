"""Upkeep on a simulated network: contacts are verified, and k copies of each record are kept."""

from __future__ import annotations

from kadtwisted.model.ids import key_of_name
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.parameters import Parameters
from tests.node.upkeep.cases import HOUR, UpkeepCase, upkeep_of


class ContactTests(UpkeepCase):
    SIZE = 16
    PARAMETERS = Parameters(k=4)

    def test_tentative_contacts_are_verified_after_their_quiet_time(self) -> None:
        def tentative() -> int:
            return sum(n.status().links[0].tentative for n in self.swarm.nodes)

        self.assertGreater(tentative(), 40)
        self.clock.advance(600)
        self.assertEqual(tentative(), 0)

    def test_an_idle_network_keeps_its_tables_and_says_little(self) -> None:
        self.clock.advance(HOUR)
        before = [n.status().links[0].contacts for n in self.swarm.nodes]
        sent = self.swarm.network.sent
        self.clock.advance(HOUR)
        after = [n.status().links[0].contacts for n in self.swarm.nodes]
        self.assertTrue(all(now >= then for now, then in zip(after, before, strict=True)))
        self.assertLess((self.swarm.network.sent - sent) / self.SIZE / HOUR, 0.5)

    def test_buckets_without_a_lookup_are_refreshed(self) -> None:
        observed = self.swarm.nodes[::4]
        upkeep_of(self.swarm, *observed)
        self.clock.advance(3 * HOUR)
        for node in observed:
            for bucket in node.routing().buckets:
                assert bucket.last_lookup is not None
                self.assertLess(bucket.last_lookup, 1.2 * HOUR)


class SwitchTests(UpkeepCase):
    SIZE = 8

    def test_a_node_without_upkeep_is_silent_until_it_is_switched_on_again(self) -> None:
        self.clock.advance(5)
        for node in self.swarm.nodes:
            node.switch_upkeep(on=False)
            node.switch_upkeep(on=False)
        self.clock.advance(5)
        sent = self.swarm.network.sent
        self.clock.advance(2 * HOUR)
        self.assertEqual(self.swarm.network.sent, sent)
        node = self.swarm.nodes[0]
        self.swarm.wait(node.ping(self.swarm.address_of(self.swarm.nodes[1])))
        node.switch_upkeep(on=True)
        tasks = node._maintenance.tasks()
        node.switch_upkeep(on=True)
        self.assertEqual(node._maintenance.tasks(), tasks)
        sent = self.swarm.network.sent
        self.clock.advance(HOUR)
        self.assertGreater(self.swarm.network.sent, sent)

    def test_a_node_that_starts_again_has_its_upkeep(self) -> None:
        node = self.swarm.nodes[0]
        node.switch_upkeep(on=False)
        self.swarm.wait(node.stop())
        self.swarm.wait(node.start())
        self.assertGreater(node._maintenance.tasks(), 0)


class ReplicationTests(UpkeepCase):
    SIZE = 16

    def test_copies_lost_are_made_again_within_a_period(self) -> None:
        self.clock.advance(600)
        self.swarm.wait(self.swarm.nodes[0].put("k", b"v"))
        self.assertGreaterEqual(len(self.holders("k")), 8)
        for node in self.nearest("k", 4):
            self.swarm.wait(node.stop())
        self.assertLess(len(self.holders("k")), 8)
        self.clock.advance(1.5 * HOUR)
        self.assertEqual(self.holders("k")[:8], self.nearest("k", 8))

    def test_a_newcomer_among_the_closest_is_handed_its_records(self) -> None:
        self.clock.advance(600)
        names = [f"k{number}" for number in range(60)]
        for number, name in enumerate(names):
            self.swarm.wait(self.swarm.nodes[number % self.SIZE].put(name, b"v"))
        fresh = self.swarm.add()
        due = [name for name in names if fresh in self.nearest(name, 4)]
        self.assertGreater(len(due), 2)
        self.clock.advance(1500)
        held = [name for name in due if fresh in self.holders(name)]
        self.assertGreaterEqual(len(held), 0.8 * len(due))

    def test_the_period_follows_the_sessions_seen(self) -> None:
        self.clock.advance(600)
        node = self.swarm.nodes[0]
        self.assertEqual(node.status().replication_period, HOUR)
        for _ in range(64):
            node._maintenance.contact_removed(120.0)
        self.assertLess(node.status().replication_period, HOUR / 2)

    def test_more_records_than_the_budget_can_offer_are_told(self) -> None:
        upkeep = self.swarm.nodes[0]._maintenance
        # 20 datagrams/s x 3,600 s x 32 records an offer / 8 nodes a record.
        self.assertTrue(upkeep.keeps_up(288_000))
        self.assertFalse(upkeep.keeps_up(288_001))
        status = self.swarm.nodes[0].status()
        self.assertTrue(status.replication_kept and status.own_records_kept)


class RepairTests(UpkeepCase):
    def test_a_latest_get_brings_the_winner_to_who_lacks_it(self) -> None:
        self.clock.advance(600)
        self.swarm.wait(self.swarm.nodes[0].put("k", b"v"))
        where = StorageKey(Kind.VALUE, key_of_name("k"))
        robbed = self.nearest("k", 3)
        for node in robbed:
            self.successResultOf(node._storage.remove(where))
        self.swarm.wait(self.swarm.nodes[9].get("k"))
        self.clock.advance(2)
        self.assertTrue(set(robbed) - {self.swarm.nodes[9]} <= set(self.holders("k")))
