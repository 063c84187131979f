"""The campaigns with real daemons, in sizes that take seconds; and that they can fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.integration.processes import ProcessTestCase

CAMPAIGN = (sys.executable, "-m", "kadtwisted.testing.processes")


class ProcessesTestCase(ProcessTestCase):
    async def play(self, *words: str) -> tuple[int, str]:
        """Run a campaign in the test's directory, and see that it leaves nothing there."""
        result = await self.run_to_end(*CAMPAIGN, *words, "--directory", str(self.directory))
        said = result.out.decode() + result.err
        self.assertNotIn("Traceback", said)
        self.assertEqual(list(self.directory.iterdir()), [], said)
        return result.code, said

    async def assert_kept(self, *words: str) -> None:
        code, said = await self.play(*words)
        self.assertEqual(code, 0, said)
        self.assertNotIn("MISSED", said)


class EndTests(ProcessesTestCase):
    """However a campaign ends, no daemon of it goes on."""

    def daemons(self) -> list[str]:
        """The processes with this test's directory in their command lines, but the driver's."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes()
            except OSError:
                continue  # it has just ended
            if bytes(self.directory) in words and b"--state-dir" in words:
                found.append(path.parent.name)
        return found

    async def end_driver(self, signal: str) -> None:
        words = ("kill", "--storage", "memory", "--directory", str(self.directory))
        driver = self.start(*CAMPAIGN, *words)
        await self.until(lambda: bool(self.daemons()))
        await driver.end(signal)
        await self.until(lambda: not self.daemons())

    async def test_the_driver_is_stopped(self) -> None:
        await self.end_driver("TERM")
        self.assertEqual(list(self.directory.iterdir()), [])

    async def test_the_driver_is_killed(self) -> None:
        await self.end_driver("KILL")


class OrderTests(ProcessesTestCase):
    """Where a process may not be watched, the command says so and ends with 69."""

    SIZES = ("--singly", "20", "--grouped", "200")

    async def test_without_strace(self) -> None:
        self.environment["PATH"] = ""
        code, said = await self.play("order")
        self.assertEqual(code, os.EX_UNAVAILABLE)
        self.assertIn("there is no strace on this machine", said)
