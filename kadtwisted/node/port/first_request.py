"""The one request under way to an endpoint that never answered: others wait for its end."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred


class FirstRequest:
    """The one request under way to an endpoint that never answered, and who waits for its end."""

    def __init__(self, on_soft: Callable[[], None] | None) -> None:
        self._on_soft = [on_soft] if on_soft is not None else []
        self._waiting: dict[Deferred[None], None] = {}

    def wait(self, on_soft: Callable[[], None] | None) -> Deferred[None]:
        """Fires when the request has ended, whatever came of it."""
        waiting: Deferred[None] = Deferred(lambda gone: self._waiting.pop(gone, None))
        self._waiting[waiting] = None
        if on_soft is not None:
            self._on_soft.append(on_soft)
        return waiting

    def on_soft(self) -> None:
        """Everybody's patience ends with that of the first."""
        for each in self._on_soft:
            each()

    def end(self) -> None:
        """The request has ended."""
        for waiting in list(self._waiting):
            if not waiting.called:
                waiting.callback(None)
