"""A machine that sleeps: its timers stand still, the time of others goes on."""

from __future__ import annotations

import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NotFound
from kadtwisted.node import world
from kadtwisted.node.node import Node
from kadtwisted.node.world import steady_seconds
from kadtwisted.parameters import NodeSettings
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import EPOCH, PORT, simulated_node, simulated_world, wait_for

NIGHT = 8 * 3600.0


class SleepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.slept = 0.0
        self.laptop = self.start("192.0.2.1", 1)
        self.holder = self.start("192.0.2.2", 2)
        wait_for(self.clock, self.laptop.bootstrap([f"192.0.2.2:{PORT}"]))
        self.clock.advance(5)

    def start(self, address: str, seed: int) -> Node:
        """A node; the first one's machine is that which sleeps."""
        host = self.network.host(address)
        made = simulated_world(host, seed)
        if seed == 1:
            made = type(made)(
                lambda: host.seconds() + self.slept,
                lambda: EPOCH + host.seconds() + self.slept,
                made.resolve,
                made.secure_random,
                made.random,
            )
        settings = NodeSettings(port=PORT, interfaces=host.addresses)
        node = simulated_node(host, seed, settings, world=made)
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        return node

    def sleep(self, seconds: float = NIGHT) -> None:
        """None of the laptop's timers has come nearer, and both its clocks are ahead of them."""
        self.slept += seconds

    def get(self, node: Node) -> Any:
        return wait_for(self.clock, node.get("lease"))

    def put(self, node: Node, lifetime: float, keep: bool = False) -> None:
        wait_for(self.clock, node.put("lease", b"here", lifetime=lifetime, keep=keep))
        self.clock.advance(1)

    def test_what_it_keeps_published_is_back_within_seconds(self) -> None:
        self.put(self.laptop, 3600, keep=True)
        published = self.get(self.holder).remaining
        self.sleep()
        self.clock.advance(10)
        self.assertGreater(self.get(self.holder).remaining, published - 20)
        self.assertGreater(self.get(self.laptop).remaining, published - 20)

    def test_what_is_not_due_is_left(self) -> None:
        self.put(self.laptop, 24 * 3600, keep=True)
        self.sleep(3600)
        before = self.holder.status().counters.get("in.Store", 0)
        self.clock.advance(10)
        self.assertEqual(self.holder.status().counters.get("in.Store", 0), before)

    def test_what_expired_meanwhile_is_neither_served_nor_passed_on(self) -> None:
        """The laptop holds what the holder stored and has forgotten since."""
        self.put(self.holder, 3600)
        self.assertEqual(self.get(self.laptop).value, b"here")
        self.sleep()
        wait_for(self.clock, self.holder._records._storage.close())
        self.assertRaises(NotFound, self.get, self.laptop)
        self.clock.advance(120)
        self.assertRaises(NotFound, self.get, self.holder)
        self.assertEqual(self.laptop.status().stored_records, 0)

    def test_many_that_are_overdue_are_paced(self) -> None:
        """By the budget of the upkeep, as after a restart."""
        for each in range(40):
            wait_for(self.clock, self.laptop.put(f"key {each}", b"here", lifetime=3600, keep=True))
        self.clock.advance(1)
        self.sleep()
        before = self.holder.status().counters["datagrams.in"]
        self.clock.advance(10)
        self.assertLess(self.holder.status().counters["datagrams.in"] - before, 40 * 5)
        self.clock.advance(300)
        for each in range(40):
            found = wait_for(self.clock, self.holder.get(f"key {each}"))
            self.assertGreater(found.remaining, 3000)

    def test_it_keeps_its_contacts(self) -> None:
        self.sleep()
        self.clock.advance(60)
        self.assertEqual(self.laptop.status().links[0].contacts, 1)
        self.assertEqual(self.laptop.health().word, "serving")

    def test_a_clock_that_is_set_is_no_sleep(self) -> None:
        """The wall's clock alone: nothing ends, nothing is due."""
        self.put(self.laptop, 3600, keep=True)
        before = self.holder.status().counters.get("in.Store", 0)
        context = self.laptop._context.world
        object.__setattr__(context, "unix_time", lambda: EPOCH + NIGHT + self.clock.seconds())
        self.clock.advance(10)
        self.assertEqual(self.holder.status().counters.get("in.Store", 0), before)
        self.assertEqual(self.get(self.laptop).value, b"here")


class ClockTests(SynchronousTestCase):
    def test_the_real_one_goes_on_during_sleep(self) -> None:
        """Linux counts BOOTTIME on; where there is no such clock, the monotonic one is taken."""
        wanted = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        before = time.clock_gettime(wanted)
        now = world.real_world(None).now()
        self.assertTrue(before <= now <= time.clock_gettime(wanted))

    def test_where_the_monotonic_clock_stands_still(self) -> None:
        """As a suspended machine's does: what nodes measure by must not follow it."""
        real, asleep = time.monotonic, [0.0]
        self.patch(time, "monotonic", lambda: real() - asleep[0])
        before, slept = steady_seconds(), world.slept_seconds()
        asleep[0] = NIGHT
        self.assertLess(steady_seconds() - before, 60)
        self.assertGreaterEqual(steady_seconds(), before)
        self.assertLess(abs(world.slept_seconds() - slept - NIGHT), 60)
