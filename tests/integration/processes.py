"""Real processes for tests: started, watched, and ended whatever happens."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial import unittest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600.0
"""MAGIC: seconds after which a wait fails.  Each ends when what it is for happens, so it is only a
fault that takes as long, or a machine that is far too busy."""

OPERATORS_OWN = (
    *("KADTWISTED_", "XDG_", "STATE_DIRECTORY", "CONFIGURATION_DIRECTORY"),
    *("NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", "JOURNAL_STREAM"),
)
"""How names of environment variables begin by which who runs the tests could configure a node of
his own, or a service manager speaks to the tests: no process inherits them."""
COMPILED_ANEW = "PYTHONDONTWRITEBYTECODE"
"""With this each of some hundred processes would compile the whole package again."""

OF_COVERAGE = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
"""By these coverage.py measures in new processes, too, and writes what it has found when they end:
not for a process that cannot write there."""

IMPATIENT = (
    "get", "put", "set", "store", "delete", "ping", "find-node", "status", "routing", "watch"
)  # fmt: skip
"""Verbs that give up after ten seconds unless they are told otherwise; on a busy machine a node of
their own may take as long to start."""

KAD = (sys.executable, "-m", "kadtwisted.cli")
TWISTD = (
    sys.executable,
    "-c",
    "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()",
    "-n",
    "--pidfile=",
    "kademlia",
)


class Result(NamedTuple):
    """How a process ended; ``code`` is minus the signal's number if one ended it."""

    code: int
    out: bytes
    err: str


class Program(ProcessProtocol):
    """One process.  ``output`` is all it has written, on either stream."""

    def __init__(self) -> None:
        self.out = b""
        self.err = b""
        self.ended: Deferred[Result] = Deferred()
        self._awaited: list[tuple[bytes, Deferred[None]]] = []

    @property
    def output(self) -> bytes:
        return self.out + self.err

    def outReceived(self, data: bytes) -> None:
        self.out += data
        self._look()

    def errReceived(self, data: bytes) -> None:
        self.err += data
        self._look()

    def processEnded(self, reason: Failure) -> None:
        ending = reason.value
        assert isinstance(ending, ProcessDone | ProcessTerminated)
        code = -ending.signal if ending.signal is not None else ending.exitCode
        awaited, self._awaited = self._awaited, []
        for words, waiting in awaited:
            waiting.errback(AssertionError(f"ended ({code}) without {words!r}: {self.output!r}"))
        self.ended.callback(Result(code or 0, self.out, self.err.decode()))

    def says(self, words: str) -> Deferred[None]:
        """Fires when the process has written these words; fails if it ends before, or is late."""
        waiting: Deferred[None] = Deferred()
        self._awaited.append((words.encode(), waiting))
        waiting.addTimeout(PATIENCE, reactor)
        self._look()
        return waiting

    async def end(self, signal: str = "TERM") -> Result:
        """Send a signal and wait for the end."""
        assert self.transport is not None
        self.transport.signalProcess(signal)
        return await self.ended.addTimeout(PATIENCE, reactor)

    def _look(self) -> None:
        for each in tuple(self._awaited):
            if each[0] in self.output:
                self._awaited.remove(each)
                each[1].callback(None)


class ProcessTestCase(unittest.TestCase):
    """Tests with processes, a directory for their state, and nothing left over."""

    timeout = 3600
    """Seconds; a test waits for :data:`PATIENCE` several times, and the machine may be busy."""

    def setUp(self) -> None:
        # Not mktemp(): trial's paths may be longer than the path of a Unix socket can be.
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        not_inherited = (*OPERATORS_OWN, COMPILED_ANEW)
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(not_inherited)}
        self.environment = {
            **inherited,
            "PYTHONPATH": path,
            "HOME": str(self.directory),
            "XDG_STATE_HOME": str(self.directory / "xdg"),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
        }

    def start(self, *argv: str) -> Program:
        """Start a process; it is killed at the test's end if it still runs."""
        program = Program()
        process = reactor.spawnProcess(  # type: ignore[attr-defined]
            program, argv[0], argv, env=self.environment, path=str(self.directory)
        )

        def kill() -> Deferred[Result] | None:
            try:
                process.signalProcess("KILL")
            except ProcessExitedAlready:
                return None
            return program.ended

        self.addCleanup(kill)
        return program

    async def until(self, happened: Callable[[], bool], otherwise: str = "it does not") -> None:
        """Wait for what no output tells; fails with these words if it is late."""
        ends = reactor.seconds() + PATIENCE  # type: ignore[attr-defined]
        while not happened():
            self.assertLess(reactor.seconds(), ends, otherwise)  # type: ignore[attr-defined]
            await deferLater(reactor, 0.05, lambda: None)

    async def run_to_end(self, *argv: str, stdin: bytes = b"") -> Result:
        """Run a process with this standard input until it ends."""
        program = self.start(*argv)
        assert program.transport is not None
        program.transport.write(stdin)
        program.transport.closeStdin()
        return await program.ended.addTimeout(PATIENCE, reactor)

    async def kad(self, *argv: str, stdin: bytes = b"") -> Result:
        """Run ``kad`` to its end; it never shows a traceback."""
        result = await self.run_to_end(*KAD, *patiently(argv), stdin=stdin)
        self.assertNotIn("Traceback", result.err)
        return result

    async def serving(self, *argv: str) -> Program:
        """A ``kad bootstrap`` or ``kad join`` that is listening."""
        program = self.start(*KAD, *argv)
        await program.says("kad: running")
        return program


def patiently(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The words behind ``kad``, with a patience of the tests' own where they name none."""
    if not argv or argv[0] not in IMPATIENT or "--timeout" in argv:
        return argv
    return argv[0], "--timeout", str(PATIENCE), *argv[1:]


def free_port(family: socket.AddressFamily = socket.AF_INET) -> int:
    """A UDP port that nobody uses right now on loopback."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
