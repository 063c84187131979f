"""Means, percentiles, histograms, distributions; all rounded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.results.figures import cdf, histogram, mean, percentile, rounded, spread

numbers = st.lists(st.floats(0, 1000), min_size=1, max_size=50)


class Tests(SynchronousTestCase):
    def test_numbers_are_rounded_to_microseconds_and_have_no_negative_zero(self) -> None:
        self.assertEqual(rounded(1 / 3), 0.333333)
        self.assertEqual(str(rounded(-1e-9)), "0.0")

    def test_nothing_has_no_figures(self) -> None:
        self.assertEqual((mean([]), percentile([], 50)), (None, None))
        self.assertEqual((histogram([]), cdf([])), ({}, []))

    def test_percentiles_are_by_nearest_rank(self) -> None:
        values = [15, 20, 35, 40, 50]
        found = [percentile(values, each) for each in (0, 5, 30, 40, 50, 95, 100)]
        self.assertEqual(found, [15, 15, 20, 20, 35, 50, 50])

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(numbers, st.integers(1, 100))
    def test_a_percentile_is_a_value_that_so_many_do_not_exceed(
        self, values: list[float], percent: int
    ) -> None:
        found = percentile(values, percent)
        self.assertIn(found, [rounded(each) for each in values])
        assert found is not None
        self.assertGreaterEqual(sum(rounded(e) <= found for e in values) * 100, percent)

    def test_a_histogram_has_no_gaps(self) -> None:
        self.assertEqual(histogram([4, 2, 4]), {"2": 1, "3": 0, "4": 2})

    def test_a_distribution_runs_from_the_least_to_the_greatest(self) -> None:
        points = cdf([3.0, 1.0, 2.0])
        self.assertEqual((len(points), points[0], points[50], points[-1]), (101, 1.0, 2.0, 3.0))
        self.assertEqual(points, sorted(points))

    def test_a_spread_names_its_figures(self) -> None:
        self.assertEqual(spread("x", [1.0, 3.0]), {"x_p50": 1.0, "x_p95": 3.0, "x_mean": 2.0})
