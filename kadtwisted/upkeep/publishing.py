"""Our own records and when each is to be published again.

A publisher stores its record anew at half its lifetime, until told to stop; holders only ever hand
on what is left of it.  The next times are wall-clock moments and survive a restart: what is not due
is not announced, and what came due while we were away is spread out, so that a restart does not
announce everything at once.

Pure: it never stores, sends or saves.  Bounded by ``capacity``.
"""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.errors import TooManyRequests
from kadtwisted.model.ids import RandomBits
from kadtwisted.model.record import StorageKey

SPREAD = 15 * 60.0
"""Seconds over which publications that came due while we were away are spread."""
RETRY = 5 * 60.0
"""Seconds until a publication that nobody acknowledged is tried again."""
REPUBLISH_AT = 0.5
"""The part of its lifetime after which a record is published again."""


class Publication(NamedTuple):
    """A record of our own: its stored bytes, its lifetime in seconds, and when (Unix time) it is
    next to be published."""

    where: StorageKey
    record: bytes
    lifetime: float
    next_at: float


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
        part = REPUBLISH_AT * (0.9 + 0.2 * self._random.random())
        made = Publication(where, record, lifetime, unix_now + lifetime * part)
        self._publications[where] = made
        return made

    def failed(self, where: StorageKey, unix_now: float) -> Publication | None:
        """Nobody acknowledged it: try again in a while."""
        known = self._publications.get(where)
        if known is None:
            return None
        wait = RETRY * (0.75 + 0.5 * self._random.random())
        later = known._replace(next_at=unix_now + wait)
        self._publications[where] = later
        return later

    def withdraw(self, where: StorageKey) -> bool:
        """Keep it published no longer; whether it was."""
        return self._publications.pop(where, None) is not None

    def restore(self, saved: list[Publication], unix_now: float) -> list[Publication]:
        """Take over what an earlier run saved, what is overdue spread over :data:`SPREAD` seconds.

        A next time further away than a lifetime (the clock was wrong) counts as overdue.
        """
        restored = []
        for each in saved[: self._capacity]:
            next_at = each.next_at
            if not unix_now <= next_at <= unix_now + each.lifetime:
                next_at = unix_now + SPREAD * self._random.random()
            restored.append(each._replace(next_at=next_at))
        self._publications = {each.where: each for each in restored}
        return restored
