"""``kad wait``: waits until the running node has one of the verdicts that are named.

The node may be starting, or be started anew meanwhile: it is looked for again and again.
"""

from __future__ import annotations

import os

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.cli.session import Session, drive
from kadtwisted.errors import NodeStopped
from kadtwisted.model.health import WORRYING

LOOK_EVERY = 0.25
"""MAGIC: seconds between two looks; who waits for a node does not mind so few."""


async def wait(session: Session) -> int:
    """Return once the node has a verdict that is waited for; ``--timeout`` ends it before."""
    wanted: tuple[str, ...] = session.arguments.verdicts
    while (found := _verdict(session)) not in wanted:
        if found is not None:
            missing = " or ".join(wanted)
            session.waits_for = f"the node is {found}{_why(found)}; it did not become {missing}"
        session.world.pause(LOOK_EVERY)
    session.output.report({"health": found}, lambda _: f"kad: the node is {found}")
    return os.EX_OK


def _why(word: str) -> str:
    """What is wrong with a node that has this verdict, if anything is."""
    worrying = {each.word: f" ({each.sentence})" for each in WORRYING}
    return worrying.get(word, "")


def _verdict(session: Session) -> str | None:
    """The node's verdict; ``None`` while there is no node, or it goes away just now."""
    try:
        if session.client is None:
            session.look_for_node()
        client = session.client
        return None if client is None else str(drive(client.perform("status", {}))["health"])
    except (ControlUnavailable, NodeStopped):
        session.close()
        session.client = None
        return None
