"""The runner of the upkeep: chores on time, loads within the budget, and failures that end nothing
else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import RequestTimedOut
from kadtwisted.node.upkeep.runner import LOADS_AT_ONCE, TaskFor, UpkeepRunner
from kadtwisted.node.world import World
from kadtwisted.parameters import NodeSettings, UpkeepSettings
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import simulated_world
from tests.node.contexts import make_context


class RunnerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        world: World = simulated_world(Network(self.clock, 1).host("192.0.2.1"), 1)
        settings = NodeSettings(upkeep=UpkeepSettings(rate=10.0, burst=100.0))
        context = replace(make_context(world, settings), reactor=self.clock)
        self.runner = UpkeepRunner(context)
        self.addCleanup(self.runner.stop)
        self.done: list[tuple[str, float]] = []
        self.waiting: list[Deferred[None]] = []
        self.cancelled: list[str] = []

    async def chore(self) -> float:
        self.done.append(("chore", self.clock.seconds()))
        return 0.0

    async def send(self, amount: int) -> float:
        """Work that costs so many datagrams."""
        self.done.append((f"send {amount}", self.clock.seconds()))
        return float(amount)

    async def wait(self, name: str) -> float:
        """Work that does not end by itself."""
        self.done.append((name, self.clock.seconds()))
        self.waiting.append(Deferred(lambda _: self.cancelled.append(name)))
        await self.waiting[-1]
        return 0.0

    async def fail_(self, error: Exception) -> float:
        raise error

    def test_nothing_begins_before_the_start(self) -> None:
        self.runner.chore_at(self.chore, 1.0)
        self.runner.load_at(TaskFor(self.send, 1), 1.0)
        self.clock.advance(5)
        self.assertEqual((self.done, len(self.runner)), ([], 2))
        self.runner.start()
        self.clock.advance(0)
        self.assertEqual([name for name, _ in self.done], ["chore", "send 1"])
        self.assertEqual(len(self.runner), 0)

    def test_each_begins_when_it_is_due(self) -> None:
        self.runner.start()
        self.runner.load_at(TaskFor(self.send, 1), 7.0)
        self.runner.chore_at(self.chore, 3.0)
        self.clock.advance(10)
        self.assertEqual(self.done, [("chore", 3.0), ("send 1", 7.0)])

    def test_what_is_done_without_waiting_costs_as_much(self) -> None:
        def at_once() -> float:
            self.done.append(("at once", self.clock.seconds()))
            return 150.0

        self.runner.start()
        self.runner.chore_at(at_once, 1.0)
        self.runner.load_at(TaskFor(self.send, 1), 2.0)
        self.clock.advance(30)
        # 100 were left, so 50 are owed, at 10 a second.
        self.assertEqual(self.done, [("at once", 1.0), ("send 1", 6.0)])

    def test_a_failure_before_there_is_something_to_wait_for(self) -> None:
        def broken(error: Exception) -> float:
            raise error

        self.runner.start()
        self.runner.chore_at(TaskFor(broken, RequestTimedOut()), 1.0)
        self.runner.load_at(TaskFor(broken, ZeroDivisionError()), 2.0)
        self.runner.chore_at(self.chore, 3.0)
        self.clock.advance(5)
        self.assertEqual(self.done, [("chore", 3.0)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_chore_schedules_its_next_round(self) -> None:
        async def again() -> float:
            self.runner.chore_again(again, 10.0)
            return await self.chore()

        self.runner.start()
        self.runner.chore_at(again, 1.0)
        self.clock.advance(100)
        moments = [moment for _, moment in self.done]
        gaps = [later - first for first, later in pairwise(moments)]
        self.assertGreaterEqual(len(gaps), 7)
        self.assertTrue(all(7.5 <= gap <= 12.5 for gap in gaps), gaps)

    def test_tasks_for_equal_subjects_are_one_task(self) -> None:
        self.runner.start()
        self.runner.load_at(TaskFor(self.send, 1), 3.0)
        self.runner.load_at(TaskFor(self.send, 1), 5.0)
        self.runner.load_at(TaskFor(self.send, 2), 6.0)
        self.assertEqual(self.runner.load_due_at(TaskFor(self.send, 1)), 5.0)
        self.runner.forget_load(TaskFor(self.send, 2))
        self.runner.forget_load(TaskFor(self.send, 3))
        self.assertIsNone(self.runner.load_due_at(TaskFor(self.send, 2)))
        self.clock.advance(10)
        self.assertEqual(self.done, [("send 1", 5.0)])

    def test_loads_wait_until_what_was_sent_is_paid_for(self) -> None:
        self.runner.start()
        for amount in (120, 30, 1):
            self.runner.load_at(TaskFor(self.send, amount), 0.0)
        self.clock.advance(10)
        # The burst of 100 pays for most of the first; 10 a second pay for the rest.
        self.assertEqual(self.done, [("send 120", 0.0), ("send 30", 2.0), ("send 1", 5.0)])

    def test_chores_are_charged_but_do_not_wait(self) -> None:
        self.runner.start()
        self.runner.begin(self.send(150))
        self.runner.chore_at(self.chore, 1.0)
        self.runner.load_at(TaskFor(self.send, 1), 1.0)
        self.clock.advance(10)
        self.assertEqual(self.done, [("send 150", 0.0), ("chore", 1.0), ("send 1", 5.0)])

    def test_what_is_charged_at_once_delays_the_next_load(self) -> None:
        async def charged(subject: object) -> float:
            self.runner.charge(110)
            return await self.wait("charged")

        self.runner.start()
        self.runner.load_at(TaskFor(charged, None), 0.0)
        self.runner.load_at(TaskFor(self.send, 1), 0.0)
        self.clock.advance(5)
        self.assertEqual(self.done, [("charged", 0.0), ("send 1", 1.0)])

    def test_few_loads_run_at_the_same_time(self) -> None:
        self.runner.start()
        names = [f"load {number}" for number in range(LOADS_AT_ONCE + 2)]
        for name in names:
            self.runner.load_at(TaskFor(self.wait, name), 0.0)
        self.runner.chore_at(self.chore, 1.0)
        self.clock.advance(5)
        self.assertEqual([name for name, _ in self.done], [*names[:LOADS_AT_ONCE], "chore"])
        self.waiting[1].callback(None)
        self.clock.advance(0)
        self.assertEqual(self.done[-1], (names[LOADS_AT_ONCE], 5.0))
        self.assertEqual(len(self.waiting), LOADS_AT_ONCE + 1)

    def test_a_failure_ends_nothing_else(self) -> None:
        self.runner.start()
        self.runner.begin(self.fail_(RequestTimedOut("nobody answered")))
        self.runner.load_at(TaskFor(self.fail_, ValueError("a mistake of ours")), 1.0)
        self.runner.load_at(TaskFor(self.send, 1), 2.0)
        self.clock.advance(5)
        self.assertEqual(self.done, [("send 1", 2.0)])
        (failure,) = self.flushLoggedErrors()
        self.assertIsInstance(failure.value, ValueError)

    def test_a_stop_cancels_the_work_and_a_start_goes_on(self) -> None:
        self.runner.start()
        self.runner.begin(self.wait("begun"))
        self.runner.load_at(TaskFor(self.send, 1), 3.0)
        self.runner.stop()
        self.assertEqual(self.cancelled, ["begun"])
        self.clock.advance(10)
        self.assertEqual(self.done, [("begun", 0.0)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.runner.start()
        self.clock.advance(0)
        self.assertEqual(self.done[1:], [("send 1", 10.0)])
