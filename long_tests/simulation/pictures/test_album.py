"""A picture of every preset: what holds for all of them."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.text import Text
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.pictures import album, sheet
from kadtwisted.simulation.results.results import Outcome, document
from kadtwisted.simulation.scenario.catalogue import presets
from kadtwisted.simulation.scenario.scenario import Scenario
from tests.simulation.pictures.test_album import legend, lines
from tests.simulation.playing import played


class EveryPictureTests(SynchronousTestCase):
    """What holds for the pictures of all presets."""

    def test_all_of_them(self) -> None:
        for preset in presets():
            found = played(preset)
            drawn = album.draw(found)
            self.assertEqual(list(drawn), [preset])
            self.check(drawn[preset], preset)

    def check(self, figure: Figure, name: str) -> None:
        """Everything has its name and unit, letters are large enough, and nothing overlaps."""
        with sheet.settings():
            figure.draw_without_rendering()
        title, below = figure.texts
        self.assertGreater(len(title.get_text()), 10)
        for part in ("N = 12", "seed 1", "k = 4", "alpha = "):
            self.assertIn(part, below.get_text().replace("\u00a0", " "))
        named = bool(figure.legends)
        for axes in figure.axes:
            self.assertTrue(axes.get_title() and axes.get_xlabel(), name)
            self.assertTrue(axes.get_ylabel() or axes.get_subplotspec().colspan.start, name)
            self.assertGreaterEqual(len(axes.get_lines()), 1, name)
            named = named or bool(legend(axes))
        self.assertTrue(named, f"{name} has no legend")
        for text in figure.findobj(Text):
            if text.get_text():
                self.assertGreaterEqual(text.get_fontsize(), 9, f"{name}: {text.get_text()}")
        self.check_places(figure, name)

    def check_places(self, figure: Figure, name: str) -> None:
        boxes = [each.get_tightbbox() for each in figure.axes]
        boxes += [each.get_window_extent() for each in (*figure.texts, *figure.legends)]
        for number, box in enumerate(boxes):
            assert box is not None
            self.assertGreaterEqual(min(box.x0, box.y0), -1, name)
            self.assertLessEqual(box.x1, figure.bbox.x1 + 1, name)
            self.assertLessEqual(box.y1, figure.bbox.y1 + 1, name)
            for other in boxes[:number]:
                assert other is not None
                wide = min(box.x1, other.x1) - max(box.x0, other.x0)
                high = min(box.y1, other.y1) - max(box.y0, other.y0)
                self.assertTrue(min(wide, high) <= 1, f"{name}: {box} covers {other}")


class FailureTests(SynchronousTestCase):
    def test_churn_goes_by_sessions(self) -> None:
        rows = [
            {
                "nodes": 9,
                "session_minutes": session,
                "read_percent": good,
                "bytes_per_node_second": 1,
            }
            for session, good in ((60.0, 100.0), (5.0, None))
        ]
        look = {"copies_mean": 4.0, "copies_least": 3}
        details = [
            {"nodes": 9, "session_minutes": 60.0, "course": [look | {"hour": 2.0}]},
            {"nodes": 9, "session_minutes": 5.0, "course": [look | {"hour": 1.0}]},
        ]
        found = document(Scenario(experiment="churn"), Outcome(rows, details))
        reads, _, copies, worst = album.draw(found)["churn"].axes
        self.assertEqual(list(reads.get_lines()[0].get_xdata()), [5, 60])
        self.assertEqual(str(lines(reads)["N = 9"]), "[nan, 100.0]")
        self.assertEqual([list(each.get_xdata()) for each in copies.get_lines()], [[2], [12]])
        self.assertEqual(lines(worst), {"60 min": [3], "5 min": [3]})
