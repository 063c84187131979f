"""The holder's side of a watch: who listens is told when a record has changed.

A write that changed something is reported by :class:`~kadtwisted.node.serving.writer.RecordWriter`.
If anybody listens there, a round begins, at most one a second for each place: the record is read
once, and each listener is sent a CHANGED with it, if it fits.  The rules of who may listen are in
:mod:`~kadtwisted.rpc.listeners`.

* A listener has one CHANGED in flight at most, sent twice at most.  One that does not acknowledge
  is forgotten, with all else for which it listened at that endpoint.
* All of them together are sent :data:`RATE` in a second.  A listener that waits for its turn is
  told what is newest then.
* Whoever listens and is told enters no routing table by that: it may be a short-lived node.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from kadtwisted.dialects.door import Received
from kadtwisted.errors import (
    ErrorReply,
    InvalidAddress,
    KadtwistedError,
    NodeStopped,
    RequestTimedOut,
    StorageError,
    TooManyRequests,
)
from kadtwisted.model.contact import Contact
from kadtwisted.model.messages import (
    Changed,
    Error,
    ErrorCode,
    Listen,
    Listening,
    Noted,
    ReplyBody,
)
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.records.kinds import Sender
from kadtwisted.records.lifetime import remaining_at
from kadtwisted.rpc.listeners import Asker, Listener, Listeners, Place
from kadtwisted.upkeep.schedule import Budget
from kadtwisted.wire.layout import CHANGED_RECORD_BYTES

MOST_LISTENERS: Final = 8192
"""MAGIC: they take 21 MB if each watches another key; how many watch what on a live network would
settle it."""

RATE: Final = 256.0
BURST: Final = 512.0
"""MAGIC: CHANGEDs a second, and at once after a pause, to all listeners together; each may be sent
twice.  With the largest record that is 2.5 Mbit/s.  What holders of popular keys have to spare on a
live network would settle it."""

SWEEP_EVERY: Final = 30.0
"""MAGIC: seconds between two looks for listeners whose time is over, and which nothing was told
since; any small part of the five minutes that they had would do."""

NO_ROOM = "there is no room for more listeners"
TOO_FAR = "many nodes are closer to the key"
NO_SUCH_KIND = "this kind of record is not stored here"
NO_WAY_BACK = "nobody can be told at this address"


class Telling:
    """Tells listeners what changes in the records of one node, for one run of it."""

    def __init__(self, context: NodeContext, records: RecordStore, links: Links) -> None:
        self.listeners = Listeners(MOST_LISTENERS, fair=context.open_network)
        self._records = records
        self._links = links
        self._reactor = context.reactor
        self._now = context.world.now
        self._identify = context.dialect.identify
        self._counters = context.counters
        self._faults = context.faults
        self._budget = Budget(RATE, BURST, self._now())
        self._queue: deque[Listener] = deque()
        self._rounds: dict[Place, IDelayedCall] = {}
        self._pause: IDelayedCall | None = None
        self._sweep: IDelayedCall | None = None
        self._running = True

    def stop(self) -> None:
        """Tell nobody any more."""
        self._running = False
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for each in self._rounds.values():
            each.cancel()
        self._rounds.clear()
        self._queue.clear()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    # --- Who listens -------------------------------------------------------------------------

    def listen(self, received: Received) -> ReplyBody | Deferred[ReplyBody]:
        """The answer to a LISTEN of a proven sender."""
        body: Listen = received.body  # type: ignore[assignment]
        kind, key = body.kind, body.key
        asker = Asker(received.endpoint, received.key, (kind, key))
        if not body.seconds:
            self.listeners.stop(asker)
            return Listening(0)
        if not self._records.kinds.known(kind):
            return Error(ErrorCode.UNKNOWN_KIND, NO_SUCH_KIND)
        sender = Sender(received.endpoint, received.key)
        if self._records.neighbours.is_too_far(key, sender):
            return Error(ErrorCode.NOT_ACCEPTED, TOO_FAR)
        if self._contact(asker) is None:
            return Error(ErrorCode.NOT_ACCEPTED, NO_WAY_BACK)
        granted = int(self.listeners.listen(asker, body.known_version, body.seconds, self._now()))
        if not granted:
            self._counters.add("listeners.refused")
            return Error(ErrorCode.STORAGE_FULL, NO_ROOM)
        if self._sweep is None and self._running:
            self._sweep = self._reactor.callLater(SWEEP_EVERY, self._forget_old)
        if kind in self._records.kinds.many:
            return Listening(granted)
        return self._records.find(kind, key).addCallback(self._listening, granted)

    def _listening(self, found: Sequence[StoredRecord], granted: int) -> Listening:
        return Listening(granted, self._records.version(found[0]) if found else b"")

    def _forget_old(self) -> None:
        """Forget those whose time is over, and look again later if there are others."""
        self.listeners.expire(self._now())
        later = len(self.listeners) and self._running
        self._sweep = self._reactor.callLater(SWEEP_EVERY, self._forget_old) if later else None

    def _contact(self, asker: Asker) -> Contact | None:
        """Whom to tell; ``None`` for an address that means something on this machine only."""
        try:
            return Contact.at(self._identify(asker.key), asker.endpoint, asker.key)
        except InvalidAddress:
            return None

    # --- What has changed --------------------------------------------------------------------

    def changed(self, record: StoredRecord) -> None:
        """A newer record was stored."""
        at = self.listeners.changed(record.where, self._now())
        place = record.where[:2]
        if at is not None and self._running and place not in self._rounds:
            wait = max(0.0, at - self._now())
            self._rounds[place] = self._reactor.callLater(wait, self._begin_round, place)

    def _begin_round(self, place: Place) -> None:
        del self._rounds[place]
        subs = self.listeners.begin_round(place, self._now())
        if subs:
            reading = self._read(place, subs)
            reading.addCallback(self._tell_all, place).addErrback(self._not_read)

    def _read(self, place: Place, subs: Sequence[bytes]) -> Deferred[Changed | None]:
        """What there is to tell; ``None`` if it has gone already."""
        kind, key = place
        if kind not in self._records.kinds.many:
            return self._records.find(kind, key).addCallback(self._news)
        if len(subs) > 1:
            return succeed(Changed(key, kind))
        return self._records.at([StorageKey(kind, key, subs[0])]).addCallback(self._news)

    def _news(self, found: Sequence[StoredRecord]) -> Changed | None:
        if not found:
            return None
        where, data, expires, _ = record = found[0]
        told = data if len(data) <= CHANGED_RECORD_BYTES else b""
        left = remaining_at(expires, self._now())
        return Changed(where.key, where.kind, self._records.version(record), told, left)

    def _not_read(self, failure: Failure) -> None:
        failure.trap(StorageError, CancelledError)
        self._faults.report("listeners", "what listeners are to be told cannot be read", failure)

    # --- Telling -----------------------------------------------------------------------------

    def _tell_all(self, news: Changed | None, place: Place) -> None:
        audience = self.listeners.audience(place)
        if news is None or audience is None or not self._running:
            return
        audience.news = news
        for listener in audience.listeners:
            self._tell(listener, news)
        if self._pause is None:
            self._send_on()

    def _tell(self, listener: Listener, news: Changed) -> None:
        """One listener is to be told, if it does not know already."""
        if news.version and news.version == listener.known:
            return
        if listener.busy:
            listener.several = listener.owed
            listener.owed = True
        elif listener.queued:
            listener.several = True
        else:
            listener.queued = True
            self._queue.append(listener)

    def _send_on(self) -> None:
        """Send to those whose turn it is, as far as the budget reaches."""
        self._pause = None
        while self._queue and self._running:
            listener = self._queue.popleft()
            listener.queued = False
            if listener.here and listener.until > self._now() and self._send(listener):
                wait = self._budget.spend(1.0, self._now())
                if wait > 0.0:
                    self._pause = self._reactor.callLater(wait, self._send_on)
                    return

    def _send(self, listener: Listener) -> bool:
        """Send a listener what is newest now; whether anything was sent."""
        asker = listener.asker
        audience = self.listeners.audience(asker.place)
        contact, link = self._contact(asker), self._links.get(asker.endpoint.family)
        if audience is None or audience.news is None or contact is None or link is None:
            return False
        news: Changed = audience.news
        if news.version and news.version == listener.known:
            return False
        if listener.several and news.kind in self._records.kinds.many:
            news = Changed(news.key, news.kind)
        listener.several = False
        listener.busy = True
        self._counters.add("listeners.told")
        asking = link.tell(contact, news)
        asking.addCallbacks(
            self._told,
            self._not_told,
            callbackArgs=(listener, news),
            errbackArgs=(listener,),
        )
        asking.addErrback(self._fault)
        return True

    def _told(self, answer: Answer, listener: Listener, news: Changed) -> None:
        body = answer.reply.body
        listener.busy = False
        if not (isinstance(body, Noted) and body.listening):
            self.listeners.remove(listener)
            return
        listener.known = news.version
        if listener.owed and listener.here:
            self._tell_again(listener)

    def _tell_again(self, listener: Listener) -> None:
        """Something changed while a listener was told: it may be told that, too, by its turn."""
        listener.owed = False
        audience = self.listeners.audience(listener.asker.place)
        if audience is not None and audience.news is not None:
            self._tell(listener, audience.news)
            if self._pause is None and self._queue:
                self._pause = self._reactor.callLater(0.0, self._send_on)

    def _not_told(self, failure: Failure, listener: Listener) -> None:
        """Silence is the end of all that listen there; a busy listener will ask again."""
        error = failure.value
        listener.busy = False
        failure.trap(KadtwistedError, CancelledError)
        if failure.check(RequestTimedOut):
            gone = self.listeners.lose(listener.asker.endpoint)
            self._counters.add("listeners.lost", gone)
        elif isinstance(error, ErrorReply) and error.code != ErrorCode.BUSY:
            self.listeners.remove(listener)
        elif listener.owed and not failure.check(NodeStopped, TooManyRequests):
            self._tell_again(listener)

    def _fault(self, failure: Failure) -> None:
        self._faults.report("listeners", "a listener could not be told", failure)
