"""``kad bootstrap`` and ``kad join``: a full node that runs until it is told to stop."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from kadtwisted.api import describe, describe_status
from kadtwisted.application.home import Randomness
from kadtwisted.cli.own_node import settings_of
from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.text.output import count_of
from kadtwisted.daemon.service import SupervisedNode, Supervision
from kadtwisted.errors import KadtwistedError
from kadtwisted.model.results import BootstrapResult
from kadtwisted.settings.checks import check_bootstrap
from kadtwisted.settings.daemon_settings import DEFAULT_STORAGE
from kadtwisted.settings.directories import DEFAULT_PORT


async def bootstrap(session: Session) -> int:
    """Run the first node of a network, through which others join."""
    addresses = check_bootstrap(session.arguments.bootstrap)
    return await _serve(session, addresses, report_at=not addresses)


async def join(session: Session) -> int:
    """Run a node that joins through others, and say when it has joined."""
    addresses = check_bootstrap(session.arguments.bootstrap)
    if not addresses:
        raise UsageError("give --bootstrap HOST:PORT of a node to join through")
    return await _serve(session, addresses, report_at=False)


async def _serve(session: Session, addresses: tuple[str, ...], report_at: bool) -> int:
    until_stopped: Deferred[None] = Deferred()
    settings = settings_of(session, addresses, port=DEFAULT_PORT, read_only=False)
    # Who names a directory wants to find things there again.
    usual = "memory" if settings.state_dir is None else DEFAULT_STORAGE
    storage = session.arguments.storage or usual
    settings = replace(settings, bootstrap=addresses, storage=storage)
    world = session.world

    def joined(result: BootstrapResult) -> None:
        known = count_of(result.contacts, "contact")
        answered = f"{len(result.answered)} of {len(addresses)} bootstrap addresses answered"
        status = {**_status(service), "joined": describe.of_bootstrap(result)}
        session.output.report(status, lambda _: f"kad: joined: {answered}, {known} known")

    service = SupervisedNode(
        session.reactor,
        settings,
        lambda key: world.make_node(session.reactor, settings, key),
        Randomness(world.secure_random, world.random),
        Supervision(until_stopped.errback),
    )
    if addresses:
        service.whenJoined().addCallbacks(joined, lambda failure: failure.trap(KadtwistedError))
    service.privilegedStartService()
    try:
        _announce(session, service, report_at)
        service.startService()
        await until_stopped
    except CancelledError:
        pass  # Ctrl-C or SIGTERM: this is how the verb ends
    finally:
        await service.stopService()
    return os.EX_OK


def _announce(session: Session, service: SupervisedNode, report_at: bool) -> None:
    status = _status(service)
    for address in status["addresses"]:
        session.output.note(f"kad: running; others join with --bootstrap {address}")
    if any(_is_wildcard(each["listening"]) for each in status["links"]):
        session.output.note(
            "kad: (on another machine, replace the loopback address with this machine's address)"
        )
    if report_at and session.arguments.json:
        session.output.report(status, lambda _: "")


def _is_wildcard(listening: str | None) -> bool:
    """Whether a port is bound to all addresses; then only the loopback address is shown above."""
    return listening is not None and listening.startswith(("0.0.0.0:", "[::]:"))


def _status(service: SupervisedNode) -> dict[str, Any]:
    return describe_status.of_status(service.node.status())
