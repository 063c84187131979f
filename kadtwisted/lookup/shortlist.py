"""What one lookup has heard of: candidates sorted by their distance to the target, bounded.

Rules of this file.  A candidate is one node ID with at most three endpoints, because an ID cannot
be claimed without its key but anyone can name it at a false address.  Endpoints handed in by this
side (*own*: the routing table's verified ones, or those a user gave) come before those that other
nodes *told*.  One reply may name an ID once, so one liar cannot fill all three places.  The list
never grows beyond its capacity; what goes is the farthest that was told and never asked.

A host that contact lists name is asked at most twice without having answered, and on a network
without a secret a block (a /24 or /48) at most eight times: lists cannot aim us at a victim.  Never
done here: choosing how many to ask, timing, sending.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.networks import is_of_this_machine, is_public, networks_of

ENDPOINTS_PER_ID = 3
"""MAGIC: own, true and one false.  A simulation of colluding liars would settle it."""

UNPROVEN_PER_HOST = 2
"""MAGIC: requests per exact address that contact lists may cause without an answer from there;
two, because two nodes often share one address.  A census of shared addresses would settle it."""

UNPROVEN_PER_BLOCK = 8
"""MAGIC: such requests per block; the victim of many lists gets no more than 8 datagrams from each
lookup.  Not counted on a site's own network, where all nodes may live in one block."""


class Candidate:
    """One node ID on the shortlist.

    ``own`` and ``told`` hold the contacts not tried yet, in the order to try them; ``endpoints``
    all that take a place, tried or not.  ``fresh`` counts the requests within their soft patience,
    ``in_flight`` all that are not decided; ``winner`` is the contact that answered, if any.
    One that is ``passed_over`` answered, but does not serve what the lookup is for.
    ``depth`` is 1 for what this side knew, else one more than that of the node that told of it.
    """

    __slots__ = (
        "depth",
        "distance",
        "endpoints",
        "fresh",
        "in_flight",
        "named",
        "own",
        "passed_over",
        "told",
        "tried",
        "winner",
    )

    def __init__(self, distance: int, depth: int, named: int) -> None:
        self.distance = distance
        self.depth = depth
        self.named = named
        self.own: tuple[Contact, ...] = ()
        self.told: tuple[Contact, ...] = ()
        self.endpoints: tuple[Endpoint, ...] = ()
        self.tried = False
        self.passed_over = False
        self.fresh = 0
        self.in_flight = 0
        self.winner: Contact | None = None

    def add_own(self, contact: Contact) -> None:
        """Note an endpoint of our own knowledge; it may push out the last one told."""
        endpoint = contact.endpoint
        self._forget_told(endpoint)
        if endpoint in self.endpoints:
            return
        if len(self.endpoints) == ENDPOINTS_PER_ID and self.told:
            self._forget_told(self.told[-1].endpoint)
        if len(self.endpoints) < ENDPOINTS_PER_ID and self.winner is None:
            self.endpoints += (endpoint,)
            self.own += (contact,)

    def add_told(self, contact: Contact) -> None:
        """Note an endpoint another node named, if there is a place and nobody has answered yet."""
        if len(self.endpoints) < ENDPOINTS_PER_ID and self.winner is None:
            self.endpoints += (contact.endpoint,)
            self.told += (contact,)

    def _forget_told(self, endpoint: Endpoint) -> None:
        if any(each.endpoint == endpoint for each in self.told):
            self.told = tuple(each for each in self.told if each.endpoint != endpoint)
            self.endpoints = tuple(each for each in self.endpoints if each != endpoint)

    def forget(self, endpoint: Endpoint | None) -> None:
        """What is untried at this endpoint, or at all with ``None``, is not to be tried here."""
        if endpoint is None:
            self.own = self.told = ()
        else:
            self.own = tuple(each for each in self.own if each.endpoint != endpoint)
            self.told = tuple(each for each in self.told if each.endpoint != endpoint)

    def take(self, contact: Contact) -> bool:
        """This contact is tried now: it leaves the untried.  Whether it was merely told."""
        endpoint = contact.endpoint
        self.tried = True
        told = any(each.endpoint == endpoint for each in self.told)
        self.forget(endpoint)
        return told

    def answered(self, contact: Contact) -> None:
        """The first contact to answer for the ID is the one; the untried rest is dropped."""
        if self.winner is None:
            self.winner = contact
            self.forget(None)


class Shortlist:
    """The candidates of one lookup, closest first.

    ``candidates`` is that order, for reading only; ``capacity`` its largest length.  A node never
    lists ``own_id``.
    """

    __slots__ = ("_by_id", "_distances", "_reply", "candidates", "capacity", "own_id", "target")

    def __init__(self, target: NodeID, capacity: int, own_id: NodeID | None = None) -> None:
        self.target = target
        self.capacity = capacity
        self.own_id = own_id
        self.candidates: list[Candidate] = []
        self._distances: list[int] = []
        self._by_id: dict[NodeID, Candidate] = {}
        self._reply = 0

    def __len__(self) -> int:
        return len(self.candidates)

    def get(self, node_id: NodeID) -> Candidate | None:
        """The candidate with this ID, if it is listed."""
        return self._by_id.get(node_id)

    def seed(self, contact: Contact) -> Candidate | None:
        """List a contact of our own knowledge; ``None`` for ourselves, who are never listed."""
        node_id = contact.node_id
        if node_id == self.own_id:
            return None
        candidate = self._by_id.get(node_id)
        if candidate is None:
            candidate = Candidate(node_id ^ self.target, 1, 0)
            candidate.add_own(contact)
            self._insert(node_id, candidate)
        else:
            candidate.add_own(contact)
        return candidate

    def tell(self, contacts: Iterable[Contact], depth: int) -> int | None:
        """List what one reply names; ``depth`` is the replier's own depth plus one.

        The distance of the nearest ID that is new, ``None`` if all were listed or too far away.
        """
        self._reply = reply = self._reply + 1
        by_id = self._by_id
        nearest: int | None = None
        for contact in contacts:
            candidate = by_id.get(contact.node_id)
            if candidate is None:
                distance = self._tell_new(contact, depth)
                if distance is not None and (nearest is None or distance < nearest):
                    nearest = distance
            elif candidate.named != reply:
                candidate.named = reply
                if contact.endpoint not in candidate.endpoints:
                    candidate.add_told(contact)
        return nearest

    def forget(self, node_id: NodeID, endpoint: Endpoint | None = None) -> None:
        """Another shortlist has taken over this ID, at this endpoint or altogether: try it no more.

        It leaves the list unless it was tried from here or may still be tried elsewhere.
        """
        candidate = self._by_id.get(node_id)
        if candidate is None:
            return
        candidate.forget(endpoint)
        if not (candidate.tried or candidate.own or candidate.told):
            self._remove(bisect_left(self._distances, candidate.distance))

    def _tell_new(self, contact: Contact, depth: int) -> int | None:
        node_id = contact.node_id
        distance = node_id ^ self.target
        distances = self._distances
        full = len(distances) >= self.capacity and distance > distances[-1]
        if full or node_id == self.own_id:
            return None
        candidate = Candidate(distance, depth, self._reply)
        candidate.told = (contact,)
        candidate.endpoints = (contact.endpoint,)
        self._insert(node_id, candidate)
        return distance

    def _insert(self, node_id: NodeID, candidate: Candidate) -> None:
        place = bisect_left(self._distances, candidate.distance)
        self._distances.insert(place, candidate.distance)
        self.candidates.insert(place, candidate)
        self._by_id[node_id] = candidate
        if len(self.candidates) > self.capacity:
            self._drop_farthest()

    def _drop_farthest(self) -> None:
        """Asked ones stay because their answers count, own ones because nobody can forge them;
        only a list of nothing else loses its last entry."""
        candidates = self.candidates
        place = len(candidates) - 1
        for index in range(place, -1, -1):
            if not candidates[index].tried and not candidates[index].own:
                place = index
                break
        self._remove(place)

    def _remove(self, place: int) -> None:
        del self.candidates[place]
        distance = self._distances.pop(place)
        del self._by_id[NodeID(distance ^ self.target)]


class Round:
    """What one round of a lookup is about to ask on hearsay, on all its paths."""

    __slots__ = ("contacts", "networks")

    def __init__(self) -> None:
        self.contacts = 0
        self.networks: list[bytes] = []


class HearsayBudget:
    """How often contact lists may still make us ask each exact address, and each block of addresses
    if ``by_block``.

    An answer gives its share back: who answers is no victim, and many nodes may live at one
    address.  So does a request that was not sent.  Failures do not.  Loopback addresses are no one
    else's and are exempt.
    """

    __slots__ = ("_by_block", "_failed", "_in_flight")

    def __init__(self, by_block: bool = False) -> None:
        self._by_block = by_block
        self._in_flight: dict[bytes, int] = {}
        self._failed: dict[bytes, int] = {}

    def admits(self, contact: Contact, besides: Round) -> bool:
        """Whether one more may be asked now, besides those that are about to be asked."""
        for network, limit in self._limits(contact):
            used = self._in_flight.get(network, 0) + self._failed.get(network, 0)
            if used + besides.networks.count(network) >= limit:
                return False
        return True

    def choose(self, contact: Contact, besides: Round) -> None:
        """This contact is about to be asked, too."""
        besides.contacts += 1
        besides.networks += [network for network, _ in self._limits(contact)]

    def exhausted(self, contact: Contact) -> bool:
        """Whether only a late answer could open this contact's address again."""
        return any(self._failed.get(each, 0) >= limit for each, limit in self._limits(contact))

    def asked(self, contact: Contact) -> None:
        for network, _ in self._limits(contact):
            self._in_flight[network] = self._in_flight.get(network, 0) + 1

    def answered(self, contact: Contact) -> None:
        for network, _ in self._limits(contact):
            self._in_flight[network] -= 1

    unsent = answered
    """A request was not sent after all."""

    def failed(self, contact: Contact) -> None:
        for network, _ in self._limits(contact):
            self._in_flight[network] -= 1
            self._failed[network] = self._failed.get(network, 0) + 1

    def answered_late(self, contact: Contact) -> None:
        for network, _ in self._limits(contact):
            self._failed[network] -= 1

    def _limits(self, contact: Contact) -> tuple[tuple[bytes, int], ...]:
        """The networks that a contact belongs to, and how often each may be asked."""
        address = contact.compact[:-2]
        if is_of_this_machine(address):
            return ()
        own = (address, UNPROVEN_PER_HOST)
        if not (self._by_block and is_public(contact.endpoint.host)):
            return (own,)
        _, block, _ = networks_of(address)
        return (own, (block, UNPROVEN_PER_BLOCK))
