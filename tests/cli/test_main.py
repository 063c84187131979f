"""What surrounds the verbs: the log, and leaving early."""

from __future__ import annotations

import io
import subprocess
import sys

from twisted.logger import Logger, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial import unittest

from kadtwisted import __version__
from kadtwisted.cli.main import main
from kadtwisted.cli.reactor_run import warnings_to
from kadtwisted.cli.session import CommandWorld


class LogTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.stderr = io.StringIO()
        observer = warnings_to(self.stderr)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.ours = Logger(namespace="kadtwisted.daemon")
        self.others = Logger(namespace="elsewhere")

    def test_warnings_of_ours_and_faults_of_anyone(self) -> None:
        self.ours.info("quiet")
        self.others.warn("quiet")
        self.ours.warn("{what} is odd", what="this")
        self.others.critical("broken")
        self.assertEqual(self.stderr.getvalue(), "kad: this is odd\nkad: broken\n")

    def test_a_fault_has_no_traceback(self) -> None:
        self.others.failure("Unhandled", Failure(RuntimeError("a fault")))
        self.flushLoggedErrors(RuntimeError)
        self.assertEqual(self.stderr.getvalue(), "kad: Unhandled: a fault\n")


class EarlyTests(unittest.SynchronousTestCase):
    def test_interrupted_before_anything_ran(self) -> None:
        def interrupted() -> CommandWorld:
            raise KeyboardInterrupt

        self.assertEqual(main(["status"], interrupted), 130)


class ModuleTests(unittest.SynchronousTestCase):
    def test_the_package_can_be_run(self) -> None:
        for module in ("kadtwisted", "kadtwisted.cli"):
            done = subprocess.run(
                [sys.executable, "-m", module, "--version"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            self.assertEqual((done.returncode, done.stdout), (0, f"kad {__version__}\n"))

    def test_an_interruption_that_comes_when_all_is_done_changes_nothing(self) -> None:
        lines = (
            "import signal, sys",
            "from kadtwisted.cli.main import main",
            "code = main()",
            "signal.raise_signal(signal.SIGINT)",
            "sys.exit(code)",
        )
        command = (sys.executable, "-c", "\n".join(lines), "--version")
        ended = subprocess.run(command, capture_output=True, check=False)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
