"""The schedule of our own records: when each is published again.

The publisher of a record stores it again at half its lifetime, until it is told to stop; the nodes
that hold the record only pass on what is left of its life.  The next times are wall-clock moments
and survive a restart.  What is not due is not published, and what became due while the node was
down is spread out, so that a restart does not publish everything at once.

Large numbers are spread by the budget of the upkeep (``UpkeepSettings.rate``).  A publication is
charged :data:`PUBLICATION_COST` datagrams, so at 20 a second one begins every 2.5 s, however many
are due: 1,000 overdue publications take 42 minutes, and 100,000 take three days.  In the long run
that rate suffices for 17,000 records of the default lifetime; 100,000 records need 120 a second.
:meth:`PublicationSchedule.keeps_up` says whether a rate suffices.

A record whose place another one has taken is lost.  It stays on the list, so that its owner can be
told, and its place is looked at again if the owner wants it back.  Lost ones give way, the longest
lost first, when there is no room.

Pure: it never stores, sends or saves.  ``capacity`` bounds what is taken on; what was saved by an
earlier run is kept even if there is more of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import nsmallest
from math import fsum

from kadtwisted.errors import TooManyRequests
from kadtwisted.model.ids import RandomBits
from kadtwisted.model.publication import Audit, Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.upkeep.schedule import LOOKUP_COST

SPREAD = 15 * 60.0
"""Seconds over which publications are spread that became due while the node was down."""
RETRY = 5 * 60.0
"""Seconds until a publication that no node acknowledged is tried again..."""
RETRY_PART = 0.1
"""MAGIC: ...or this part of its lifetime, if that is shorter: it is due at half its lifetime, so
three more tries come before it ends."""
RETRY_LEAST = 5.0
"""MAGIC: seconds between two tries at least: about as long as a try with nobody there takes."""
REPUBLISH_AT = 0.5
"""The part of its lifetime after which a record is published again..."""
REPUBLISH_JITTER = 0.1
"""...plus or minus this fraction of that part."""
RETRY_JITTER = 0.25
LOOK_AGAIN = 60 * 60.0
"""MAGIC: seconds after which a place that another record has taken is looked at again at the
latest, if the record that had it is to be put back.  Such a look costs a lookup."""
PUBLICATION_COST = LOOKUP_COST + 20.0
"""Datagrams that a publication is charged: a lookup and k STOREs."""


class PublicationSchedule:
    """The records that one node keeps published, and when each is due; ``random`` draws jitter."""

    def __init__(self, random: RandomBits, capacity: int) -> None:
        self._random = random
        self._capacity = capacity
        self._publications: dict[StorageKey, Publication] = {}
        self._lifetimes: Counter[float] = Counter()
        self._lost: dict[StorageKey, None] = {}
        self._audits: dict[StorageKey, Audit] = {}

    def __len__(self) -> int:
        """How many records are published now; lost ones are not."""
        return len(self._publications) - self.lost

    @property
    def lost(self) -> int:
        """How many records have lost their place to others."""
        return len(self._lost)

    def get(self, where: StorageKey) -> Publication | None:
        """The publication at this place."""
        return self._publications.get(where)

    def keeps(self, publication: Publication) -> bool:
        """Whether this same record is still kept published, neither withdrawn nor replaced."""
        known = self._publications.get(publication.where)
        return known is not None and known.record == publication.record

    def publications(self) -> list[Publication]:
        """All of them, to be saved."""
        return list(self._publications.values())

    def keeps_up(self, rate: float, pin_check_every: float) -> bool:
        """Whether ``rate`` datagrams a second suffice to publish all records in time, and to count
        the holders of pinned ones every so many seconds, if nothing else is sent; if not, records
        expire before they are published again, or are counted too late."""
        each = self._lifetimes.items()
        needed = [count * PUBLICATION_COST / (life * REPUBLISH_AT) for life, count in each]
        counting = self.pinned_count * PUBLICATION_COST / pin_check_every
        return fsum((*needed, counting)) <= rate

    def page(self, after: StorageKey | None, limit: int) -> list[Publication]:
        """At most ``limit`` of them in ascending order of their places, from just behind
        ``after``."""
        known = self._publications
        places = known if after is None else (each for each in known if each > after)
        return [known[each] for each in nsmallest(limit, places)]

    def published(self, publication: Publication, unix_now: float) -> Publication:
        """A record was just published: do it again at half its lifetime, plus or minus a tenth.

        Its place is its own now, and ``next_at`` is set.  :class:`TooManyRequests` if there is no
        room for another one.
        """
        where = publication.where
        known = self._publications.get(where)
        if known is None and len(self._publications) >= self._capacity:
            self._make_room()
        wait = publication.lifetime * REPUBLISH_AT * self._about_one(REPUBLISH_JITTER)
        made = publication._replace(next_at=unix_now + wait, lost=False)
        self._replace(known, made)
        return made

    # --- Pins --------------------------------------------------------------------------------

    def pin(self, where: StorageKey, holders: int) -> Publication | None:
        """So many holders must the record at this place have from now on; 0 ends that.

        ``None`` if no record is kept published there.
        """
        known = self._publications.get(where)
        if known is None:
            return None
        made = known._replace(pin=holders)
        self._replace(known, made)
        return made

    def audited(self, where: StorageKey, audit: Audit) -> None:
        """The holders of a pinned record were counted; nothing happens if it is not pinned."""
        known = self._publications.get(where)
        if known is not None and known.pin:
            self._audits[where] = audit

    def audit(self, where: StorageKey) -> Audit | None:
        """The last count of the holders of a pinned record, in this run of the program."""
        return self._audits.get(where)

    def pinned(self) -> list[StorageKey]:
        """The places of the records that are pinned and have their place."""
        return [each.where for each in self._publications.values() if each.pin and not each.lost]

    @property
    def pinned_count(self) -> int:
        """How many records are pinned and have their place."""
        return len(self.pinned())

    @property
    def below_pin(self) -> int:
        """How many pinned records had too few holders when they were last counted."""
        known = self._publications
        return sum(each.held < known[where].pin for where, each in self._audits.items())

    # --- What becomes of them ----------------------------------------------------------------

    def taken(self, where: StorageKey, unix_now: float) -> Publication | None:
        """Another record has taken this place: publish ours no more, or, if it is to be put back,
        look again at half its lifetime, and after :data:`LOOK_AGAIN` seconds at the latest.

        ``None`` if no record is kept published at this place.
        """
        known = self._publications.get(where)
        if known is None:
            return None
        wait = min(known.lifetime * REPUBLISH_AT, LOOK_AGAIN) * self._about_one(REPUBLISH_JITTER)
        made = known._replace(lost=True, next_at=unix_now + wait)
        self._replace(known, made)
        return made

    def _make_room(self) -> None:
        """Forget the record that was lost first; :class:`TooManyRequests` if none is."""
        if not self._lost:
            raise TooManyRequests(f"{self._capacity} records are kept published; withdraw some")
        self.withdraw(next(iter(self._lost)))

    def failed(self, where: StorageKey, unix_now: float) -> Publication | None:
        """No node acknowledged it: try again after about :data:`RETRY` seconds, or sooner if it
        does not live for long.

        ``None`` if no record is kept published at this place.
        """
        known = self._publications.get(where)
        if known is None:
            return None
        soon = max(RETRY_LEAST, min(RETRY, known.lifetime * RETRY_PART))
        wait = soon * self._about_one(RETRY_JITTER)
        later = known._replace(next_at=unix_now + wait)
        self._publications[where] = later
        return later

    def withdraw(self, where: StorageKey) -> bool:
        """Stop publishing the record at this place; whether there was one."""
        known = self._publications.pop(where, None)
        if known is None:
            return False
        self._count_out(known)
        return True

    def restore(self, saved: Iterable[Publication], unix_now: float) -> list[Publication]:
        """Take over what an earlier run saved; spread what is overdue over :data:`SPREAD` seconds.

        A next time that is further away than this class ever sets one counts as overdue, too: the
        clock was wrong, or is wrong now.  Publishing too early costs a few datagrams, publishing
        too late costs the record.
        """
        restored = [self._restored(each, unix_now) for each in saved]
        self._publications, self._lifetimes, self._lost, self._audits = {}, Counter(), {}, {}
        for each in restored:
            self._replace(self._publications.get(each.where), each)
        return restored

    def _restored(self, saved: Publication, unix_now: float) -> Publication:
        wait = saved.next_at - unix_now
        if saved.rests:
            return saved
        if 0 <= wait <= _longest_wait(saved.lifetime):
            return saved
        return saved._replace(next_at=unix_now + SPREAD * self._random.random())

    def _replace(self, known: Publication | None, made: Publication) -> None:
        audit = self._audits.get(made.where)
        if known is not None:
            self._count_out(known)
        if audit is not None and made.pin and not made.lost:
            self._audits[made.where] = audit
        self._publications[made.where] = made
        if made.lost:
            self._lost[made.where] = None
        if not made.rests:
            self._lifetimes[made.lifetime] += 1

    def _count_out(self, gone: Publication) -> None:
        self._audits.pop(gone.where, None)
        self._lost.pop(gone.where, None)
        if gone.rests:
            return
        self._lifetimes[gone.lifetime] -= 1
        if not self._lifetimes[gone.lifetime]:
            del self._lifetimes[gone.lifetime]

    def _about_one(self, jitter: float) -> float:
        return 1 - jitter + 2 * jitter * self._random.random()


def _longest_wait(lifetime: float) -> float:
    """The furthest that :class:`PublicationSchedule` sets a next time ahead."""
    return max(lifetime * REPUBLISH_AT * (1 + REPUBLISH_JITTER), RETRY * (1 + RETRY_JITTER))
