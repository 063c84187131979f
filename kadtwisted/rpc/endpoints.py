"""What is known of each endpoint: its round-trip time, the token it gave us, its failures.

This file decides how long to wait for a reply (RFC 6298, between the bounds of
:class:`~kadtwisted.parameters.Timeouts`), and whether a token that we hold is fresh enough to be
sent.  It departs from RFC 6298 in two points.  The bounds are its own, because a lost request costs
one slot of a lookup and no connection.  A failure does not double the patience, because an endpoint
that fails again and again is dropped.

It never judges who is in a routing table, and never checks a token that others show us.  It holds
at most ``capacity`` endpoints: the one that was least recently asked, heard from or failed goes
first.  ``now`` is an argument, in seconds of a monotonic clock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from kadtwisted.constants import NO_TOKEN
from kadtwisted.model.contact import Endpoint
from kadtwisted.parameters import Parameters, Timeouts

RECOMPUTE_AFTER = 16
"""Samples between two computations of the p99.  MAGIC: a sort of 256 costs about 10 us, so this
keeps it under 1 us a sample; the p99 of 256 barely moves in 16."""

TOKEN_LIFE = 1.5
"""A token is used for this many rotations of its issuer's secret: it lives for 1 to 2 of them,
depending on when it was issued."""

NEVER = -inf
"""The moment of something that has not happened yet."""

_DEFAULTS = Parameters()


class Patience(NamedTuple):
    """Seconds until a request is suspected (and retransmitted), and until it has failed."""

    soft: float
    hard: float


@dataclass(slots=True, eq=False)
class EndpointRecord:
    """What is known of one endpoint.  Times are in seconds, moments are :data:`NEVER` at first.

    ``srtt`` (``None`` before the first sample) and ``rttvar`` are RFC 6298's.  ``token`` was
    received at ``token_from`` from the node with the public key ``token_key``.  ``failures`` counts
    since the last reply.  ``network`` is the index of the network secret it last used.
    """

    srtt: float | None = None
    rttvar: float = 0.0
    token: bytes = NO_TOKEN
    token_from: float = NEVER
    token_key: bytes = b""
    failures: int = 0
    network: int | None = None
    last_heard: float = NEVER
    last_failed: float = NEVER

    def measured(self, rtt: float) -> None:
        """Take one round trip into the estimate (RFC 6298, 2.2 and 2.3: alpha 1/8, beta 1/4)."""
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            # RTTVAR first: it needs the SRTT from before this sample.
            self.rttvar += (abs(self.srtt - rtt) - self.rttvar) / 4
            self.srtt += (rtt - self.srtt) / 8


class RecentRTTs:
    """The node's last ``size`` round trips, and their 99th percentile by nearest rank.

    ``p99`` is ``None`` before the first sample.  It is exact after each of the first 16 samples;
    from then on it is computed again after every 16th.
    """

    def __init__(self, size: int) -> None:
        self._samples: deque[float] = deque(maxlen=size)
        self._seen = 0
        self.p99: float | None = None

    def add(self, rtt: float) -> None:
        """Take one round trip, in seconds."""
        self._samples.append(rtt)
        self._seen += 1
        if self._seen <= RECOMPUTE_AFTER or self._seen % RECOMPUTE_AFTER == 0:
            # The rank is ceil(0.99 n), in whole numbers.
            self.p99 = sorted(self._samples)[-(-99 * len(self._samples) // 100) - 1]


class Endpoints:
    """What one node knows of the endpoints it deals with, at most ``capacity`` of them.

    ``rotation`` is how many seconds a token's secret lives on this network.
    """

    def __init__(
        self, timeouts: Timeouts, capacity: int, rotation: float = _DEFAULTS.token_rotation
    ) -> None:
        self._timeouts = timeouts
        self._capacity = capacity
        self._token_life = TOKEN_LIFE * rotation
        self._recent = RecentRTTs(timeouts.samples)
        self._records: OrderedDict[Endpoint, EndpointRecord] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def get(self, endpoint: Endpoint) -> EndpointRecord | None:
        """What is known of an endpoint, for reading only; ``None`` if there is nothing."""
        return self._records.get(endpoint)

    def _touch(self, endpoint: Endpoint) -> EndpointRecord:
        """The endpoint's record, made if it is missing; now it is the last to be forgotten."""
        records = self._records
        record = records.get(endpoint)
        if record is not None:
            records.move_to_end(endpoint)
            return record
        records[endpoint] = record = EndpointRecord()
        if len(records) > self._capacity:
            records.popitem(last=False)
        return record

    # --- What happens ------------------------------------------------------------------------

    def answered(self, endpoint: Endpoint, rtt: float | None, now: float) -> None:
        """A valid reply came from there: its failures no longer count.

        ``rtt`` is in seconds.  It is ``None`` if it measures nothing: the request was retransmitted
        (Karn's rule; RFC 6298, section 3), or the answer waited for a disk (STORE).
        """
        record = self._touch(endpoint)
        record.failures = 0
        record.last_heard = now
        if rtt is not None:
            record.measured(rtt)
            self._recent.add(rtt)

    def failed(self, endpoint: Endpoint, now: float) -> None:
        """A request to it failed; perhaps it does not accept our network secret."""
        record = self._touch(endpoint)
        record.failures += 1
        record.network = None
        record.last_failed = now

    # --- Tokens and networks -----------------------------------------------------------------

    def token(self, endpoint: Endpoint, now: float, key: bytes = b"") -> bytes:
        """The token to show there; :data:`NO_TOKEN` if there is none, or if it is too old.

        A token from a node with another public key than ``key`` is not used, either.  An empty key
        stands for one that is not known.
        """
        record = self._records.get(endpoint)
        if record is None or now - record.token_from > self._token_life:
            return NO_TOKEN
        if key and record.token_key and key != record.token_key:
            return NO_TOKEN
        return record.token

    def remember_token(
        self, endpoint: Endpoint, token: bytes, now: float, key: bytes = b""
    ) -> None:
        """Keep the token of a reply from there; ``key`` is the public key that sealed the reply."""
        record = self._touch(endpoint)
        record.token = token
        record.token_from = now
        record.token_key = key

    def forget_token(self, endpoint: Endpoint) -> None:
        """The endpoint refused the token: do not show it again."""
        record = self._records.get(endpoint)
        if record is not None:
            record.token, record.token_from, record.token_key = NO_TOKEN, NEVER, b""

    def network(self, endpoint: Endpoint) -> int | None:
        """The index of the network secret that was last accepted there; ``None`` if not known."""
        record = self._records.get(endpoint)
        return record.network if record is not None else None

    def remember_network(self, endpoint: Endpoint, index: int) -> None:
        """Keep which network secret a valid datagram from there used."""
        self._touch(endpoint).network = index

    # --- Patience ----------------------------------------------------------------------------

    def patience(self, endpoint: Endpoint, floor: float = 0.0) -> Patience:
        """How long to wait for a reply from there, in seconds.

        It is taken from the endpoint's own round trips, otherwise from those of all endpoints,
        otherwise it is the initial value; always between the configured floor and ceiling.
        ``floor`` raises the result even beyond the ceiling (a STORE waits for an fsync).  The hard
        patience is a multiple of the soft one, and has its own floor.
        """
        timeouts = self._timeouts
        record = self._records.get(endpoint)
        if record is not None and record.srtt is not None:
            soft = record.srtt + 4 * record.rttvar
        elif self._recent.p99 is not None:
            soft = timeouts.unknown_factor * self._recent.p99
        else:
            soft = timeouts.initial
        soft = max(min(soft, timeouts.ceiling), timeouts.floor, floor)
        return Patience(soft, max(timeouts.hard_factor * soft, timeouts.hard_floor))
