"""Real daemons: ``twistd kademlia`` in processes of their own, which can be killed at any time.

A daemon serves one port of 127.0.0.1 and has its own state directory below a temporary directory.
It is given a ``NOTIFY_SOCKET``, as by systemd, and so tells when it is ready.  When
:class:`Daemons` ends, no daemon runs and no file is left, whatever happened; if the driver itself
is killed, the kernel ends its daemons.

This module does not decide what a daemon is asked.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import DatagramProtocol, ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

import kadtwisted
from kadtwisted.model.contact import Endpoint

T = TypeVar("T")

HOST = "127.0.0.1"
REAL_DISK = "/var/tmp"
"""Where temporary files survive a restart (Filesystem Hierarchy Standard 3.0, section 5.15), so
they are not in memory; state directories are below."""

TWISTD = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the driver
    if os.getppid() != {driver}:
        sys.exit("the driver has died before this daemon started")
from twisted.scripts.twistd import run
sys.argv[0] = "twistd"
run()
"""
"""What the interpreter of a daemon runs: the ``twistd`` of this environment."""

PATIENCE = 60.0
"""Seconds that a daemon may take to end or to answer."""
OUTPUT = 64 * 1024
"""Bytes of a daemon's last output that are kept, to be shown if it fails."""

FORGOTTEN = (
    *("STATE_DIRECTORY", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"),
    *("WATCHDOG_USEC", "WATCHDOG_PID"),
)
"""What a service manager may have told the driver and the daemons must not believe."""


class DaemonTrouble(Exception):
    """A daemon did not do what every daemon must; the message ends with its last output."""


class Daemon(ProcessProtocol):
    """One process.

    ``spawned`` is when it was started; ``ready_after`` is how many seconds later it said that it is
    ready, if it did; ``ended`` fires with its exit code (the negative number of a signal)."""

    transport: Any

    def __init__(self, reactor: Any, name: str, directory: Path, port: int) -> None:
        self.name = name
        self.directory = directory
        self.endpoint = Endpoint(HOST, port)
        self.spawned = reactor.seconds()
        self.ready_after: float | None = None
        self.output = b""
        self.running = True
        self._reactor = reactor
        self._waiting: list[Deferred[int]] = []
        self._needing: list[Deferred[Any]] = []
        self._notifications: Any = None

    def listen(self, path: str) -> None:
        """Listen at a Unix socket to what it tells its service manager, as long as it lives."""
        heard = _Notifications(self)
        self._notifications = self._reactor.listenUNIXDatagram(path, heard)

    def notified(self, data: bytes) -> None:
        """The daemon told its service manager something (sd_notify(3))."""
        if b"READY=1" in data.split(b"\n") and self.ready_after is None:
            self.ready_after = self._reactor.seconds() - self.spawned

    def outReceived(self, data: bytes) -> None:
        self.output = (self.output + data)[-OUTPUT:]

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        value: Any = reason.value
        code = -value.signal if value.signal is not None else value.exitCode or 0
        self.running = False
        self._notifications.stopListening()
        waiting, self._waiting = self._waiting, []
        needing, self._needing = self._needing, []
        for each in waiting:
            each.callback(code)
        for other in needing:
            other.cancel()

    def needed_by(self, waiting: Deferred[T]) -> Deferred[T]:
        """The same Deferred, which is cancelled if the process ends before it fires."""
        self._needing.append(waiting)

        def fired(result: Any) -> Any:
            if waiting in self._needing:
                self._needing.remove(waiting)
            return result

        return waiting.addBoth(fired)

    def processor_seconds(self) -> float:
        """The processor time of the process so far, in seconds (on Linux; else 0)."""
        try:
            line = Path(f"/proc/{self.transport.pid}/stat").read_text("ascii", "replace")
        except OSError:
            return 0.0
        # Fields 14 and 15, utime and stime; the second one may contain blanks: proc_pid_stat(5).
        fields = line.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, name: str) -> Deferred[int]:
        """Send a signal; fires with the exit code when the process has ended."""
        if not self.running:
            raise self.trouble("ended by itself")
        ended: Deferred[int] = Deferred()
        self._waiting.append(ended)
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess(name)
        return ended.addTimeout(PATIENCE, self._reactor)

    def kill(self) -> Deferred[int]:
        """kill -9."""
        return self.signal("KILL")

    def stop(self) -> Deferred[int]:
        """Stop it as a service manager does."""
        return self.signal("TERM")

    def trouble(self, what: str) -> DaemonTrouble:
        """The error to raise when this daemon did something wrong."""
        return DaemonTrouble(f"{self.name} {what}: {self.output.decode(errors='replace')[-2000:]}")


TRIES_TO_CLEAN_UP = 20


class Daemons:
    """The daemons of one campaign; an asynchronous context, at whose end none of them is left.

    State directories are below a temporary directory in ``parent``, which is on a real disk.
    """

    def __init__(self, reactor: Any, parent: str = REAL_DISK) -> None:
        self._reactor = reactor
        self._temporary = tempfile.TemporaryDirectory(prefix="kad-", dir=parent)
        self.directory = Path(self._temporary.name)
        self._all: list[Daemon] = []
        self._serial = 0

    async def __aenter__(self) -> Daemons:
        self._trigger = self._reactor.addSystemEventTrigger("before", "shutdown", self._end)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if kind is not GeneratorExit:  # else the reactor has stopped, and that has ended them
            self._reactor.removeSystemEventTrigger(self._trigger)
            await self._end()
        self._clean_up()

    def _clean_up(self) -> None:
        """Remove the directory.  A daemon that has just been killed may have written meanwhile."""
        for _ in range(TRIES_TO_CLEAN_UP):
            with suppress(OSError):
                self._temporary.cleanup()
                return
        self._temporary.cleanup()

    def _end(self) -> Deferred[Any]:
        ending: list[Deferred[Any]] = [each.kill() for each in self._all if each.running]
        self._all = []
        return gatherResults(ending, consumeErrors=True)

    def start(self, name: str, port: int, *options: str, before: Sequence[str] = ()) -> Daemon:
        """Start a daemon whose state directory has this name; ``before`` is a command that runs it,
        as a list of words."""
        directory = self.directory / name
        directory.mkdir(mode=0o700, exist_ok=True)
        program = TWISTD.format(driver=os.getpid())
        words = [*before, sys.executable, "-c", program, "-n", "--pidfile=", "kademlia"]
        words += ["--port", str(port), "--interface", HOST, "--state-dir", str(directory), *options]
        daemon = Daemon(self._reactor, name, directory, port)
        self._all = [each for each in self._all if each.running]
        self._all.append(daemon)
        self._serial += 1
        notify = str(self.directory / f"notify-{self._serial}")
        daemon.listen(notify)
        environment = self._environment(notify)
        self._reactor.spawnProcess(daemon, words[0], words, environment, str(self.directory))
        return daemon

    def _environment(self, notify: str) -> dict[str, str]:
        package = str(Path(kadtwisted.__file__).parents[1])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path, "NOTIFY_SOCKET": notify}
        return {name: value for name, value in environment.items() if name not in FORGOTTEN}


class _Notifications(DatagramProtocol):
    """What a daemon tells its service manager."""

    noisy = False

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._daemon.notified(datagram)


def free_port() -> int:
    """A UDP port of 127.0.0.1 that nobody uses right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def sleep(reactor: Any, seconds: float) -> Deferred[None]:
    """Fires after so many seconds."""
    return deferLater(reactor, seconds, lambda: None)
