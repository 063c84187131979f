"""What is known of each endpoint: its round-trip time, and the token that it gave us.

This file decides how long to wait for a reply (RFC 6298, between the bounds of
:class:`~kadtwisted.parameters.Timeouts`), and whether a token that we hold is fresh enough to be
sent.  It departs from RFC 6298 in two points.  The bounds are its own, because a lost request costs
one slot of a lookup and no connection.  A failure does not double the patience, because an endpoint
that fails again and again is dropped.

It never judges who is in a routing table, and never checks a token that others show us.  It holds
at most ``capacity`` endpoints: those that have not answered or failed for longest go first
(:mod:`~kadtwisted.model.generations`).  ``now`` is an argument, in seconds of a monotonic clock.

A node knows about as many endpoints as contacts, so what is known of each is one short byte string,
which takes a quarter of the memory of an object with these fields.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from math import inf
from struct import Struct
from typing import NamedTuple

from kadtwisted.constants import NO_TOKEN
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.generations import Generations
from kadtwisted.parameters import Parameters, Timeouts

RECOMPUTE_AFTER = 16
"""Samples between two computations of the percentiles.  MAGIC: a sort of 256 costs about 10 us, so
this keeps it under 1 us a sample; the p99 of 256 barely moves in 16."""

FEW = 4
"""MAGIC: one round trip counts five times, the p95 of 5 counts 1.8 times, that of 100 1.04 times.
So a node that has just started passes by few that live."""

TOKEN_LIFE = 1.5
"""A token is used for this many rotations of its issuer's secret: it lives for 1 to 2 of them,
depending on when it was issued."""

SLOW = inf
"""The round trip of an answer that came after its request was sent again."""

NEVER = -inf
"""The moment of something that has not happened yet."""

_DEFAULTS = Parameters()


class Patience(NamedTuple):
    """Seconds until a request is suspected (and retransmitted), and until it has failed.

    ``repeats`` is how often it may be sent again: first at ``soft``, then each time after twice as
    long as the time before (RFC 6298, 5.5).
    """

    soft: float
    hard: float
    repeats: int = 1


class EndpointRecord(NamedTuple):
    """What is known of one endpoint, in seconds.

    ``srtt`` and ``rttvar`` are RFC 6298's; ``srtt`` is :data:`UNMEASURED` before the first sample.
    ``token`` was received at ``token_from``; ``issuer`` begins as the public key of the node that
    gave it.  ``network`` is the index of the network secret it last used, or :data:`UNKNOWN`.
    ``answered`` says whether it ever did.
    """

    srtt: float
    rttvar: float
    token: bytes
    token_from: float
    issuer: bytes
    network: int
    answered: bool


UNMEASURED = -1.0
UNKNOWN = -1
_RECORD = Struct("=dd8sd8sh?")
_ESTIMATE = Struct("=dd")
_TOKEN = Struct("=16x8sd8s")
_NETWORK = Struct("=40xh")
ISSUER_BYTES = 8
"""How much of an issuer's public key is kept.  It only tells that another node lives at an endpoint
now, for which a token is of no use: who makes up a key that begins the same gains nothing."""
_NOBODY = bytes(ISSUER_BYTES)
_NOTHING_KNOWN = EndpointRecord(UNMEASURED, 0.0, NO_TOKEN, NEVER, _NOBODY, UNKNOWN, False)
_NEW = _RECORD.pack(*_NOTHING_KNOWN)


def smoothed(srtt: float, rttvar: float, rtt: float) -> tuple[float, float]:
    """SRTT and RTTVAR after one more round trip (RFC 6298, 2.2 and 2.3: alpha 1/8, beta 1/4)."""
    if srtt < 0:
        return rtt, rtt / 2
    # RTTVAR needs the SRTT from before this sample.
    return srtt + (rtt - srtt) / 8, rttvar + (abs(srtt - rtt) - rttvar) / 4


class RecentRTTs:
    """The node's last ``size`` round trips, and two percentiles of them by nearest rank.

    ``p95`` is how long to wait before a node that was never asked is suspected, ``p99`` what its
    failure is reckoned from.  Both are ``None`` before the first sample.  They are exact after each
    of the first 16 samples; from then on they are computed again after every 16th.

    Whose answer came only after the request was sent again gives no round trip (Karn's rule), but
    was slow, or was lost once.  It counts as slower than all others.  Else the slow would fall out
    of the sample, the p95 of the rest be shorter, more fall out, and so on.  It never makes us wait
    for longer than the slowest that was measured, nor with the p95 for longer than 99 of 100 of
    those: where one of ten is lost, that says nothing about round trips.
    """

    def __init__(self, size: int) -> None:
        self._samples = array("d")
        self._size = size
        self._seen = 0
        self.p95: float | None = None
        self.p99: float | None = None

    @property
    def doubt(self) -> float:
        """A factor, at least 1, for how little few round trips say of the slow ones: the first that
        comes back is the fastest of those that were asked together."""
        return 1 + FEW / max(1, len(self._samples))

    def add(self, rtt: float = SLOW) -> None:
        """Take one round trip, in seconds; by default one that was not measured, and was slow."""
        if len(self._samples) < self._size:
            self._samples.append(rtt)
        else:
            self._samples[self._seen % self._size] = rtt  # the oldest
        self._seen += 1
        if self._seen <= RECOMPUTE_AFTER or self._seen % RECOMPUTE_AFTER == 0:
            self._compute()

    def _compute(self) -> None:
        ordered = sorted(self._samples)
        measured = bisect_left(ordered, SLOW)
        if not measured:
            return
        self.p99 = ordered[min(_rank(99, len(ordered)), measured) - 1]
        self.p95 = ordered[min(_rank(95, len(ordered)), _rank(99, measured)) - 1]


def _rank(percent: int, count: int) -> int:
    """The rank of a percentile: ceil(percent x count / 100), in whole numbers."""
    return -(-percent * count // 100)


class Endpoints:
    """What one node knows of the endpoints it deals with, at most ``capacity`` of them.

    ``rotation`` is how many seconds a token's secret lives on this network.
    """

    def __init__(
        self, timeouts: Timeouts, capacity: int, rotation: float = _DEFAULTS.token_rotation
    ) -> None:
        self._timeouts = timeouts
        self._token_life = TOKEN_LIFE * rotation
        self._recent = RecentRTTs(timeouts.samples)
        self._records: Generations[Endpoint, bytes] = Generations(capacity)

    def __len__(self) -> int:
        return len(self._records)

    def get(self, endpoint: Endpoint) -> EndpointRecord | None:
        """What is known of an endpoint; ``None`` if there is nothing."""
        record = self._records.find(endpoint)
        return None if record is None else EndpointRecord(*_RECORD.unpack(record))

    def round_trip(self, endpoint: Endpoint) -> float | None:
        """The smoothed round trip to an endpoint in seconds, ``None`` if none was measured."""
        record = self._records.find(endpoint)
        if record is None:
            return None
        srtt: float = _ESTIMATE.unpack_from(record)[0]
        return None if srtt < 0 else srtt

    def has_answered(self, endpoint: Endpoint, key: bytes = b"") -> bool:
        """Whether an endpoint ever answered, the last time under this key: an empty one stands for
        any, and so does the key of whoever answered without showing one."""
        record = self._records.find(endpoint)
        if record is None or not record[-1]:
            return False
        issuer = _TOKEN.unpack_from(record)[2]
        return not key or issuer in (_NOBODY, key[:ISSUER_BYTES])

    # --- What happens ------------------------------------------------------------------------

    def answered(self, endpoint: Endpoint, rtt: float | None, *, repeated: bool = False) -> None:
        """A valid reply came from there; ``repeated`` if the request had been sent again before.

        ``rtt`` is in seconds.  It is ``None`` if it measures nothing: the request was retransmitted
        (Karn's rule; RFC 6298, section 3), or the answer waited for a disk (STORE).
        """
        records = self._records
        record = records.young.get(endpoint) or records.old.get(endpoint) or _NEW
        srtt, rttvar, token, token_from, issuer, network, _ = _RECORD.unpack(record)
        if rtt is not None:
            srtt, rttvar = smoothed(srtt, rttvar, rtt)
            self._recent.add(rtt)
        elif repeated:
            self._recent.add()
        records.keep(endpoint, _RECORD.pack(srtt, rttvar, token, token_from, issuer, network, True))

    def failed(self, endpoint: Endpoint) -> None:
        """A request to it failed; perhaps it does not accept our network secret."""
        self.remember_network(endpoint, UNKNOWN)

    # --- Tokens and networks -----------------------------------------------------------------

    def token(self, endpoint: Endpoint, now: float, key: bytes = b"") -> bytes:
        """The token to show there; :data:`NO_TOKEN` if there is none, or if it is too old.

        A token from a node with another public key than ``key`` is not used, either.  An empty key
        stands for one that is not known.
        """
        records = self._records
        record = records.young.get(endpoint) or records.old.get(endpoint)
        if record is None:
            return NO_TOKEN
        token: bytes
        token, token_from, issuer = _TOKEN.unpack_from(record)
        if now - token_from > self._token_life:
            return NO_TOKEN
        if key and issuer != _NOBODY and key[:ISSUER_BYTES] != issuer:
            return NO_TOKEN
        return token

    def remember_token(
        self,
        endpoint: Endpoint,
        token: bytes,
        now: float,
        key: bytes = b"",
        network: int | None = None,
    ) -> None:
        """Keep the token of a reply from there; ``key`` is the public key that sealed the reply,
        ``network`` the index of the network secret that it used."""
        records = self._records
        record = records.young.get(endpoint) or records.old.get(endpoint) or _NEW
        srtt, rttvar, _, _, _, before, answered = _RECORD.unpack(record)
        used = before if network is None else network
        # Of the key as many bytes are packed as there is room for.
        records.keep(endpoint, _RECORD.pack(srtt, rttvar, token, now, key, used, answered))

    def network(self, endpoint: Endpoint) -> int | None:
        """The index of the network secret that was last accepted there; ``None`` if not known."""
        record = self._records.find(endpoint)
        if record is None:
            return None
        network: int = _NETWORK.unpack_from(record)[0]
        return None if network == UNKNOWN else network

    def remember_network(self, endpoint: Endpoint, index: int) -> None:
        """Keep which network secret a valid datagram from there used."""
        record = self._records.find(endpoint) or _NEW
        *known, _, answered = _RECORD.unpack(record)
        self._records.keep(endpoint, _RECORD.pack(*known, index, answered))

    # --- Patience ----------------------------------------------------------------------------

    def patience(self, endpoint: Endpoint, floor: float = 0.0) -> Patience:
        """How long to wait for a reply from there, in seconds.

        It is taken from the endpoint's own round trips, otherwise from those of all endpoints,
        otherwise it is the initial value; always between the configured floor and ceiling.  Who was
        never asked is suspected when 19 of 20 would have answered, because it may well be dead; but
        it fails no sooner than if 99 of 100 were waited for.
        ``floor`` raises the result even beyond the ceiling (a STORE waits for an fsync).  The hard
        patience is a multiple of the soft one, and has its own floor.
        """
        timeouts = self._timeouts
        records = self._records
        record = records.young.get(endpoint) or records.old.get(endpoint) or _NEW
        srtt, rttvar = _ESTIMATE.unpack_from(record)
        if srtt >= 0:
            soft = slowest = srtt + 4 * rttvar
        elif self._recent.p99 is not None and self._recent.p95 is not None:
            soft = timeouts.unknown_factor * self._recent.p95 * self._recent.doubt
            slowest = timeouts.unknown_factor * self._recent.p99 * self._recent.doubt
        else:
            soft = slowest = timeouts.initial
        soft = max(min(soft, timeouts.ceiling), timeouts.floor, floor)
        slowest = max(min(slowest, timeouts.ceiling), timeouts.floor, floor)
        return Patience(soft, max(timeouts.hard_factor * slowest, timeouts.hard_floor))
