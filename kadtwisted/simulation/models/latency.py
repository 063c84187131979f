"""How long datagrams travel: models of delay between the hosts of a simulated network.

The base delay between two hosts is a pure function of their addresses and the seed, the same in
both directions; nothing is kept for each pair, so networks may be large.  Jitter and reordering are
drawn for each copy of a datagram from the network's own seeded source.

Every model is given in round-trip times, because those are what people measure; one way is half.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import exp, hypot
from pathlib import Path
from statistics import NormalDist, median
from types import MappingProxyType
from typing import Protocol

from kadtwisted.errors import ConfigurationError
from kadtwisted.model.settings.fields import setting
from kadtwisted.model.settings.value_kinds import Choice, Duration, Number
from kadtwisted.settings.kinds import FilePath
from kadtwisted.settings.reading import text_of

_MASK = (1 << 64) - 1
_STIR = 0x9E3779B97F4A7C15
"""2**64 divided by the golden ratio (Knuth, The Art of Computer Programming, 6.4)."""
_QUANTILES = 4096
"""Entries in the table of a distribution."""
REORDERED = 2.0
"""A datagram that others overtake takes up to so many base delays more."""


@dataclass(frozen=True, slots=True)
class LatencySettings:
    """The delays of a network."""

    model: str = setting(
        "log-normal",
        Choice(("constant", "log-normal", "coordinates", "measured")),
        "The distribution of round-trip times between two hosts.",
    )
    median: float = setting(
        0.082,
        Duration(0.0001, 60.0),
        "The median round-trip time. With constant: every round-trip time.",
    )
    # MAGIC: the mean is then 20 % above the median and the 95th percentile 2.7 times the median, as
    # between hosts all over the Internet (Dabek et al. 2004, section 2).  A file of measured times
    # would settle it for your own network.
    sigma: float = setting(
        0.6, Number(0, 3), "With log-normal: the standard deviation of the logarithm."
    )
    access: float = setting(
        0.02,
        Duration(0.0, 10.0),
        "With coordinates: the mean time that each of the two hosts adds to a round trip.",
    )
    jitter: float = setting(
        0.05,
        Number(0, 10),
        "The random extra delay of each copy: up to this share of its base delay.",
    )
    file: Path | None = setting(
        None,
        FilePath("the path of a file"),
        "With measured: a file of round-trip times, one on each line, or two names and a time.",
    )
    unit: str = setting(
        "ms", Choice(("us", "ms", "s")), "With measured: the unit of the times in the file."
    )


_UNITS = MappingProxyType({"us": 1e-6, "ms": 1e-3, "s": 1.0})


class LatencyModel(Protocol):
    """The base round trips of a network."""

    def rtt(self, one: str, other: str) -> float:
        """The base round trip between two addresses, in seconds."""


class Places:
    """A number of 64 bits for each address, which follows from the seed.

    The numbers are remembered, because they are needed often.
    """

    def __init__(self, seed: int) -> None:
        self._key = b"latency %d" % seed
        self._known: dict[str, int] = {}

    def of(self, address: str) -> int:
        """The address's number."""
        found = self._known.get(address)
        if found is None:
            digest = blake2b(address.encode(), digest_size=8, key=self._key).digest()
            found = self._known[address] = int.from_bytes(digest, "big")
        return found

    def between(self, one: str, other: str) -> int:
        """A number of 64 bits for two addresses, the same in either order."""
        known = self._known
        try:
            mixed = known[one] + known[other]
        except KeyError:
            mixed = self.of(one) + self.of(other)
        mixed = mixed * _STIR & _MASK
        return (mixed ^ mixed >> 29) * _STIR & _MASK


class Constant:
    """All pairs of hosts are equally far apart."""

    def __init__(self, settings: LatencySettings, seed: int) -> None:
        self._rtt = settings.median

    def rtt(self, one: str, other: str) -> float:
        """See :class:`LatencyModel`."""
        return self._rtt


class LogNormal:
    """Round trips whose logarithms are normally distributed, independent from pair to pair."""

    def __init__(self, settings: LatencySettings, seed: int) -> None:
        normal = NormalDist(0, 1)
        self._between = Places(seed).between
        self._quantiles = [
            settings.median * exp(settings.sigma * normal.inv_cdf((step + 0.5) / _QUANTILES))
            for step in range(_QUANTILES)
        ]

    def rtt(self, one: str, other: str) -> float:
        """See :class:`LatencyModel`."""
        return self._quantiles[self._between(one, other) * _QUANTILES >> 64]


class Coordinates:
    """Hosts are points in a square, each behind an access line of its own (as in Vivaldi: Dabek et
    al. 2004).  So a host that is near another one is near its neighbours, too."""

    _MEDIAN_DISTANCE = 0.5120
    """Of two random points in a unit square."""

    def __init__(self, settings: LatencySettings, seed: int) -> None:
        self._places = Places(seed)
        self._access = settings.access
        wire = max(0.0, settings.median - 2 * settings.access)
        self._side = wire / self._MEDIAN_DISTANCE
        self._points: dict[str, tuple[float, float, float]] = {}

    def rtt(self, one: str, other: str) -> float:
        """See :class:`LatencyModel`."""
        x, y, near = self._points.get(one) or self._point(one)
        u, v, far = self._points.get(other) or self._point(other)
        return self._side * hypot(x - u, y - v) + near + far

    def _point(self, address: str) -> tuple[float, float, float]:
        """Where an address lies in a unit square, and its share of every round trip, which is
        between 0 and twice the mean."""
        number = self._places.of(address)
        x, y, access = (number >> shift & 0xFFFFF for shift in (0, 20, 40))
        point = (x / 2**20, y / 2**20, 2 * self._access * access / 2**20)
        self._points[address] = point
        return point


class Measured:
    """Round trips from a file.

    The file is a list of times or a table of pairs.  From a list, each pair of hosts takes one
    entry.  In a table, each host is at one of the places that it names: hosts at the same place are
    as near as the nearest pair, and a pair that is not in the table has the median.
    """

    def __init__(self, settings: LatencySettings, seed: int) -> None:
        if settings.file is None:
            raise ConfigurationError("the model measured needs a file")
        self._places = Places(seed)
        unit = _UNITS[settings.unit]
        rows = _rows(settings.file)
        self._list = sorted(unit * _number(row[-1], settings.file) for row in rows)
        self._pairs: dict[tuple[int, int], float] = {}
        self._sites: dict[str, int] = {}
        if len(rows[0]) > 1:
            for one, other, time in rows:
                pair = self._site(one), self._site(other)
                self._pairs[min(pair), max(pair)] = unit * _number(time, settings.file)
        self._median = median(self._list)

    def _site(self, name: str) -> int:
        return self._sites.setdefault(name, len(self._sites))

    def rtt(self, one: str, other: str) -> float:
        """See :class:`LatencyModel`."""
        if not self._pairs:
            return self._list[self._places.between(one, other) * len(self._list) >> 64]
        count = len(self._sites)
        here, there = self._places.of(one) * count >> 64, self._places.of(other) * count >> 64
        if here == there:
            return self._list[0]
        return self._pairs.get((min(here, there), max(here, there)), self._median)


def _rows(path: Path) -> list[list[str]]:
    """The rows of a file, which all have one column or all have three; ``#`` begins a comment."""
    text = text_of(path)
    lines = (line.partition("#")[0].replace(",", " ").split() for line in text.splitlines())
    rows = [line for line in lines if line]
    if not rows or len(rows[0]) not in (1, 3) or any(len(each) != len(rows[0]) for each in rows):
        raise ConfigurationError(f"{path}: expected a time, or two names and a time, on each line")
    return rows


def _number(text: str, path: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise ConfigurationError(f"{path}: expected a time above 0, not {text!r}")
    return value


_MODELS: Mapping[str, Callable[[LatencySettings, int], LatencyModel]] = MappingProxyType(
    {
        "constant": Constant,
        "log-normal": LogNormal,
        "coordinates": Coordinates,
        "measured": Measured,
    }
)


class Delays:
    """The delays of a network, as the ``latency`` of its conditions.

    Called with the addresses of source and destination and a random source, it returns the seconds
    that one copy of a datagram takes, one way.
    """

    def __init__(self, settings: LatencySettings, seed: int, reorder: float = 0.0) -> None:
        self.rtt = _MODELS[settings.model](settings, seed).rtt
        """The base round trip of two addresses."""
        self._jitter = settings.jitter
        self._reorder = reorder

    def shorten(self, hosts: Container[str], rtt: float) -> None:
        """From now on every round trip from or to one of these hosts takes ``rtt`` seconds."""
        usual = self.rtt

        def shortened(one: str, other: str) -> float:
            return rtt if one in hosts or other in hosts else usual(one, other)

        self.rtt = shortened

    def __call__(self, source: str, destination: str, source_of: random.Random) -> float:
        """Seconds that one copy of a datagram takes, one way."""
        base = self.rtt(source, destination) / 2
        delay = base * (1 + self._jitter * source_of.random())
        if self._reorder and source_of.random() < self._reorder:
            delay += base * REORDERED * source_of.random()
        return delay
