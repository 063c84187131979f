"""At which holders a watch listens, and when it asks each of them again.

A watch has :data:`POSTS` posts in each address family, of the nodes that should hold its records.
With that many, 30 % of all nodes can go at once and the chance that none of a watch's posts is left
is below 1 in 15,000.  Half of them are the nearest to the key, which hold the records longest when
others come; the other half is drawn from all the others, so that nodes that crowd around a key do
not have all posts, and so that the watches of one key do not all burden the same nodes.

* A post is asked again when 80 % of what it granted is over.
* One that does not answer loses its place to the next candidate.  One that refuses, or does not
  know how to listen, is passed over for an hour.
* When candidates run out, the caller looks up new ones.

Pure: it asks nobody; ``now`` is in seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import RandomBits

POSTS: Final = 8
NEAREST: Final = 4
BEYOND: Final = 2
"""At most so many posts are drawn from beyond the k closest, where records are stored on a network
that anyone may join: a writer may have stored on fewer nodes."""

RENEW_AFTER: Final = 0.8
"""MAGIC: leaves a minute of five for a request that gets lost; losses of a live network would
settle it."""
SHORTEST: Final = 1.0
"""Seconds between two requests to one post at least, whatever it grants."""
PASSED_OVER: Final = 3600.0
"""Seconds for which a node is not asked again that refused: as long as a kind that it refused."""
SILENT: Final = 300.0
"""MAGIC: seconds for which a node is not asked again that was silent: a lookup tells sooner."""


class Posts:
    """The posts of one watch in one address family."""

    def __init__(self, random: RandomBits) -> None:
        self._random = random
        self._candidates: list[Contact] = []
        self._standing: dict[Contact, float] = {}
        self._asked: dict[Contact, None] = {}
        self._barred: dict[Contact, float] = {}

    def __len__(self) -> int:
        """How many holders tell us of changes."""
        return len(self._standing)

    def __contains__(self, contact: object) -> bool:
        return contact in self._standing or contact in self._asked

    def all(self) -> list[Contact]:
        """Those that tell us of changes, or were asked to."""
        return list(dict.fromkeys((*self._standing, *self._asked)))

    def settle(self, keepers: Sequence[Contact], k: int, now: float) -> list[Contact]:
        """A lookup has found who should hold the records, the closest first; the posts that are
        given up, because others are better."""
        self._barred = {each: until for each, until in self._barred.items() if until > now}
        usable = [each for each in keepers if each not in self._barred]
        near = usable[:NEAREST]
        within = self._drawn([each for each in keepers[:k] if each in usable[NEAREST:]])
        beyond = self._drawn([each for each in keepers[k:] if each in usable[NEAREST:]])
        some = len(within) if not beyond else POSTS - NEAREST - BEYOND
        self._candidates = [*near, *within[:some], *beyond[:BEYOND], *within[some:]]
        self._candidates += beyond[BEYOND:]
        chosen = dict.fromkeys(self._candidates[:POSTS])
        given_up = [each for each in self.all() if each not in chosen]
        for each in given_up:
            self._standing.pop(each, None)
            self._asked.pop(each, None)
        return given_up

    def _drawn(self, holders: list[Contact]) -> list[Contact]:
        """Those that are posts, then the others in an order by chance (Fisher and Yates)."""
        standing = [each for each in holders if each in self]
        drawn = [each for each in holders if each not in self]
        for left in range(len(drawn) - 1, 0, -1):
            other = int(self._random.random() * (left + 1))
            drawn[left], drawn[other] = drawn[other], drawn[left]
        return standing + drawn

    def to_ask(self, now: float) -> list[Contact]:
        """Whom to ask now; they count as asked."""
        due = [each for each, at in self._standing.items() if at <= now and each not in self._asked]
        missing = POSTS - len(self.all())
        usable = (e for e in self._candidates if e not in self and e not in self._barred)
        asked = [*due, *(each for each, _ in zip(usable, range(max(0, missing)), strict=False))]
        self._asked.update(dict.fromkeys(asked))
        return asked

    def granted(self, contact: Contact, seconds: float, now: float) -> bool:
        """A post tells of changes for so many seconds; whether it is still one of ours."""
        if contact not in self:
            return False
        self._asked.pop(contact, None)
        self._standing[contact] = now + max(SHORTEST, RENEW_AFTER * seconds)
        return True

    def lost(self, contact: Contact, now: float, *, refused: bool) -> None:
        """A node does not tell of changes: it was silent, or it refused."""
        self._asked.pop(contact, None)
        self._standing.pop(contact, None)
        self._barred[contact] = now + (PASSED_OVER if refused else SILENT)

    def lacks_candidates(self) -> bool:
        """Whether a lookup should find more holders: some posts are missing, and nobody is left who
        could take their places."""
        if len(self.all()) >= POSTS:
            return False
        return all(each in self or each in self._barred for each in self._candidates)

    def wakes_at(self) -> float | None:
        """When a post is to be asked again."""
        times = [at for each, at in self._standing.items() if each not in self._asked]
        return min(times, default=None)
