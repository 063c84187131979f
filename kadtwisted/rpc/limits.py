"""Budgets of datagrams: who may still be served now.

This file decides, before any public-key work, whether a request is admitted.  A sender that showed
a valid token is charged at its exact endpoint.  A stranger's address may be forged, so it is
charged where forging gains least: at its IPv4 address, or at its IPv6 /64 and again at the /48
around it, and at one budget of all strangers together.  Loopback addresses, where many nodes share
one host, are charged by exact endpoint.

It never looks at what a datagram says, never sends and never waits: ``now`` is an argument.  Its
state never exceeds ``max_sources`` entries.  A refused stranger leaves no entry behind and is
charged nowhere, so forged addresses replace entries no faster than the strangers' total budget:
with the default settings a full turn takes half a minute, and an entry left alone for that long is
as good as new anyway.

Each budget is a token bucket that is refilled continuously.  One float says all about it: the
moment at which it will be full again (the form known as the generic cell rate algorithm, ITU-T
I.371).  Whoever is not listed has a full bucket.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Endpoint
from kadtwisted.parameters import LimitSettings

SITE_FACTOR = 8
"""The budget of an IPv6 /48, in budgets of a /64.  MAGIC: a site may hold 65,536 /64s, of which few
run nodes; the number of nodes per /48 on a live network would settle it."""


class Budget(NamedTuple):
    """A token bucket's shape: seconds a datagram costs, and how far ahead of ``now`` the moment of
    being full again may lie for one more to be admitted."""

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
        # Half a datagram of tolerance, so that rounding in thousands of sums costs nobody one.
        return cls(1 / rate, (burst - 0.5) / rate)


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"


def _groups(host: str) -> list[str]:
    """The eight groups of an IPv6 address in its shortest text form."""
    head, gap, tail = host.partition("::")
    front = head.split(":") if head else []
    if not gap:
        return front
    back = tail.split(":") if tail else []
    return [*front, *["0"] * (8 - len(front) - len(back)), *back]


BUSY_INTERVAL = 1.0
"""Seconds between two times that one endpoint is told that it is over its budget."""
MAX_TOLD_BUSY = 1024
"""Endpoints remembered to have been told so."""
FORGOTTEN_AT_ONCE = 3
"""Sources looked at for each that is charged: more than the two it may add."""


class Limits:
    """The budgets of one port.

    ``_sources`` maps a source to the moment its bucket is full again, the least recently charged
    first.  Proven endpoints stand there as themselves, strangers under a text.
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
        """How many sources are remembered, both kinds together; an IPv6 stranger counts twice."""
        return len(self._sources)

    def admit_proven(self, endpoint: Endpoint, now: float) -> bool:
        """Charge a datagram to an endpoint that holds a valid token; whether it may be served."""
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
        """Whether a proven endpoint that is over its budget may be told so: once a second."""
        told = self._told_busy
        if now - told.get(endpoint, float("-inf")) < BUSY_INTERVAL:
            return False
        told[endpoint] = now
        told.move_to_end(endpoint)
        if len(told) > MAX_TOLD_BUSY:
            told.popitem(last=False)
        return True

    def admit_cookie(self, now: float) -> bool:
        """Charge a cookie to the budget of all cookies; whether it may be sent."""
        if self._cookies_full_at > now + self._cookies.allowance:
            return False
        self._cookies_full_at = max(self._cookies_full_at, now) + self._cookies.interval
        return True

    def admit_stranger(self, endpoint: Endpoint, now: float) -> bool:
        """Charge a datagram to a source without a token; whether it may be served.

        Every budget concerned must have room; if one has none, none is charged.
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
        """Forget those that are too many, and of the least recently charged the few whose budget is
        full again: whoever is not listed has a full one, too."""
        sources = self._sources
        while len(sources) > self._max_sources:
            sources.popitem(last=False)
        for _ in range(FORGOTTEN_AT_ONCE):
            source, full_at = next(iter(sources.items()))
            if full_at >= now:
                break  # at the latest where somebody was charged just now
            del sources[source]

    def _charges(self, endpoint: Endpoint) -> tuple[tuple[str, Budget], ...]:
        """Where a stranger is charged, and out of which budget."""
        host, port = endpoint
        if "." in host:
            # An IPv4 address, or one written as ::ffff:a.b.c.d.
            host = host.rpartition(":")[2]
        if _is_loopback(host):
            return ((f"{host} {port}", self._stranger),)
        if ":" not in host:
            return ((host, self._stranger),)
        groups = _groups(host)
        return (
            (":".join(groups[:4]), self._stranger),
            (":".join(groups[:3]), self._site),
        )
