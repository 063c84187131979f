"""Long polls: a read that waits until there is another version than the client has.

As in consul's API: the client sends the index of what it has, and the answer comes as soon as the
index is another one, or when the time is over: then it is the same again.  A poll holds a watch
meanwhile, and counts as a stream.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred

from kadtwisted.api.describe import Described
from kadtwisted.api.operations import Operations
from kadtwisted.web.calls import INDEX
from kadtwisted.web.forms import index_of
from kadtwisted.web.live.places import Places
from kadtwisted.web.problems import Refused

WAIT_SECONDS = 30.0
"""MAGIC: below the time after which proxies usually give up, a minute."""


class Polls:
    """The long polls of one gateway."""

    def __init__(self, operations: Operations, places: Places, clock: Any) -> None:
        self._operations = operations
        self._places = places
        self._clock = clock

    def changed(self, place: dict[str, Any], index: str, wait: float | None) -> Deferred[Described]:
        """What is at a place once its index is not this one, or after ``wait`` seconds."""
        seconds = WAIT_SECONDS if wait is None else wait
        return Deferred.fromCoroutine(self._changed(place, index, self._clock.seconds() + seconds))

    async def _changed(self, place: dict[str, Any], index: str, until: float) -> Described:
        seen: Described | None = None
        with self._places.taken():
            events = self._operations.stream("watch", place)
            try:
                while seen is None or index_of(seen) == index:
                    left = max(0.0, until - self._clock.seconds())
                    seen = await events.__anext__().addTimeout(left, self._clock)
            except defer.TimeoutError:
                pass
            finally:
                events.stop()
        if seen is None or (not seen["gone"] and seen["value_base64"] is None):
            # Nobody has said yet what is there, or it is no byte string.
            return await self._operations.perform("get", place)
        if seen["gone"]:
            raise Refused(
                404, "nothing is there; ask again with index=0 to wait for it", {INDEX: "0"}
            )
        return seen
