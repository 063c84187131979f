"""The STOREs of one record, side by side: when enough nodes hold it, and when all have decided.

Who waits for a write wants to know that its record is safe.  That is so when three quarters of the
nodes that should hold it have acknowledged it, in each address family: more than are ever needed to
find it, and a majority that no later refusal can undo.  The last quarter is often slow or dead, and
goes on by itself.  If more than a quarter refuse or are silent, all are heard first.

A callback object: many STOREs are under way and any may end first.  Cancelling what
:meth:`Spread.enough` returned cancels every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from kadtwisted.errors import NodeStopped
from kadtwisted.model.contact import Contact
from kadtwisted.model.results import Acknowledgement
from kadtwisted.node.operations.writes.outcomes import Outcome

QUORUM, OF = 3, 4
"""Three quarters of those who should hold a record, 15 of 20: Optimistic Provide returns then
(Trautwein et al., "IPFS in the Fast Lane", INFOCOM 2024, section IV)."""


class Sent(NamedTuple):
    """A STORE under way: to whom, and what will come of it."""

    contact: Contact
    outcome: Deferred[Outcome | None]


class _Tally:
    """How many nodes of one family were asked, have decided, and have acknowledged."""

    def __init__(self, asked: int) -> None:
        self.asked = asked
        self.decided = 0
        self.acknowledged = 0

    @property
    def is_enough(self) -> bool:
        return self.decided == self.asked or OF * self.acknowledged >= QUORUM * self.asked


class Spread:
    """The STOREs of one record.

    ``families`` are those of each address family in which other nodes are known.  ``here`` stores
    it on this node, if this node should hold it; it is called when another node has acknowledged,
    or at once if no other one is known.  Unless ``early``, all are heard.  ``late`` are the STOREs
    of those that may yet answer the search, ``None`` if one does not: nobody waits for them but who
    waits for the end.
    """

    def __init__(
        self,
        families: Sequence[Sequence[Sent]],
        here: Callable[[], Deferred[Outcome | None]] | None = None,
        *,
        early: bool = True,
        late: Sequence[Sent] = (),
    ) -> None:
        self._outcomes: list[Outcome] = []
        self._under_way: dict[Deferred[Outcome | None], Contact | None] = {}
        self._here = here
        self._early = early
        self._enough: Deferred[None] = Deferred(lambda _: self.cancel())
        self._waiters: dict[Deferred[None], None] = {}
        self._failure: Failure | None = None
        self._begun = False
        self._tallies = [_Tally(len(each)) for each in families]
        for tally, stores in zip(self._tallies, families, strict=True):
            for contact, outcome in stores:
                self._watch(outcome, contact, tally)
        for contact, outcome in late:
            self._watch(outcome, contact, None)
        if not families:
            self._store_here()
        self._begun = True
        self._look()

    # --- For those who wait ------------------------------------------------------------------

    def enough(self) -> Deferred[None]:
        """Fires when enough nodes have acknowledged, or all have decided; for one caller.

        Fails with ``NodeStopped``.  Cancelling it cancels all STOREs.
        """
        return self._enough

    def ended(self) -> Deferred[None]:
        """Fires when all have decided, for any number of callers; cancelling it changes nothing.

        Fails with ``NodeStopped`` if the node has stopped before.
        """
        waiting: Deferred[None] = Deferred(lambda gone: self._waiters.pop(gone, None))
        if self.is_over:
            waiting.callback(None) if self._failure is None else waiting.errback(self._failure)
        else:
            self._waiters[waiting] = None
        return waiting

    def cancel(self) -> None:
        """End all STOREs that are under way."""
        self._fail(Failure(NodeStopped()), Failure(CancelledError()))

    @property
    def is_over(self) -> bool:
        """Whether all have decided, or it was ended before."""
        return not self._under_way

    @property
    def outcomes(self) -> list[Outcome]:
        """What has come of it so far: the closest acknowledgement first."""
        return sorted(
            self._outcomes,
            key=lambda each: each.distance if isinstance(each, Acknowledgement) else 0,
        )

    @property
    def pending(self) -> list[Contact]:
        """Who has not decided yet."""
        return [each for each in self._under_way.values() if each is not None]

    # --- What comes of it --------------------------------------------------------------------

    def _watch(
        self, outcome: Deferred[Outcome | None], contact: Contact | None, tally: _Tally | None
    ) -> None:
        self._under_way[outcome] = contact
        outcome.addCallbacks(
            self._decided, self._broken, callbackArgs=(outcome, tally), errbackArgs=(outcome,)
        )

    def _decided(
        self, came: Outcome | None, outcome: Deferred[Outcome | None], tally: _Tally | None
    ) -> None:
        del self._under_way[outcome]
        if came is not None:
            self._outcomes.append(came)
        acknowledged = isinstance(came, Acknowledgement)
        if tally is not None:
            tally.decided += 1
            tally.acknowledged += acknowledged
        if acknowledged:
            self._store_here()
        self._look()

    def _broken(self, failure: Failure, outcome: Deferred[Outcome | None]) -> None:
        """The node has stopped, or there is a fault of ours; those that are left say nothing."""
        if self._under_way.pop(outcome, None) is not None or self._failure is None:
            self._fail(failure, failure)

    def _store_here(self) -> None:
        here, self._here = self._here, None
        if here is not None:
            self._watch(here(), None, None)

    def _look(self) -> None:
        """Tell those who wait, if it is time."""
        if not self._begun:
            return  # some may have decided at once, before the others were counted
        if self._failure is None and not self._enough.called and self._is_enough():
            self._enough.callback(None)
        if self.is_over:
            waiters, self._waiters = list(self._waiters), {}
            for each in waiters:
                each.callback(None)

    def _is_enough(self) -> bool:
        if self.is_over:
            return True
        if not self._early or None in self._under_way.values():
            return False
        acknowledged = sum(each.acknowledged for each in self._tallies)
        asked = sum(each.asked for each in self._tallies)
        return 2 * acknowledged > asked and all(each.is_enough for each in self._tallies)

    def _fail(self, told: Failure, first: Failure) -> None:
        """End everything: whoever waits for enough is told ``first``, all others ``told``."""
        if self._failure is not None:
            return
        self._failure = told
        under_way, self._under_way = list(self._under_way), {}
        for each in under_way:
            each.cancel()
        if not self._enough.called:
            self._enough.errback(first)
        waiters, self._waiters = list(self._waiters), {}
        for waiter in waiters:
            waiter.errback(told)
