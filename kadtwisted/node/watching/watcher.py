"""Watches the records of one kind under one key, for all watches of them in this node.

It begins with a search, whose result is the first thing that is told.  Then it listens at some of
the holders that the search has found (:mod:`~kadtwisted.lookup.posts`): they tell of changes.  What
is missed is caught in three ways.  Each time that it listens anew, a holder says which version it
has, and another one than ours is read.  Every :data:`SEARCH_EVERY` seconds, and when too few
holders are left, it searches again.  And when the time of a record is over it searches whether it
has more.

What is news, :mod:`~kadtwisted.records.watched` decides.  A holder that tells what a search does
not confirm, twice within :data:`SEARCH_EVERY`, is listened to no more.  All searches that others
can cause have a budget.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from kadtwisted.constants import LISTEN_LIMIT
from kadtwisted.errors import ErrorReply, KadtwistedError, NodeStopped
from kadtwisted.lookup.posts import Posts
from kadtwisted.model.contact import Contact, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Changed, ErrorCode, FindValue, Listen, Listening, Records
from kadtwisted.model.record import StoredRecord
from kadtwisted.model.results import Change
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.announcing import Offers
from kadtwisted.node.operations.records import Read, RecordOperations
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.watching.doubts import Doubts, by_holders
from kadtwisted.node.watching.watch import Watch
from kadtwisted.records.kinds import RecordKind
from kadtwisted.records.lifetime import remaining_at
from kadtwisted.records.watched import Verdict, Watched
from kadtwisted.upkeep.schedule import Budget

SEARCH_EVERY: Final = 600.0
"""MAGIC: seconds between two searches; holders tell of nearly every change, so this is for what all
of them missed, and for those that came meanwhile.  Losses of a live network would settle it."""
SEARCH_SOONEST: Final = 1.0
"""Seconds between the beginnings of two searches at least."""
EXTRA_EVERY: Final = 60.0
EXTRA_AT_ONCE: Final = 8.0
"""MAGIC: searches because of what holders told, or because the time of a record is over: so many at
once after a pause, then one a minute.  How often records end on a live network would settle it."""
SHORT_AGAIN: Final = 30.0
"""MAGIC: seconds until the next search while too few holders listen, or nobody answers; it doubles
up to :data:`SEARCH_EVERY`."""
PAGES_EVERY: Final = 5.0
"""MAGIC: seconds between two readings of many records under a key: each may be many pages."""
READ_WITHIN: Final = 30.0
"""MAGIC: seconds in which a holder must have told all that it has: 512 announcements are some 100
pages, and one that is slow must not keep others from being read."""
MOST_READINGS: Final = 16
"""Holders that are to be read at the same time; each says the same, so others may be left out."""


class Watcher:
    """Watches one place, from :meth:`start` to :meth:`stop`; ``watches`` are told."""

    def __init__(
        self,
        context: NodeContext,
        links: Links,
        operations: RecordOperations,
        rules: RecordKind,
        key: NodeID,
    ) -> None:
        self.watches: dict[Watch, None] = {}
        self._context = context
        self._links = links
        self._operations = operations
        self._rules = rules
        self._key = key
        self._now = context.world.now
        self._unix_time = context.clock.network_time
        self._offers = Offers(context, links)
        self._watched = Watched(rules, key, context.parameters.max_remaining)
        self._posts: dict[Family, Posts] = {}
        self._is_known = False
        self._searching: Deferred[Any] | None = None
        self._search_at = self._now()
        self._searched_at = float("-inf")
        self._extra = Budget(1 / EXTRA_EVERY, EXTRA_AT_ONCE, self._now())
        self._soonest = float("-inf")
        self._doubts = Doubts()
        self._short_for = SHORT_AGAIN
        self._readings: dict[Contact, Deferred[Any]] = {}
        self._pages_from: dict[Contact, Link] = {}
        self._pages_at = float("-inf")
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self._running = False

    # --- Life --------------------------------------------------------------------------------

    def add(self, watch: Watch) -> None:
        """One more watch of this place; it is told the state, if that is known."""
        self.watches[watch] = None
        if self._is_known:
            for change in self._watched.state(self._now()):
                watch.tell(change)

    def start(self) -> None:
        """Begin with a search."""
        self._running = True
        self._arm()

    def stop(self, *, politely: bool) -> None:
        """End it; ``politely``, the holders are told."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._searching is not None:
            self._searching.cancel()
        for reading in list(self._readings.values()):
            reading.cancel()
        if politely:
            for family, posts in self._posts.items():
                self._give_up(self._links[family], posts.all())

    def posts(self) -> int:
        """How many holders tell of changes."""
        return sum(map(len, self._posts.values()))

    # --- What is due -------------------------------------------------------------------------

    def _arm(self) -> None:
        """Set the timer for what is due next."""
        if not self._running:
            return
        at = self._wakes_at()
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        wait = max(0.0, at - self._now())
        self._timer = self._context.reactor.callLater(wait, self._wake)

    def _wakes_at(self) -> float:
        times = [posts.wakes_at() for posts in self._posts.values()]
        if self._searching is None:
            times += [self._search_at, self._end_at()]
        if self._pages_from and not self._readings:
            times.append(self._pages_at)
        return min((each for each in times if each is not None), default=self._now() + SEARCH_EVERY)

    def _end_at(self) -> float | None:
        """When to search whether a record has more time, because it is over."""
        end = self._watched.next_end()
        return None if end is None else max(end, self._soonest)

    def _wake(self) -> None:
        self._timer = None
        now = self._now()
        end = self._end_at()
        if self._searching is None and (now >= self._search_at or (end is not None and now >= end)):
            self._soonest = now + max(SEARCH_SOONEST, self._extra.spend(1.0, now))
            self._search()
        if self._pages_from and not self._readings and now >= self._pages_at:
            holder = next(iter(self._pages_from))
            self._read_from(self._pages_from.pop(holder), holder)
        self._listen()
        self._arm()

    def _search_soon(self) -> None:
        """Search as soon as the budget lets us."""
        self._search_at = min(self._search_at, self._soonest)
        self._arm()

    # --- Searching ---------------------------------------------------------------------------

    def _search(self) -> None:
        now = self._now()
        self._searched_at = now
        self._search_at = now + SEARCH_EVERY
        reading = self._operations.read(self._rules, self._key, "latest")
        self._searching = Deferred.fromCoroutine(reading)
        self._searching.addCallbacks(self._found, self._not_found)
        self._searching.addErrback(self._fault).addBoth(self._searched)

    def _searched(self, _: object) -> None:
        self._searching = None
        self._arm()

    def _found(self, read: Read) -> None:
        now = self._now()
        changes: list[Change] = []
        for each, alone in by_holders(read):
            left = self._offers.time_left(each.record, each.remaining)
            if left > 0:
                _, change = self._watched.found(each.where, each.record, left, now, alone)
                changes += [] if change is None else [change]
        if not self._is_known:
            self._is_known = True
            changes = self._watched.state(now)
        self._tell(changes + self._watched.ended(now))
        if not self._running:
            return
        k = self._context.parameters.k
        for found in read.founds:
            posts = self._posts_of(found.link.family)
            self._give_up(found.link, posts.settle(found.keepers(self._context), k, now))
        self._doubts.searched(self._searched_at, self._is_doubtful)
        self._listen()
        if any(posts.all() for posts in self._posts.values()):
            self._short_for = SHORT_AGAIN
        else:
            self._search_later()

    def _not_found(self, failure: Failure) -> None:
        """Nobody answered: try again later."""
        failure.trap(KadtwistedError, CancelledError)
        self._tell(self._watched.ended(self._now()))
        self._search_later()

    def _search_later(self) -> None:
        self._search_at = min(self._search_at, self._searched_at + self._short_for)
        self._short_for = min(2 * self._short_for, SEARCH_EVERY)
        self._arm()

    # --- Listening ---------------------------------------------------------------------------

    def _posts_of(self, family: Family) -> Posts:
        return self._posts.setdefault(family, Posts(self._context.world.random))

    def _listen(self) -> None:
        """Ask all posts that are due or missing."""
        if not self._running:
            return
        for family, posts in self._posts.items():
            link = self._links[family]
            for contact in posts.to_ask(self._now()):
                body = self._listen_for(LISTEN_LIMIT)
                asking = link.ask(contact, body, known=True)
                asking.addCallbacks(
                    partial(self._granted, link, posts),
                    partial(self._lost, posts, contact),
                ).addErrback(self._fault)
        self._arm()

    def _listen_for(self, seconds: float) -> Listen:
        return Listen(self._key, self._rules.number, self._watched.version(), int(seconds))

    def _granted(self, link: Link, posts: Posts, answer: Answer) -> None:
        body, contact = answer.reply.body, answer.contact
        if not self._running or not isinstance(body, Listening):
            return
        if not body.seconds:
            self._passed_over(posts, contact, refused=True)
            return
        if not posts.granted(contact, min(body.seconds, LISTEN_LIMIT), self._now()):
            return
        if body.version and body.version != self._watched.version():
            self._read_from(link, contact)
        self._arm()

    def _lost(self, posts: Posts, contact: Contact, failure: Failure) -> None:
        if failure.check(NodeStopped, CancelledError) or not self._running:
            return
        error = failure.value
        failure.trap(KadtwistedError)
        refused = isinstance(error, ErrorReply) and error.code != ErrorCode.BUSY
        self._passed_over(posts, contact, refused=refused)

    def _passed_over(self, posts: Posts, contact: Contact, *, refused: bool) -> None:
        posts.lost(contact, self._now(), refused=refused)
        if posts.lacks_candidates():
            self._search_later()
        self._listen()

    def _give_up(self, link: Link, contacts: Iterable[Contact]) -> None:
        """Tell holders that we do not listen there any more, without waiting for it."""
        for contact in contacts:
            asking = link.ask(contact, self._listen_for(0), known=True)
            asking.addErrback(lambda failure: failure.trap(KadtwistedError))

    # --- Being told --------------------------------------------------------------------------

    def listens_to(self, contact: Contact) -> bool:
        """Whether this holder is one that was asked to tell of changes."""
        return any(contact in posts for posts in self._posts.values())

    def told(self, link: Link, holder: Contact, body: Changed) -> None:
        """A holder that was asked to tells of a change."""
        if body.record:
            self._take(body.record, body.remaining, holder)
        elif not body.version or body.version != self._watched.version():
            self._read_from(link, holder)

    def stored(self, record: StoredRecord) -> None:
        """This node is a holder itself, and has stored a newer record."""
        self._take(record.data, remaining_at(record.expires, self._now()))

    def _take(self, data: bytes, remaining: float, holder: Contact | None = None) -> None:
        now = self._now()
        left = self._offers.time_left(data, remaining)
        verdict, change = self._watched.take(data, left, now, self._unix_time(), holder)
        if verdict is Verdict.DOUBTFUL and holder is not None:
            self._doubt(holder, data)
        elif verdict in (Verdict.DOUBTFUL, Verdict.CROWDED):
            self._search_soon()
        if change is not None and self._is_known:
            self._tell([change])
        self._arm()

    def _doubt(self, holder: Contact, data: bytes) -> None:
        """A holder told of a record from the future."""
        if self._doubts.add(holder, data, self._now()):
            self._search_soon()
            return
        for family, posts in self._posts.items():
            if holder in posts:
                posts.lost(holder, self._now(), refused=True)
                self._give_up(self._links[family], [holder])
        self._listen()

    def _is_doubtful(self, data: bytes) -> bool:
        """Whether a record is from the future still, now that a search has told what stands."""
        return self._watched.is_doubtful(data, self._unix_time())

    def _tell(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for watch in list(self.watches):
                watch.tell(change)

    # --- Reading one holder ------------------------------------------------------------------

    def _read_from(self, link: Link, holder: Contact) -> None:
        """Read what a holder has, now; or, of a kind of which many stand under a key, when the last
        reading was long enough ago."""
        if not self._running or holder in self._readings or len(self._readings) >= MOST_READINGS:
            return
        now = self._now()
        if self._rules.many:
            if now < self._pages_at or self._readings:
                if len(self._pages_from) < MOST_READINGS:
                    self._pages_from.setdefault(holder, link)
                self._arm()
                return
            self._pages_at = now + PAGES_EVERY
        reading = Deferred.fromCoroutine(self._read(link, holder))
        self._readings[holder] = reading
        limit = self._context.reactor.callLater(READ_WITHIN, reading.cancel)
        reading.addErrback(lambda failure: failure.trap(KadtwistedError, CancelledError))
        reading.addErrback(self._fault).addBoth(self._has_read, holder, limit)

    def _has_read(self, _: object, holder: Contact, limit: IDelayedCall) -> None:
        if limit.active():
            limit.cancel()
        self._readings.pop(holder, None)
        self._arm()

    async def _read(self, link: Link, holder: Contact) -> None:
        cursor, left = b"", self._rules.most
        while left > 0:
            body = FindValue(self._key, self._rules.number, self._watched.version(), cursor)
            answer = await link.ask(holder, body, known=True)
            found = answer.reply.body
            if not isinstance(found, Records):
                return
            for item in found.items:
                self._take(item.record, item.remaining, holder)
            cursor, left = found.cursor, left - len(found.items)
            if not cursor or not found.items:
                return  # a page without records says nothing, whatever cursor it names

    def _fault(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._context.faults.report("watch", "a watch has failed at something", failure)
