"""Budgets of datagrams: which senders may still be served now.

This file decides, before any public-key work, whether a request is admitted.  A sender that showed
a valid token is charged at its exact endpoint and at its *host*: its IPv4 address, or its IPv6 /64
and again the /48 around it, so that one host gains nothing by many ports.  The address of a
stranger may be forged, so a stranger is charged where forging gains least: at its host, and at one
budget of all strangers together.  Many nodes may share a loopback address, so strangers there are
charged by exact endpoint.

Public-key work has a bound in all: strangers' datagrams, and those of proven senders whose shared
secret is not known (any more), are charged to a budget of everybody and to their host as a
stranger's.  What a request costs beyond a PING is charged once it is known, before it is handled;
STOREs are charged to a budget of writes of their host as well.

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
from collections.abc import Sequence
from typing import NamedTuple

from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Endpoint, is_loopback
from kadtwisted.model.generations import Generations
from kadtwisted.parameters import LimitSettings

SITE_FACTOR = 8
"""The budget of an IPv6 /48, in budgets of a /64.  MAGIC: a site may have 65,536 /64s, but few of
them run nodes; the number of nodes in a /48 on a live network would settle it."""


class BucketShape(NamedTuple):
    """The shape of a token bucket, in seconds.

    ``interval`` is what one datagram costs.  One more datagram is admitted while the bucket will be
    full again within ``allowance``.
    """

    interval: float
    allowance: float

    @classmethod
    def of(cls, rate: float, burst: float) -> BucketShape:
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
"""Seconds between two replies BUSY to one host, whatever its ports."""
MAX_TOLD_BUSY = 1024
"""Hosts that got BUSY and are remembered."""
FORGOTTEN_AT_ONCE = 4
"""Old sources checked for each one that is charged: more than the three that this may add."""
RECENT_HOSTS = 1024
"""IPv6 hosts whose groups are not worked out again for each datagram.  MAGIC: about as many as a
busy node hears within seconds."""

Source = Endpoint | str | tuple[str]
"""Whom a budget belongs to: a proven endpoint, the text of a group of strangers, or of proven
senders in a tuple of its own."""

_Groups = tuple[tuple[tuple[str], float, float], ...]


class Limits:
    """The budgets of one port.

    ``_sources`` maps a source to the moment at which its bucket is full again, the least recently
    charged first.
    """

    def __init__(self, settings: LimitSettings) -> None:
        rate, burst = settings.stranger_rate, settings.stranger_burst
        self._interval, self._allowance = BucketShape.of(
            settings.proven_rate, settings.proven_burst
        )
        self._stranger = BucketShape.of(rate, burst)
        host_rate, host_burst = settings.proven_host_rate, settings.proven_host_burst
        self._host = BucketShape.of(host_rate, host_burst)
        self._host_interval, self._host_allowance = self._host
        self._host_site = BucketShape.of(SITE_FACTOR * host_rate, SITE_FACTOR * host_burst)
        self._writes = BucketShape.of(settings.writes_rate, settings.writes_burst)
        self._secrets = BucketShape.of(settings.secrets_rate, settings.secrets_burst)
        self._secrets_full_at = float("-inf")
        self._ipv6_groups: Generations[str, _Groups] = Generations(RECENT_HOSTS)
        self._site = BucketShape.of(SITE_FACTOR * rate, SITE_FACTOR * burst)
        self._strangers = BucketShape.of(
            settings.strangers_total_rate, settings.strangers_total_burst
        )
        self._strangers_full_at = float("-inf")
        self._cookies = BucketShape.of(settings.cookies_rate, settings.cookies_rate)
        self._cookies_full_at = float("-inf")
        self.told_busy: OrderedDict[tuple[str], float] = OrderedDict()
        """The hosts that got BUSY lately, and when: while it is empty nobody is silenced."""
        self._max_sources = settings.max_sources
        self._sources: OrderedDict[Source, float] = OrderedDict()

    def sources(self) -> int:
        """How many sources are remembered, of both kinds; an IPv6 stranger counts twice."""
        return len(self._sources)

    def admit_proven(self, endpoint: Endpoint, now: float) -> bool:
        """Charge a datagram to an endpoint with a valid token; says whether to serve it."""
        host = endpoint[0]
        if ":" in host:
            return self._admit_proven_ipv6(endpoint, now)
        sources = self._sources
        group = (host,)
        full_at = sources.get(group)
        if full_at is None or full_at <= now:
            full_at = now
        elif full_at > now + self._host_allowance:
            return False
        if not self._admit_endpoint(endpoint, now):
            return False
        sources[group] = full_at + self._host_interval
        sources.move_to_end(group)
        return True

    def _admit_proven_ipv6(self, endpoint: Endpoint, now: float) -> bool:
        """The same of an endpoint with two groups."""
        sources = self._sources
        host, known = endpoint[0], self._ipv6_groups
        groups = known.young.get(host) or known.old.get(host) or self._proven_groups(host)
        for group, _, allowance in groups:
            if sources.get(group, now) > now + allowance:
                return False
        if not self._admit_endpoint(endpoint, now):
            return False
        for group, interval, _ in groups:
            full_at = sources.get(group, now)
            sources[group] = (full_at if full_at > now else now) + interval
            sources.move_to_end(group)
        return True

    def _admit_endpoint(self, endpoint: Endpoint, now: float) -> bool:
        """Charge a datagram to the budget of a proven endpoint alone."""
        sources = self._sources
        full_at = sources.get(endpoint)
        if full_at is None:
            sources[endpoint] = now + self._interval
            self._forget(now)
            return True
        if full_at <= now:
            full_at = now
        elif full_at > now + self._allowance:
            return False
        sources[endpoint] = full_at + self._interval
        sources.move_to_end(endpoint)
        return True

    def admit_secret(self, endpoint: Endpoint, now: float) -> bool:
        """Charge a datagram of a proven endpoint whose shared secret is not known: to its host as a
        stranger's, and to the public-key work of all such; says whether to open it."""
        if self._secrets_full_at > now + self._secrets.allowance:
            return False
        if not self._admit(self._charges(endpoint), 1.0, now):
            return False
        self._secrets_full_at = max(self._secrets_full_at, now) + self._secrets.interval
        return True

    def admit_cost(self, endpoint: Endpoint, cost: float, now: float) -> bool:
        """Charge what a request of a proven endpoint costs, in PINGs, beyond the one that it was
        admitted for; says whether to handle it."""
        own: Source = endpoint
        charges = [(own, BucketShape(self._interval, self._allowance))]
        for group, interval, allowance in self._hosts_of(endpoint[0]):
            charges.append((group, BucketShape(interval, allowance)))
        return self._admit(charges, cost, now)

    def admit_write(self, endpoint: Endpoint, now: float) -> bool:
        """Charge a STORE to the writes of its host; says whether to handle it."""
        charges = self._charges(endpoint)
        return self._admit(((f"{charges[0][0]} writes", self._writes),), 1.0, now)

    def _admit(
        self, charges: Sequence[tuple[Source, BucketShape]], cost: float, now: float
    ) -> bool:
        """Charge all of these if each has room, else none."""
        sources = self._sources
        for source, budget in charges:
            if sources.get(source, now) > now + budget.allowance:
                return False
        for source, budget in charges:
            sources[source] = max(sources.get(source, now), now) + cost * budget.interval
            sources.move_to_end(source)
        self._forget(now)
        return True

    def admit_busy(self, endpoint: Endpoint, now: float) -> bool:
        """Whether to answer BUSY to a proven endpoint over its budget: once a second to a host."""
        told = self.told_busy
        host = self._hosts_of(endpoint[0])[0][0]
        if now - told.get(host, float("-inf")) < BUSY_INTERVAL:
            return False
        told[host] = now
        told.move_to_end(host)
        if len(told) > MAX_TOLD_BUSY:
            told.popitem(last=False)
        return True

    def is_silenced(self, endpoint: Endpoint, now: float) -> bool:
        """Whether a host is over the budget of its proven endpoints, and got BUSY within the last
        second.  Until one of both is over, none of its requests is worth a look at its token."""
        told = self.told_busy
        group, _, allowance = self._hosts_of(endpoint[0])[0]
        at = told.get(group)
        if at is None:
            return False
        if now - at >= BUSY_INTERVAL:
            del told[group]
            return False
        return self._sources.get(group, now) > now + allowance

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
        if not self._admit(self._charges(endpoint), 1.0, now):
            return False
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

    def _charges(self, endpoint: Endpoint) -> tuple[tuple[str, BucketShape], ...]:
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

    def _hosts_of(self, host: str) -> tuple[tuple[tuple[str], float, float], ...]:
        """The groups at which a proven sender of a host is charged, and the interval and the
        allowance of each: in plain tuples, because each datagram reads them."""
        if ":" not in host:
            return (((host,), *self._host),)
        return self._ipv6_groups.find(host) or self._proven_groups(host)

    def _proven_groups(self, host: str) -> _Groups:
        """The same of an IPv6 host, worked out and kept."""
        groups: _Groups = (((host,), *self._host),)
        if not is_loopback(host.rpartition(":")[2] if "." in host else host):
            shapes = self._host, self._host_site
            charged = zip(self._charges(Endpoint(host, 0)), shapes, strict=False)
            groups = tuple(((group,), *budget) for (group, _), budget in charged)
        self._ipv6_groups.keep(host, groups)
        return groups
