"""The distributions of sessions, against their formulas; and the table that chooses them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import DAY, HOUR, MINUTE
from kadtwisted.simulation.models.churn import MODELS, ChurnSettings, Spell

DRAWS = 4000
ALLOWED = 1.63 / math.sqrt(DRAWS)
"""The Kolmogorov-Smirnov bound that one sample in a hundred exceeds; the seed is not that one."""
SPELLS = (Spell(60.0, 1.0), Spell(3600.0, 0.5), Spell(10.0, 2.0))


def distance(sample: Sequence[float], distribution: Callable[[float], float]) -> float:
    """How far a sample is from a distribution, at the worst point."""
    steps = len(sample)
    return max(
        abs(distribution(value) - (rank + 0.5) / steps) for rank, value in enumerate(sorted(sample))
    )


def weibull(spell: Spell) -> Callable[[float], float]:
    return lambda value: 1 - math.exp(-((value / spell.scale) ** spell.shape))


def rests(spell: Spell) -> Callable[[float], float]:
    """The probability that the rest of a time is longer than x: the part of the mean that lies in
    the tail beyond x, summed up over quantiles of equal width."""
    steps = 20_000

    def distribution(value: float) -> float:
        width = value / steps
        tail = (
            math.exp(-(((step + 0.5) * width / spell.scale) ** spell.shape))
            for step in range(steps)
        )
        return width * sum(tail) / spell.mean

    return distribution


class SpellTests(SynchronousTestCase):
    def test_draws_follow_the_distribution(self) -> None:
        for spell in SPELLS:
            drawing = Random(1)
            sample = [spell.draw(drawing) for _ in range(DRAWS)]
            self.assertLess(distance(sample, weibull(spell)), ALLOWED)
            others = Spell(spell.median * 1.2, spell.shape)
            self.assertGreater(distance(sample, weibull(others)), ALLOWED, "the test can fail")

    def test_rests_are_those_of_times_met_under_way(self) -> None:
        for spell in SPELLS:
            drawing = Random(2)
            sample = sorted(spell.draw_rest(drawing) for _ in range(DRAWS))
            expected = rests(spell)
            for percent in (10, 25, 50, 75, 90):
                value = sample[DRAWS * percent // 100]
                self.assertLess(abs(expected(value) - percent / 100), ALLOWED)

    def test_who_was_met_stays_longer_than_a_newcomer_if_the_shape_is_small(self) -> None:
        drawing = Random(3)
        spell = Spell(3600.0, 0.5)
        met = sorted(spell.draw_rest(drawing) for _ in range(DRAWS))[DRAWS // 2]
        self.assertGreater(met, 2 * spell.median)

    def test_an_exponential_one_has_no_memory(self) -> None:
        spell = Spell(100.0, 1.0)
        drawing = Random(4)
        sample = [spell.draw_rest(drawing) for _ in range(DRAWS)]
        self.assertLess(distance(sample, weibull(spell)), ALLOWED)
        self.assertAlmostEqual(spell.mean, 100 / math.log(2))

    def test_of_scale_and_of_mean(self) -> None:
        self.assertAlmostEqual(Spell.of_scale(7.0, 0.4).scale, 7.0)
        self.assertAlmostEqual(Spell.of_mean(7.0, 0.4).mean, 7.0)


class ModelTests(SynchronousTestCase):
    def test_the_measured_ones_reproduce_what_they_say(self) -> None:
        self.assertLess(abs(MODELS["kad"].session.median / MINUTE - 93.4), 0.1)
        self.assertAlmostEqual(MODELS["kad"].session.scale / MINUTE, 169.5385)
        self.assertLess(abs(MODELS["bittorrent"].session.median / MINUTE - 16), 0.5)
        coming = MODELS["overnet"]
        self.assertAlmostEqual(DAY / (coming.session.mean + coming.offline.mean), 6.4)


class ChurnTests(SynchronousTestCase):
    def test_without_medians_there_is_one_case_the_model_s_own(self) -> None:
        ((model, lasts),) = ChurnSettings(model="kad").cases()
        self.assertEqual(lasts, HOUR)
        for found, expected in zip(model, MODELS["kad"], strict=True):
            self.assertAlmostEqual(found.median, expected.median)
            self.assertEqual(found.shape, expected.shape)

    def test_a_case_for_each_median_the_last_length_counts_on(self) -> None:
        churn = ChurnSettings(sessions=(60.0, 30.0, 10.0), lasts=(9.0, 8.0), shape=0.7, offline=5.0)
        cases = churn.cases()
        self.assertEqual([model.session for model, _ in cases], [
            Spell(60.0, 0.7), Spell(30.0, 0.7), Spell(10.0, 0.7),
        ])  # fmt: skip
        self.assertEqual([lasts for _, lasts in cases], [9.0, 8.0, 8.0])
        self.assertEqual({model.offline for model, _ in cases}, {Spell(5.0, 0.7)})
