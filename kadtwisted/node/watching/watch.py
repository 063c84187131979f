"""What a user holds of a watch: changes to wait for one by one, or a function that is called.

Nothing is kept twice: of each place only the newest change waits to be taken, so a reader that is
slow misses states that were, and never the one that is.  At most as many wait as there may be
places: of more, the first that says that something has gone is dropped, else the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from zope.interface import implementer

from kadtwisted.errors import InvalidInput, KadtwistedError
from kadtwisted.interfaces import IWatch
from kadtwisted.model.record import StorageKey
from kadtwisted.model.results import Change

Callback = Callable[[Change], Any]


@implementer(IWatch)
class Watch:
    """One watch; ``callback`` is called with each change, else they wait to be taken.

    ``on_stop`` is called once, when the watch is stopped by its user.  At most ``most`` changes
    wait.
    """

    _log = Logger(namespace="kadtwisted.node")

    def __init__(
        self,
        kind: int,
        key: bytes,
        callback: Callback | None,
        on_stop: Callable[[Watch], None],
        most: int = 1,
    ) -> None:
        self.kind = kind
        self.key = key
        self._callback = callback
        self._on_stop = on_stop
        self._most = most
        self._changes: dict[StorageKey, Change] = {}
        self._waiting: Deferred[Change] | None = None
        self._ended: list[Deferred[None]] = []
        self._end: KadtwistedError | StopAsyncIteration | None = None

    def __repr__(self) -> str:
        return f"<Watch of kind {self.kind} under {self.key.hex()}>"

    def __len__(self) -> int:
        """How many changes wait to be taken."""
        return len(self._changes)

    # --- Taking changes ----------------------------------------------------------------------

    def next(self) -> Deferred[Change]:
        """See :meth:`IWatch.next`."""
        if self._callback is not None:
            return fail(InvalidInput("this watch calls a function: there is nothing to wait for"))
        if self._changes:
            where = next(iter(self._changes))
            return succeed(self._changes.pop(where))
        if self._end is not None:
            return fail(self._end)
        if self._waiting is not None:
            return fail(InvalidInput("somebody waits for the next change of this watch already"))
        self._waiting = Deferred(self._not_waiting)
        return self._waiting

    def _not_waiting(self, _: Deferred[Change]) -> None:
        self._waiting = None

    def __aiter__(self) -> Watch:
        return self

    def __anext__(self) -> Deferred[Change]:
        return self.next()

    # --- Its end -----------------------------------------------------------------------------

    def stop(self) -> None:
        """See :meth:`IWatch.stop`."""
        if self._end is None:
            self._changes.clear()
            self._on_stop(self)
            self.end(None)

    def when_ended(self) -> Deferred[None]:
        """See :meth:`IWatch.when_ended`."""
        if isinstance(self._end, KadtwistedError):
            return fail(self._end)
        if self._end is not None:
            return succeed(None)
        ended: Deferred[None] = Deferred(self._ended.remove)
        self._ended.append(ended)
        return ended

    def end(self, error: KadtwistedError | None) -> None:
        """There will be no more changes, because of an error, or because the user said so."""
        if self._end is not None:
            return
        self._end = StopAsyncIteration() if error is None else error
        waiting, self._waiting = self._waiting, None
        ended, self._ended = self._ended, []
        if waiting is not None:
            waiting.errback(self._end)
        for each in ended:
            if error is None:
                each.callback(None)
            else:
                each.errback(error)

    # --- What happens ------------------------------------------------------------------------

    def tell(self, change: Change) -> None:
        """Something has changed."""
        if self._end is not None:
            return
        if self._callback is not None:
            self._call(change)
            return
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(change)
        else:
            self._changes.pop(change.where, None)
            self._changes[change.where] = change
            if len(self._changes) > self._most:
                waiting_there = self._changes.items()
                gone = (where for where, each in waiting_there if each.gone)
                del self._changes[next(gone, next(iter(self._changes)))]

    def _call(self, change: Change) -> None:
        assert self._callback is not None, "asked before"
        try:
            self._callback(change)
        except Exception:
            self._log.failure("a watcher failed that was told of a change")
