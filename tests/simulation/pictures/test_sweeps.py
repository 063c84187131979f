"""The picture of a sweep."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.pictures import album
from kadtwisted.simulation.pictures.captions import caption
from kadtwisted.simulation.sweeps.summary import summary
from tests.simulation.sweeps.small import planned


def found(changed: dict[str, Any] | None = None, cases: int = 1) -> Any:
    """The document of a sweep whose figures are the numbers of its runs."""
    plan = planned(changed)
    rows = {run.number: run.number for run in plan.runs()}
    documents: dict[int, dict[str, Any]] = {
        n: {"rows": [{"case": c, "hops": n + c, "rpcs": None} for c in range(cases)], "notes": []}
        for n in rows
    }
    return summary(plan, documents)


class SweepTests(SynchronousTestCase):
    def test_a_panel_for_each_measure_with_medians_and_intervals(self) -> None:
        (figure,) = album.draw(found({"measures": ["hops", "rpcs"]})).values()
        hops, rpcs = figure.axes
        (line,) = hops.get_lines()
        self.assertEqual(list(line.get_xdata()), [4, 5])
        self.assertEqual(list(line.get_ydata()), [1.0, 2.0])
        (bars,) = hops.collections
        self.assertEqual([[list(end) for end in bar] for bar in bars.get_segments()],
                         [[[4, 0], [4, 2]], [[5, 1], [5, 3]]])  # fmt: skip
        self.assertEqual((hops.get_xlabel(), rpcs.get_title()), ("parameters.k", "rpcs"))
        self.assertEqual(len(figure.legends), 0)

    def test_a_line_for_each_other_setting_and_case(self) -> None:
        grid = {"parameters": {"k": [4, 5]}, "upkeep": [True, False]}
        (figure,) = album.draw(found({"grid": grid, "x": "case"}, cases=3)).values()
        lines = figure.axes[0].get_lines()
        self.assertEqual([list(each.get_xdata()) for each in lines], [[0, 1, 2]] * 4)
        self.assertEqual(lines[0].get_label(), "parameters.k 4, upkeep True")
        self.assertEqual(len(figure.legends), 1)

    def test_words_stand_side_by_side(self) -> None:
        models = {"latency.model": ["constant", "coordinates"]}
        document = found({"grid": models, "x": "latency.model"})
        (figure,) = album.draw(document).values()
        ticks = [each.get_text() for each in figure.axes[0].get_xticklabels()]
        self.assertEqual(ticks, ["constant", "coordinates"])

    def test_an_axis_over_decades(self) -> None:
        (figure,) = album.draw(found({"set": {}, "grid": {"nodes": [10, 100, 1000]}})).values()
        self.assertEqual(figure.axes[0].get_xscale(), "log")

    def test_the_caption_names_what_is_varied_with_all_its_values(self) -> None:
        text = caption(found({"grid": {"parameters.k": [4, 5], "faults.loss": [0.5, 0]}}))
        for part in ("Sweep tiny: N\u00a0=\u00a08", "2 seeds", "k\u00a0=\u00a04, 5"):
            self.assertIn(part, text)
        self.assertNotIn("loss", text)
