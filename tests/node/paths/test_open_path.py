"""Paths between nodes, through each kind of NAT, on a network in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidAddress, NoContacts, NodeStopped, NoPath
from kadtwisted.model.contact import Contact
from kadtwisted.model.results import Path
from kadtwisted.nat.kind import NatKind
from kadtwisted.node.node import Node
from kadtwisted.node.paths.punching import AT_MOST
from kadtwisted.rpc.introductions import Book
from kadtwisted.simulation.models.nat import (
    ADDRESS_RESTRICTED,
    FULL_CONE,
    PORT_RESTRICTED,
    SYMMETRIC,
    Nat,
)
from kadtwisted.testing.inspect import link_of, table_of
from kadtwisted.testing.nodes import Swarm

PUBLIC = "public"
LIFETIME = 60.0


class PathCase(SynchronousTestCase):
    """Ten nodes that anybody can reach, and two that are tried."""

    def setUp(self) -> None:
        self.swarm = Swarm(10, seed=3)
        self.addCleanup(self.swarm.stop)
        self.swarm.clock.advance(300.0)

    def add(self, kind: str) -> Node:
        """A read-only node behind a NAT that asks those near to it, as an unreachable one does."""
        first = self.swarm.nodes[0]
        node = self.swarm._builder.build(read_only=kind != PUBLIC).node
        host = self.swarm.network.host(self.address(node))
        if kind != PUBLIC:
            self.swarm.network.put_behind(host, Nat(kind, LIFETIME))
        self.swarm.wait(node.start())
        self.swarm.wait(node.bootstrap([self.swarm.address_of(first)]))
        self.addCleanup(lambda: self.swarm.wait(node.stop()))
        return node

    def address(self, node: Node) -> str:
        return str(node._context.settings.interfaces[0])

    def keep_alive(self, node: Node, introducers: int = 3) -> None:
        """Ask the nearest contacts, as an unreachable node does every few seconds."""
        nearest = table_of(node).closest(node.node_id, introducers)
        link_of(node).introducers = [each.endpoint for each in nearest]
        for each in nearest:
            for _ in range(2):
                self.swarm.wait(node.ping(each))
                self.swarm.clock.advance(5.1)

    def opened(self, asker: Node, target: Node | str | bytes | Contact) -> tuple[object, float]:
        """What comes of it, and after how long."""
        began = self.swarm.clock.seconds()
        results: list[object] = []
        if isinstance(target, Node):
            target = target.public_key
        asker.open_path(target).addBoth(results.append)
        while not results:
            self.swarm.clock.advance(0.01)
        took = self.swarm.clock.seconds() - began
        return results[0], took


class NatTests(PathCase):
    def check(self, ours: str, theirs: str, opens: bool) -> None:
        asker, target = self.add(ours), self.add(theirs)
        kinds = {SYMMETRIC: NatKind.DEPENDENT, PUBLIC: NatKind.NONE}
        link_of(asker).nat_kind = kinds.get(ours, NatKind.INDEPENDENT)
        link_of(target).nat_kind = kinds.get(theirs, NatKind.INDEPENDENT)
        self.keep_alive(target)
        result, took = self.opened(asker, target)
        if opens:
            self.assertIsInstance(result, Path)
            assert isinstance(result, Path)
            self.assertEqual(result.contact.key, target.public_key)
            self.assertLess(took, 3.0)
            again = self.swarm.wait(asker.ping(result.contact))
            self.assertEqual(again.contact, result.contact)
        else:
            assert isinstance(result, Failure)
            error = result.value
            self.assertIsInstance(error, NoPath)
            self.assertEqual(error.theirs, link_of(target).nat_kind.words)
            self.assertEqual(error.ours, link_of(asker).nat_kind.words)
            self.assertIn(error.theirs, str(error))

    def test_from_a_public_node_to_each(self) -> None:
        for theirs in (FULL_CONE, ADDRESS_RESTRICTED, PORT_RESTRICTED, SYMMETRIC):
            self.check(PUBLIC, theirs, opens=True)

    def test_between_cones(self) -> None:
        for ours, theirs in (
            (PORT_RESTRICTED, PORT_RESTRICTED),
            (PORT_RESTRICTED, ADDRESS_RESTRICTED),
            (ADDRESS_RESTRICTED, PORT_RESTRICTED),
            (FULL_CONE, PORT_RESTRICTED),
        ):
            self.check(ours, theirs, opens=True)

    def test_a_symmetric_one_reaches_those_that_look_at_addresses_alone(self) -> None:
        for cone in (FULL_CONE, ADDRESS_RESTRICTED):
            self.check(SYMMETRIC, cone, opens=True)
            self.check(cone, SYMMETRIC, opens=True)

    def test_no_others(self) -> None:
        self.check(SYMMETRIC, PORT_RESTRICTED, opens=False)
        self.check(PORT_RESTRICTED, SYMMETRIC, opens=False)
        self.check(SYMMETRIC, SYMMETRIC, opens=False)


class OpeningTests(PathCase):
    def test_a_node_that_can_be_reached_answers_directly(self) -> None:
        asker, target = self.swarm.nodes[3], self.swarm.nodes[7]
        for wanted in (
            target.public_key,
            target.public_key.hex(),
            f"{target.public_key.hex()}@{self.swarm.address_of(target)}",
        ):
            result, took = self.opened(asker, wanted)
            assert isinstance(result, Path)
            self.assertEqual(str(result.contact.endpoint), self.swarm.address_of(target))
            self.assertIsNone(result.introducer)
            self.assertLess(took, 0.5)

    def test_a_stale_address_is_no_harm(self) -> None:
        target = self.add(PORT_RESTRICTED)
        self.keep_alive(target)
        stale = f"{target.public_key.hex()}@88.1.1.1:9"
        result, took = self.opened(self.swarm.nodes[3], stale)
        assert isinstance(result, Path)
        self.assertIsNotNone(result.introducer)
        self.assertLess(took, 3.0)

    def test_the_path_changes_no_table(self) -> None:
        asker, target = self.swarm.nodes[3], self.add(PORT_RESTRICTED)
        self.keep_alive(target)
        self.opened(asker, target)
        self.swarm.clock.advance(10.0)
        for each in self.swarm.nodes:
            self.assertNotIn(target.node_id, table_of(each))

    def test_nobody_hears_from_it(self) -> None:
        result, took = self.opened(self.swarm.nodes[3], b"k" * 32)
        assert isinstance(result, Failure)
        self.assertIsInstance(result.value, NoPath)
        self.assertEqual(result.value.theirs, "")
        self.assertIn("nodes nearest to it", str(result.value))
        self.assertLess(took, 3.0)

    def test_those_near_to_it_have_too_much_to_do(self) -> None:
        target = self.add(PORT_RESTRICTED)
        self.keep_alive(target)
        for each in self.swarm.nodes:
            each._parts.introducing._askers = Book(0, 1.0)
        result, _ = self.opened(self.swarm.nodes[3], target)
        assert isinstance(result, Failure)
        self.assertIn("too much of this to do", str(result.value))

    def test_only_those_are_asked_that_may_introduce_others(self) -> None:
        target, asker = self.add(PORT_RESTRICTED), self.swarm.nodes[3]
        self.keep_alive(target)
        able = {each.node_id for each in table_of(target).closest(target.node_id, 1)}
        if asker.node_id in able:
            asker = self.swarm.nodes[4]
        self.patch(link_of(asker), "may_serve", lambda contact, _: contact.node_id in able)
        result, _ = self.opened(asker, target)
        assert isinstance(result, Path)
        assert result.introducer is not None
        self.assertIn(result.introducer.node_id, able)
        asked = [each for each in self.swarm.nodes if each.counters.counts["in.Punch"]]
        self.assertEqual({each.node_id for each in asked}, able)
        able.clear()
        result, took = self.opened(asker, target)
        assert isinstance(result, Failure)
        self.assertIn("older version", str(result.value))
        self.assertLess(took, 3.0)

    def test_it_takes_so_long_at_most(self) -> None:
        asker, target = self.add(SYMMETRIC), self.add(SYMMETRIC)
        self.keep_alive(target)
        self.swarm.network.set_conditions_one_way(
            self.address(asker), self.address(target), self.lossy(1.0)
        )
        _, took = self.opened(asker, target)
        self.assertLess(took, AT_MOST + 2.0)

    def test_datagrams_that_get_lost(self) -> None:
        asker, target = self.add(PORT_RESTRICTED), self.add(PORT_RESTRICTED)
        self.keep_alive(target)
        seen: list[int] = []
        conditions = self.swarm.network
        hosts = self.address(asker), self.address(target)
        for one, other in (hosts, hosts[::-1]):
            conditions.set_conditions_one_way(one, other, self.lossy(0.2))
        for _ in range(10):
            result, _took = self.opened(asker, target)
            seen.append(isinstance(result, Path))
            self.swarm.clock.advance(70.0)
            self.keep_alive(target)
        self.assertGreaterEqual(sum(seen), 8)

    def lossy(self, loss: float) -> Any:
        return replace(self.swarm.network.conditions, loss=loss)

    def test_bad_targets(self) -> None:
        node = self.swarm.nodes[0]
        key = node.public_key
        for wrong in ("", "abc", b"x", 7, None, "g" * 64, f"{'ab' * 31}", "127.0.0.1:8000"):
            with self.assertRaises(InvalidAddress, msg=repr(wrong)):
                self.swarm.wait(node.open_path(wrong))  # type: ignore[arg-type]
        for own in (key, key.hex(), f"{key.hex()}@127.0.0.1:1"):
            with self.assertRaises(InvalidAddress) as caught:
                self.swarm.wait(node.open_path(own))
            self.assertIn("this node", str(caught.exception))

    def test_a_node_that_knows_nobody(self) -> None:
        lonely = Swarm(1, seed=9)
        self.addCleanup(lonely.stop)
        with self.assertRaises(NoContacts):
            lonely.wait(lonely.nodes[0].open_path(b"k" * 32))

    def test_a_node_whose_contacts_are_all_gone(self) -> None:
        pair = Swarm(2, seed=9)
        self.addCleanup(pair.stop)
        asker, other = pair.nodes
        pair.wait(other.stop())
        for target in (b"k" * 32, other.public_key):
            with self.assertRaisesRegex(NoPath, "has answered"):
                pair.wait(asker.open_path(target))

    def test_several_at_once_through_one_introducer(self) -> None:
        self.swarm = Swarm(1, seed=3)
        self.addCleanup(self.swarm.stop)
        asker = self.add(PUBLIC)
        targets = [self.add(PORT_RESTRICTED) for _ in range(3)]
        for each in targets:
            self.keep_alive(each)
        introducer = table_of(asker).get(self.swarm.nodes[0].node_id)
        assert introducer is not None
        self.swarm.wait(targets[0].stop())  # so the first one takes long
        results: list[object] = []
        for each in targets:
            asker.open_path(each.public_key).addBoth(results.append)
        self.swarm.clock.advance(4.0)
        self.assertEqual(sorted(isinstance(each, Path) for each in results), [False, True, True])
        self.assertFalse(introducer.suspect)

    def test_it_ends_when_it_is_cancelled_and_when_the_node_stops(self) -> None:
        asker = self.swarm.nodes[3]
        for end, error in (
            (lambda opening: opening.cancel(), CancelledError),
            (lambda _: self.swarm.wait(asker.stop()), NodeStopped),
        ):
            for wait in (0.0, 0.03, 0.1, 0.2):
                self.swarm.wait(asker.start())
                if not len(table_of(asker)):
                    self.swarm.wait(asker.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
                target = self.add(SYMMETRIC)
                self.keep_alive(target)
                results: list[object] = []
                opening = asker.open_path(target.public_key)
                opening.addBoth(results.append)
                self.swarm.clock.advance(wait)
                if results:
                    continue
                end(opening)
                (failure,) = results
                assert isinstance(failure, Failure)
                self.assertIsInstance(failure.value, error)
                self.assertEqual(link_of(asker).protocol.overhear, [])
