"""Whether an endpoint that we only know from a contact list may be asked.

A hostile node can put anybody's address into its answers.  So that contact lists cannot aim us at
a victim, an endpoint that never answered gets one datagram a minute, without retransmission, and
all such endpoints of one address (IPv4) or /64 (IPv6) together five a second.  Loopback addresses
share a host and know no victim, so only the first rule binds there.

Bounded: at most ``capacity`` endpoints and as many addresses are remembered, the oldest go first.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from kadtwisted.model.contact import Endpoint, is_loopback

QUIET_SECONDS = 60.0
"""One datagram a minute to an endpoint that never answered."""
ADDRESS_RATE = 5.0
"""Datagrams a second to all unproven endpoints of one address."""


class FirstContact:
    """Remembers whom we wrote to without ever having had an answer."""

    def __init__(self, capacity: int = 16384) -> None:
        self._capacity = capacity
        self._asked: OrderedDict[Endpoint, float] = OrderedDict()
        self._budgets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def may_ask(self, endpoint: Endpoint, now: float) -> bool:
        """Whether a datagram may go to this unproven endpoint now; a yes is remembered."""
        last = self._asked.get(endpoint)
        if last is not None and now - last < QUIET_SECONDS:
            return False
        if not is_loopback(endpoint.host) and not self._spend(_network_of(endpoint), now):
            return False
        self._asked[endpoint] = now
        self._asked.move_to_end(endpoint)
        if len(self._asked) > self._capacity:
            self._asked.popitem(last=False)
        return True

    def answered(self, endpoint: Endpoint) -> None:
        """The endpoint is proven; nothing holds it back any more."""
        self._asked.pop(endpoint, None)

    def __len__(self) -> int:
        return len(self._asked) + len(self._budgets)

    def _spend(self, network: str, now: float) -> bool:
        """A token bucket of one second's budget for each address."""
        left, at = self._budgets.get(network, (ADDRESS_RATE, now))
        left = min(ADDRESS_RATE, left + (now - at) * ADDRESS_RATE)
        self._budgets[network] = (left - 1.0 if left >= 1.0 else left, now)
        self._budgets.move_to_end(network)
        if len(self._budgets) > self._capacity:
            self._budgets.popitem(last=False)
        return left >= 1.0


def _network_of(endpoint: Endpoint) -> str:
    if ":" not in endpoint.host:
        return endpoint.host
    return str(ipaddress.ip_network((endpoint.host, 64), strict=False).network_address)
