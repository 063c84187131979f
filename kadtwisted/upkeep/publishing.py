"""Our own records and when each is to be published again.

A publisher stores its record anew at half its lifetime, until told to stop; holders only ever hand
on what is left of it.  The next times are wall-clock moments and survive a restart: what is not due
is not announced, and what came due while we were away is spread out, so that a restart does not
announce everything at once.

With large numbers it is the budget of all upkeep (``UpkeepSettings.rate``) that spreads them: a
publication is charged 50 datagrams, so at 20 a second one begins every 2.5 s, however many are due;
1,000 that are overdue take 42 minutes, and 100,000 three days.  In the long run that rate keeps up
with 17,000 records of the default lifetime; who keeps 100,000 published needs 120 a second.

Pure: it never stores, sends or saves.  ``capacity`` bounds what is newly taken on; what was saved
is kept, however low it is set meanwhile.
"""

from __future__ import annotations

from kadtwisted.errors import TooManyRequests
from kadtwisted.model.ids import RandomBits
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey

SPREAD = 15 * 60.0
"""Seconds over which publications that came due while we were away are spread."""
RETRY = 5 * 60.0
"""Seconds until a publication that nobody acknowledged is tried again."""
REPUBLISH_AT = 0.5
"""The part of its lifetime after which a record is published again..."""
REPUBLISH_JITTER = 0.1
"""...give or take so much of that part."""
RETRY_JITTER = 0.25


class Publishing:
    """The records one node keeps published."""

    def __init__(self, random: RandomBits, capacity: int) -> None:
        self._random = random
        self._capacity = capacity
        self._publications: dict[StorageKey, Publication] = {}

    def __len__(self) -> int:
        return len(self._publications)

    def get(self, where: StorageKey) -> Publication | None:
        """The publication at this place."""
        return self._publications.get(where)

    def keeps(self, publication: Publication) -> bool:
        """Whether this very record is still kept published, neither withdrawn nor replaced."""
        known = self._publications.get(publication.where)
        return known is not None and known.record == publication.record

    def publications(self) -> list[Publication]:
        """All of them, to be saved."""
        return list(self._publications.values())

    def published(
        self, where: StorageKey, record: bytes, lifetime: float, unix_now: float
    ) -> Publication:
        """A record was just published: do it again at half its lifetime, give or take a tenth.

        ``TooManyRequests`` if as many are kept as may be.
        """
        if where not in self._publications and len(self._publications) >= self._capacity:
            raise TooManyRequests(f"{self._capacity} records are kept published; withdraw some")
        wait = lifetime * REPUBLISH_AT * self._about_one(REPUBLISH_JITTER)
        made = Publication(where, record, lifetime, unix_now + wait)
        self._publications[where] = made
        return made

    def failed(self, where: StorageKey, unix_now: float) -> Publication | None:
        """Nobody acknowledged it: try again in a while."""
        known = self._publications.get(where)
        if known is None:
            return None
        wait = RETRY * self._about_one(RETRY_JITTER)
        later = known._replace(next_at=unix_now + wait)
        self._publications[where] = later
        return later

    def withdraw(self, where: StorageKey) -> bool:
        """Keep it published no longer; whether it was."""
        return self._publications.pop(where, None) is not None

    def restore(self, saved: list[Publication], unix_now: float) -> list[Publication]:
        """Take over what an earlier run saved, what is overdue spread over :data:`SPREAD` seconds.

        A next time further away than one is ever set (the clock was wrong, or is) counts as
        overdue, too: publishing too early costs a few datagrams, too late the record.
        """
        restored = [self._restored(each, unix_now) for each in saved]
        self._publications = {each.where: each for each in restored}
        return restored

    def _restored(self, saved: Publication, unix_now: float) -> Publication:
        wait = saved.next_at - unix_now
        if 0 <= wait <= _longest_wait(saved.lifetime):
            return saved
        return saved._replace(next_at=unix_now + SPREAD * self._random.random())

    def _about_one(self, jitter: float) -> float:
        return 1 - jitter + 2 * jitter * self._random.random()


def _longest_wait(lifetime: float) -> float:
    """The furthest that :class:`Publishing` sets a next time ahead."""
    return max(lifetime * REPUBLISH_AT * (1 + REPUBLISH_JITTER), RETRY * (1 + RETRY_JITTER))
