"""Real daemons, ``twistd kademlia``, each a process in a network namespace.

A hundred of them start on a small machine: they are forked from one process that has imported what
they need, enter their namespace, and then run twistd as its command does.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.blocking_client import BlockingClient

PATIENCE = 30.0
"""Seconds for an answer of a daemon's control socket."""
NAMESPACE = 0x40000000
"""CLONE_NEWNET (clone(2))."""
DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG (prctl(2))."""

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    ["twisted.scripts.twistd", "twisted.python.syslog", "kadtwisted.daemon.tap",
     "kadtwisted.daemon.service", "kadtwisted.application.making", "kadtwisted.api.control",
     "kadtwisted.node.node", "kadtwisted.state.node_state", "kadtwisted.storage.memory",
     "kadtwisted.storage.sqlite.file"]
)  # fmt: skip


class ForkedProcess:
    """A process that is ended in order, or else killed."""

    def __init__(self) -> None:
        self._process: Any = None

    def start(self, run: Callable[..., None], *arguments: Any) -> None:
        self._process = _forks.Process(target=run, args=arguments)
        self._process.start()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.is_alive()

    @property
    def sentinel(self) -> int:
        """What is ready to be read when it has ended; it has been started."""
        return int(self._process.sentinel)


class Word:
    """One word from a process that was forked: that it is ready."""

    def __init__(self) -> None:
        self._reader, self.writer = _forks.Pipe(duplex=False)

    def has_come(self, within: float) -> bool:
        """Wait for it; false if the process ends before, or takes longer than so many seconds."""
        self.writer.close()  # the process has its own
        try:
            return self._reader.poll(within) and bool(self._reader.recv())
        except EOFError:
            return False


def enter(namespace: str, log: str) -> None:
    """Go on in this namespace, write to this log, and end with whoever has forked us."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)
    entered = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(entered, NAMESPACE):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(entered)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(written, stream)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _twistd(namespace: str, arguments: Sequence[str], log: str) -> None:
    enter(namespace, log)
    sys.argv = ["twistd", "-n", "--pidfile=", "kademlia", *arguments]

    from twisted.scripts.twistd import run

    run()


class Daemon:
    """A node: its namespace and port, and where its state and log are."""

    def __init__(self, namespace: str, port: int, work: Path, options: Sequence[str] = ()) -> None:
        self.namespace = namespace
        self.port = port
        self._state = work / f"{namespace}.state"
        self._log = work / f"{namespace}.log"
        self._options = options
        self._process = ForkedProcess()

    def start(self, *bootstrap: str) -> None:
        """Begin; :meth:`ask` answers soon."""
        joins = [word for each in bootstrap for word in ("--bootstrap", each)]
        arguments = ["--port", str(self.port), "--state-dir", str(self._state), "--interface",
                     "0.0.0.0", "--storage", "memory", *self._options, *joins]  # fmt: skip
        self._process.start(_twistd, self.namespace, arguments, str(self._log))

    def runs_elsewhere(self, process: ForkedProcess) -> None:
        """It is one of many in a process."""
        self._process = process

    def begin_anew(self) -> None:
        """Forget all: the next start is another node."""
        shutil.rmtree(self._state, ignore_errors=True)

    def stop(self) -> None:
        """End it in order; what does not end is killed."""
        self._process.stop()

    @property
    def runs(self) -> bool:
        return self._process.runs

    @property
    def sentinel(self) -> int:
        """See :class:`ForkedProcess`."""
        return self._process.sentinel

    def ask(self, verb: str, /, **arguments: Any) -> dict[str, Any]:
        """What ``kad VERB --json`` shows; fails as the verb does, or with
        :class:`~kadtwisted.api.answers.ControlUnavailable`."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            try:
                connection.connect(str(self._state / "control.sock"))
            except OSError as error:
                raise ControlUnavailable(f"{self.namespace} does not answer: {error}") from None
            performing = BlockingClient(connection).perform(verb, arguments)
            try:
                performing.send(None)
            except StopIteration as done:
                found: dict[str, Any] = done.value
                return found
            raise AssertionError("a blocking client has waited")
