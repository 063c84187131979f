"""Shows that what docs/operating.md has operators type, and what it says of the program, is so.

Commands are parsed, not run: what they do has tests of its own.  Keys, files, codes, verdicts and
the sentences of bad days are looked up where the program has them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.api import describe_status
from kadtwisted.cli.arguments import make_parser
from kadtwisted.daemon import exit_status
from kadtwisted.daemon.command_line import Options
from kadtwisted.daemon.supervision.watchdog import CHECKS_IN_A_PERIOD
from kadtwisted.model.health import Health
from kadtwisted.settings.options import OPTIONS
from kadtwisted.state import directory as state_directory
from tests.integration.processes import ROOT

OPERATING = ROOT / "docs" / "operating.md"
PAGES = (OPERATING, ROOT / "README.md", ROOT / "docs" / "plugins.md", ROOT / "etc" / "README.md")

_CONSOLE = re.compile(r"^ *```(?:console|ini)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"^ *(?:[$#] |ExecStart=(?=/))", re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command that a page shows behind a prompt."""
    for block in _CONSOLE.findall(page.read_text("utf-8").replace("\\\n", " ")):
        for line in block.splitlines():
            if _PROMPT.match(line) and "(" not in line:
                for command in re.split(r"; | && ", _PROMPT.sub("", line, count=1)):
                    yield shlex.split(re.sub(r" > \S+", "", command), comments=True)


def table(text: str, head: str) -> list[list[str]]:
    """The rows of the table whose first cell is ``head``, cell by cell."""
    _, found, rest = text.partition(f"| {head} |")
    assert found, head
    lines = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


class OperatingTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.page = OPERATING.read_text("utf-8")

    def test_the_watchdogs_period_is_that_of_the_unit(self) -> None:
        unit = (ROOT / "etc" / "kademlia.service").read_text("utf-8")
        (period,) = map(int, re.findall(r"^WatchdogSec=(\d+)$", unit, re.MULTILINE))
        for said in (
            f"Every {period // CHECKS_IN_A_PERIOD} s (a third of `WatchdogSec=`)",
            f"after {period} s without that",
            f"systemd restarts it after {period} s",
        ):
            self.assertIn(said, self.page)

    def test_every_command_of_kad_is_understood(self) -> None:
        seen = set()
        for page in PAGES:
            for words in commands(page):
                if words and words[0].rpartition("/")[2] == "kad" and "--help" not in words:
                    seen.add(make_parser().parse_args(words[1:]).verb)
        self.assertLessEqual({"status", "config", "export", "import", "store", "ping"}, seen)

    def test_every_command_of_twistd_is_understood(self) -> None:
        known = {name.rstrip("=") for name in Options().longOpt}
        seen = 0
        for page in PAGES:
            for words in commands(page):
                if words and words[0].endswith("twistd") and "kademlia" in words:
                    seen += 1
                    given = words[words.index("kademlia") + 1 :]
                    names = {each[2:] for each in given if each.startswith("--")}
                    self.assertLessEqual(names, known, words)
        self.assertGreater(seen, 3)

    def test_files_of_the_distribution_that_are_named(self) -> None:
        named = set(re.findall(r"\betc/[\w.]+\b", self.page)) - {"etc/systemd", "etc/kademlia"}
        self.assertIn("etc/kademlia.service", named)
        for name in named - {"etc/sysctl.d"}:
            self.assertTrue((ROOT / name).exists(), name)

    def test_options_that_are_named(self) -> None:
        tables = "|".join(sorted({key.partition(".")[0] for key in OPTIONS if "." in key}))
        named = re.findall(rf"`((?:{tables})\.\w+)\b", self.page)
        self.assertIn("bounds.stored_records", named)
        self.assertLessEqual(set(named), set(OPTIONS))

    def test_the_exit_codes_are_those_of_the_daemon(self) -> None:
        rows = table(self.page, "code")
        self.assertEqual([int(row[0]) for row in rows], list(exit_status.MEANINGS))
        unit = (ROOT / "etc" / "kademlia.service").read_text("utf-8")
        (never,) = re.findall(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)
        again = [row[0] for row in rows if row[2] == "yes"]
        self.assertEqual((never.split(), again), (["1", "77", "78"], ["71", "73"]))

    def test_the_verdicts_are_those_of_the_node(self) -> None:
        told = [
            word for row in table(self.page, "verdict") for word in re.findall(r"`(\w+)`", row[0])
        ]
        self.assertEqual(sorted(told), sorted(health.word for health in Health))

    def test_fields_that_are_watched(self) -> None:
        source = Path(describe_status.__file__).read_text("utf-8")
        for row in table(self.page, "field"):
            for name in re.findall(r"(\w+)`", row[0]):
                self.assertIn(f'"{name}"', source)

    def test_every_file_of_the_state_directory(self) -> None:
        told = {n for row in table(self.page, "file") for n in re.findall(r"`([\w.-]+)`", row[0])}
        names = {value for name, value in vars(state_directory).items() if name.endswith("_FILE")}
        self.assertIn("control.sock", names)
        self.assertLessEqual(names | {"records.sqlite", "records.lmdb"}, told)

    def test_the_sentences_of_bad_days(self) -> None:
        """Each piece between ellipses stands in the source somewhere; names in braces vary."""
        sources = "".join(
            each.read_text("utf-8") for each in sorted((ROOT / "kadtwisted").rglob("*.py"))
        )
        joined = re.sub(r'"\s+f?"', "", sources)
        rows = table(self.page, "it says")
        self.assertGreater(len(rows), 12)
        for row in rows:
            for sentence in re.findall(r"`([^`]{20,})`", row[0]):
                for piece in re.split(r"…|\d\.\d", sentence):
                    for part in re.split(r"[()]", piece):
                        self.assertIn(part.strip(" :;"), joined, sentence)

    def test_links_lead_somewhere(self) -> None:
        for page in (ROOT / "docs").glob("*.md"):
            for target in re.findall(r"\]\(([^)#]+\.\w+)(?:#[\w-]+)?\)", page.read_text("utf-8")):
                if "://" not in target:
                    self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")
