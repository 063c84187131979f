"""``kad top``: what a running node does, as it does it."""

from __future__ import annotations

import os

from kadtwisted.cli.session import Session
from kadtwisted.cli.text.top import Rates, top_text
from kadtwisted.cli.verbs.eyes.live import GONE, Screen, looks


async def top(session: Session) -> int:
    """Show the node again and again, with its rates since the look before."""
    arguments = session.arguments
    screen, rates = Screen(session), Rates()
    async for look in looks(session, ("status", "routing"), arguments.every, arguments.count):
        if GONE not in look:
            look["rates"] = rates.since(look["status"])
        screen.show(look, top_text)
    return os.EX_OK
