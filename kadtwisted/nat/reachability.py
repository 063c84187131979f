"""Whether nodes to which a node has never written can reach it, in one address family.

*For* speaks a request from a public host to which our port has written nothing for long
(:mod:`~kadtwisted.nat.written`).  That is a fact, whoever sent it: nobody can lie us reachable.
*Against* speaks a probe that an introducer had a third node send, and that never came.  That is
only as good as the introducer's word, so each network has one.  The rules of this file:

* REACHABLE when requests came from :data:`ENOUGH` networks within a period, at once.
* UNREACHABLE when probes through :data:`FAILURES` networks failed, and no request at all came in
  the period; or through all networks that there are, where these are fewer, but :data:`FEWEST`.
* Else a verdict stays, whatever else happens.  It is UNKNOWN at first, and whenever our address, or
  what others see of it, has changed.
* A period begins with the end of a round of probes and ends with the next one.  A round has at most
  :data:`PROBES`.  While a node is not REACHABLE, rounds come after 1, 2, 4 ... 30 minutes, or 6
  while there is no verdict; later one every 30 minutes, unless a request that is as good has come
  meanwhile.

While it is UNKNOWN, a node serves, unless it seems to be behind a NAT and no gateway maps its port:
then it is read-only to others.  But where for :data:`SMALL` seconds there are too few networks to
measure anything, such a node serves, too, until there is a verdict: a network of one to three
nodes must work.  Nodes of older versions, which do not know of probes, count for nothing in this.
In a somewhat larger one each node has written to all others lately, and may have no verdict for
hours: there such a node serves after :data:`VAGUE` rounds through all introducers that there are,
if probes came and none was lost.

Pure: ``now`` is in seconds of a monotonic clock.  Bounded: a few networks a period.
"""

from __future__ import annotations

from enum import Enum

ENOUGH = 2
"""Networks from which requests must come.  MAGIC: one might be a host that wrote first from behind
the same NAT, or a NAT that forgets slowly."""
FAILURES = 5
"""Networks through which probes must fail.  MAGIC: with a tenth of liars among the introducers, one
round in 100,000 meets five, and these count only while nobody else comes."""
FEWEST = 3
"""The same in a network that has fewer: as many as must agree in any vote."""
PROBES = 12
"""Probes in a round.  MAGIC: enough for a verdict with half of them unclear."""
FIRST_WAIT = 60.0
LAST_WAIT = 1800.0
"""Seconds from a round without success to the next: the first, doubled each time, and the last."""
UNCLEAR_WAIT = 360.0
"""The longest such time while there is no verdict: in a small network each node has written to all
others lately, and they are quiet again after :data:`~kadtwisted.nat.written.QUIET`."""
WATCH_AFTER = 1200.0
"""Seconds for which a REACHABLE verdict is not looked at; then requests renew it, for
:data:`LAST_WAIT` - WATCH_AFTER at most."""
HASTE = 60.0
"""Seconds from a round at the earliest to one that a request hastens."""
LOOK_AGAIN, LOOK_LAST = 10.0, 80.0
"""MAGIC: seconds until it is looked again for introducers where there are not enough: at first, and
doubled each time up to the last."""
SMALL = 30.0
"""MAGIC: seconds for which a network must have shown too few introducers: a node that joins a large
one knows enough of it within a few seconds."""

VAGUE = 2
"""MAGIC: rounds in a row; one may have been lucky."""


class Reachability(Enum):
    """Whether a node to which this one has never written can reach it."""

    UNKNOWN = "unknown"
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"


class Verdict:
    """The verdict on one address family of a node, and what is due for it.

    ``since`` is the moment of the last change, ``measured`` the one of the last evidence that
    confirmed it or of the end of the last round, if there was any.
    """

    def __init__(self, now: float) -> None:
        self.verdict = Reachability.UNKNOWN
        self.since = now
        self.measured: float | None = None
        self.reached = 0
        """The networks that reached us in the period that was judged last."""
        self.failed = 0
        """The networks through which probes failed in it."""
        self.trusting = False
        """Whether this node serves without a verdict, though it seems to be behind a NAT."""
        self._successes: dict[bytes, None] = {}
        self._failures: dict[bytes, None] = {}
        self._tried = self._unclear = 0
        self._vague = 0
        self._in_round = False
        self._round_ended = now - HASTE
        self._next_round = now
        self._watch_from = now
        self._wait = FIRST_WAIT
        self._few_since: float | None = None
        self._look_wait = LOOK_AGAIN

    # --- What follows from it --------------------------------------------------------------------

    def serves(self, *, behind_nat: bool, mapped: bool) -> bool:
        """Whether others may be served: they can reach us, or nothing speaks against it."""
        if self.verdict is Reachability.UNKNOWN:
            return not behind_nat or mapped or self.trusting
        return self.verdict is Reachability.REACHABLE

    def is_watching(self, now: float) -> bool:
        """Whether requests that come are evidence now."""
        return self._in_round or now >= self._watch_from

    def is_due(self, now: float) -> bool:
        """Whether a round should begin."""
        return not self._in_round and now >= self._next_round

    def wakes_at(self, now: float) -> float:
        """When requests begin to be evidence, or a round is due."""
        return self._watch_from if now < self._watch_from else self._next_round

    # --- Evidence --------------------------------------------------------------------------------

    def came(self, network: bytes, now: float) -> bool:
        """A request came from a host of this network to which we wrote nothing for long; whether
        that changes the verdict."""
        if not self.is_watching(now):
            return False
        if self.verdict is Reachability.REACHABLE:
            if not self._in_round:
                self._successes[network] = None
                self._settle(now)
                return False
        elif not self._in_round:
            self.hasten(now)
        if len(self._successes) < PROBES:
            self._successes[network] = None
        if len(self._successes) < ENOUGH:
            return False
        changed = self.verdict is not Reachability.REACHABLE
        self._decide(Reachability.REACHABLE, now)
        if not self._in_round:
            self._settle(now)
        return changed

    def begin(self, now: float) -> None:
        """A round begins."""
        self._in_round = True
        self._tried = self._unclear = 0
        self._few_since = None
        self._look_wait = LOOK_AGAIN

    @property
    def wants_more(self) -> bool:
        """Whether the round wants one more probe."""
        if not self._in_round or self._tried >= PROBES or len(self._successes) >= ENOUGH:
            return False
        return bool(self._successes) or len(self._failures) < FAILURES

    def tries(self) -> None:
        """One more probe of the round begins."""
        self._tried += 1

    def untried(self) -> None:
        """The probe that began was none: who was asked for it does not know what that is."""
        self._tried -= self._in_round

    def lost(self, network: bytes) -> None:
        """A probe through an introducer of this network was promised, and nothing came."""
        if self._in_round:
            self._failures[network] = None

    def unclear(self) -> None:
        """A probe came from a host to which we wrote lately: no evidence, but no lie either."""
        self._unclear += self._in_round

    def end(self, now: float) -> bool:
        """The round has ended; whether that changes the verdict."""
        before, failed = self.verdict, len(self._failures)
        self._in_round = False
        all_of_few = failed >= FEWEST and self._tried < FAILURES and not self._unclear
        if (failed >= FAILURES or all_of_few) and not self._successes:
            self._decide(Reachability.UNREACHABLE, now)
        is_vague = self._unclear and not failed and self._tried < PROBES
        self._vague = self._vague + 1 if is_vague else 0
        if self._vague >= VAGUE and self.verdict is Reachability.UNKNOWN:
            self.trusting = True
        self._settle(now)
        return self.verdict is not before

    def too_few(self, now: float) -> bool:
        """A round is due, and there are too few introducers: some, but not enough; whether this
        node serves from now on because its network is so small."""
        self._look_later(now)
        if self._few_since is None:
            self._few_since = now
        if self.trusting or self.verdict is not Reachability.UNKNOWN:
            return False
        self.trusting = now - self._few_since >= SMALL
        return self.trusting

    def nobody(self, now: float) -> None:
        """A round is due, and there is nobody to ask at all."""
        self._look_later(now)
        self._few_since = None

    def _look_later(self, now: float) -> None:
        self._next_round = now + self._look_wait
        self._look_wait = min(2 * self._look_wait, LOOK_LAST)

    def hasten(self, now: float) -> None:
        """Something has changed that may matter: look soon."""
        self._next_round = min(self._next_round, max(now, self._round_ended + HASTE))

    def start_anew(self, now: float) -> bool:
        """Our address has changed, or what others see of it; whether that changes the verdict."""
        changed = self.verdict is not Reachability.UNKNOWN
        self.verdict, self.trusting, self._few_since = Reachability.UNKNOWN, False, None
        self.measured, self.reached, self.failed = None, 0, 0
        self.since = now if changed else self.since
        self._successes.clear()
        self._failures.clear()
        self._in_round = False
        self._look_wait = LOOK_AGAIN
        self._vague = 0
        self._next_round = self._watch_from = now
        self._round_ended, self._wait = now - HASTE, FIRST_WAIT
        return changed

    def _decide(self, verdict: Reachability, now: float) -> None:
        if verdict is not self.verdict:
            self.verdict, self.since = verdict, now
        self.trusting = False

    def _settle(self, now: float) -> None:
        """A period has ended: keep its figures, and say when the next round is due."""
        self.reached, self.failed = len(self._successes), len(self._failures)
        self._successes.clear()
        self._failures.clear()
        self.measured = self._round_ended = now
        if self.verdict is Reachability.REACHABLE:
            self._wait = FIRST_WAIT
            self._next_round, self._watch_from = now + LAST_WAIT, now + WATCH_AFTER
        else:
            self._next_round, self._watch_from = now + self._wait, now
            unclear = self.verdict is Reachability.UNKNOWN
            self._wait = min(2 * self._wait, UNCLEAR_WAIT if unclear else LAST_WAIT)
