"""How many nodes a network has, from how near the nearest ones are.

IDs are spread evenly, so the denser they lie around one point, the more there are in all.  Let x be
the distance of the m-th nearest of n nodes, as a part of the whole space.  Then (m - 1) / x is an
estimate of n without bias; the nearer nodes add no information.  Its standard error, as a part of
n, is at most 1 / sqrt(m - 2): 24 % for m = 20.  Databases count distinct values in the same way,
with hashes instead of IDs; the estimate is that of Beyer et al. 2007, "On synopses for
distinct-value estimation under multiset operations".

One estimate assumes:

* The IDs are *the* nearest ones: those that a lookup of the point has just found, or, good enough
  for most uses, those of our own routing table around our own ID.  Missing ones make n too small.
* Nobody makes up IDs near the point.  An attacker who does makes n too large: as large as it wants
  if it places m of them.

So no single estimate is trusted where that matters.  A node remembers the estimates around points
that it drew at random, those of the lookups that refresh its buckets: an attacker cannot know them
beforehand and would have to crowd everywhere.  The neighbourhood of its own ID, where anybody can
crowd, is one of many.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, sqrt
from typing import NamedTuple

from kadtwisted.constants import ID_BITS
from kadtwisted.model.ids import NodeID

REMEMBERED = 16
"""Estimates around random points that are remembered.  MAGIC: the refreshes of one to two hours."""

TRUSTED = 3
"""With fewer estimates than this the size is in doubt."""

FAR_OFF = 4.0
"""An estimate that is so many times larger or smaller than the median puts the size in doubt.  With
k = 20 chance alone makes one of 10,000 differ so much, with k = 8 one of 100."""


class Size(NamedTuple):
    """The number of nodes in the network, ourselves included; the largest estimate of it; and
    whether it is in doubt."""

    nodes: float
    most: float
    doubtful: bool


class SizeEstimates:
    """The estimates of one table's network around random points, the newest :data:`REMEMBERED`."""

    def __init__(self) -> None:
        self._recent: list[tuple[float, int]] = []

    def note(self, estimate: float, contacts: int) -> None:
        """A lookup of a random ID has ended: so many nodes by those that are nearest to it; at that
        time the table had so many ``contacts``."""
        self._recent.append((estimate, contacts))
        del self._recent[:-REMEMBERED]

    def missing(self, contacts: int) -> int:
        """How many more lookups of random IDs are needed for a size that is not in doubt."""
        return max(0, TRUSTED - 1 - len(self._current(contacts)))

    def size(self, around_us: float, contacts: int) -> Size:
        """What all estimates say together with the one around our own ID, at which the table has so
        many ``contacts``: their median, or where they disagree the lower quartile, because crowds
        only make estimates larger."""
        estimates = sorted((*self._current(contacts), around_us))
        median = estimates[(len(estimates) - 1) // 2]
        disagree = estimates[-1] > FAR_OFF * median or estimates[0] * FAR_OFF < median
        if disagree:
            return Size(estimates[(len(estimates) - 1) // 4], estimates[-1], True)
        return Size(median, estimates[-1], len(estimates) < TRUSTED)

    def _current(self, contacts: int) -> list[float]:
        """The estimates made since the table had half of its contacts: before that we, or the
        network, had only begun."""
        return [estimate for estimate, before in self._recent if 2 * before >= contacts]


def estimate_size(
    point: NodeID, known: Iterable[NodeID], wanted: int, bits: int = ID_BITS
) -> float:
    """The number of nodes in the network, ourselves included, by those nearest to ``point``.

    ``known`` are IDs of other nodes, in any order, the ``wanted`` (3 or more) nearest to the point
    among them.  If fewer are known, the network has no others, and their number is exact.  The
    estimate is never less than the number of nodes known.
    """
    distances = sorted(each ^ point for each in known)
    count = float(len(distances))
    used = max(wanted, 3)
    if count >= used:
        count = max(count, (used - 1) * 2.0**bits / distances[used - 1])
    return 1.0 + count


def standard_error(count: int) -> float:
    """The standard error of an estimate from the ``count`` nearest, as a part of the size.

    It is that of a network far larger than ``count``; in a smaller one it is less.
    """
    return 1 / sqrt(count - 2) if count > 2 else inf
