"""Looking at a node again and again, while somebody listens."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.web.live.lookout import Lookout


class LookoutTests(SynchronousTestCase):
    def test_from_its_beginning_to_its_end_and_again(self) -> None:
        clock = Clock()
        looks: list[float] = []
        unheard: list[int] = []
        lookout = Lookout(lambda: looks.append(clock.seconds()), 2.0, clock)
        lookout.end()
        for run in (1, 2):
            lookout.begin(lambda run=run: unheard.append(run))
            self.assertTrue(lookout.has_begun)
            clock.pump([2.0, 2.0])
            lookout.end()
            lookout.end()
            self.assertFalse(lookout.has_begun)
            clock.advance(10.0)
        self.assertEqual((looks, unheard), ([2.0, 4.0, 16.0, 18.0], [1, 2]))
        self.assertEqual(clock.getDelayedCalls(), [])
