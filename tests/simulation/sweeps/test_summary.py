"""Medians and intervals."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError
from kadtwisted.simulation.pictures import album
from kadtwisted.simulation.results.results import to_csv, to_json
from kadtwisted.simulation.sweeps.summary import coverage, interval, place, summary
from tests.simulation.sweeps.small import planned


def found(**figures: list[Any]) -> dict[int, dict[str, Any]]:
    """Documents by the numbers of their runs, of one row each."""
    rows = [dict(zip(figures, row, strict=True)) for row in zip(*figures.values(), strict=True)]
    return {n: {"rows": [row], "notes": ["a note"]} for n, row in enumerate(rows)}


class IntervalTests(SynchronousTestCase):
    def test_the_probability_is_that_of_the_binomial_distribution(self) -> None:
        """Each value lies below the true median or above it, as a coin falls."""
        for count in range(1, 11):
            for at in range(1, (count + 1) // 2 + 1):
                falls = [sum(fall) for fall in product((0, 1), repeat=count)]
                inside = sum(at <= below <= count - at for below in falls)
                self.assertEqual(coverage(count, at), Fraction(inside, len(falls)), (count, at))

    def test_the_narrowest_that_is_sure_enough(self) -> None:
        """The places in tables for 95 %, as in Conover 1999, "Practical Nonparametric Statistics":
        they begin at 6, and at 9 and 12 one more value is left out on either side."""
        places = [place(count) for count in range(1, 16)]
        self.assertEqual(places, [1] * 8 + [2] * 3 + [3] * 3 + [4])
        for count in range(6, 200):
            self.assertGreaterEqual(coverage(count, place(count)), 0.95)
            self.assertLess(coverage(count, place(count) + 1), 0.95)

    def test_it_is_between_two_values(self) -> None:
        self.assertEqual(interval([5, 1, 9, 3, 7, 2, 8, 4, 6]), (2, 8))
        self.assertEqual(interval([4]), (4, 4))
        self.assertEqual(interval([2, 1]), (1, 2))


class SummaryTests(SynchronousTestCase):
    def test_each_point_has_the_medians_of_its_seeds(self) -> None:
        made = summary(planned(), found(nodes=[8] * 4, hops=[1, 10, 2, 30], rule=["a"] * 4))
        four = {"parameters.k": 4, "seeds": 2, "nodes": 8, "nodes_low": 8, "nodes_high": 8,
                "hops": 1.5, "hops_low": 1, "hops_high": 2, "rule": "a"}  # fmt: skip
        five = {**four, "parameters.k": 5, "hops": 20, "hops_low": 10, "hops_high": 30}
        self.assertEqual(made["rows"], [four, five])
        self.assertEqual(made["sweep"]["measures"], ["hops"])
        self.assertIn("50 %", made["notes"][0])
        self.assertEqual(made["notes"][1:], ["a note"])
        self.assertEqual(len(to_csv(made).splitlines()), 3)
        self.assertIn('"hops_low"', to_json(made))

    def test_what_was_not_measured_or_is_no_number(self) -> None:
        documents = found(lost=[None, None, 3, None], rule=["a", "b", "a", "c"], sure=[True] * 4)
        one, two = summary(planned(), documents)["rows"]
        self.assertEqual(
            (one["lost"], one["lost_low"], two["lost"], two["lost_low"]), (3, 3, None, None)
        )
        self.assertEqual((one["rule"], two["rule"], one["sure"]), ("a", "differs", True))

    def test_the_order_in_which_runs_ended_does_not_matter(self) -> None:
        documents = found(hops=[1, 2, 3, 4])
        turned = dict(reversed(documents.items()))
        self.assertEqual(
            to_json(summary(planned(), documents)), to_json(summary(planned(), turned))
        )

    def test_runs_that_failed_are_missing(self) -> None:
        documents = found(hops=[1, 2, 3, 4])
        made = summary(planned(), {n: documents[n] for n in (0, 2)}, [1, 3])
        self.assertEqual([row["parameters.k"] for row in made["rows"]], [4])
        self.assertEqual((made["sweep"]["failed"], made["sweep"]["runs"]), (2, 4))
        self.assertEqual(summary(planned(), {}, range(4))["rows"], [])

    def test_measures_must_be_figures(self) -> None:
        plan = planned({"measures": ["hops", "hosp"]})
        wrong = self.assertRaises(ConfigurationError, summary, plan, found(hops=[1, 2, 3, 4]))
        self.assertIn("no figure 'hosp'; choose from hops", str(wrong))

    def test_there_is_something_to_show_even_if_nothing_differs(self) -> None:
        made = summary(planned(), found(nodes=[8] * 4, hops=[1] * 4))
        self.assertEqual(made["sweep"]["measures"], ["nodes", "hops"])
        self.assertEqual(len(album.draw(made)["tiny"].axes), 2)

    def test_an_axis_must_be_a_setting_or_name_cases(self) -> None:
        plan = planned({"x": "nodse"})
        documents = found(nodes=[8] * 4, hops=[1, 2, 3, 4])
        wrong = self.assertRaises(ConfigurationError, summary, plan, documents)
        self.assertIn("x: it is one of parameters.k, nodes, not 'nodse'", str(wrong))
        self.assertEqual(summary(planned({"x": "nodes"}), documents)["sweep"]["x"], "nodes")

    def test_several_cases_of_a_run_stay_apart(self) -> None:
        rows = [{"dead": 0, "s": 1.0}, {"dead": 30, "s": 2.0}]
        documents = {n: {"rows": rows, "notes": []} for n in range(4)}
        made = summary(planned(), documents)["rows"]
        self.assertEqual([(row["parameters.k"], row["dead"]) for row in made],
                         [(4, 0), (4, 30), (5, 0), (5, 30)])  # fmt: skip
