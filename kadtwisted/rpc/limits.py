"""Budgets of datagrams: which senders may still be served now.

This file decides, before any public-key work, whether a request is admitted.  A sender that showed
a valid token is charged at its exact endpoint.  The address of a stranger may be forged, so a
stranger is charged where forging gains least: at its IPv4 address, or at its IPv6 /64 and again at
the /48 around it, and at one budget of all strangers together.  Many nodes may share a loopback
address, so these are charged by exact endpoint.

It never looks at what a datagram says, never sends and never waits: ``now`` is an argument.  Its
state never exceeds ``max_sources`` entries.  A stranger that is refused leaves no entry and is
charged nowhere, so forged addresses replace entries no faster than the total budget of strangers
allows.  With the default settings it takes half a minute to replace all of them, and after that
time an old entry has a full bucket anyway.

Each budget is a token bucket that fills continuously.  One float describes it: the moment at which
it will be full again (this form is known as the generic cell rate algorithm, ITU-T I.371).  A
source that is not listed has a full bucket.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Endpoint, is_loopback
from kadtwisted.parameters import LimitSettings

SITE_FACTOR = 8
"""The budget of an IPv6 /48, in budgets of a /64.  MAGIC: a site may have 65,536 /64s, but few of
them run nodes; the number of nodes in a /48 on a live network would settle it."""


class Budget(NamedTuple):
    """The shape of a token bucket, in seconds.

    ``interval`` is what one datagram costs.  One more datagram is admitted while the bucket will be
    full again within ``allowance``.
    """

    interval: float
    allowance: float

    @classmethod
    def of(cls, rate: float, burst: float) -> Budget:
        """``rate`` datagrams a second, ``burst`` at once from a full bucket.

        :class:`ConfigurationError` unless the rate is positive and the burst at least 1.
        """
        if not (rate > 0 and burst >= 1):
            raise ConfigurationError(
                f"a budget needs a rate above 0 and a burst of at least 1, not {rate} and {burst}"
            )
        # Half a datagram of tolerance, so that rounding errors in thousands of sums cost none.
        return cls(1 / rate, (burst - 0.5) / rate)


def _groups(host: str) -> list[str]:
    """The eight groups of an IPv6 address in its shortest text form."""
    head, gap, tail = host.partition("::")
    front = head.split(":") if head else []
    if not gap:
        return front
    back = tail.split(":") if tail else []
    return [*front, *["0"] * (8 - len(front) - len(back)), *back]


BUSY_INTERVAL = 1.0
"""Seconds between two replies BUSY to one endpoint."""
MAX_TOLD_BUSY = 1024
"""Endpoints that got BUSY and are remembered."""
FORGOTTEN_AT_ONCE = 3
"""Old sources checked for each one that is charged: more than the two that this may add."""


class Limits:
    """The budgets of one port.

    ``_sources`` maps a source to the moment at which its bucket is full again, the least recently
    charged first.  The key of a proven sender is its endpoint, the key of a stranger is a text.
    """

    def __init__(self, settings: LimitSettings) -> None:
        rate, burst = settings.stranger_rate, settings.stranger_burst
        self._interval, self._allowance = Budget.of(settings.proven_rate, settings.proven_burst)
        self._stranger = Budget.of(rate, burst)
        self._site = Budget.of(SITE_FACTOR * rate, SITE_FACTOR * burst)
        self._strangers = Budget.of(settings.strangers_total_rate, settings.strangers_total_burst)
        self._strangers_full_at = float("-inf")
        self._cookies = Budget.of(settings.cookies_rate, settings.cookies_rate)
        self._cookies_full_at = float("-inf")
        self._told_busy: OrderedDict[Endpoint, float] = OrderedDict()
        self._max_sources = settings.max_sources
        self._sources: OrderedDict[Endpoint | str, float] = OrderedDict()

    def sources(self) -> int:
        """How many sources are remembered, of both kinds; an IPv6 stranger counts twice."""
        return len(self._sources)

    def admit_proven(self, endpoint: Endpoint, now: float) -> bool:
        """Charge a datagram to an endpoint with a valid token; says whether to serve it."""
        sources = self._sources
        full_at = sources.get(endpoint)
        if full_at is None:
            sources[endpoint] = now + self._interval
            self._forget(now)
            return True
        if full_at > now + self._allowance:
            return False
        sources[endpoint] = (full_at if full_at > now else now) + self._interval
        sources.move_to_end(endpoint)
        return True

    def admit_busy(self, endpoint: Endpoint, now: float) -> bool:
        """Whether to answer BUSY to a proven endpoint over its budget: once a second."""
        told = self._told_busy
        if now - told.get(endpoint, float("-inf")) < BUSY_INTERVAL:
            return False
        told[endpoint] = now
        told.move_to_end(endpoint)
        if len(told) > MAX_TOLD_BUSY:
            told.popitem(last=False)
        return True

    def admit_cookie(self, now: float) -> bool:
        """Charge a cookie to the budget of all cookies; says whether to send it."""
        if self._cookies_full_at > now + self._cookies.allowance:
            return False
        self._cookies_full_at = max(self._cookies_full_at, now) + self._cookies.interval
        return True

    def admit_stranger(self, endpoint: Endpoint, now: float) -> bool:
        """Charge a datagram to a source without a token; says whether to serve it.

        All its budgets must have room; if one has none, no budget is charged.
        """
        if self._strangers_full_at > now + self._strangers.allowance:
            return False
        charges = self._charges(endpoint)
        sources = self._sources
        for source, budget in charges:
            if sources.get(source, now) > now + budget.allowance:
                return False
        for source, budget in charges:
            sources[source] = max(sources.get(source, now), now) + budget.interval
            sources.move_to_end(source)
        self._forget(now)
        self._strangers_full_at = max(self._strangers_full_at, now) + self._strangers.interval
        return True

    def _forget(self, now: float) -> None:
        """Forget sources beyond the bound, and a few old ones whose budget is full again.

        A source that is not listed has a full budget, so nothing is lost.
        """
        sources = self._sources
        while len(sources) > self._max_sources:
            sources.popitem(last=False)
        for _ in range(FORGOTTEN_AT_ONCE):
            source, full_at = next(iter(sources.items()))
            if full_at >= now:
                break  # at the latest at the source that was just charged
            del sources[source]

    def _charges(self, endpoint: Endpoint) -> tuple[tuple[str, Budget], ...]:
        """The sources at which a stranger is charged, and the budget of each."""
        host, port = endpoint
        if "." in host:
            # An IPv4 address, or one written as ::ffff:a.b.c.d.
            host = host.rpartition(":")[2]
        if is_loopback(host):
            return ((f"{host} {port}", self._stranger),)
        if ":" not in host:
            return ((host, self._stranger),)
        groups = _groups(host)
        return (
            (":".join(groups[:4]), self._stranger),
            (":".join(groups[:3]), self._site),
        )
