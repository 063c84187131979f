"""Times are read and written as people do."""

from __future__ import annotations

import math

from twisted.trial import unittest

from kadtwisted.model.settings.durations import plain, seconds_of, short


class DurationTests(unittest.SynchronousTestCase):
    def test_what_is_a_time(self) -> None:
        for text, seconds in (("90", 90), ("1.5h", 5400), (" 20 ms ", 0.02), ("2d", 172800)):
            self.assertEqual(seconds_of(text), seconds)

    def test_what_is_none(self) -> None:
        for text in ("", "h", "1w", "-5m", "1h30", "inf", "nan", "1e3", "\u0661"):
            self.assertTrue(math.isnan(seconds_of(text)), text)

    def test_the_largest_unit_that_needs_no_fraction(self) -> None:
        for seconds, text in ((172800.0, "2d"), (5400.0, "90m"), (90.0, "90s"), (0.5, "0.5s")):
            self.assertEqual(short(seconds), text)

    def test_numbers(self) -> None:
        self.assertEqual([plain(3.0), plain(0.25), plain(7)], ["3", "0.25", "7"])
