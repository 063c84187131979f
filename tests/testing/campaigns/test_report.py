"""What a report prints and judges, and the command around it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.testing.campaigns import __main__ as command
from kadtwisted.testing.campaigns.crash import Crash
from kadtwisted.testing.campaigns.report import OutOfTime, Report
from kadtwisted.testing.processes import __main__ as processes


class ReportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.out = io.StringIO()
        self.now = 100.0
        self.report = Report(self.out, lambda: self.now, 60.0)

    def test_figures_are_kept_up_to_their_bounds(self) -> None:
        self.report.at_least("reads", 99.9, 99.9)
        self.report.at_most("lost", 1, 1)
        self.report.figure("shown", 1e9)
        self.assertEqual(self.report.missed, [])
        self.report.at_least("reads", 99.8, 99.9)
        self.report.at_most("lost", 2, 1)
        self.assertEqual([row.what for row in self.report.missed], ["reads", "lost"])
        self.assertEqual(len(self.report.rows), 5)

    def test_each_figure_is_printed_with_its_bound_as_it_comes(self) -> None:
        self.now = 107.0
        self.report.at_least("values read, %", 12.5, 99.9)
        line = self.out.getvalue()
        for part in ("7 s", "values read, %", "12.5", "at least 99.9", "MISSED"):
            self.assertIn(part, line)

    def test_time_is_over(self) -> None:
        self.now = 159.9
        self.report.check_time()
        self.now = 160.0
        self.assertRaises(OutOfTime, self.report.check_time)

    def test_what_is_logged_as_an_error_is_a_miss(self) -> None:
        log = Logger()
        with self.report.errors_counted():
            log.info("nothing")
            log.failure("broken", Failure(ValueError("a fault")))
        self.flushLoggedErrors(ValueError)
        self.assertEqual([row.figure for row in self.report.missed], [1])
        self.assertIn("a fault", self.out.getvalue())


class CommandTests(SynchronousTestCase):
    def run_command(self, *arguments: str) -> tuple[int, str]:
        out = io.StringIO()
        with patch("sys.stdout", out):
            code = command.main(list(arguments))
        return code, out.getvalue()

    def test_sizes_come_from_the_command_line(self) -> None:
        made, minutes = command.parse(["crash", "--nodes", "7", "--share", "0.3", "--minutes", "2"])
        self.assertEqual(made, Crash(nodes=7, share=0.3))
        self.assertEqual(minutes, 2)

    def test_success_is_zero(self) -> None:
        code, printed = self.run_command("crash", "--nodes", "6", "--records", "2", "--k", "3",
                                         "--share", "0.2", "--reads", "2")  # fmt: skip
        self.assertEqual(code, 0, printed)
        self.assertIn("0 of 5 figures missed", printed)

    def test_a_missed_figure_is_not(self) -> None:
        sizes = ("--nodes", "12", "--records", "6", "--k", "1", "--share", "0.75", "--reads", "2")
        code, printed = self.run_command("crash", *sizes)
        self.assertEqual(code, 1, printed)
        self.assertIn("MISSED", printed)

    def test_no_time_is_a_miss(self) -> None:
        code, printed = self.run_command("crash", "--minutes", "0")
        self.assertEqual(code, 1)
        self.assertIn("more --minutes", printed)


class DocumentTests(SynchronousTestCase):
    page = (Path(__file__).parents[3] / "docs" / "reliability.md").read_text("utf-8")

    def test_every_command_of_the_document_parses_and_every_campaign_is_there(self) -> None:
        simulated, rest = self.page.split("\n## Real processes\n")
        real, _ = rest.split("\n## Attacks\n")
        self.check(simulated, lambda row: command.parse(list(row)), set(command.CAMPAIGNS))
        self.check(real, processes.parse, set(processes.CAMPAIGNS))

    def check(self, page: str, parse: Callable[[tuple[str, ...]], object], names: set[str]) -> None:
        rows = re.findall(r"^\|[^|]*\| `([^`]*)` \|", page, re.MULTILINE)
        for row in rows:
            parse(tuple(row.split()))
        self.assertEqual({row.split()[0] for row in rows}, names)
