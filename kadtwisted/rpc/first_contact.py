"""Whether an endpoint that we only know from a contact list may be asked.

A hostile node can put anybody's address into its answers, a new one into each.  So that contact
lists cannot aim us at a victim, the rules of this file bind all that a node sends to endpoints that
never answered it:

* one datagram a minute to an endpoint, without retransmission;
* five a second to an address (IPv4) or /64 (IPv6);
* twenty a minute into a public *block*, a /24 or /48 (:mod:`~kadtwisted.model.networks`): whom a
  list names with many addresses has them in a block or two.

Loopback addresses share a host and know no victim, so only the first rule binds there.  At other
addresses that are not public the third rule does not bind: a whole site may live in one block, all
of its nodes must be able to join at once, and only nodes that live on such an address themselves
are believed about it (:mod:`~kadtwisted.routing.reachable`).  So a stranger cannot aim us there.

The sender of a request that has proven where it receives is no victim either, and is asked by
:meth:`FirstContact.may_meet`: the third rule does not bind, or many who live in one block could not
join at the same time.

Bounded: at most ``capacity`` endpoints, as many addresses and as many blocks are remembered; of
each the oldest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.networks import address_of, is_of_this_machine, is_public, networks_of

K = TypeVar("K")
V = TypeVar("V")

QUIET_SECONDS = 60.0
"""One datagram a minute to an endpoint that never answered."""
ADDRESS_RATE = 5.0
"""Datagrams a second to all unproven endpoints of one address."""
BLOCK_LIMIT = 20
"""Datagrams to all unproven endpoints of one block within :data:`QUIET_SECONDS`.  MAGIC: two or
three lookups send as many (:mod:`~kadtwisted.lookup.shortlist`); how many honest nodes of one block
are refused in a live network would settle it."""


class FirstContact:
    """Remembers whom we wrote to without ever having had an answer."""

    def __init__(self, capacity: int = 16384) -> None:
        self._capacity = capacity
        self._asked: OrderedDict[Endpoint, float] = OrderedDict()
        self._budgets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        self._blocks: OrderedDict[bytes, tuple[float, ...]] = OrderedDict()

    def may_ask(self, endpoint: Endpoint, now: float) -> bool:
        """Whether a datagram may go to this unproven endpoint now; a yes is remembered."""
        return self._may(endpoint, now, by_block=is_public(endpoint.host))

    def may_meet(self, endpoint: Endpoint, now: float) -> bool:
        """The same, of an endpoint that has asked us, and has proven that it receives there."""
        return self._may(endpoint, now, by_block=False)

    def may_try(self, endpoint: Endpoint, now: float) -> bool:
        """The same for one more datagram, because one more node says that somebody is there who
        waits for it; the first rule does not bind, and whoever calls this bounds how often."""
        return self._may(endpoint, now, by_block=is_public(endpoint.host), once=False)

    def answered(self, endpoint: Endpoint) -> None:
        """The endpoint is proven; nothing holds it back any more."""
        self._asked.pop(endpoint, None)

    def __len__(self) -> int:
        return len(self._asked) + len(self._budgets) + len(self._blocks)

    def _may(self, endpoint: Endpoint, now: float, by_block: bool, *, once: bool = True) -> bool:
        last = self._asked.get(endpoint) if once else None
        if last is not None and now - last < QUIET_SECONDS:
            return False
        address = address_of(endpoint.host)
        if not is_of_this_machine(address):
            host, block, _ = networks_of(address)
            recent = self._recent(block, now) if by_block else ()
            if len(recent) >= BLOCK_LIMIT or not self._spend(host, now):
                return False
            if by_block:
                self._remember(self._blocks, block, (*recent, now))
        self._remember(self._asked, endpoint, now)
        return True

    def _recent(self, block: bytes, now: float) -> tuple[float, ...]:
        """When the last datagrams went into a block."""
        return tuple([at for at in self._blocks.get(block, ()) if now - at < QUIET_SECONDS])

    def _spend(self, host: bytes, now: float) -> bool:
        """A token bucket of one second's budget for each address."""
        left, at = self._budgets.get(host, (ADDRESS_RATE, now))
        left = min(ADDRESS_RATE, left + (now - at) * ADDRESS_RATE)
        self._remember(self._budgets, host, (left - 1.0 if left >= 1.0 else left, now))
        return left >= 1.0

    def _remember(self, known: OrderedDict[K, V], key: K, value: V) -> None:
        known[key] = value
        known.move_to_end(key)
        if len(known) > self._capacity:
            known.popitem(last=False)
