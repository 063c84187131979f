"""Receipts on a small network: one of the four holders has a slow disk."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidInput, NodeStopped, StorageFull
from kadtwisted.identity.signing import SigningKey
from kadtwisted.model.ids import distance, key_of_name
from kadtwisted.model.results import Receipt
from kadtwisted.node.node import Node
from kadtwisted.node.operations import limit
from kadtwisted.parameters import Parameters
from kadtwisted.testing.inspect import load_of, records_of, storage_of
from kadtwisted.testing.nodes import Swarm

KEY = SigningKey(bytes(range(32)))
NAME = "name"


class SlowHolderCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.swarm = Swarm(
            7, sealer="plain", network_secrets=(b"a secret",), parameters=Parameters(k=4)
        )
        self.addCleanup(self.swarm.stop)
        self.clock = self.swarm.clock
        self.writer = self.swarm.add(read_only=True)
        self.clock.advance(5.0)
        self.disk: list[Deferred[None]] = []

    def holders(self, key: int) -> list[Node]:
        holders = [each for each in self.swarm.nodes if each is not self.writer]
        return sorted(holders, key=lambda each: distance(each.node_id, key))[:4]

    def slow(self, node: Node) -> None:
        """Let the disk of a node write when the test says so."""
        storage: Any = storage_of(node)
        put = storage.put

        def late(*arguments: Any) -> Deferred[None]:
            waiting: Deferred[None] = Deferred()
            self.disk.append(waiting)
            return waiting.addCallback(lambda _: put(*arguments))

        self.patch(storage, "put", late)

    def write(self, seconds: float = 0.3) -> None:
        """The disk writes what it was given."""
        for each in self.disk:
            each.callback(None)
        self.disk.clear()
        self.clock.advance(seconds)

    def begin(self, name: str = NAME, slow: int = 1, **keywords: Any) -> list[Any]:
        """Put a value; the first of ``slow`` holders are slow.  What comes of it, soon."""
        for each in self.holders(key_of_name(name))[:slow]:
            self.slow(each)
        outcome: list[Any] = []
        self.putting = self.writer.put(name, b"value", **keywords)
        self.putting.addBoth(outcome.append)
        self.clock.advance(1.0)
        return outcome


class ReceiptTests(SlowHolderCase):
    def test_it_comes_at_three_quarters_and_is_completed_later(self) -> None:
        (receipt,) = self.begin()
        self.assertEqual((receipt.remote_acks, receipt.failures), (3, {}))
        slow = self.holders(key_of_name(NAME))[0]
        self.assertEqual([each.node_id for each in receipt.pending], [slow.node_id])
        self.assertEqual(load_of(self.writer).operations, 1)
        completing, again = receipt.complete(), receipt.complete()
        self.assertNoResult(completing)
        self.write()
        whole: Receipt = self.successResultOf(completing)
        self.assertEqual((whole.remote_acks, whole.pending), (4, ()))
        self.assertEqual(whole.trace, receipt.trace)
        for each in (again, whole.complete(), receipt.complete()):
            self.assertEqual(self.successResultOf(each), whole)
        self.assertEqual(load_of(self.writer).operations, 0)
        self.assertEqual(len(records_of(slow)), 1)

    def test_who_refuses_later_is_told_in_the_end(self) -> None:
        (receipt,) = self.begin()
        self.disk.pop(0).errback(StorageFull("no room"))
        self.clock.advance(0.3)
        whole = self.successResultOf(receipt.complete())
        self.assertEqual((whole.remote_acks, whole.pending), (3, ()))
        self.assertEqual(len(whole.failures), 1)

    def test_it_waits_while_more_than_a_quarter_are_slow(self) -> None:
        outcome = self.begin(slow=2)
        self.assertEqual(outcome, [])
        self.disk.pop().callback(None)
        self.clock.advance(0.3)
        self.assertEqual((outcome[0].remote_acks, len(outcome[0].pending)), (3, 1))

    def test_all_are_heard_if_more_than_a_quarter_refuse(self) -> None:
        outcome = self.begin(slow=2)
        self.disk.pop().errback(StorageFull("no room"))
        self.clock.advance(0.3)
        self.assertEqual(outcome, [])
        self.write()
        self.assertEqual((outcome[0].remote_acks, outcome[0].pending), (3, ()))
        self.assertEqual(len(outcome[0].failures), 1)

    def test_all_are_heard_if_asked_for(self) -> None:
        outcome = self.begin(wait="all")
        self.assertEqual(outcome, [])
        self.write()
        self.assertEqual((outcome[0].remote_acks, outcome[0].pending), (4, ()))

    def test_all_are_heard_while_too_many_go_on(self) -> None:
        self.patch(limit, "MOST_RESTS", 0)
        outcome = self.begin()
        self.assertEqual(outcome, [])
        self.write()
        self.assertEqual(outcome[0].pending, ())

    def test_a_word_that_says_nothing(self) -> None:
        wrong: Any = "most"
        for writing in (
            self.writer.put(NAME, b"value", wait=wrong),
            self.writer.delete(NAME, wait=wrong),
            self.writer.put_mutable(KEY, b"value", wait=wrong),
            self.writer.withdraw(NAME, wait=wrong),
        ):
            self.failureResultOf(writing, InvalidInput)

    def test_what_is_kept_is_kept_from_the_receipt_on(self) -> None:
        (receipt,) = self.begin(keep=True)
        self.assertEqual(len(receipt.pending), 1)
        self.assertEqual(len(self.writer.own_records(None, 10)), 1)


class EndTests(SlowHolderCase):
    """Cancelled, or stopped."""

    def test_cancelling_the_put_before_its_receipt_cancels_everything(self) -> None:
        for keywords in ({}, {"wait": "all"}):
            outcome = self.begin(slow=2, **keywords)
            self.putting.cancel()
            self.assertIsInstance(outcome[0].value, CancelledError)
            load = load_of(self.writer)
            self.assertEqual((load.operations, load.requests), (0, 0))

    def test_cancelling_it_after_the_receipt_cancels_nothing(self) -> None:
        (receipt,) = self.begin()
        self.putting.cancel()
        waiting = receipt.complete()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.write()
        self.assertEqual(self.successResultOf(receipt.complete()).remote_acks, 4)

    def test_a_stop_ends_it(self) -> None:
        (receipt,) = self.begin()
        waiting = receipt.complete()
        self.swarm.wait(self.writer.stop())
        self.failureResultOf(waiting, NodeStopped)
        self.failureResultOf(receipt.complete(), NodeStopped)
        self.assertEqual(load_of(self.writer).operations, 0)

    def test_a_stop_that_nobody_listens_to_leaves_no_noise(self) -> None:
        self.begin()
        self.swarm.wait(self.writer.stop())
        self.assertEqual(self.flushLoggedErrors(), [])


class OtherWriteTests(SlowHolderCase):
    """Every write has such a receipt; a conditional one hears all who decide."""

    def slow_for(self, key: int) -> None:
        self.slow(self.holders(key)[0])

    def soon(self, writing: Deferred[Receipt]) -> list[Any]:
        outcome: list[Any] = []
        writing.addBoth(outcome.append)
        self.clock.advance(1.0)
        return outcome

    def test_a_deletion(self) -> None:
        self.slow_for(key_of_name(NAME))
        (receipt,) = self.soon(self.writer.delete(NAME))
        self.assertEqual((receipt.record.deleted, len(receipt.pending)), (True, 1))

    def test_an_announcement(self) -> None:
        self.slow_for(key_of_name(NAME))
        (receipt,) = self.soon(self.writer.announce(NAME, port=631))
        self.assertEqual((receipt.remote_acks, len(receipt.pending)), (3, 1))
        self.write()
        self.assertEqual(self.successResultOf(receipt.complete()).remote_acks, 4)

    def test_a_mutable_value(self) -> None:
        self.slow_for(KEY.reference().key)
        (receipt,) = self.soon(self.writer.put_mutable(KEY, b"value"))
        self.assertEqual((receipt.remote_acks, len(receipt.pending)), (3, 1))

    def test_a_conditional_write_hears_all_who_decide(self) -> None:
        self.swarm.wait(self.writer.put_mutable(KEY, b"one", seq=1, wait="all"))
        self.slow_for(KEY.reference().key)
        outcome = self.soon(self.writer.put_mutable(KEY, b"two", cas=1))
        self.assertEqual(outcome, [], "three of four took it, but the last may hold another's")
        self.write(1.0)
        self.assertEqual((outcome[0].remote_acks, outcome[0].pending), (4, ()))

    def test_holders_are_counted_when_all_have_decided(self) -> None:
        """A pin stores again where copies are missing, and counts the whole of that."""
        self.swarm.wait(self.writer.put_mutable(KEY, b"one", pin=4, wait="all"))
        where = KEY.reference().key
        for each in self.holders(where)[:2]:
            (held,) = records_of(each)
            self.successResultOf(storage_of(each).remove(held.where))
        self.slow_for(where)
        for _ in range(60):
            self.clock.advance(1.0)
            self.write()
        (own,) = self.writer.own_records(None, 1)
        assert own.audit is not None
        self.assertEqual((own.audit.found, own.audit.held), (2, 4))
