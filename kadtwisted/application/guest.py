"""A reactor for a node on the event loop of somebody else's program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import ReactorBase

from kadtwisted.node.world import steady_seconds


class _GuestReactor(AsyncioSelectorReactor):
    """A reactor on a loop that somebody else runs, and goes on to run when the reactor stops."""

    seconds = staticmethod(steady_seconds)

    def crash(self) -> None:
        # The method of AsyncioSelectorReactor would stop the loop, too.
        ReactorBase.crash(self)


@asynccontextmanager
async def guest_reactor() -> AsyncIterator[Any]:
    """A reactor of its own on the running loop; at the end, its threads and files are gone."""
    loop = asyncio.get_running_loop()
    reactor: Any = _GuestReactor(loop)
    reactor.startRunning(installSignalHandlers=False)
    try:
        yield reactor
    finally:
        stopped: asyncio.Future[None] = loop.create_future()
        reactor.addSystemEventTrigger("after", "shutdown", stopped.set_result, None)
        reactor.stop()
        await asyncio.shield(stopped)
        reactor.removeReader(reactor.waker)
        reactor.waker.connectionLost(None)
