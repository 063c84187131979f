"""Ends a daemon one of whose UDP ports died and cannot be bound again for long.

A port that dies is bound again by the node itself (see :mod:`kadtwisted.node.port.link`).  If that
does not work, or the port dies again and again, a daemon that lives on and hears nobody is worse
than one that ends: whoever started it can start it again, and sees why.
This looks and tells; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from kadtwisted.errors import CannotListen
from kadtwisted.model.status import NodeStatus

LOOK_EVERY = 5.0
GIVE_UP_AFTER = 60.0
"""MAGIC: seconds without a port.  The node tries each 2 s; what takes longer than a minute (an
address that is gone, a port somebody else took) does not pass by itself."""
DEATHS = "port.died"
"""The counter of ports that died."""


class PortWatch:
    """Watches the ports of one node.

    ``reactor`` provides time, ``status`` a picture of the node now; ``lost`` is called once, with
    what to say, if one of its ports is gone for good.
    """

    def __init__(
        self,
        reactor: Any,
        status: Callable[[], NodeStatus],
        lost: Callable[[CannotListen], object],
    ) -> None:
        self._log = Logger(namespace="kadtwisted.daemon")
        self._reactor = reactor
        self._status = status
        self._lost = lost
        self._deaths = 0
        self._since: dict[str, float] = {}
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Look now, and then again and again."""
        looking = self._looking.start(LOOK_EVERY)
        looking.addErrback(lambda failure: self._log.failure("Looking at ports failed", failure))

    def stop(self) -> None:
        """Look no more.  Idempotent."""
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        now = self._reactor.seconds()
        self._since = {each: self._since.get(each, now) for each in self._troubles()}
        for trouble, since in self._since.items():
            if now - since >= GIVE_UP_AFTER:
                self.stop()
                self._lost(CannotListen(f"{trouble} for {now - since:.0f} s; start the node anew"))
                return

    def _troubles(self) -> list[str]:
        """What is wrong with the ports now."""
        status = self._status()
        troubles = [
            f"the UDP port of IPv{link.family:d} died and could not be bound again"
            for link in status.links
            if link.listening is None
        ]
        before, self._deaths = self._deaths, status.counters.get(DEATHS, 0)
        if self._deaths > before:
            troubles.append("a UDP port died again and again")
        return troubles
