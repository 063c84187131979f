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

Pure: ``now`` is an argument, and never runs backwards.  Bounded: :data:`CAPACITY` networks, the one
that was silent for longest is forgotten first.
"""

from __future__ import annotations

from array import array
from collections.abc import MutableSequence, Sequence
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
    """The newest answer of each network to one question.

    A node has six of these, full most of the time: so they stand in columns, the oldest vote first,
    and of each network only a hash of 64 bits.  Two that share one have one vote together.
    ``answers`` is an empty list, or an array if they are numbers.
    """

    __slots__ = ("_answers", "_at", "_networks")

    def __init__(self, answers: MutableSequence[T]) -> None:
        self._networks = array("q")
        self._at = array("d")
        self._answers = answers

    def __len__(self) -> int:
        return len(self._answers)

    def cast(self, network: bytes, answer: T, now: float) -> None:
        """A node of this network gave this answer."""
        voter = hash(network)
        networks = self._networks
        try:
            self._forget(networks.index(voter))
        except ValueError:
            if len(networks) >= CAPACITY:
                self._forget(0)
        networks.append(voter)
        self._at.append(now)
        self._answers.append(answer)

    def _forget(self, place: int) -> None:
        del self._networks[place], self._at[place], self._answers[place]

    def fresh(self, now: float) -> Sequence[T]:
        """The answers that count now, one for each network, the oldest first."""
        at, old = self._at, 0
        while old < len(at) and now - at[old] >= KEPT:
            old += 1
        return self._answers[old:]

    def clear(self) -> None:
        """Forget all votes."""
        del self._networks[:], self._at[:], self._answers[:]


class Verdict(Generic[T]):
    """The answer on which enough networks agree; ``answer`` is ``None`` until there is one."""

    __slots__ = ("_hosts", "_votes", "answer")

    def __init__(self) -> None:
        self._votes: Votes[T] = Votes([])
        self._hosts: Votes[T] = Votes([])
        self.answer: T | None = None

    def cast(self, network: bytes, answer: T, now: float, host: bytes | None = None) -> bool:
        """A node of this network gave this answer; whether the verdict is another one now.

        ``host`` tells the hosts of a network apart; ``None``: there is one.
        """
        known = self.answer
        if known is not None and answer == known:
            answer = known  # one object for all that agree
        self._votes.cast(network, answer, now)
        self._hosts.cast(network if host is None else host, answer, now)
        if answer == known:
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


def _is_majority(answer: T, fresh: Sequence[T]) -> bool:
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
        self._votes: Votes[float] = Votes(array("d"))
        self._hosts: Votes[float] = Votes(array("d"))

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
