"""Tells the log of every change of a node's verdict, once, and others of the verdict at each look.

Looks every few seconds and whenever it is told to; it decides nothing about health, which is
:func:`~kadtwisted.upkeep.health.verdict`'s alone, and changes nothing.  What comes and goes between
two looks is not told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel

from kadtwisted.model.health import Health

T = TypeVar("T")

LOOK_EVERY = 2.0
"""MAGIC: seconds between two looks; a verdict that holds for less is nobody's concern."""

WORRYING = frozenset({Health.ISOLATED, Health.DEGRADED})


class HealthWatch:
    """Watches one node; ``reactor`` provides time, ``health`` the verdict now.

    ``looked`` is called with the verdict at each look.
    """

    def __init__(
        self,
        reactor: Any,
        health: Callable[[], Health],
        looked: Callable[[Health], None] = lambda health: None,
    ) -> None:
        # Not in the class body: there Twisted would name it after the class.
        self._log = Logger(namespace="kadtwisted.health")
        self._health = health
        self._looked = looked
        self._told: Health | None = None
        self._looking = LoopingCall(self.look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Look now, and then again and again."""
        looking = self._looking.start(LOOK_EVERY)
        looking.addErrback(lambda failure: self._log.failure("Looking at health failed", failure))

    def stop(self, result: T) -> T:
        """Look once more, then no longer; passes ``result`` on, to stand in a Deferred's chain."""
        self.look()
        if self._looking.running:
            self._looking.stop()
        return result

    def look(self) -> None:
        """Tell of the verdict; the log, if it is not the one told last."""
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
    """Bad times are warnings, and so is their end: who sees only warnings sees both."""
    over = before in WORRYING and now is Health.SERVING
    return LogLevel.warn if now in WORRYING or over else LogLevel.info
