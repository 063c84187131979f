"""How many nodes a network has, from how near the nearest ones are.

IDs are spread evenly, so the denser they lie around one point, the more there are in all.  Let x be
the distance of the m-th nearest of n nodes, as a part of the whole space.  Then (m - 1) / x is an
estimate of n without bias; the nearer nodes add no information.  Its standard error, as a part of
n, is at most 1 / sqrt(m - 2): 24 % for m = 20.  Databases count distinct values in the same way,
with hashes instead of IDs; the estimate is that of Beyer et al. 2007, "On synopses for
distinct-value estimation under multiset operations".

It assumes:

* The IDs are *the* nearest ones: those that a lookup of the point has just found, or, good enough
  for most uses, those of our own routing table around our own ID.  Missing ones make n too small.
* Nobody makes up IDs near the point.  An attacker who does makes n too large: as large as it wants
  if it places m of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, sqrt

from kadtwisted.model.ids import NodeID
from kadtwisted.parameters import ID_BITS


def estimate_size(
    own_id: NodeID, known: Iterable[NodeID], wanted: int, bits: int = ID_BITS
) -> float:
    """The number of nodes in the network, ourselves included.

    ``known`` are IDs of other nodes, in any order, the ``wanted`` (3 or more) nearest to our own
    among them.  If fewer are known, the network has no others, and their number is exact.  The
    estimate is never less than the number of nodes known.
    """
    distances = sorted(each ^ own_id for each in known)
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
