"""Gets one UDP mapping from a gateway, and keeps it: what to send, and when.

A gateway may speak PCP, NAT-PMP, UPnP or none of them, and says so only by its answers.  So each
protocol is tried in turn, and the one that answers is kept.  The rules of this file:

* A datagram is repeated after 250 ms, then each time after twice as long (RFC 6886, 3.1), at most
  :data:`TRIES` times: a gateway is one hop away.  UPnP goes over TCP and is asked once.
* A mapping is renewed at half its lifetime (RFC 6886, 3.3; RFC 6887, 11.2.1), and at the latest
  after :data:`RENEW_AFTER`: so a gateway that has lost its mappings, as by a restart, has ours
  again soon, and a change of the address outside is noticed.
* Where nothing answers, or all say no, it is tried again after :data:`AGAIN_AFTER`.

Pure: ``now`` is an argument, in seconds of a monotonic clock.  It holds one mapping, and one
request in flight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from kadtwisted.nat.mapping import Grant, Heard, OuterAddress, Protocol, Refused, Wish

LIFETIME = 7200
"""Seconds that are asked for (RFC 6886, 3.3, recommends 7200)."""
FIRST_WAIT = 0.25
"""Seconds until a request is repeated for the first time (RFC 6886, 3.1)."""
TRIES = 5
"""Datagrams until a gateway is taken not to speak a protocol.  MAGIC: almost 8 seconds; RFC 6886
waits for 64, at the end of which a person has given up."""
RENEW_AFTER = 120.0
"""MAGIC: seconds; one small datagram each way, and a gateway that was restarted has the mapping
again before a contact that is silent meanwhile is dropped."""
AGAIN_AFTER = 600.0
"""MAGIC: seconds; somebody may have switched port mapping on, or changed the gateway."""
SHORTEST = 10.0
"""MAGIC: seconds; a shorter lifetime counts as this: no gateway makes us send more often."""
UPNP_WAIT = 20.0
"""MAGIC: seconds that the whole conversation of UPnP may take; its search alone takes 2."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapping that stands: by which protocol, where outside, and until when.

    ``outer_host`` is ``None`` until the gateway has told it.
    """

    protocol: Protocol
    outer_port: int
    until: float
    outer_host: str | None = None


class Ask(NamedTuple):
    """What to ask the gateway by a protocol: for a mapping, or for its address (``None``)."""

    protocol: Protocol
    wish: Wish | None


class _Request(NamedTuple):
    """What is in flight: the protocol, how often it was sent, when it is sent again."""

    protocol: Protocol
    sent: int
    next_at: float


class Lease:
    """One mapping for our UDP ``port`` at ``host``, by these ``protocols``, tried in their order.

    ``mapped`` is what stands, ``problem`` one sentence about why nothing does.
    """

    def __init__(self, host: str, port: int, protocols: Sequence[Protocol]) -> None:
        self._host = host
        self._port = port
        self._protocols = tuple(protocols)
        self._left: tuple[Protocol, ...] = ()
        self._request: _Request | None = None
        self._next_at = 0.0
        self._refusal = ""
        self.mapped: Mapped | None = None
        self.problem = ""

    @property
    def asks_by(self) -> Protocol | None:
        """The protocol in which an answer is read now."""
        if self._request is not None:
            return self._request.protocol
        return None if self.mapped is None else self.mapped.protocol

    def wakes_at(self) -> float:
        """When :meth:`due` has something to do again."""
        next_at = self._next_at if self._request is None else self._request.next_at
        return next_at if self.mapped is None else min(next_at, self.mapped.until)

    def due(self, now: float) -> list[Ask]:
        """What to ask the gateway now; maybe nothing."""
        if self.mapped is not None and now >= self.mapped.until:
            self.mapped = None
        request = self._request
        if request is None and now >= self._next_at:
            self._left = self._order()
            return self._next_protocol(now)
        if request is None or now < request.next_at:
            return []
        if request.sent >= TRIES or request.protocol is Protocol.UPNP:
            return self._next_protocol(now)
        return self._ask(request.protocol, request.sent, now)

    def heard(self, protocol: Protocol, answer: Heard, now: float) -> list[Ask]:
        """The gateway answered by this protocol; what to ask at once because of it."""
        if isinstance(answer, OuterAddress):
            if self.mapped is not None and self.mapped.protocol is protocol:
                self.mapped = replace(self.mapped, outer_host=answer.host)
            return []
        if self._request is None or self._request.protocol is not protocol:
            return []
        if isinstance(answer, Grant):
            if answer.lifetime:
                return self._take(protocol, answer, now)
            answer = Refused("it ends the mapping at once")
        if not (answer.speaks_not and self._refusal):  # a real refusal says more
            self._refusal = answer.reason
        return self._next_protocol(now)

    def end(self) -> list[Ask]:
        """What to ask so that the gateway forgets the mapping; this lease is over."""
        mapped, self.mapped, self._request, self._next_at = self.mapped, None, None, inf
        if mapped is None:
            return []
        return [Ask(mapped.protocol, Wish(self._host, self._port, mapped.outer_port, 0))]

    # --- Inside ------------------------------------------------------------------------------

    def _order(self) -> tuple[Protocol, ...]:
        """The protocol that works first, then the others."""
        self._refusal = ""
        if self.mapped is None:
            return self._protocols
        works = self.mapped.protocol
        return (works, *(each for each in self._protocols if each is not works))

    def _next_protocol(self, now: float) -> list[Ask]:
        if self._left:
            protocol, *rest = self._left
            self._left = tuple(rest)
            return self._ask(protocol, 0, now)
        self._request = None
        self._next_at = now + (AGAIN_AFTER if self.mapped is None else RENEW_AFTER)
        self.problem = self._refusal or "no gateway answers"
        return []

    def _ask(self, protocol: Protocol, sent: int, now: float) -> list[Ask]:
        wait = UPNP_WAIT if protocol is Protocol.UPNP else FIRST_WAIT * 2**sent
        self._request = _Request(protocol, sent + 1, now + wait)
        outer = self._port if self.mapped is None else self.mapped.outer_port
        return [Ask(protocol, Wish(self._host, self._port, outer, LIFETIME))]

    def _take(self, protocol: Protocol, grant: Grant, now: float) -> list[Ask]:
        lifetime = max(float(min(grant.lifetime, LIFETIME)), SHORTEST)
        known = None if self.mapped is None else self.mapped.outer_host
        outer_host = grant.outer_host or known
        self.mapped = Mapped(protocol, grant.outer_port, now + lifetime, outer_host)
        self._request, self._left, self.problem = None, (), ""
        self._next_at = now + min(lifetime / 2, RENEW_AFTER)
        return [Ask(protocol, None)] if grant.outer_host is None else []
