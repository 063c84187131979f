"""The short-lived node of one run of ``kad``: what it is told, and how long it lives.

It is told by the command line, and for the rest by what a daemon here would be told: the
environment and the configuration file.  So it finds the network of this machine.  Port, interfaces,
storage and state directory are its own; a configuration file that this user may not read is passed
over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as TookTooLong

from kadtwisted.api.operations import Operations, Performer
from kadtwisted.cli.session import Session, UsageError
from kadtwisted.errors import NodeStopped
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.results import Receipt
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings import checks
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.settings.directories import FILE_VARIABLE
from kadtwisted.settings.interfaces import check_interfaces, interfaces_towards
from kadtwisted.settings.loading import Configuration
from kadtwisted.state.directory import StateDirectory
from kadtwisted.storage.guard import open_file


class Told(NamedTuple):
    """What environment and configuration file say of a node here."""

    node: NodeSettings
    bootstrap: tuple[str, ...] = ()
    serializer: str = "cbor"
    interfaces: tuple[str, ...] = ()


def told_here(session: Session) -> Told:
    """What a daemon on this machine would be told without a command line."""
    environ = session.world.environ
    configuration = Configuration(environ)
    if FILE_VARIABLE not in environ:
        configuration.files = tuple(each for each in configuration.files if _is_open(session, each))
    loaded = configuration.load()
    settings = loaded.settings
    interfaces = settings.node.interfaces if "interfaces" in loaded.given else ()
    return Told(settings.node, settings.bootstrap, settings.serializer, interfaces)


def _is_open(session: Session, path: Path) -> bool:
    """Whether a file may be read, if it is there."""
    try:
        with open_file(path):
            return True
    except PermissionError:
        session.output.note(f"kad: {path} is passed over: it may not be read")
        return False
    except OSError:
        return True  # loading says what is wrong, if anything is


NOTHING = Told(NodeSettings())

LONGEST_REST = 12.0
"""Seconds for which writes go on after the verb: a STORE is given up after 6, and a busy node may
ask for 5 more (``store_floor``, :mod:`~kadtwisted.node.operations.patience`)."""


def settings_of(
    session: Session, towards: tuple[str, ...], *, port: int, read_only: bool, told: Told = NOTHING
) -> DaemonSettings:
    """The settings of a node of our own.

    Without ``--port`` it has this ``port``.  Without ``--interface`` it can reach the addresses in
    ``towards``.  It asks no gateway for anything: it is gone before that is of use.
    """
    given = session.arguments
    node = told.node
    secret_file = given.network_secret_file
    if given.network is not None:  # the secrets were those of the other network
        node = replace(node, network=checks.check_network(given.network), network_secrets=())
    if secret_file:
        node = replace(node, network_secrets=checks.read_secrets(secret_file))
    if given.allow:
        node = replace(node, allow=checks.check_allow(given.allow))
    interfaces = given.interface or told.interfaces or interfaces_towards(towards)
    return DaemonSettings(
        node=replace(
            node,
            port=port if given.port is None else given.port,
            interfaces=check_interfaces(interfaces),
            read_only=read_only,
            portmap="none",
        ),
        serializer=told.serializer,
        state_dir=session.state_dir,
    )


@asynccontextmanager
async def own_node(session: Session, towards: str | None) -> AsyncIterator[Performer]:
    """A node that has joined, until the verb is done; one that needs only the address ``towards``
    joins nobody."""
    bootstrap = checks.check_bootstrap(getattr(session.arguments, "bootstrap", ()))
    told = told_here(session)
    if towards is None:
        bootstrap = bootstrap or told.bootstrap
    if not bootstrap and towards is None:
        if session.no_node is not None:
            raise session.no_node
        raise UsageError("give --bootstrap HOST:PORT, or --state-dir of a running node")
    reached = bootstrap or (towards or "",)
    settings = settings_of(session, reached, port=0, read_only=True, told=told)
    state = None if settings.state_dir is None else StateDirectory(settings.state_dir)
    try:
        if state is not None:
            state.open()
        node = session.world.make_node(session.reactor, settings, _identity(session, state))
        await node.start()
        try:
            if bootstrap:
                await node.bootstrap(bootstrap)
                session.somebody_answered = True
            receipts: list[Receipt] = []
            yield Operations(node, receipts.append)
            await _go_on(session, receipts)
        finally:
            await node.stop()
    finally:
        if state is not None:
            state.close()


async def _go_on(session: Session, receipts: Sequence[Receipt]) -> None:
    """Let writes go on to their end after their receipts, for this node stops then.

    Not for long.  What was stored is stored, whatever ends the waiting, so this fails with nothing.
    """
    for receipt in receipts:
        if not receipt.pending:
            continue
        try:
            told = await receipt.complete().addTimeout(LONGEST_REST, session.reactor)
        except (TookTooLong, CancelledError, NodeStopped):
            session.output.note("kad: the others have not answered yet; some may keep it")
            return
        asked = told.remote_acks + len(told.failures)
        session.output.note(f"kad: all have answered: {told.remote_acks} of {asked} keep it")


def _identity(session: Session, state: StateDirectory | None) -> NodeKey:
    if state is None:
        return NodeKey.generate(session.world.secure_random)
    return state.identity(session.world.secure_random)
