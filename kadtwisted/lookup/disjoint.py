"""One lookup over several paths that share no node (Baumgart and Mies 2007, S/Kademlia, 4.2).

A liar on a path can fill that path's shortlist with its friends.  So the contacts this side starts
from are dealt out to ``paths`` lookups, and what a node tells is heard by its own path alone: who
lies misleads one path of several.  Every path ends only when the k closest that it knows and no
other path was faster to ask have answered, failed, or passed as suspects; together they ask about
``paths`` times k nodes, which is why a small network gets fewer paths (:func:`effective_paths`).

Rules of this file.  It decides which path a contact belongs to and nothing else; whom a path asks
next, and when it is over, is :class:`~.iterative.Lookup`'s.  It departs from the paper, where the
first path to *list* a node keeps it: here an ID is blocked for the others only while a request to
it is within its soft patience, and for good once it has answered.  Else a liar could name honest
nodes at false addresses, and hide them from all the other paths.  A contact (an ID at an endpoint)
is asked at most once by all paths together.  The budget of hearsay requests for each host is
shared, and so is the bound on hearsay, of which every path has its own part: one that is led
astray cannot use up that of the others.

It never sends, waits, reads a clock or draws a random number.  To its driver it is a
:class:`~.iterative.Lookup`: the methods are the same and mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from kadtwisted.errors import InvalidInput
from kadtwisted.lookup.iterative import CAPACITY_FACTOR, Breadth, Lookup, Sharing
from kadtwisted.lookup.shortlist import HearsayBudget, Round
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.results import Trace

LEAST_CAPACITY_FACTOR = 4
"""Shortlist entries, and told contacts tried, per k that even the narrowest path may have: half of
the closest may be dead, and as many lie.  With up to four paths this is their fair part of a plain
lookup's bound, and the sum is the same."""


def effective_paths(d: int, estimated_size: float, k: int) -> int:
    """How many of ``d`` paths a network of this many nodes has room for, at least 1.

    Every path needs k nodes of its own.
    """
    return max(1, min(d, int(estimated_size // k)))


class DisjointLookup:
    """One search for the k nodes closest to ``target`` over ``paths`` paths.

    Alpha is shared out over the paths, at least 1 each.  ``seeds``, how many contacts to start
    from, is k for every path: replies that all name the same k closest would leave a path that has
    no others with nobody to ask.  The rest is as in :class:`~.iterative.Lookup`.
    :class:`~kadtwisted.errors.InvalidInput` if ``paths``, k or alpha is less than 1.
    """

    def __init__(self, target: NodeID, breadth: Breadth, paths: int, now: float = 0.0) -> None:
        k, alpha, own_id = breadth.k, breadth.alpha, breadth.own_id
        if paths < 1 or alpha < 1:
            raise InvalidInput(f"paths and alpha must be at least 1, not {paths} and {alpha}")
        self.target = target
        self.k = k
        self.seeds = paths * k
        self.radius = breadth.radius
        self._own_id = own_id
        self._started = now
        self._dealt = 0
        self._named: dict[NodeID, Lookup] = {}
        self._asked_by: dict[tuple[NodeID, Endpoint], Lookup] = {}
        self._answered: dict[NodeID, None] = {}
        capacity = max(LEAST_CAPACITY_FACTOR * k, CAPACITY_FACTOR * k // paths)
        sharing = Sharing(capacity, HearsayBudget(breadth.by_block), self._is_taken)
        parts = [max(1, (alpha + index) // paths) for index in range(paths)]
        self.paths = [Lookup(target, breadth._replace(alpha=e), now, sharing) for e in parts]

    # --- Whom next? --------------------------------------------------------------------------

    def next(self, now: float) -> list[Contact]:
        """Whom to ask now, closest first: what every path wants, nobody twice."""
        for path in self.paths:
            path.free_slots(now)
        self._named.clear()
        besides = Round()
        named: list[Contact] = []
        for path in self.paths:
            chosen = path.choose(besides)
            named += chosen
            self._named.update((each.node_id, path) for each in chosen)
        named.sort(key=self._distance)
        return named

    def _is_taken(self, node_id: NodeID) -> bool:
        """Whether a path has named this node in this round, or waits for its answer."""
        if node_id in self._named:
            return True
        listed = [path.shortlist.get(node_id) for path in self.paths]
        return any(each is not None and each.fresh > 0 for each in listed)

    def wakes_at(self) -> float | None:
        """The next moment (s) at which a soft patience ends, or ``None``."""
        moments = [path.wakes_at() for path in self.paths]
        return min((each for each in moments if each is not None), default=None)

    @property
    def finished(self) -> bool:
        """Whether every path is."""
        return all(path.finished for path in self.paths)

    # --- What happened -----------------------------------------------------------------------

    def add(self, contacts: Iterable[Contact], now: float) -> None:
        """Deal these to the paths in turn, the closest first; a known ID stays where it is."""
        for contact in sorted(contacts, key=self._distance):
            if contact.node_id == self._own_id or contact.node_id in self._answered:
                continue
            path = self._owner(contact)
            if path is None:
                path = self.paths[self._dealt % len(self.paths)]
                self._dealt += 1
            path.add([contact], now)

    def asked(self, contact: Contact, now: float, soft: float) -> None:
        """A request to this contact is on its way, with ``soft`` seconds of patience."""
        path = self._path_of(contact)
        path.asked(contact, now, soft)
        self._note(contact, path)

    def replied(
        self, contact: Contact, contacts: Iterable[Contact], now: float, outcome: str = "nodes"
    ) -> None:
        """The contact answered, naming ``contacts``, which its own path alone hears of."""
        path = self._path_of(contact)
        path.replied(contact, self._news(contacts), now, outcome)
        if self._note(contact, path):
            self._answered[contact.node_id] = None
            for other in self._others(path):
                other.shortlist.forget(contact.node_id)

    def failed(self, contact: Contact, now: float, outcome: str = "silent") -> None:
        """The contact will not answer; any path may try its ID at another endpoint."""
        path = self._path_of(contact)
        path.failed(contact, now, outcome)
        self._note(contact, path)

    def is_silent(self, contact: Contact) -> bool:
        """Whether this contact was asked, and nobody has answered for its ID, nor has it failed."""
        unheard = contact.node_id not in self._answered
        return unheard and self._path_of(contact).is_silent(contact)

    def _news(self, contacts: Iterable[Contact]) -> list[Contact]:
        """Those that no path has asked and whose ID has not answered."""
        asked, answered = self._asked_by, self._answered
        return [
            each
            for each in contacts
            if each.node_id not in answered and (each.node_id, each.endpoint) not in asked
        ]

    def _note(self, contact: Contact, path: Lookup) -> bool:
        """The others leave a contact that this path has tried; whether it has."""
        pair = (contact.node_id, contact.endpoint)
        if pair not in self._asked_by and path.attempt(contact) is not None:
            self._asked_by[pair] = path
            for other in self._others(path):
                other.shortlist.forget(*pair)
        return pair in self._asked_by

    def _owner(self, contact: Contact) -> Lookup | None:
        """The path that asked this contact, or was last named it, or lists it."""
        node_id = contact.node_id
        path = self._asked_by.get((node_id, contact.endpoint)) or self._named.get(node_id)
        listing = (each for each in self.paths if each.shortlist.get(node_id) is not None)
        return path or next(listing, None)

    def _path_of(self, contact: Contact) -> Lookup:
        return self._owner(contact) or self.paths[0]

    def _others(self, path: Lookup) -> list[Lookup]:
        return [each for each in self.paths if each is not path]

    def _distance(self, contact: Contact) -> int:
        return contact.node_id ^ self.target

    # --- What came out -----------------------------------------------------------------------

    def closest(self, count: int | None = None) -> list[Contact]:
        """The ``count`` (default: k) closest that answered on any path, closest first."""
        wanted = self.k if count is None else count
        found = {each.node_id: each for path in self.paths for each in path.closest(wanted)}
        return sorted(found.values(), key=self._distance)[:wanted]

    def passed_over(self) -> list[Contact]:
        """Who answered on any path that it does not serve what the lookup is for."""
        found = {each.node_id: each for path in self.paths for each in path.passed_over()}
        return sorted(found.values(), key=self._distance)

    def trace(self, now: float) -> Trace:
        """As in every lookup; ``hops`` is the depth on the path that found the closest."""
        traces = [path.trace(now) for path in self.paths]
        steps = sorted((step for each in traces for step in each.steps), key=lambda s: s.asked)
        depths = [
            (self._distance(nearest), trace.hops)
            for path, trace in zip(self.paths, traces, strict=True)
            for nearest in path.closest(1)
        ]
        return Trace(tuple(steps), now - self._started, min(depths, default=(0, 0))[1])


AnyLookup = Lookup | DisjointLookup
"""What a driver can drive without knowing how many paths there are."""
