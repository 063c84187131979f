"""Logs each change of a node's health, once, and when its clock is found wrong or right again.

It looks every few seconds, and when it is told to.  What the health is, only
:func:`~kadtwisted.upkeep.health.verdict` decides; nothing is changed here.  A change that is over
before the next look is not logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel

from kadtwisted.model.health import WORRYING, Health, clock_fault
from kadtwisted.node.world import slept_seconds

T = TypeVar("T")

LOOK_EVERY = 2.0
"""MAGIC: seconds between two looks; nobody needs to hear of a change that is over sooner."""

LOOKS_A_CLOCK = 15
"""MAGIC: looks in which the clock is looked at once; it is not in a hurry, except after a start
until it is known for the first time."""

A_NAP = 5.0
"""MAGIC: seconds of sleep that are worth a line."""


class HealthWatch:
    """Watches one node.

    ``reactor`` provides time, ``health`` the node's health now, ``clock_ahead`` how many seconds
    its clock is ahead of the network's, as far as that is known.  ``looked`` is called with the
    health at each look, ``slept`` says how long the machine has slept, up to a constant.
    """

    def __init__(
        self,
        reactor: Any,
        health: Callable[[], Health],
        looked: Callable[[Health], None] = lambda health: None,
        clock_ahead: Callable[[], float | None] = lambda: None,
        slept: Callable[[], float] = slept_seconds,
    ) -> None:
        # Not in the class body: Twisted would name the logger after the class there.
        self._log = Logger(namespace="kadtwisted.health")
        self._health = health
        self._looked = looked
        self._clock_ahead = clock_ahead
        self._slept = slept
        self._slept_before = slept()
        self._told: Health | None = None
        self._clock_is_wrong = False
        self._clock_is_new = True
        self._looks = 0
        self._looking = LoopingCall(self.look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Look now, and then every few seconds."""
        looking = self._looking.start(LOOK_EVERY)
        looking.addErrback(lambda failure: self._log.failure("Looking at health failed", failure))

    def stop(self, result: T) -> T:
        """Look once more, for the last time; returns ``result``, for use as a callback."""
        self.look()
        if self._looking.running:
            self._looking.stop()
        return result

    def look(self) -> None:
        """Report the health; log it if it has changed."""
        self._look_at_sleep()
        before, now = self._told, self._health()
        if now is not before:
            self._told = now
            self._log.emit(
                _level(before, now),
                "the node is {word}: {sentence}",
                word=now.word,
                sentence=now.sentence,
                before=None if before is None else before.word,
            )
        if self._looks % LOOKS_A_CLOCK == 0 or (self._clock_is_new and self._looks < LOOKS_A_CLOCK):
            self._look_at_clock()
        self._looks += 1
        self._looked(now)

    def _look_at_sleep(self) -> None:
        """Log that the machine slept: it explains what comes next."""
        before, self._slept_before = self._slept_before, self._slept()
        slept = self._slept_before - before
        if slept >= A_NAP:
            self._log.info(
                "the machine slept for {slept:.0f} s; what is overdue is done now", slept=slept
            )

    def _look_at_clock(self) -> None:
        """Log that the clock is wrong, or that it is right again; not that nobody can tell."""
        ahead = self._clock_ahead()
        fault = clock_fault(ahead)
        if fault and not self._clock_is_wrong:
            self._log.warn("{fault}; set it", fault=fault, ahead=ahead)
        elif self._clock_is_wrong and ahead is not None and not fault:
            self._log.warn("its clock agrees with the network's again", ahead=ahead)
        if ahead is not None:
            self._clock_is_wrong, self._clock_is_new = bool(fault), False


def _level(before: Health | None, now: Health) -> Any:
    """Bad news is a warning, and so is its end: a reader of warnings needs both."""
    over = before in WORRYING and now is Health.SERVING
    return LogLevel.warn if now in WORRYING or over else LogLevel.info
