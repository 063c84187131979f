"""Ends a daemon one of whose UDP ports died and cannot be bound again for long.

A port that dies is bound again by the node itself (see :mod:`kadtwisted.node.link`).  If that does
not work out, a daemon that lives on and hears nobody is worse than one that ends: who started it
can start it again, and sees why.  This looks and tells; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from kadtwisted.errors import CannotListen
from kadtwisted.node.status import LinkStatus

LOOK_EVERY = 5.0
GIVE_UP_AFTER = 60.0
"""MAGIC: seconds without a port.  The node tries each 2 s; what takes longer than a minute (an
address that is gone, a port somebody else took) does not pass by itself."""


class PortWatch:
    """Watches the ports of one node.

    ``reactor`` provides time, ``links`` a picture of the ports now; ``lost`` is called once, with
    what to say, if one of them is gone for good.
    """

    def __init__(
        self,
        reactor: Any,
        links: Callable[[], Iterable[LinkStatus]],
        lost: Callable[[CannotListen], object],
    ) -> None:
        self._log = Logger(namespace="kadtwisted.daemon")
        self._reactor = reactor
        self._links = links
        self._lost = lost
        self._missing: dict[int, float] = {}
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
        missing = [int(link.family) for link in self._links() if link.listening is None]
        self._missing = {family: self._missing.get(family, now) for family in missing}
        for family, since in self._missing.items():
            if now - since >= GIVE_UP_AFTER:
                self.stop()
                self._lost(
                    CannotListen(
                        f"the UDP port of IPv{family} died and could not be bound again "
                        f"for {now - since:.0f} s; ending, to be started anew"
                    )
                )
                return
