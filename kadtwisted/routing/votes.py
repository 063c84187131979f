"""Votes: what several observers say decides a question that no single one may decide.

A node learns some things about itself from others only: at which address they see it, whether its
clock is right.  Anybody may answer, and anybody may lie.  The rules of this file:

* Each network has one vote (see :mod:`~kadtwisted.model.networks`), because one liar can have
  many addresses in one network, but hardly in many.  Its newest answer counts, for
  :data:`KEPT` seconds.
* At least :data:`NEEDED` networks must agree, and more than half of all that voted lately.
* More than half of all hosts that voted lately must agree, too: where all honest nodes live in one
  network, liars in two others are not the majority.
* A verdict stays, also when its votes grow old, until another one has won by the same rules.
  So silence changes nothing, and neither do one or two liars.

Pure: ``now`` is an argument.  Bounded: :data:`CAPACITY` networks, the one that was silent for
longest is forgotten first.
"""

from __future__ import annotations

from statistics import median
from typing import Generic, TypeVar

T = TypeVar("T")

NEEDED = 3
"""Networks that must agree.  MAGIC: two can be one attacker's with ease; more would leave nodes in
small networks without a verdict.  A census of who can rent where would settle it."""
KEPT = 30 * 60.0
"""Seconds for which a vote counts: twice the longest silence of a contact that is pinged."""
CAPACITY = 64
"""Networks whose votes are remembered.  MAGIC: as many as a lookup or two meet."""


class Votes(Generic[T]):
    """The newest answer of each network to one question."""

    __slots__ = ("_votes",)

    def __init__(self) -> None:
        self._votes: dict[bytes, tuple[T, float]] = {}

    def __len__(self) -> int:
        return len(self._votes)

    def cast(self, network: bytes, answer: T, now: float) -> None:
        """A node of this network gave this answer."""
        self._votes.pop(network, None)
        if len(self._votes) >= CAPACITY:
            del self._votes[next(iter(self._votes))]
        self._votes[network] = answer, now

    def fresh(self, now: float) -> list[T]:
        """The answers that count now, one for each network."""
        return [answer for answer, at in self._votes.values() if now - at < KEPT]

    def clear(self) -> None:
        """Forget all votes."""
        self._votes.clear()


class Verdict(Generic[T]):
    """The answer on which enough networks agree; ``answer`` is ``None`` until there is one."""

    __slots__ = ("_hosts", "_votes", "answer")

    def __init__(self) -> None:
        self._votes: Votes[T] = Votes()
        self._hosts: Votes[T] = Votes()
        self.answer: T | None = None

    def cast(self, network: bytes, answer: T, now: float, host: bytes | None = None) -> bool:
        """A node of this network gave this answer; whether the verdict is another one now.

        ``host`` tells the hosts of a network apart; ``None``: there is one.
        """
        self._votes.cast(network, answer, now)
        self._hosts.cast(network if host is None else host, answer, now)
        if answer == self.answer:
            return False
        if self._votes.fresh(now).count(answer) < NEEDED:
            return False
        if not all(_is_majority(answer, each.fresh(now)) for each in (self._votes, self._hosts)):
            return False
        self.answer = answer
        return True

    def agreeing(self, now: float) -> int:
        """How many networks say now what the verdict is."""
        return 0 if self.answer is None else self._votes.fresh(now).count(self.answer)

    def clear(self) -> None:
        """Forget the verdict and all votes."""
        self._votes.clear()
        self._hosts.clear()
        self.answer = None


def _is_majority(answer: T, fresh: list[T]) -> bool:
    return 2 * fresh.count(answer) > len(fresh)


class Median:
    """The median of the numbers that networks tell: less than half of them cannot move it beyond
    what the others say.

    It counts only if the median of what hosts tell is about the same.
    """

    __slots__ = ("_hosts", "_votes", "_within")

    def __init__(self, within: float) -> None:
        """``within``: how far both medians may be from each other."""
        self._within = within
        self._votes: Votes[float] = Votes()
        self._hosts: Votes[float] = Votes()

    def cast(self, network: bytes, number: float, now: float, host: bytes | None = None) -> None:
        """A node of this network told this number; ``host`` as in :meth:`Verdict.cast`."""
        self._votes.cast(network, number, now)
        self._hosts.cast(network if host is None else host, number, now)

    def value(self, now: float) -> float | None:
        """The median.

        ``None`` while fewer than :data:`NEEDED` networks have told one lately, or networks and
        hosts disagree.
        """
        fresh = self._votes.fresh(now)
        if len(fresh) < NEEDED:
            return None
        found = median(fresh)
        agreed = abs(median(self._hosts.fresh(now)) - found) <= self._within
        return found if agreed else None

    def clear(self) -> None:
        """Forget all numbers."""
        self._votes.clear()
        self._hosts.clear()
