"""Feeds the watchdog of a service manager, as long as the node works.

Three times in each period of the watchdog the node checks itself: a PING to itself through its own
sockets, and a read from its storage.  The watchdog is fed if the check succeeds in time and the
reactor then turns once more.  After a check that failed, the next one comes sooner: in a flood
datagrams are lost, also our own, and a node should not be ended for that.  At most one check is
under way.  While it hangs, the watchdog is not fed.

This does not look at the node's health: a node without a network works if it can serve itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.node.world import slept_seconds

CHECKS_IN_A_PERIOD = 3
"""sd_watchdog_enabled(3) recommends half of the period; a third forgives one slow check."""
SOONER = 5
"""MAGIC: after a check that failed, the next one comes this many times sooner than usual."""
TELL_EVERY = 60.0
"""MAGIC: seconds between two log lines, so that a check that fails and succeeds in turn does not
fill the log."""


class Watchdog:
    """Watches over one node.

    ``reactor`` provides time, ``period`` is the watchdog's, in seconds.  ``check`` is the node's
    self-check.  ``feed`` is called for each sign of life, ``slept`` says how long the machine has
    slept, up to a constant.
    """

    def __init__(
        self,
        reactor: Any,
        period: float,
        check: Callable[[], Deferred[None]],
        feed: Callable[[], object],
        slept: Callable[[], float] = slept_seconds,
    ) -> None:
        # Not in the class body: Twisted would name the logger after the class there.
        self._log = Logger(namespace="kadtwisted.watchdog")
        self._reactor = reactor
        self._period = period
        self._every = period / CHECKS_IN_A_PERIOD
        self._check = check
        self._feed = feed
        self._slept = slept
        self._timer: IDelayedCall | None = None
        self._checking = False
        self._began = 0.0
        self._ticked = 0.0
        self._told_well = True
        self._told_at = float("-inf")

    def start(self) -> None:
        """Check now, and then regularly."""
        self._ticked = self._reactor.seconds() - self._slept()
        self._tick()

    def stop(self) -> None:
        """Stop checking and feeding.  Idempotent."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _tick(self) -> None:
        now = self._reactor.seconds()
        self._timer = self._reactor.callLater(self._every, self._tick)
        self._look_at_the_gap(now)
        if self._checking:
            self._tell(False, f"no answer to the self-check for {now - self._began:.1f} s")
            return
        self._checking = True
        self._began = now
        maybeDeferred(self._check).addBoth(self._checked)

    def _look_at_the_gap(self, now: float) -> None:
        """Report a reactor that stood still: in a long call, or stopped by a signal."""
        now -= self._slept()  # a machine that sleeps stands still with everything on it
        gap, self._ticked = now - self._ticked, now
        if gap > self._period:
            self._tell(False, f"the reactor stood still for {gap:.1f} s")

    def _checked(self, result: Failure | None) -> None:
        """The check has ended.  It counts in the reactor's next turn, if that comes in time."""
        self._reactor.callLater(0, self._judge, result)

    def _judge(self, result: Failure | None) -> None:
        self._checking = False
        if self._timer is None:
            return
        took = self._reactor.seconds() - self._began
        if isinstance(result, Failure):
            self._failed(f"{type(result.value).__name__}: {result.getErrorMessage()}")
        elif took > self._every:
            self._failed(f"the self-check took {took:.1f} s, more than {self._every:.1f} s")
        else:
            self._feed()
            self._tell(True, "")

    def _failed(self, why: str) -> None:
        self._tell(False, why)
        if self._timer is not None:
            self._timer.reset(self._every / SOONER)

    def _tell(self, well: bool, why: str) -> None:
        """Log a change once.  Too soon after the last line it is left out, and logged later if it
        lasts."""
        now = self._reactor.seconds()
        if well is self._told_well or now - self._told_at < TELL_EVERY:
            return
        self._told_well, self._told_at = well, now
        if well:
            self._log.warn("the node passes its self-check again")
        else:
            self._log.error("the node fails its self-check: {why}; no watchdog is fed", why=why)
