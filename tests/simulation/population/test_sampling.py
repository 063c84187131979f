"""Samples without repetition."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.population.sampling import sample


class SampleTests(SynchronousTestCase):
    def test_all_numbers_are_drawn_equally_often(self) -> None:
        counts = dict.fromkeys(range(10, 20), 0)
        source = random.Random(1)
        for _ in range(2000):
            for each in sample(10, 20, 3, source):
                counts[each] += 1
        self.assertEqual(sum(counts.values()), 6000)
        self.assertTrue(all(500 < each < 700 for each in counts.values()), counts)
