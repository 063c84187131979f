"""Of networks that are over nothing stays."""

from __future__ import annotations

import gc
from weakref import WeakSet

from kadtwisted.simulation.garbage import collecting_seldom
from tests.simulation.test_garbage import GarbageTestCase


class Ring:
    """Only the collector finds that it is garbage."""

    def __init__(self) -> None:
        self.itself = self


class CollectingTests(GarbageTestCase):
    def test_networks_that_are_over_do_not_stay(self) -> None:
        living: WeakSet[Ring] = WeakSet()
        size = len(gc.get_objects())
        most = 0
        with collecting_seldom(self.monitor) as told:
            for _ in range(8):
                network = [Ring() for _ in range(size)]
                living.update(network)
                told.phase("playing", 1)
                most = max(most, len(living))
        self.assertLessEqual(most, 4 * size)
