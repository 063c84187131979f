"""Reports a UDP port that died and could not be bound again for a minute, so that the daemon ends.

A node binds a dead port again by itself (see :mod:`kadtwisted.node.port.link`).  If that does not
work, or if the port dies again and again, the daemon hears nobody.  It is better for it to end: the
service manager can start it again, and its operator sees why.  Nothing is changed here.
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
"""MAGIC: seconds without a port.  The node tries every 2 s.  A trouble that lasts longer than a
minute (the address is gone, another program has the port) does not pass by itself."""
DEATHS = "port.died"
"""The counter of ports that died."""


class PortWatch:
    """Watches the ports of one node.

    ``reactor`` provides time, ``status`` the node's status now.  If a port is gone for good,
    ``lost`` is called once, with an error that says so.
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
        """Look now, and then every few seconds."""
        looking = self._looking.start(LOOK_EVERY)
        looking.addErrback(lambda failure: self._log.failure("Looking at ports failed", failure))

    def stop(self) -> None:
        """Stop looking.  Idempotent."""
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
