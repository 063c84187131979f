"""``kad status`` and ``kad routing``: the state of a running node, through its control socket."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described
from kadtwisted.cli.text.status import routing_text, status_text
from kadtwisted.settings.daemon_settings import DEFAULT_PORT
from kadtwisted.settings.directories import check_state_dir, default_state_dir


async def status(session: Session) -> int:
    """Print the state of a running node."""
    return await _show(session, "status", status_text)


async def routing(session: Session) -> int:
    """Print the routing tables of a running node."""
    return await _show(session, "routing", routing_text)


async def _show(session: Session, verb: str, text: Callable[[Described], str]) -> int:
    client = await session.control(_directory(session))
    try:
        described = await client.perform(verb, {})
    finally:
        client.close()
    session.output.result(described, text)
    return os.EX_OK


def _directory(session: Session) -> Path:
    """``--state-dir``, else the state directory of a daemon with this ``--port``."""
    if session.state_dir is not None:
        return session.state_dir
    port = session.arguments.port
    return check_state_dir(
        default_state_dir(session.world.environ, DEFAULT_PORT if port is None else port)
    )
