"""The iterative lookup (Maymounkov and Mazieres 2002, section 2.3), asked "whom next?".

Rules of this file.  It decides whom to ask, how many at once, and when the lookup is over.  It
departs from the paper's rounds: every event frees its slot at once.  A contact past its soft
patience is a suspect: it frees its slot too, and the search goes on, and may end, as if it had
failed; but its reply still counts until the lookup is over, and after :meth:`Lookup.failed` too.
There are alpha slots on the way, and k near the end (``ending``); three times as many requests may
be in flight.  What other nodes tell is followed only until as many contacts were tried as the
shortlist holds, so a lookup ends whatever they answer; our own contacts are always tried.  A
request that was not sent does not count: whoever holds it back must not end the lookup.
A node may answer and yet be passed over, because it does not serve what the lookup is for: then the
next closest takes its place, as if it had failed, and its contacts are followed all the same.

It never sends, waits, reads a clock or draws a random number.  After every event the driver calls
:meth:`Lookup.next`, reports each contact it asks by :meth:`Lookup.asked`, and calls again at
:meth:`Lookup.wakes_at`.  While the lookup is not finished, something is in flight or ``next``
names someone.

A lookup may be one path of several (``disjoint``): then it shares with its sisters the budget for
what it knows by hearsay, and leaves alone whom one of them is asking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from kadtwisted.errors import InvalidInput
from kadtwisted.lookup.attempts import LATE, UNSENT, WAITING, Attempt
from kadtwisted.lookup.ending import Closeness, is_among_nearest, is_over
from kadtwisted.lookup.shortlist import Candidate, HearsayBudget, Round, Shortlist
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.results import Trace, TraceStep

CAPACITY_FACTOR = 16
"""MAGIC: shortlist entries, and told contacts tried, per k.  With k=20 a lookup tries about 24 if
all live, twice that if half are dead; simulated attacks would settle it."""

IN_FLIGHT_FACTOR = 3
"""Requests in flight per slot.  A request fails after three soft patiences, or more where
those are short (:class:`kadtwisted.parameters.Timeouts`), so this many per slot hardly ever hold
the slots up."""

WIDEST = 3
"""The most nodes that a lookup takes for close, per k.  MAGIC: it finds k honest ones among twice
as many that crowd around the target; a simulation of such crowds would settle it."""

PASSED_OVER = "unknown-kind"
"""The word in a trace for an answer that does not count, but names contacts."""


class Breadth(NamedTuple):
    """How widely a lookup searches: for the ``k`` closest nodes, waiting for ``alpha`` requests at
    once, and never asking ``own_id``.

    Until one of the first ``first_wave`` has answered, failed, or lost our patience nobody else is
    asked (0: alpha are asked at first, too).  If ``patient`` the lookup hears everybody out: it is
    not over while a suspect among the closest may still answer.

    All nodes at a distance of at most ``radius`` count as close, until they are ``WIDEST`` times
    k: so nodes that crowd nearer than chance allows hide nobody.  ``by_block`` says whether
    requests on hearsay are limited for each block of addresses, as on a network without a secret.
    """

    k: int
    alpha: int
    own_id: NodeID | None = None
    radius: int = 0
    by_block: bool = False
    first_wave: int = 0
    patient: bool = False


class Sharing(NamedTuple):
    """What a path of several shares with its sisters.

    ``capacity`` is its own part of what they may try, ``taken`` says whether another path is to ask
    a node, or is asking it.
    """

    capacity: int
    hearsay: HearsayBudget
    taken: Callable[[NodeID], bool]


class Lookup:
    """One search for the k nodes closest to ``target`` in one address family.

    ``now`` (s) is the start that a trace counts from.  The shortlist, and how many told contacts
    are tried, is bounded by ``CAPACITY_FACTOR`` times k, or by the path's capacity.  ``seeds`` is
    how many contacts to start from.  :class:`~kadtwisted.errors.InvalidInput` if k or alpha is less
    than 1.
    """

    def __init__(
        self,
        target: NodeID,
        breadth: Breadth,
        now: float = 0.0,
        sharing: Sharing | None = None,
    ) -> None:
        k, alpha, own_id, radius, by_block, first_wave, patient = breadth
        if k < 1 or alpha < 1:
            raise InvalidInput(f"k and alpha must be at least 1, not {k} and {alpha}")
        self.target = target
        self.k = k
        self.alpha = alpha
        self.seeds = k
        self.radius = radius
        self.in_flight = 0
        capacity = CAPACITY_FACTOR * k if sharing is None else sharing.capacity
        self.shortlist = Shortlist(target, capacity, own_id)
        self._started = now
        self._hearsay = HearsayBudget(by_block) if sharing is None else sharing.hearsay
        self._taken = None if sharing is None else sharing.taken
        self._attempts: dict[tuple[NodeID, Endpoint], Attempt] = {}
        self._unsent = 0
        self._first_wave = min(first_wave or alpha, alpha)
        self._under_way = False
        self._near_the_end = False
        self._patient = patient
        self._heard = self._lost = 0
        self._holding: list[Attempt] = []

    # --- Whom next? --------------------------------------------------------------------------

    def next(self, now: float) -> list[Contact]:
        """Whom to ask now, closest first: no more than there are free slots, maybe nobody.

        Changes nothing but the slots: who is not reported as asked is named again.
        """
        self.free_slots(now)
        return self.choose(Round())

    def wakes_at(self) -> float | None:
        """The next moment (s) at which a soft patience ends, or ``None``."""
        return min([each.soft_at for each in self._holding]) if self._holding else None

    @property
    def finished(self) -> bool:
        """Whether the closest known, k or all within the radius, have all answered, failed, or
        become suspects.

        Who failed or is passed over is no longer among them: the next closest steps in.  For
        suspects, too, but of the k closest at least half must have answered (``ending``).
        """
        close = Closeness(self.k, self.radius, WIDEST * self.k)
        return is_over(self.shortlist.candidates, close, self._hopeful, patient=self._patient)

    def slots(self) -> int:
        """How many requests may be within their soft patience at the same time."""
        if self._near_the_end:
            return max(self.alpha, self.k)
        return self.alpha if self._under_way else self._first_wave

    def free_slots(self, now: float) -> None:
        """Let go of the requests past their soft patience."""
        for attempt in tuple(self._holding):
            if attempt.soft_at <= now:
                self._release(attempt)
                self._lose(attempt)
                self._under_way = True

    def _lose(self, attempt: Attempt) -> None:
        if not attempt.lost:
            attempt.lost = True
            self._lost += 1

    def _release(self, attempt: Attempt) -> None:
        self._holding.remove(attempt)
        attempt.candidate.fresh -= 1

    def choose(self, besides: Round) -> list[Contact]:
        """The closest untried among the closest, not counting those past their patience; and as
        many beyond them as will turn out lost, by the share of those that did so far.

        ``besides`` collects what this round asks on hearsay, on all paths.
        """
        chosen: list[Contact] = []
        slots = self.slots()
        free = min(slots - len(self._holding), IN_FLIGHT_FACTOR * slots - self.in_flight)
        if free <= 0:
            return chosen
        close = Closeness(self.k, self.radius, WIDEST * self.k)
        lost, told = (0, 1) if self._patient else (self._lost, max(1, self._heard + self._lost))
        nearer = pending = 0
        for candidate in self.shortlist.candidates:
            if nearer >= self.k + pending * lost // told and close.is_beyond(candidate, nearer):
                break
            if candidate.winner is None and not candidate.fresh:
                contact = self._askable(candidate, besides)
                if contact is None:
                    continue
                chosen.append(contact)
                if len(chosen) == free:
                    break
            nearer += not candidate.passed_over
            pending += candidate.winner is None and nearer <= self.k
        return chosen

    def _askable(self, candidate: Candidate, besides: Round) -> Contact | None:
        """The endpoint to try next, if one may be tried now; a told one joins ``besides``."""
        if self._taken is not None and self._taken(NodeID(candidate.distance ^ self.target)):
            return None
        if candidate.own:
            return candidate.own[0]
        if self._tried() + besides.contacts >= self.shortlist.capacity:
            return None
        for contact in candidate.told:
            if self._hearsay.admits(contact, besides):
                self._hearsay.choose(contact, besides)
                return contact
        return None

    def _hopeful(self, candidate: Candidate) -> bool:
        """Whether an endpoint is left that may be tried, now or when its host has answered."""
        if candidate.own:
            return True
        return self._tried() < self.shortlist.capacity and any(
            not self._hearsay.exhausted(each) for each in candidate.told
        )

    def _is_near(self, distance: int, count: int) -> bool:
        return is_among_nearest(distance, self.shortlist.candidates, count, self._hopeful)

    def _tried(self) -> int:
        return len(self._attempts) - self._unsent

    # --- What happened -----------------------------------------------------------------------

    def add(self, contacts: Iterable[Contact], now: float) -> None:
        """Start from these, or know these too: contacts of our own table or given by the user.

        They are tried before what other nodes say of the same IDs, whatever their addresses are.
        """
        for contact in contacts:
            self.shortlist.seed(contact)

    def asked(self, contact: Contact, now: float, soft: float) -> None:
        """A request to this contact is on its way, with ``soft`` seconds of patience.

        Asking the same contact again changes nothing.
        """
        attempt = self._begin(contact, now)
        if attempt is None:
            return
        attempt.soft_at = now + soft
        attempt.candidate.fresh += 1
        attempt.candidate.in_flight += 1
        self._holding.append(attempt)
        self.in_flight += 1
        if attempt.charged:
            self._hearsay.asked(contact)

    def replied(
        self, contact: Contact, contacts: Iterable[Contact], now: float, outcome: str = "nodes"
    ) -> None:
        """The contact answered, naming ``contacts``; late replies and second ones count as well.

        ``outcome`` is its word in the trace; ``late`` instead if the contact had failed before.
        With ``PASSED_OVER`` it does not serve what the lookup is for.
        """
        attempt = self.attempt(contact) or self._begin_settled(contact, now)
        if attempt is None:
            return
        if attempt.answered is None:
            self._answered(attempt, now, outcome)
            attempt.candidate.passed_over = outcome == PASSED_OVER
        named = list(contacts)
        nearest = self.shortlist.tell(named, attempt.candidate.depth + 1)
        self._under_way = True
        if nearest is not None and self._is_near(nearest, self.k):
            self._near_the_end = False
        elif 2 * len(named) >= self.k and self._is_near(
            attempt.candidate.distance, max(1, self.k // 4)
        ):
            self._near_the_end = True

    def failed(self, contact: Contact, now: float, outcome: str = "silent") -> None:
        """The contact will not answer: ``silent``, ``refused``, or ``failed`` if it was not sent.

        Another endpoint of the same ID may be tried after this.  A contact that was named by
        :meth:`next` may be declined with this without being asked.
        """
        attempt = self.attempt(contact)
        if attempt is None and self.shortlist.get(contact.node_id) is not None:
            attempt = self._begin_settled(contact, now)
        if attempt is None:
            return
        self._under_way = True
        if attempt.outcome == WAITING:
            self._settle(attempt)
            if outcome == UNSENT:
                self._unsent += 1
            else:
                self._lose(attempt)
            if attempt.charged and outcome == UNSENT:
                attempt.charged = False
                self._hearsay.unsent(contact)
            elif attempt.charged:
                self._hearsay.failed(contact)
        if attempt.answered is None:
            attempt.outcome = outcome

    def is_silent(self, contact: Contact) -> bool:
        """Whether this contact was asked, and nobody has answered for its ID, nor has it failed."""
        attempt = self.attempt(contact)
        if attempt is None or attempt.outcome != WAITING:
            return False
        return attempt.candidate.winner is None

    def attempt(self, contact: Contact) -> Attempt | None:
        """What came of asking this contact; ``None`` if it was not tried."""
        return self._attempts.get((contact.node_id, contact.endpoint))

    def _begin(self, contact: Contact, now: float) -> Attempt | None:
        """Note that the contact is tried; ``None`` if it was before, or if it is ourselves."""
        pair = (contact.node_id, contact.endpoint)
        candidate = self.shortlist.get(contact.node_id) or self.shortlist.seed(contact)
        if candidate is None or pair in self._attempts:
            return None
        attempt = self._attempts[pair] = Attempt(candidate, contact, now)
        attempt.charged = candidate.take(contact)
        return attempt

    def _begin_settled(self, contact: Contact, now: float) -> Attempt | None:
        """An attempt that was never in flight here: nothing was sent at our word."""
        attempt = self._begin(contact, now)
        if attempt is not None:
            attempt.charged = False
            attempt.outcome = ""
        return attempt

    def _settle(self, attempt: Attempt) -> None:
        self.in_flight -= 1
        attempt.candidate.in_flight -= 1
        if attempt in self._holding:
            self._release(attempt)

    def _answered(self, attempt: Attempt, now: float, outcome: str) -> None:
        if attempt.outcome == WAITING:
            self._settle(attempt)
            if attempt.charged:
                self._hearsay.answered(attempt.contact)
        elif attempt.outcome:
            outcome = LATE
            if attempt.charged:
                self._hearsay.answered_late(attempt.contact)
        self._heard += 1
        self._lost -= attempt.lost
        attempt.lost = False
        attempt.answered = now
        attempt.outcome = outcome
        attempt.candidate.answered(attempt.contact)

    # --- What came out -----------------------------------------------------------------------

    def closest(self, count: int | None = None) -> list[Contact]:
        """The ``count`` (default: k) closest that answered, closest first; fewer if fewer did.

        None of them is passed over.
        """
        wanted = self.k if count is None else count
        winners = (
            each.winner
            for each in self.shortlist.candidates
            if each.winner is not None and not each.passed_over
        )
        return list(islice(winners, wanted))

    def passed_over(self) -> list[Contact]:
        """Who answered that it does not serve what the lookup is for, closest first."""
        candidates = self.shortlist.candidates
        return [e.winner for e in candidates if e.winner is not None and e.passed_over]

    def trace(self, now: float) -> Trace:
        """Who was asked, when it answered (s since the start), with what, up to ``now``.

        ``hops`` is the depth of the closest that answered: 1 if we knew it ourselves, 0 if nobody
        answered.
        """
        start = self._started
        steps = tuple(
            TraceStep(
                each.contact,
                each.asked - start,
                None if each.answered is None else each.answered - start,
                each.outcome,
            )
            for each in self._attempts.values()
        )
        depths = (each.depth for each in self.shortlist.candidates if each.winner is not None)
        return Trace(steps, now - start, next(depths, 0))
