"""What becomes of log files under twistd: rotated, written in any letters."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.integration.processes import TWISTD, Program
from tests.integration.systemd.test_runners import NODE, TWIST, RunnersTestCase


class LogFileTests(RunnersTestCase):
    def daemon(self, *options: str) -> tuple[str, ...]:
        return *TWISTD[:-1], "--logfile", "node.log", "kademlia", *NODE, *options

    async def logged(self, daemon: Program, path: Path, words: str) -> str:
        """The text of a log file, once the answer to SIGHUP stands in it."""
        assert daemon.transport is not None
        daemon.transport.signalProcess("HUP")

        def told() -> bool:
            return path.exists() and words in path.read_text()

        await self.until(told, f"{words!r} is not in {path}")
        await self.assert_answers()
        return path.read_text()

    async def started(self) -> tuple[Program, Path]:
        daemon = self.start(*self.daemon())
        path = self.directory / "node.log"
        await self.until(lambda: path.exists() and "the node is serving" in path.read_text())
        await self.assert_answers()
        return daemon, path

    async def assert_answers(self) -> None:
        answer = await self.kad("status", "--state-dir", "state")
        self.assertEqual(answer.code, 0, answer.err)

    async def test_the_three_ways_of_logrotate(self) -> None:
        daemon, path = await self.started()
        first = "nothing has changed"
        os.truncate(path, 0)
        text = await self.logged(daemon, path, first)
        self.assertNotIn("\0", text)
        self.assertNotIn("serving", text)

        path.rename(self.directory / "moved.1")
        text = await self.logged(daemon, path, first)
        self.assertEqual(text.count(first), 1)

        path.rename(self.directory / "moved.2")
        assert daemon.transport is not None
        daemon.transport.signalProcess(signal.SIGUSR1)
        # Of two signals that wait, Python hands on the one with the lower number first.
        await self.until(path.exists, "no new file after SIGUSR1")
        await self.assert_answers()
        text = await self.logged(daemon, path, first)
        self.assertEqual(text.count(first), 1)
        for name in ("moved.1", "moved.2"):
            self.assertEqual((self.directory / name).read_text().count(first), 1, name)
        await daemon.end()

    async def test_no_line_is_lost_for_its_letters(self) -> None:
        self.environment["PYTHONIOENCODING"] = "ascii:strict"
        for argv in (TWISTD, TWIST):
            daemon = self.start(*argv, *NODE, "--network", "Gwäne€t")
            await daemon.says(r"serves the network 'Gw\xe4ne\u20act' at")
            await daemon.end()
