"""The manual pages are what the programs are, and well formed."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tomllib
from contextlib import redirect_stderr
from pathlib import Path
from unittest.mock import patch

from twisted.trial import unittest

from kadtwisted.cli.arguments import make_parser
from kadtwisted.cli.exit_codes import MEANINGS
from kadtwisted.cli.manual import pages as manual
from kadtwisted.cli.manual.kad_words import OF_VERBS
from kadtwisted.daemon import exit_status
from kadtwisted.daemon.command_line import Options
from kadtwisted.settings.options import OPTIONS

ROOT = Path(__file__).resolve().parents[3]
MAN = ROOT / "man"

CLOSED_BY = {".Bl": ".El", ".Bd": ".Ed", ".Rs": ".Re"}


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next of its kind."""
    macro = title.partition(" ")[0]
    _, found, rest = page.partition(f".{title}\n")
    assert found, title
    ends = r"^\.S[sh] " if macro == "Ss" else r"^\.Sh "
    return re.split(ends, rest, maxsplit=1, flags=re.MULTILINE)[0]


class ManualTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.pages = manual.pages()

    def test_what_is_shipped_is_what_is_made(self) -> None:
        """If this fails: ``python -m kadtwisted.cli.manual man``."""
        self.assertEqual({each.name for each in MAN.iterdir()}, set(self.pages))
        for name, page in self.pages.items():
            self.assertEqual((MAN / name).read_text("utf-8"), page, name)

    def test_the_wheel_has_them(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
        placed = {f"man/{name}": f"share/man/man{name[-1]}/{name}" for name in self.pages}
        self.assertEqual(shared, placed)

    def test_every_verb_with_every_argument(self) -> None:
        parser = make_parser()
        page = self.pages["kad.1"]
        verbs = manual.verbs_of(parser)
        for name, verb in verbs.items():
            told = section(page, f"Ss kad {name}")
            for action in manual.arguments_of(verb, parser):
                for option in action.option_strings:
                    self.assertRegex(told, rf"(?m)^\.It .*Fl {option[1:]}\b", name)
                for word in action.choices or ():
                    self.assertIn(word, told, name)
        self.assertEqual(re.findall(r"^\.Ss kad (.*)$", page, re.MULTILINE), list(verbs))
        self.assertLessEqual(set(OF_VERBS), set(verbs))

    def test_every_global_option(self) -> None:
        told = section(self.pages["kad.1"], "Ss Global options")
        options = [each for action in make_parser()._actions for each in action.option_strings]
        self.assertIn("--state-dir", options)
        for option in options:
            self.assertRegex(told, rf"(?m)^\.It .*\bFl {option[1:]}\b")

    def test_every_option_of_the_daemon(self) -> None:
        page = self.pages["kademlia.8"]
        names = [name.rstrip("=") for name in Options().longOpt]
        self.assertIn("state-dir", names)
        for name in names:
            self.assertRegex(page, rf"(?m)^\.It .*\bFl -{name}\b")
        letters = {option.letter for option in OPTIONS.values() if option.letter}
        self.assertEqual(set(re.findall(r"^\.It Fl (\w) ", page, re.MULTILINE)), letters)

    def test_every_key_of_the_file(self) -> None:
        page = self.pages["node.toml.5"]
        keys = [key.rpartition(".")[2] for key in OPTIONS]
        self.assertEqual(re.findall(r"^\.It Ic (\w+) No = ", page, re.MULTILINE), keys)
        told = re.findall(r"^\.Ev (\S+) \.$", page, re.MULTILINE)
        self.assertEqual(told, [option.variable for option in OPTIONS.values()])
        for item in page.split("\n.It Ic ")[1:]:
            self.assertNotIn(item.splitlines()[1][:9], ("", "Expected:"), "no help")

    def test_every_exit_code(self) -> None:
        for name, meanings in (("kad.1", MEANINGS), ("kademlia.8", exit_status.MEANINGS)):
            codes = re.findall(r"^\.It (\d+)$", section(self.pages[name], "Sh EXIT STATUS"), re.M)
            self.assertEqual([int(code) for code in codes], list(meanings))

    def test_form(self) -> None:
        """What mandoc looks at first, for machines that have none."""
        for name, page in self.pages.items():
            open_ones: list[str] = []
            for line in page.splitlines():
                self.assertTrue(line.isascii() and line == line.rstrip(), line)
                self.assertTrue(line or open_ones[-1:] == [".Ed"], f"{name}: an empty line")
                self.assertNotRegex(line, r"%[A-Z]+%$", name)
                macro = line.partition(" ")[0]
                if macro in CLOSED_BY:
                    open_ones.append(CLOSED_BY[macro])
                elif macro in CLOSED_BY.values():
                    self.assertEqual(open_ones.pop(), macro, name)
            self.assertEqual(open_ones, [], name)
            stem, _, number = name.rpartition(".")
            self.assertIn(f".Dt {stem.upper()} {number}\n", page)

    def test_mandoc_has_nothing_to_say(self) -> None:
        mandoc = shutil.which("mandoc")
        for name in self.pages if mandoc else ():
            command = [str(mandoc), "-T", "lint", "-W", "warning", str(MAN / name)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


class PiecesTests(unittest.SynchronousTestCase):
    def test_text_is_no_macro(self) -> None:
        self.assertEqual(manual._paragraph(".Sh is"), [r"\&.Sh is"])
        self.assertEqual(manual._paragraph(r"a \n b"), [r"a \en b"])
        self.assertEqual(manual._quoted('["::"]'), r'"[\(dq::\(dq]"')

    def test_options_keep_their_dashes(self) -> None:
        self.assertEqual(manual._paragraph("see --state-dir, -n"), [r"see \-\-state\-dir, \-n"])

    def test_a_sentence_has_a_line(self) -> None:
        self.assertEqual(manual._paragraph("One. Two, as 10.0 Mb."), ["One.", "Two, as 10.0 Mb."])


class CommandTests(unittest.SynchronousTestCase):
    def test_writes_the_pages(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir(parents=True)
        self.assertEqual(manual.main([str(directory)]), 0)
        written = {each.name: each.read_text("utf-8") for each in directory.iterdir()}
        self.assertEqual(written, dict(manual.pages()))

    def test_usage(self) -> None:
        with redirect_stderr(io.StringIO()) as err, patch.object(Path, "write_text") as write:
            self.assertEqual(manual.main([]), 64)
        self.assertIn("usage", err.getvalue())
        write.assert_not_called()
