"""PINGs that others were asked to send us: each is waited for by the key of its sender."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

NOTED = 64
"""Senders of a round that are remembered: a PING may come before the promise of it."""


class Arrivals:
    """Who has come in one round of probes, and who is waited for."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._noted: dict[bytes, bool] = {}
        self._awaited: dict[bytes, Deferred[bool]] = {}

    def came(self, key: bytes, quiet: bool) -> None:
        """A request came under this key, from a host to which we had written nothing lately, or
        not."""
        if len(self._noted) < NOTED:
            self._noted[key] = quiet
        waiting = self._awaited.pop(key, None)
        if waiting is not None:
            waiting.callback(quiet)

    def awaits(self, key: bytes) -> bool:
        """Whether somebody is waited for already."""
        return key in self._awaited

    def of(self, key: bytes, patience: float) -> Deferred[bool | None]:
        """Whether a PING under this key came from a host to which we had not written; ``None`` if
        none came within so many seconds."""
        if key in self._noted:
            return succeed(self._noted[key])
        waiting: Deferred[bool] = Deferred()
        self._awaited[key] = waiting
        given_up = self._reactor.callLater(patience, waiting.cancel)

        def ended(result: bool | Failure) -> bool | Failure | None:
            self._awaited.pop(key, None)
            if given_up.active():
                given_up.cancel()
                return result
            return None if isinstance(result, Failure) else result

        return waiting.addBoth(ended)

    def forget(self) -> None:
        """The round is over."""
        self._noted.clear()
