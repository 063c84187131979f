"""A pinned record has no fewer holders than it must have, whatever happens to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidInput, NotFound, StorageError
from kadtwisted.identity.signing import SigningKey
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.publication import Audit, OwnRecord
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.model.reference import Reference
from kadtwisted.node.node import Node
from kadtwisted.node.upkeep.runner import TaskFor, Work
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.testing.inspect import records_of
from kadtwisted.testing.nodes import Swarm, wait_for
from tests.node.upkeep.cases import HOUR, RestartCase

KEY = key_of_name("k")
WHERE = StorageKey(Kind.VALUE, KEY)
PERIOD = NodeSettings().upkeep.pin_check_every
COUNTED = 1.3 * PERIOD
"""Seconds within which holders are counted once: a period and its jitter."""
PIN = 6
K = 8
SPARED, TIMES = 3, 3
"""So many holders are left when the others are killed, and so often that happens."""
SIZE = TIMES * (K - SPARED) + PIN
"""The fewest nodes of which PIN are left then: with one less, no repair could find so many."""


class PinCase(SynchronousTestCase):
    """A network in which one node alone has upkeep: nobody else repairs anything."""

    def setUp(self) -> None:
        self.swarm = Swarm(SIZE, parameters=Parameters(k=K, alpha=3), sealer="plain")
        self.addCleanup(self.swarm.stop)
        self.clock = self.swarm.clock
        self.told: list[OwnRecord] = []
        # The publisher is none of the holders: who they are changes, and it stays.
        self.publisher = max(self.swarm.nodes, key=lambda node: node.node_id ^ KEY)
        for node in self.swarm.nodes:
            node.switch_upkeep(on=node is self.publisher)
        self.publisher.watch_own(self.told.append)

    def put(self, **how: int) -> None:
        self.swarm.wait(self.publisher.put("k", b"v", lifetime=24 * HOUR, **how))

    def holders(self) -> list[Node]:
        """The running nodes that hold the record, the nearest first."""
        running = [node for node in self.swarm.nodes if node.status().running]
        holding = [node for node in running if any(e.where == WHERE for e in records_of(node))]
        return sorted(holding, key=lambda node: node.node_id ^ KEY)

    def kill(self, nodes: list[Node]) -> None:
        """They crash: no message, and what they stored is lost."""
        for node in nodes:
            self.assertIsNot(node, self.publisher)
            self.swarm.wait(node.stop())
            self.swarm.nodes.remove(node)

    def own(self) -> OwnRecord:
        (own,) = self.publisher.own_records(None, 10)
        return own


class RepairTests(PinCase):
    def test_the_holders_are_counted_soon_and_told(self) -> None:
        self.put(pin=PIN)
        self.assertEqual((self.own().pin, self.own().audit), (PIN, None))
        self.clock.advance(60)
        audit = self.own().audit
        assert audit is not None
        self.assertEqual((audit.found, audit.held), (K, K))
        status = self.publisher.status()
        self.assertEqual((status.pinned_records, status.records_below_pin), (1, 0))
        self.assertEqual(status.own_records, 1)

    def test_killed_one_after_another_they_are_enough_again_within_a_period(self) -> None:
        self.put(pin=PIN)
        self.clock.advance(60)
        for _ in range(TIMES):
            self.kill(self.holders()[SPARED:])
            self.assertLess(len(self.holders()), PIN)
            self.clock.advance(COUNTED)
            self.assertGreaterEqual(len(self.holders()), PIN)

    def test_all_but_one_killed_at_once(self) -> None:
        self.put(pin=PIN)
        self.clock.advance(60)
        self.kill(self.holders()[1:])
        self.clock.advance(COUNTED)
        self.assertGreaterEqual(len(self.holders()), PIN)

    def test_all_killed_at_once_it_is_back_from_its_publisher(self) -> None:
        self.put(pin=PIN)
        self.kill(self.holders())
        self.clock.advance(COUNTED)
        self.assertGreaterEqual(len(self.holders()), PIN)
        self.assertEqual(self.swarm.wait(self.swarm.nodes[0].get("k")).value, b"v")

    def test_without_a_pin_they_stay_too_few(self) -> None:
        """What the tests above see is the pin's doing."""
        self.put()
        self.kill(self.holders()[SPARED:])
        self.clock.advance(COUNTED)
        self.assertLess(len(self.holders()), PIN)


class TellingTests(PinCase):
    def test_what_falls_below_its_pin_is_told_and_told_again_when_it_is_back(self) -> None:
        self.put(pin=PIN)
        self.clock.advance(60)
        cut_off = [self.swarm.host_of(self.publisher)]
        self.swarm.network.partition(cut_off)
        self.clock.advance(COUNTED)
        (below,) = self.told
        self.assertTrue(below.below_pin)
        self.assertEqual(self.publisher.status().records_below_pin, 1)
        self.clock.advance(COUNTED)
        self.assertEqual(len(self.told), 1)
        self.swarm.network.heal()
        self.clock.advance(2 * COUNTED)
        self.assertEqual([each.below_pin for each in self.told], [True, False])

    def test_a_value_that_others_replaced_is_lost_and_counted_no_more(self) -> None:
        self.put(pin=PIN)
        self.swarm.wait(self.swarm.nodes[3].put("k", b"theirs", lifetime=24 * HOUR))
        self.clock.advance(COUNTED)
        self.assertEqual([each.state for each in self.told], ["lost"])
        status = self.publisher.status()
        self.assertEqual((status.pinned_records, status.lost_records), (0, 1))
        reader = self.swarm.nodes[5]
        self.assertEqual(self.swarm.wait(reader.get("k")).value, b"theirs")


class AskingTests(PinCase):
    def test_what_is_kept_can_be_pinned_later_and_unpinned(self) -> None:
        self.put(keep=True)
        pinned = self.swarm.wait(self.publisher.pin("k", PIN))
        self.assertEqual((pinned.where, pinned.pin), (WHERE, PIN))
        again = self.swarm.wait(self.publisher.pin("k", PIN + 1))
        self.assertEqual(again.pin, PIN + 1)
        self.assertTrue(self.swarm.wait(self.publisher.unpin("k")))
        self.assertFalse(self.swarm.wait(self.publisher.unpin("k")))
        self.assertEqual((self.own().pin, self.own().state), (0, "kept"))

    def test_what_was_kept_for_its_pin_alone_goes_with_it(self) -> None:
        self.put(pin=PIN)
        self.swarm.wait(self.publisher.unpin("k"))
        self.assertEqual(self.publisher.own_records(None, 10), ())

    def test_a_plain_value_of_others_cannot_be_pinned(self) -> None:
        self.put()
        other = self.swarm.nodes[2]
        self.assertRaises(InvalidInput, self.swarm.wait, other.pin("k", PIN))
        self.assertFalse(self.swarm.wait(other.unpin("k")))

    def test_numbers_of_holders_that_cannot_be(self) -> None:
        for pin in (0, -1, 9, 1.5, True, "3", None):
            self.failureResultOf(self.publisher.pin("k", pin), InvalidInput)
        for pin in (-1, 9, 1.5, True, "3", None):
            self.failureResultOf(self.publisher.put("k", b"v", pin=pin), InvalidInput)


class MeanwhileTests(PinCase):
    """What is asked while a record is published again, or its holders are counted, stays."""

    def under_way(self, work: Callable[[Any], Work]) -> None:
        """Wait until the upkeep has begun this for the record, and not ended it."""
        runner = self.publisher._upkeep.publisher._runner
        runner.load_at(TaskFor(work, WHERE), self.clock.seconds())
        self.clock.advance(0.01)

    def test_a_pin_while_it_is_published_again(self) -> None:
        self.put(keep=True)
        self.under_way(self.publisher._upkeep.publisher._publish)
        self.swarm.wait(self.publisher.pin("k", PIN))
        self.clock.advance(60)
        self.assertEqual(self.own().pin, PIN)

    def test_an_end_of_the_pin_while_holders_are_counted(self) -> None:
        self.put(keep=True, pin=PIN)
        self.clock.advance(60)
        self.under_way(self.publisher._upkeep.publisher._pins._audit)
        self.assertTrue(self.swarm.wait(self.publisher.unpin("k")))
        self.clock.advance(2 * COUNTED)
        self.assertEqual((self.own().pin, self.own().audit), (0, None))

    def test_a_newer_value_of_our_own_takes_over_the_pin(self) -> None:
        self.put(keep=True, pin=PIN)
        self.swarm.wait(self.publisher.put("k", b"newer", keep=True))
        self.assertEqual(self.own().pin, PIN)
        self.swarm.wait(self.publisher.put("k", b"newest"))
        self.assertEqual(self.publisher.own_records(None, 10), ())

    def test_more_pins_than_can_be_counted_are_told(self) -> None:
        self.put(keep=True, pin=PIN)
        self.assertTrue(self.publisher.status().own_records_kept)
        publications = self.publisher._lasting.publications
        known = publications.get(WHERE)
        assert known is not None
        for number in range(300):
            where = StorageKey(Kind.VALUE, NodeID(number))
            publications.published(known._replace(where=where), 1e9)
        self.assertFalse(self.publisher.status().own_records_kept)


class RestartTests(RestartCase):
    def test_a_restart_loses_no_pin(self) -> None:
        first = self.joined()
        wait_for(self.clock, first.put("k", b"v", pin=4))
        wait_for(self.clock, first.stop())
        again = self.node()
        (own,) = again.own_records(None, 10)
        self.assertEqual((own.pin, own.audit), (4, None))
        wait_for(self.clock, again.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
        self.clock.advance(COUNTED)
        (own,) = again.own_records(None, 10)
        assert own.audit is not None
        self.assertGreaterEqual(own.audit.held, 4)

    def test_what_cannot_be_saved_is_not_pinned_silently(self) -> None:
        node = self.joined()
        wait_for(self.clock, node.put("k", b"v", keep=True))
        self.state.error = StorageError("no room")
        self.failureResultOf(node.pin("k", 4), StorageError)
        self.state.error = None


class OwnRecordTests(SynchronousTestCase):
    def test_below_its_pin(self) -> None:
        own = OwnRecord(WHERE, b"r", 60.0, 1.0, "kept", 3)
        self.assertFalse(own.below_pin)
        self.assertTrue(own._replace(audit=Audit(0.0, 1, 2)).below_pin)
        self.assertFalse(own._replace(audit=Audit(0.0, 1, 3)).below_pin)


class SignedTests(PinCase):
    """What proves by itself that it belongs at its key may be pinned by anybody."""

    def test_anybody_pins_what_its_writer_has_signed(self) -> None:
        writer, keeper = self.swarm.nodes[2], self.publisher
        key = SigningKey(bytes(32))
        stored = self.swarm.wait(writer.put_mutable(key, b"one", lifetime=2 * HOUR))
        assert stored.reference is not None
        pinned = self.swarm.wait(keeper.pin(stored.reference, PIN))
        self.assertEqual((pinned.where.kind, pinned.pin), (Kind.MUTABLE, PIN))
        self.swarm.wait(writer.put_mutable(key, b"two", lifetime=2 * HOUR))
        self.swarm.wait(writer.stop())
        self.swarm.nodes.remove(writer)
        self.clock.advance(6 * HOUR)  # long after what its writer stored has expired
        reader = self.swarm.nodes[4]
        self.assertEqual(self.swarm.wait(reader.get(stored.reference)).value, b"two")
        self.assertTrue(self.swarm.wait(keeper.unpin(stored.reference)))
        self.assertEqual(keeper.own_records(None, 10), ())

    def test_an_immutable_value(self) -> None:
        stored = self.swarm.wait(self.swarm.nodes[2].put_immutable(b"fixed", lifetime=HOUR))
        assert stored.reference is not None
        self.swarm.wait(self.publisher.pin(stored.reference, PIN))
        self.clock.advance(5 * HOUR)
        found = self.swarm.wait(self.swarm.nodes[4].get(stored.reference))
        self.assertEqual(found.value, b"fixed")

    def test_what_is_not_there_cannot_be_pinned(self) -> None:
        nowhere = Reference(Kind.IMMUTABLE, bytes(20))
        self.assertRaises(NotFound, self.swarm.wait, self.publisher.pin(nowhere, PIN))
        self.assertEqual(self.publisher.own_records(None, 10), ())

    def test_a_newer_version_that_publishing_meets_first_is_pinned(self) -> None:
        writer, keeper = self.swarm.nodes[2], self.publisher
        key = SigningKey(bytes(32))
        stored = self.swarm.wait(writer.put_mutable(key, b"one"))
        assert stored.reference is not None
        where = self.swarm.wait(keeper.pin(stored.reference, PIN)).where
        self.swarm.wait(writer.put_mutable(key, b"two"))
        publisher = keeper._upkeep.publisher
        self.swarm.wait(Deferred.fromCoroutine(publisher._publish(where)))
        self.clock.advance(60)
        (own,) = keeper.own_records(None, 10)
        self.assertEqual((own.state, own.pin), ("kept", PIN))
        self.assertIn(b"3:two", own.record)
        self.assertEqual([each.record for each in self.told], [own.record])

    def test_what_its_writer_deletes_is_pinned_no_more(self) -> None:
        writer, keeper = self.swarm.nodes[2], self.publisher
        key = SigningKey(bytes(32))
        stored = self.swarm.wait(writer.put_mutable(key, b"one"))
        assert stored.reference is not None
        self.swarm.wait(keeper.pin(stored.reference, PIN))
        self.swarm.wait(writer.delete_mutable(key))
        self.clock.advance(COUNTED)
        self.assertEqual([each.state for each in self.told], ["lost"])
        self.assertEqual(keeper.status().pinned_records, 0)
        self.assertRaises(NotFound, self.swarm.wait, keeper.pin(stored.reference, PIN))

    def test_what_lost_its_place_cannot_be_pinned(self) -> None:
        self.put(pin=PIN)
        self.swarm.wait(self.swarm.nodes[3].put("k", b"theirs", lifetime=24 * HOUR))
        self.clock.advance(COUNTED)
        self.assertEqual(self.own().state, "lost")
        self.assertRaises(InvalidInput, self.swarm.wait, self.publisher.pin("k", PIN))

    def test_signed_values_are_pinned_as_they_are_stored(self) -> None:
        key, node = SigningKey(bytes(32)), self.publisher
        self.swarm.wait(node.put_mutable(key, b"one", pin=PIN))
        self.swarm.wait(node.put_immutable(b"fixed", pin=PIN))
        self.assertEqual([each.pin for each in node.own_records(None, 10)], [PIN, PIN])
