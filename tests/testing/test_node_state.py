"""The memory of simulated nodes: the contract, and what a crash leaves."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase, TestCase

from kadtwisted.interfaces import INodeState
from kadtwisted.testing.contracts.node_state import NodeStateContract, known, published
from kadtwisted.testing.node_state import RememberedInMemory


class RememberedInMemoryTests(NodeStateContract, TestCase):
    def make_state(self) -> INodeState:
        return RememberedInMemory()

    def make_again(self, state: INodeState) -> INodeState:
        return state


class CrashTests(SynchronousTestCase):
    def test_the_next_node_finds_what_was_kept_though_nobody_closed_it(self) -> None:
        state = RememberedInMemory()
        self.successResultOf(state.open())
        self.successResultOf(state.keep(published(1)))
        self.successResultOf(state.save_contacts([known(1)]))
        remembered = self.successResultOf(state.open())
        self.assertEqual(remembered, ((known(1),), (published(1),)))

    def test_a_picture_does_not_change(self) -> None:
        state = RememberedInMemory()
        self.successResultOf(state.open())
        self.successResultOf(state.keep(published(1)))
        before = state.remembered()
        self.successResultOf(state.withdraw(published(1).where))
        self.successResultOf(state.save_contacts([known(1)]))
        self.assertEqual(before, ((), (published(1),)))
        self.assertEqual(state.remembered(), ((known(1),), ()))
