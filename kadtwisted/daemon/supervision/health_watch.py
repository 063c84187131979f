"""Logs each change of a node's health, once.

It looks every few seconds, and when it is told to.  What the health is, only
:func:`~kadtwisted.upkeep.health.verdict` decides; nothing is changed here.  A change that is over
before the next look is not logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel

from kadtwisted.model.health import Health

T = TypeVar("T")

LOOK_EVERY = 2.0
"""MAGIC: seconds between two looks; nobody needs to hear of a change that is over sooner."""

WORRYING = frozenset({Health.ISOLATED, Health.DEGRADED})


class HealthWatch:
    """Watches one node.

    ``reactor`` provides time, ``health`` the node's health now.  ``looked`` is called with the
    health at each look.
    """

    def __init__(
        self,
        reactor: Any,
        health: Callable[[], Health],
        looked: Callable[[Health], None] = lambda health: None,
    ) -> None:
        # Not in the class body: Twisted would name the logger after the class there.
        self._log = Logger(namespace="kadtwisted.health")
        self._health = health
        self._looked = looked
        self._told: Health | None = None
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
        self._looked(now)


def _level(before: Health | None, now: Health) -> Any:
    """Bad news is a warning, and so is its end: a reader of warnings needs both."""
    over = before in WORRYING and now is Health.SERVING
    return LogLevel.warn if now in WORRYING or over else LogLevel.info
