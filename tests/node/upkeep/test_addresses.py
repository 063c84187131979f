"""A node on a laptop: its address changes, goes and comes back, and it goes on serving."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Family
from kadtwisted.model.health import Health
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import (
    PORT,
    Member,
    Swarm,
    simulated_node,
    simulated_world,
    wait_for,
)
from kadtwisted.upkeep.addresses import LOOK_EVERY
from tests.node.upkeep.cases import upkeep_of

HOME, CAFE, HOME6, CAFE6 = "192.0.2.1", "198.51.100.7", "2001:db8::1", "2001:db9::7"
SERVES_WITHIN = 10.0


class LaptopCase(SynchronousTestCase):
    SIZE = 12
    K = 4

    def setUp(self) -> None:
        self.swarm = Swarm(self.SIZE, parameters=Parameters(k=self.K))
        self.clock, self.network = self.swarm.clock, self.swarm.network
        self.addCleanup(self.swarm.stop)
        upkeep_of(self.swarm)
        self.laptop = self.network.host(HOME)
        self.node = self.start(self.laptop)

    def start(
        self, host: Host, interfaces: tuple[str, ...] = ("0.0.0.0",), way: Any = None
    ) -> Node:
        """A node on the laptop that has joined."""
        settings = NodeSettings(port=PORT, interfaces=interfaces, parameters=Parameters(k=self.K))
        world = simulated_world(host, 7)
        if way is not None:
            world = replace(world, default_way=way)
        node = simulated_node(host, 7, settings, world=world)
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        wait_for(self.clock, node.bootstrap(self.bootstraps()))
        self.clock.advance(LOOK_EVERY)
        return node

    def bootstraps(self) -> list[str]:
        return [self.swarm.address_of(each) for each in self.swarm.nodes[:2]]

    def seen_at(self) -> str | None:
        observed = self.node.status().links[0].observed
        return None if observed is None else str(observed)

    def serves(self) -> bool:
        """Whether somebody else reads from it and it reads from others."""
        other = self.swarm.nodes[5]
        found = wait_for(self.clock, other.ping(f"{self.laptop.addresses[0]}:{PORT}"))
        return found.contact.node_id == self.node.node_id and self.node.health() is Health.SERVING


class MoveTests(LaptopCase):
    def test_it_serves_at_another_address_within_seconds(self) -> None:
        self.assertEqual(self.seen_at(), f"{HOME}:{PORT}")
        self.network.move(self.laptop, CAFE)
        self.clock.advance(SERVES_WITHIN)
        self.assertTrue(self.serves())
        self.assertEqual(self.seen_at(), f"{CAFE}:{PORT}")

    def test_what_was_acknowledged_stays_and_puts_go_on(self) -> None:
        keys = [f"key {number}" for number in range(20)]
        for number, key in enumerate(keys):
            if number == 10:
                self.network.move(self.laptop, CAFE)
            receipt = wait_for(self.clock, self.node.put(key, key.encode(), lifetime=3600))
            self.assertGreater(receipt.remote_acks, 0)
            self.clock.advance(1)
        reader = self.swarm.nodes[7]
        for key in keys:
            self.assertEqual(wait_for(self.clock, reader.get(key)).value, key.encode())

    def test_an_announcement_follows_at_once(self) -> None:
        wait_for(self.clock, self.node.announce("service", lifetime=3600))
        self.network.move(self.laptop, CAFE)
        self.clock.advance(2 * SERVES_WITHIN)
        found = wait_for(self.clock, self.swarm.nodes[7].providers("service"))
        hosts = {each.endpoint.host for each in found.providers}
        self.assertEqual(hosts, {CAFE})

    def test_an_address_that_is_away_for_minutes(self) -> None:
        self.network.move(self.laptop)
        self.clock.advance(2 * SERVES_WITHIN)
        self.assertIs(self.node.health(), Health.OFFLINE)
        self.clock.advance(600)
        self.network.move(self.laptop, HOME)
        self.clock.advance(SERVES_WITHIN)
        self.assertTrue(self.serves())

    def test_the_same_address_behind_another_gateway(self) -> None:
        wait_for(self.clock, self.node.stop())
        gateway = ["10.0.0.1 by wlan0"]
        self.node = self.start(self.laptop, way=lambda _: gateway[0])
        self.assertEqual(self.seen_at(), f"{HOME}:{PORT}")
        heard: list[Datagram] = []
        self.clock.advance(30)
        gateway[0] = "10.0.0.1 by eth0"
        self.network.watch(heard.append)
        self.clock.advance(LOOK_EVERY * 1.5)
        asked = {each.destination for each in heard if each.source[0] == HOME}
        self.assertGreaterEqual(len(asked), 8)
        self.assertEqual(self.seen_at(), f"{HOME}:{PORT}")

    def test_contacts_survive(self) -> None:
        before = {c.node_id for b in self.node.routing().buckets for c in b.contacts}
        self.network.move(self.laptop)
        self.clock.advance(300)
        self.network.move(self.laptop, CAFE)
        self.clock.advance(SERVES_WITHIN)
        after = {c.node_id for b in self.node.routing().buckets for c in b.contacts}
        self.assertLessEqual(before, after)

    def test_nothing_is_done_while_nothing_changes(self) -> None:
        self.clock.advance(300)
        sent: list[Datagram] = []
        self.network.watch(lambda each: sent.append(each) if each.source[0] == HOME else None)
        self.clock.advance(60)
        self.assertLess(len(sent), 60)


class FollowedTests(LaptopCase):
    """Others find the laptop where it is now."""

    K = 20

    def known_at(self) -> list[str]:
        """Where others have it in their tables."""
        return [
            contact.endpoint.host
            for each in self.swarm.nodes
            for bucket in each.routing().buckets
            for contact in bucket.contacts
            if contact.node_id == self.node.node_id
        ]

    def test_whoever_is_asked_by_it_follows_it(self) -> None:
        upkeep_of(self.swarm, *self.swarm.nodes)
        self.clock.advance(400)  # verified: no failure drops it
        upkeep_of(self.swarm)
        self.assertEqual(self.known_at(), [HOME] * self.SIZE)
        self.network.move(self.laptop, CAFE)
        self.clock.advance(2 * SERVES_WITHIN)
        self.assertEqual(self.known_at(), [CAFE] * self.SIZE)


class FamilyTests(LaptopCase):
    """A laptop with both families, one of which goes."""

    def setUp(self) -> None:
        super().setUp()
        wait_for(self.clock, self.node.stop())
        self.both = self.network.host("203.0.113.1", HOME6)
        others = [self.network.host(f"203.0.113.{9 + n}", f"2001:db{n}::9") for n in range(2, 6)]
        self.others = [self.member(host, 50 + number) for number, host in enumerate(others)]
        self.node = simulated_node(
            self.both, 8, NodeSettings(port=PORT, interfaces=("0.0.0.0", "::"))
        )
        wait_for(self.clock, self.node.start())
        self.addCleanup(lambda: wait_for(self.clock, self.node.stop()))
        addresses = [f"[{each.addresses[1]}]:{PORT}" for each in others[:2]]
        wait_for(self.clock, self.node.bootstrap([*self.bootstraps(), *addresses]))
        self.clock.advance(LOOK_EVERY)

    def member(self, host: Host, seed: int) -> Member:
        settings = NodeSettings(port=PORT, interfaces=host.addresses)
        node = simulated_node(host, seed, settings)
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        if seed > 50:
            wait_for(self.clock, node.bootstrap([f"[2001:db2::9]:{PORT}"]))
        return Member(seed, node, host)

    def observed(self, family: Family) -> str:
        found = {each.family: each.observed for each in self.node.status().links}[family]
        return "" if found is None else found.host

    def test_only_ipv6_goes_and_comes_back_elsewhere(self) -> None:
        self.assertEqual(self.observed(Family.IPV6), HOME6)
        self.network.move(self.both, "203.0.113.1")
        self.clock.advance(60)
        self.assertIs(self.node.health(), Health.SERVING)
        self.assertEqual(self.observed(Family.IPV4), "203.0.113.1")
        self.network.move(self.both, "203.0.113.1", CAFE6)
        self.clock.advance(SERVES_WITHIN)
        self.assertEqual(self.observed(Family.IPV6), CAFE6)
        self.assertEqual(self.observed(Family.IPV4), "203.0.113.1")


class VerdictTests(LaptopCase):
    def fresh(self, *addresses: str) -> Node:
        """A node that has been told of these addresses and tries to join."""
        wait_for(self.clock, self.node.stop())
        self.node = simulated_node(self.laptop, 9, NodeSettings(port=PORT, interfaces=("0.0.0.0",)))
        wait_for(self.clock, self.node.start())
        joining = self.node.bootstrap(addresses)
        joining.addErrback(lambda _: None)
        return self.node

    def verdicts(self, seconds: float) -> list[str]:
        """The verdicts of these seconds, each change once."""
        told: list[str] = []
        for _ in range(int(seconds)):
            self.clock.advance(1)
            word = self.node.health().word
            if told[-1:] != [word]:
                told.append(word)
        return told

    def test_a_network_that_passes_nothing(self) -> None:
        self.network.partition([self.laptop])
        self.fresh(*self.bootstraps())
        self.assertEqual(self.verdicts(90), ["joining", "blocked"])
        self.network.heal()
        self.assertEqual(self.verdicts(60), ["blocked", "serving"])

    def test_a_move_into_a_network_that_passes_nothing(self) -> None:
        self.network.move(self.laptop, CAFE)
        self.network.partition([self.laptop])
        self.assertEqual(self.verdicts(120)[-1], "blocked")
        self.network.heal()
        self.assertEqual(self.verdicts(60)[-1], "serving")

    def test_bootstraps_of_one_network_may_be_down(self) -> None:
        self.fresh("192.0.2.77:8000", "192.0.3.77:8000")
        self.assertEqual(self.verdicts(120), ["joining"])

    def test_bootstraps_are_down_but_contacts_answer(self) -> None:
        for each in self.swarm.nodes[:2]:
            wait_for(self.clock, each.stop())
        self.network.move(self.laptop, CAFE)
        self.assertEqual(self.verdicts(120), ["serving"])

    def test_a_cut_in_a_network_that_worked_is_no_block(self) -> None:
        self.network.partition([self.laptop])
        self.assertNotIn("blocked", self.verdicts(300))
        self.network.heal()

    def test_the_first_of_its_network(self) -> None:
        self.fresh(f"{HOME}:{PORT}", "203.0.113.77:8000", "198.51.100.77:8000")
        self.assertEqual(self.verdicts(120)[-1], "serving")

    def test_no_network_at_the_start(self) -> None:
        self.network.move(self.laptop)
        self.fresh(*self.bootstraps())
        self.assertEqual(self.verdicts(60)[-1], "offline")
        self.network.move(self.laptop, CAFE)
        self.assertEqual(self.verdicts(SERVES_WITHIN)[-1], "serving")

    def test_no_network_and_only_a_name_is_known(self) -> None:
        self.network.move(self.laptop)
        self.fresh("node.example:8000")
        self.assertEqual(self.verdicts(60)[-1], "offline")

    def test_this_machines_own_firewall(self) -> None:
        self.laptop.fail_writes(OSError(errno.EPERM, os.strerror(errno.EPERM)))
        self.fresh(*self.bootstraps())
        self.assertEqual(self.verdicts(120)[-1], "blocked")

    def test_without_a_route_nothing_is_blocked(self) -> None:
        self.laptop.fail_writes(OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)))
        self.fresh(*self.bootstraps())
        self.assertEqual(self.verdicts(120)[-1], "offline")

    def test_a_port_on_one_address_is_not_watched(self) -> None:
        wait_for(self.clock, self.node.stop())
        self.node = self.start(self.laptop, interfaces=(HOME,))
        self.network.move(self.laptop)
        self.assertNotIn("offline", self.verdicts(60))
