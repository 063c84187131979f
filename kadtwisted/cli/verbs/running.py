"""``kad status`` and ``kad routing``: the state of a running node, through its control socket."""

from __future__ import annotations

import os
from collections.abc import Callable

from kadtwisted.cli.performing import performer
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described
from kadtwisted.cli.text.status import routing_text, status_text


async def status(session: Session) -> int:
    """Print the state of a running node."""
    return await _show(session, "status", status_text)


async def routing(session: Session) -> int:
    """Print the routing tables of a running node."""
    return await _show(session, "routing", routing_text)


async def _show(session: Session, verb: str, text: Callable[[Described], str]) -> int:
    async with performer(session) as node:
        described = await node.perform(verb, {})
    session.output.result(described, text)
    return os.EX_OK
