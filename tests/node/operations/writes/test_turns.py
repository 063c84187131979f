"""One piece of work at a time for each key."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.node.operations.writes.turns import Turns

ONE, OTHER = NodeID(1), NodeID(2)


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.turns = Turns()
        self.begun: list[Deferred[str]] = []

    def ask(self, key: NodeID) -> Deferred[str]:
        """Work that ends when its Deferred in ``begun`` does."""

        async def work() -> str:
            self.begun.append(Deferred())
            return await self.begun[-1]

        return Deferred.fromCoroutine(self.turns.alone(key, work))

    def test_a_key_is_worked_at_by_one_and_others_are_not_held_up(self) -> None:
        first, second, other = self.ask(ONE), self.ask(ONE), self.ask(OTHER)
        self.assertEqual(len(self.begun), 2)
        self.begun[1].callback("other")
        self.assertEqual(self.successResultOf(other), "other")
        self.assertEqual((self.turns.taken(ONE), self.turns.taken(OTHER)), (True, False))
        self.begun[0].callback("first")
        self.assertEqual(self.successResultOf(first), "first")
        self.begun[2].callback("second")
        self.assertEqual(self.successResultOf(second), "second")
        self.assertFalse(self.turns.taken(ONE))

    def test_who_fails_gives_its_turn_to_the_next(self) -> None:
        first, second = self.ask(ONE), self.ask(ONE)
        self.begun[0].errback(ValueError())
        self.failureResultOf(first, ValueError)
        self.begun[1].callback("second")
        self.assertEqual(self.successResultOf(second), "second")

    def test_who_gives_up_waiting_is_passed_over(self) -> None:
        first, second, third = (self.ask(ONE) for _ in range(3))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        done: list[Any] = []
        third.addCallback(done.append)
        self.begun[1].callback("third")
        self.assertEqual(done, ["third"])
        self.assertFalse(self.turns.taken(ONE))
