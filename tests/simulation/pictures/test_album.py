"""Pictures of results: what they show, that it can be read, and that it is the same each time.

Every preset is run with a dozen nodes, so that a test fails if an experiment renames a figure.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import EXPERIMENTS
from kadtwisted.simulation.pictures import album, sheet
from kadtwisted.simulation.pictures.captions import caption
from kadtwisted.simulation.results.results import Outcome, document
from kadtwisted.simulation.results.saved import Unreadable
from kadtwisted.simulation.results.swept import SWEEP
from kadtwisted.simulation.scenario.catalogue import presets, scenario_of
from kadtwisted.simulation.scenario.scenario import Scenario
from tests.simulation.playing import played


def lines(axes: Axes) -> dict[str, list[float]]:
    """The lines of a panel: their heights, by the name of the line."""
    found: dict[str, list[float]] = {}
    for each in axes.get_lines():
        found[str(each.get_label())] = [round(float(y), 3) for y in each.get_ydata()]
    return found


def legend(axes: Axes) -> list[str]:
    """The names in a panel's own legend."""
    made = axes.get_legend()
    return [each.get_text() for each in made.get_texts()] if made else []


class EveryPictureTests(SynchronousTestCase):
    """What holds for the pictures of all presets."""

    def test_every_experiment_has_one(self) -> None:
        self.assertEqual(set(album._CHARTS), {*EXPERIMENTS, SWEEP})
        self.assertEqual({scenario_of(each, {}).experiment for each in presets()}, set(EXPERIMENTS))


class HopsTests(SynchronousTestCase):
    rows = (
        {"nodes": 1000, "hops_mean": 2.0, "rpcs_mean": 21.5},
        {"nodes": 100, "hops_mean": 1.5, "rpcs_mean": 20.0},
    )
    details = (
        {"nodes": 1000, "hops_histogram": {"10": 1, "2": 3}, "rpcs_histogram": {"21": 4}},
        {"nodes": 100, "hops_histogram": {"2": 2}, "rpcs_histogram": {"20": 2}},
    )

    def panels(self, alpha: str = "3") -> list[Axes]:
        scenario = scenario_of("hops", {"nodes": "1000,100", "parameters.alpha": alpha})
        self.figure = album.draw(document(scenario, Outcome(self.rows, self.details)))["hops"]
        return self.figure.axes

    def test_distributions_are_shares_in_the_order_of_numbers(self) -> None:
        axes = self.panels()[0]
        self.assertEqual(lines(axes), {"N = 1,000": [75.0, 25.0], "N = 100": [100.0, 0.0]})
        self.assertEqual(list(axes.get_lines()[0].get_xdata()), [2, 10])
        names = [each.get_text() for each in self.figure.legends[0].get_texts()]
        self.assertEqual(names, ["N = 1,000", "N = 100"])

    def test_growth_stands_beside_the_idealised_figures(self) -> None:
        hops, rpcs = self.panels()[2:]
        self.assertEqual(lines(hops), {"this run": [1.5, 2.0], "idealised": [1.9, 2.5, 3.0]})
        self.assertEqual(lines(rpcs), {"this run": [20.0, 21.5], "idealised": [21, 23, 24]})
        low, high = hops.get_xlim()
        marks = [each.get_text() for each in hops.get_xticklabels()]
        seen = [
            mark for mark, at in zip(marks, hops.get_xticks(), strict=True) if low <= at <= high
        ]
        self.assertEqual(seen, ["100", "1,000", "10,000", "100,000"])

    def test_they_hold_for_one_k_and_alpha_only(self) -> None:
        self.assertEqual(list(lines(self.panels("5")[2])), ["this run"])


class LatencyTests(SynchronousTestCase):
    def figures(self, *sizes: int) -> dict[str, Figure]:
        cases = [
            {"nodes": size, "dead_percent": dead, "rule": rule}
            for size in sizes
            for dead in (0, 30)
            for rule in ("ours", "plain")
        ]
        rows = [each | {"lookups": 4, "first_failed": 0, "full_failed": 1} for each in cases]
        times = {"first_seconds_cdf": [0.0, 0.1, 1.0], "full_seconds_cdf": [1.0, 1.5, 2.0]}
        scenario = Scenario(experiment="latency", nodes=sizes)
        return album.draw(document(scenario, Outcome(rows, [each | times for each in cases])))

    def test_a_panel_for_each_part_of_dead_and_a_line_for_each_rule(self) -> None:
        figure = self.figures(500)["latency"]
        titles = [each.get_title() for each in figure.axes]
        self.assertEqual(titles[1:3], ["First value, 30 % dead", "Full lookup, 0 % dead"])
        for axes in figure.axes:
            self.assertEqual(list(lines(axes)), ["ours", "plain"])
            self.assertEqual(axes.get_xscale(), "log")
            self.assertEqual(axes.get_xlim(), figure.axes[0].get_xlim())

    def test_what_failed_is_never_done(self) -> None:
        first, _, full, _ = self.figures(500)["latency"].axes
        self.assertEqual(lines(first)["ours"], [0, 50, 100])
        self.assertEqual(lines(full)["ours"], [0, 37.5, 75])

    def test_a_picture_for_each_size(self) -> None:
        self.assertEqual(list(self.figures(100, 500)), ["latency-100", "latency-500"])


class FailureTests(SynchronousTestCase):
    def test_crash_shows_what_is_lost(self) -> None:
        row = {"nodes": 9, "dead_percent": 50, "records": 4, "read_percent": 75.0}
        course = [
            {"minute": 0.0, "lost": 1, "copies_mean": 2.0, "copies_least": 0},
            {"minute": 5.0, "lost": 2, "copies_mean": 8.0, "copies_least": 0},
        ]
        detail = {"nodes": 9, "course": course, "seconds_cdf": [1.0, 2.0]}
        found = document(Scenario(experiment="crash"), Outcome([row], [detail]))
        values, reads, copies, worst = album.draw(found)["crash"].axes
        self.assertEqual(lines(values), {"50 % dead": [75, 50]})
        self.assertEqual(lines(reads), {"50 % dead": [0, 75]})
        self.assertEqual(lines(copies)["50 % dead"], [2, 8])
        self.assertEqual(lines(worst)["k = 20"], [20, 20])

    def test_partition_counts_keys(self) -> None:
        course = [
            {"minute": float(minute), "known_percent": 50.0, "agreeing": minute, "goal": 90.0}
            for minute in range(3)
        ]
        outcome = Outcome([{"nodes": 9, "keys": 2}], [{"nodes": 9, "course": course}])
        known, agreed = album.draw(document(Scenario(experiment="partition"), outcome))[
            "partition"
        ].axes
        self.assertEqual(lines(agreed), {"N = 9": [0, 50, 100]})
        self.assertEqual(legend(known), ["N = 9", "counts as merged"])


class AttackTests(SynchronousTestCase):
    def test_a_line_for_each_number_of_paths(self) -> None:
        rows = [
            {"nodes": 9, "liars_percent": share, "paths": paths, "rpcs_mean": 20.0 * paths}
            | {"read_percent": 100.0 - share / paths}
            for share in (10, 20)
            for paths in (1, 4)
        ]
        reads, cost = album.draw(document(Scenario(experiment="sybil"), Outcome(rows)))[
            "sybil"
        ].axes
        self.assertEqual(lines(reads), {"1 path": [90, 80], "4 paths": [97.5, 95]})
        self.assertEqual(lines(cost)["4 paths"], [80, 80])

    def test_several_sizes_are_told_apart(self) -> None:
        rows = [
            {"nodes": size, "natted_percent": 0, "read_percent": 1.0, "reachable_percent": 2.0}
            | {"useless_percent": 3.0, "contacts_mean": 4.0, "tentative_mean": 5.0}
            for size in (9, 99)
        ]
        found = document(Scenario(experiment="nat", nodes=(9, 99)), Outcome(rows))
        _, tables = album.draw(found)["nat"].axes
        names = ["verified, N = 9", "tentative, N = 9", "verified, N = 99", "tentative, N = 99"]
        self.assertEqual(legend(tables), names)

    def test_several_rules_behind_nats_are_compared(self) -> None:
        rows = [
            {"nodes": 9, "natted_percent": 70, "reachability": rule, "seconds_p50": seconds}
            | {"seconds_p95": 2 * seconds, "public_sent_bytes": 7.0, "natted_sent_bytes": None}
            for rule, seconds in (("assume", 1.0), ("measure", 0.5))
        ]
        found = document(Scenario(experiment="nat", shares=(70,)), Outcome(rows))
        sent, time = album.draw(found)["nat"].axes
        self.assertEqual(lines(time), {"median": [1, 0.5], "95th percentile": [2, 1]})
        self.assertEqual(lines(sent)["without a NAT"], [7, 7])
        marks = [each.get_text() for each in sent.get_xticklabels()]
        self.assertEqual(marks, ["assume", "measure"])

    def test_a_panel_for_each_victim(self) -> None:
        details = [
            {"nodes": size, "place": "address", "victim": victim}
            | {"course": [{"minute": 1.0, "share_percent": 5.0}]}
            for size in (9, 99)
            for victim in ("stocked", "cold")
        ]
        drawn = album.draw(document(Scenario(experiment="eclipse"), Outcome([], details)))
        self.assertEqual(list(drawn), ["eclipse-9", "eclipse-99"])
        titles = [each.get_title() for each in drawn["eclipse-9"].axes]
        self.assertEqual(titles, ["An old member", "A newcomer"])


class LookTests(SynchronousTestCase):
    """Lines differ in more than their colours."""

    def test_dashes_and_markers_all_differ(self) -> None:
        for one in range(len(sheet.LOOKS)):
            self.assertEqual(sheet.look(one + len(sheet.LOOKS)), sheet.LOOKS[one])
            for other in (*sheet.LOOKS[:one], sheet.REFERENCE):
                self.assertNotEqual(sheet.LOOKS[one].linestyle, other.linestyle)
                self.assertNotEqual(sheet.LOOKS[one].marker, other.marker)

    def test_all_are_dark_enough_for_paper(self) -> None:
        for each in (*sheet.LOOKS, sheet.REFERENCE):
            red, green, blue = to_rgb(each.color)
            self.assertLess(0.299 * red + 0.587 * green + 0.114 * blue, 0.6, each)

    def test_numbers(self) -> None:
        shown = [sheet.plain(each) for each in (0.01, 0.5, 20.0, 100_000.0)]
        self.assertEqual(shown, ["0.01", "0.5", "20", "100,000"])


class CaptionTests(SynchronousTestCase):
    def test_what_was_told(self) -> None:
        changes = {"faults.loss": "0.02", "latency.median": "50ms", "upkeep": "false"}
        found = document(scenario_of("hops", changes), Outcome([], [], ["mind this"]))
        text = caption(found).replace("\u00a0", " ")
        for part in ("round trips log-normal, median 50 ms", "loss 2 %", "500 operations a case"):
            self.assertIn(part, text)
        self.assertTrue(text.endswith("mind this."))

    def test_a_measured_network_is_named(self) -> None:
        path = Path(self.mktemp())
        path.write_text("10\n20\n")
        changes = {"latency.model": "measured", "latency.file": str(path.absolute())}
        found = document(scenario_of("hops", changes), Outcome([]))
        self.assertIn(f"measured ({path.name})", caption(found).replace("\u00a0", " "))

    def test_every_lifetime_of_mappings_is_named(self) -> None:
        for lifetime, told in (("60s", "last 60 s"), ("30s,2m", "last 30, 120 s")):
            found = document(scenario_of("nat", {"nat.lifetime": lifetime}), Outcome([]))
            self.assertIn(told, caption(found).replace("\u00a0", " "))


class FileTests(SynchronousTestCase):
    def test_the_same_bytes_whatever_the_settings_of_the_user(self) -> None:
        found, written = played("hops"), []
        for size in (10, 30):
            directory = Path(self.mktemp())
            directory.mkdir()
            with matplotlib.rc_context({"font.size": size, "svg.hashsalt": str(size)}):
                files = album.save(album.draw(found), directory)
            self.assertEqual([each.name for each in files], ["hops.png", "hops.svg"])
            written.append([each.read_bytes() for each in files])
        self.assertEqual(*written)
        self.assertLess(len(written[0][0]), 150_000)

    def test_no_name_leads_out_of_the_directory(self) -> None:
        for name, stem in (("../../x", "hops"), ("", "hops"), ("my-own_2", "my-own_2")):
            scenario = scenario_of("hops", {"name": name})
            self.assertEqual(list(album.draw(document(scenario, Outcome([])))), [stem])

    def test_what_cannot_be_drawn(self) -> None:
        found = document(scenario_of("sybil", {}), Outcome([{"nodes": 3}]))
        with self.assertRaisesRegex(Unreadable, "KeyError 'paths'"):
            album.draw(found)
        with self.assertRaisesRegex(Unreadable, "no picture of the experiment 'rain'"):
            album.draw(found | {"experiment": "rain"})

    def test_without_matplotlib(self) -> None:
        with (
            patch.dict(sys.modules, {"matplotlib": None, "matplotlib.figure": None}),
            self.assertRaisesRegex(album.NoPictures, "pip install matplotlib"),
        ):
            album.draw(played("hops"))

    def test_nothing_of_it_is_loaded_before_it_is_needed(self) -> None:
        code = "import sys, kadtwisted.cli.verbs.simulating; sys.exit('matplotlib' in sys.modules)"
        self.assertEqual(subprocess.run([sys.executable, "-c", code], check=False).returncode, 0)

    def test_pyplot_is_not_used(self) -> None:
        code = (
            "import sys; from kadtwisted.simulation.pictures import lookups, failures, attacks;"
            "sys.exit('matplotlib.pyplot' in sys.modules)"
        )
        self.assertEqual(subprocess.run([sys.executable, "-c", code], check=False).returncode, 0)
