"""Runs ``kad`` without a process: a fake node, a fake clock, streams in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.operations import Operations
from kadtwisted.cli.limits import OutOfTime
from kadtwisted.cli.main import main
from kadtwisted.cli.session import CommandWorld
from kadtwisted.identity.keys import NodeKey
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.settings.plugin_registry import PluginRegistry
from tests.daemon.fakes import FakeNode

Meanwhile = Callable[["Kad", Deferred[int]], object]


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


class FakeClient(Operations):
    """A connection to a running node: whatever does not answer at once never does."""

    closed = False

    async def perform(self, verb: str, arguments: Any) -> Any:
        outcome: list[Any] = []
        super().perform(verb, arguments).addBoth(outcome.append)
        if not outcome:
            raise OutOfTime
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return outcome[0]

    def close(self) -> None:
        self.closed = True


def nowhere(path: Path) -> Any:
    """A machine where no node runs."""
    raise ControlUnavailable(f"no running node answers at {path}")


class Kad:
    """One run after the other; ``settings`` and ``keys`` are those of the nodes made."""

    def __init__(self, node: FakeNode | None = None, stdin: bytes = b"") -> None:
        self.node = node or FakeNode()
        self.stdin = io.BytesIO(stdin)
        self.stdout: io.BytesIO = io.BytesIO()
        self.stderr = io.StringIO()
        self.environ: dict[str, str] = {"XDG_STATE_HOME": "/nonexistent"}
        self.clock = Clock()
        self.connect: Callable[[Path], Any] = nowhere
        self.gateways: list[tuple[str, str | None]] = []
        self.settings: list[DaemonSettings] = []
        self.keys: list[NodeKey] = []
        self.plugins = PluginRegistry()
        self.pauses = 0
        self.meanwhile: Meanwhile = lambda kad, running: None
        self.limited: Callable[[float], Any] = lambda seconds: nullcontext()

    def __call__(self, *argv: str, meanwhile: Meanwhile | None = None) -> int:
        self.meanwhile = meanwhile or (lambda kad, running: None)
        return main(argv, self.world)

    def world(self) -> CommandWorld:
        return CommandWorld(
            stdin=self.stdin,
            stdout=self.stdout,
            stderr=self.stderr,
            environ=self.environ,
            secure_random=bytes,
            random=lambda: 1.0,
            unix_time=lambda: 1_000_000.0,
            make_node=self.make_node,
            run=self.run,
            find_plugins=lambda: self.plugins,
            connect=self.connect,
            limited=self.limited,
            pause=self.pause,
            connect_web=self.connect_web,
        )

    def connect_web(self, url: str, token: str | None) -> FakeClient:
        """The node of these tests answers at each gateway."""
        self.gateways.append((url, token))
        return FakeClient(self.node)

    def pause(self, seconds: float) -> None:
        """Time passes for a while; then ``--timeout`` is over."""
        self.pauses += 1
        if self.pauses > 3:
            raise OutOfTime

    def make_node(self, reactor: Any, settings: DaemonSettings, key: NodeKey) -> FakeNode:
        assert reactor is self.clock
        self.settings.append(settings)
        self.keys.append(key)
        return self.node

    def run(self, start: Callable[[Any], Deferred[int]]) -> int:
        running = start(self.clock)
        outcome: list[Any] = []
        running.addBoth(outcome.append)
        if not outcome:
            self.meanwhile(self, running)
        (result,) = outcome
        if isinstance(result, Failure):
            result.raiseException()
        assert isinstance(result, int)
        return result

    @property
    def said(self) -> str:
        return self.stderr.getvalue()

    @property
    def printed(self) -> bytes:
        return self.stdout.getvalue()

    @property
    def json(self) -> Any:
        (line,) = self.printed.splitlines()
        return json.loads(line)
