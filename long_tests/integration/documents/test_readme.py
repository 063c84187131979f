"""The tour of README.md, line by line, in a directory and a home of its own: each command does what
the page says, and the line that cleans up leaves nothing behind.

What is left out: `kad demo`, which has tests of its own, and the environment, which is there.
Ports are replaced by free ones.  Figures, keys and times differ from run to run, so of what a
command says, the words that cannot differ are compared.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from twisted.trial import unittest

from tests.integration.processes import IMPATIENT, OPERATORS_OWN, PATIENCE, ROOT, free_port

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIES = re.compile(
    r"[0-9a-f]{8}…[0-9a-f]{8}|[0-9a-f]{10,}…?|\d+(?:[.,]\d+)? m?s\b|:\d{5}\b|\d+ s ago"
)
_IMPATIENT = re.compile(rf"^kad ({'|'.join(IMPATIENT)})\b")


class Step:
    """A line that is typed, and what the page shows below it."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.shown: list[str] = []


def tour() -> Iterator[Step]:
    """The lines of the section "Five minutes", up to the library."""
    text = (ROOT / "README.md").read_text("utf-8")
    _, _, section = text.partition("## Five minutes")
    section, found, _ = section.partition("## The library")
    assert found
    for block in _BLOCK.findall(section):
        step = None
        for line in block.splitlines():
            if line.startswith("$ "):
                if step is not None:
                    yield step
                step = Step(line[2:])
            elif step is not None:
                step.shown.append(line)
        if step is not None:
            yield step


class TourTests(unittest.TestCase):
    timeout = 3600.0

    def setUp(self) -> None:
        self.place = Path(tempfile.mkdtemp())  # short: sockets lie in it
        self.addCleanup(shutil.rmtree, self.place)
        self.home, self.here = self.place / "home", self.place / "here"
        self.home.mkdir()
        self.here.mkdir()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(OPERATORS_OWN)}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**kept, "HOME": str(self.home), "PATH": path, "PYTHONPATH": str(ROOT)}
        self.ports = {str(port): str(free_port()) for port in range(8000, 8004)}
        self.nodes: list[subprocess.Popen[str]] = []
        self.addCleanup(self.end_all)

    def end_all(self) -> None:
        for node in self.nodes:
            self.interrupt(node)
        pid = self.here / "twistd.pid"
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGKILL)

    @staticmethod
    def interrupt(node: subprocess.Popen[str]) -> None:
        """Ctrl-C in the terminal of a node."""
        if node.poll() is None:
            node.send_signal(signal.SIGINT)
        node.communicate(timeout=PATIENCE)

    def here_and_now(self, text: str) -> str:
        return re.sub(r"\b800[0-3]\b", lambda found: self.ports[found[0]], text)

    def run_line(self, line: str) -> str:
        # Who types has more patience than kad where the machine is busy.
        patient = re.sub(_IMPATIENT, rf"kad \1 --timeout {PATIENCE}", line)
        done = subprocess.run(
            ["bash", "-c", patient],
            cwd=self.here,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout + done.stderr

    def serve(self, line: str) -> str:
        """Start a node in a terminal of its own; what it says until it runs."""
        node = subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=self.here,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.nodes.append(node)
        assert node.stdout is not None
        wanted = "joined:" if " join " in line else "replace the loopback"
        said = ""
        for each in node.stdout:
            said += each
            if wanted in each:
                break
        return said

    def status_says(self, words: str) -> None:
        """Wait for what a person who types would find."""
        ends = time.monotonic() + PATIENCE
        while words not in (said := self.run_line("kad status --state-dir tour")):
            self.assertLess(time.monotonic(), ends, said)

    def assert_said(self, step: Step, said: str) -> None:
        """All words of the page that do not differ from run to run are in what was said."""
        for line in step.shown:
            for words in _VARIES.split(self.here_and_now(line)):
                for word in words.split():
                    if word.isalpha() or word.startswith(("127.", "'")):
                        self.assertIn(word, said, f"{step.line!r} shows {line!r}, not {said!r}")

    def do(self, step: Step) -> None:
        line = self.here_and_now(step.line)
        if line.startswith(("kad bootstrap", "kad join")):
            said = self.serve(line)
        else:
            said = self.run_line(line)
        if "kad status" not in line and "kad routing" not in line:
            self.assert_said(step, said)
        if line.startswith("twistd"):
            # The other nodes of the tour have ended when it starts for the second time.
            alone = all(each.poll() is not None for each in self.nodes)
            self.status_says("Node ID" if alone else "Serving")
        if line.startswith("kill "):
            self.wait_for_the_end()

    def wait_for_the_end(self) -> None:
        """Until the killed daemon holds its lock no more; who types needs as long."""
        ends = time.monotonic() + PATIENCE
        while "no running node" not in self.run_line("kad status --state-dir tour"):
            self.assertLess(time.monotonic(), ends)

    def test_the_tour(self) -> None:
        done = []
        for step in tour():
            if step.line in (". .venv/bin/activate", "kad demo"):
                continue
            if step.line.endswith("--trace"):
                self.interrupt(self.nodes[0])  # "with Ctrl-C in terminal 1"
            if step.line.startswith("kill -9"):
                self.interrupt(self.nodes[1])  # "Stop the node in terminal 2"
            if step.line.startswith("rm "):
                self.interrupt(self.nodes[-1])
                self.assertNotEqual(os.listdir(self.here), [])
            self.do(step)
            done.append(step.line)
        self.assertGreater(len(done), 20)
        self.assertEqual(os.listdir(self.here), [])
        files = [each for each in self.home.rglob("*") if not each.is_dir()]
        self.assertEqual(files, [])
