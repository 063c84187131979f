"""One run of ``kad``: its arguments, the world it runs in, and the performer of its verb.

A verb is performed by a running node, through its control socket, if ``--state-dir`` names one and
no ``--bootstrap`` is given.  Otherwise a short-lived, read-only node is made for it.  The verbs are
the same for both.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from twisted.internet.defer import Deferred

from kadtwisted.api import control_client
from kadtwisted.api.control_client import ControlUnavailable
from kadtwisted.api.operations import Operations, Performer
from kadtwisted.cli.text.output import Output
from kadtwisted.errors import InvalidInput
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings import checks
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.settings.directories import check_state_dir
from kadtwisted.settings.interfaces import check_interfaces, interfaces_towards
from kadtwisted.settings.plugin_registry import PluginRegistry
from kadtwisted.state.directory import SOCKET_FILE, StateDirectory

MakeNode = Callable[[Any, DaemonSettings, NodeKey], INode]
"""Makes a node on a reactor, not yet started."""
Run = Callable[[Callable[[Any], Deferred[int]]], int]
"""Runs a reactor until the Deferred that the function makes on it has fired."""


class UsageError(InvalidInput):
    """The options of a verb do not go together."""


@dataclass(frozen=True)
class CommandWorld:
    """All that ``kad`` touches outside itself; tests give it another one."""

    stdin: BinaryIO
    stdout: BinaryIO
    stderr: TextIO
    environ: Mapping[str, str]
    secure_random: Callable[[int], bytes]
    random: Callable[[], float]
    make_node: MakeNode
    run: Run
    find_plugins: Callable[[], PluginRegistry] = PluginRegistry


class Session:
    """One run.

    ``somebody_answered`` decides which error is shown when ``--timeout`` is over: that nobody
    answered, or that more time was needed.
    """

    def __init__(self, arguments: argparse.Namespace, world: CommandWorld, output: Output) -> None:
        self.arguments = arguments
        self.world = world
        self.output = output
        self.reactor: Any = None
        self.somebody_answered = False

    @property
    def state_dir(self) -> Path | None:
        given = self.arguments.state_dir
        return None if given is None else check_state_dir(given)

    def settings(
        self,
        *,
        bootstrap: tuple[str, ...],
        port: int,
        read_only: bool,
        towards: tuple[str, ...],
        storage: str = "memory",
    ) -> DaemonSettings:
        """The settings of a node of our own.

        Without ``--port`` it has this ``port``.  Without ``--interface`` it can reach the addresses
        in ``towards``.
        """
        given = self.arguments
        secret_file = given.network_secret_file
        return DaemonSettings(
            node=NodeSettings(
                port=port if given.port is None else given.port,
                interfaces=check_interfaces(given.interface or interfaces_towards(towards)),
                network=checks.check_network(given.network),
                network_secrets=checks.read_secrets(secret_file) if secret_file else (),
                read_only=read_only,
                allow=checks.check_allow(given.allow or ()),
            ),
            bootstrap=bootstrap,
            storage=storage,
            state_dir=self.state_dir,
        )

    @asynccontextmanager
    async def performer(self, towards: str | None = None) -> AsyncIterator[Performer]:
        """The performer of the verb: a running node, or one of our own that joins through
        ``--bootstrap`` first.

        A verb that needs no network, only one address, gives this as ``towards``.
        """
        bootstrap = checks.check_bootstrap(getattr(self.arguments, "bootstrap", ()))
        if not bootstrap and self.state_dir is not None:
            client = await self._running_node(self.state_dir, required=towards is None)
            if client is not None:
                try:
                    yield client
                finally:
                    client.close()
                return
        if not bootstrap and towards is None:
            raise UsageError("give --bootstrap HOST:PORT, or --state-dir of a running node")
        async with self._own_node(bootstrap, bootstrap or (towards or "",)) as performer:
            yield performer

    async def control(self, state_dir: Path) -> control_client.ControlClient:
        """A connection to the running node that has this state directory."""
        try:
            client = await control_client.connect(self.reactor, state_dir / SOCKET_FILE)
        except ControlUnavailable as error:
            sentence = f"{error}; name the state directory of a running node with --state-dir"
            raise ControlUnavailable(sentence) from error.__cause__
        self.somebody_answered = True
        return client

    async def _running_node(
        self, state_dir: Path, required: bool
    ) -> control_client.ControlClient | None:
        try:
            return await self.control(state_dir)
        except ControlUnavailable:
            if required:
                raise
            return None

    @asynccontextmanager
    async def _own_node(
        self, bootstrap: tuple[str, ...], towards: tuple[str, ...]
    ) -> AsyncIterator[Performer]:
        settings = self.settings(bootstrap=bootstrap, port=0, read_only=True, towards=towards)
        state = None if settings.state_dir is None else StateDirectory(settings.state_dir)
        try:
            if state is not None:
                state.open()
            node = self.world.make_node(self.reactor, settings, self._identity(state))
            await node.start()
            try:
                if bootstrap:
                    await node.bootstrap(bootstrap)
                    self.somebody_answered = True
                yield Operations(node)
            finally:
                await node.stop()
        finally:
            if state is not None:
                state.close()

    def _identity(self, state: StateDirectory | None) -> NodeKey:
        if state is None:
            return NodeKey.generate(self.world.secure_random)
        return state.identity(self.world.secure_random)
