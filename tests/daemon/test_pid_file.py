"""The PID file of twistd keeps no node from starting."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.daemon.pid_file import settle_pid_file
from kadtwisted.errors import ConfigurationError


class PidFileTests(unittest.SynchronousTestCase):
    def settled(self, pidfile: str, nodaemon: bool = True) -> str:
        twistd = {"pidfile": pidfile, "nodaemon": nodaemon}
        settle_pid_file(twistd)
        return str(twistd["pidfile"])

    def test_the_usual_one_is_for_the_background(self) -> None:
        self.assertEqual(self.settled("twistd.pid"), "")
        self.assertEqual(self.settled("twistd.pid", nodaemon=False), "twistd.pid")
        self.assertEqual(self.settled("node.pid"), "node.pid")
        self.assertEqual(self.settled(""), "")

    def test_a_file_of_a_process_that_has_ended_is_removed(self) -> None:
        file = Path(self.mktemp())
        ending = os.fork()
        if not ending:
            os._exit(0)
        # Wait until it has ended, but leave its remainder there, as a slow init does.
        os.waitid(os.P_PID, ending, os.WEXITED | os.WNOWAIT)
        file.write_text(str(ending))
        self.settled(str(file))
        self.assertFalse(file.exists())
        os.waitpid(ending, 0)
        file.write_text(str(ending))
        self.settled(str(file))
        self.assertFalse(file.exists())

    def test_only_a_file_that_names_ourselves_is_removed(self) -> None:
        file = Path(self.mktemp())
        for text, stays in ((str(os.getpid()), False), (str(os.getppid()), True), ("no", True)):
            file.write_text(text)
            self.settled(str(file))
            self.assertEqual(file.exists(), stays, text)

    def test_a_directory_that_is_not_for_writing(self) -> None:
        self.patch(os, "access", lambda path, mode: False)  # root may write nearly everywhere
        error = self.assertRaises(ConfigurationError, self.settled, "node.pid")
        self.assertIn("--pidfile= for none", str(error))
