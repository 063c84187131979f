"""What does not go together is told with a sentence."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.settings.combining import NOT_ABOVE, contradictions
from kadtwisted.settings.daemon_settings import DEFAULTS
from kadtwisted.settings.options import OPTIONS


class ContradictionTests(unittest.SynchronousTestCase):
    def test_the_defaults_agree(self) -> None:
        self.assertEqual(list(contradictions(DEFAULTS)), [])

    def test_each_pair(self) -> None:
        for lower, upper in NOT_ABOVE:
            low, high = OPTIONS[lower], OPTIONS[upper]
            equal = low.put(DEFAULTS, high.default)
            self.assertEqual(list(contradictions(equal)), [])
            above = low.put(DEFAULTS, high.default + 60)
            ((keys, sentence),) = contradictions(above)
            self.assertEqual(keys, (lower, upper))
            self.assertIn("must not be above", sentence)
