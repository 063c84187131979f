"""The IDs nearest to a target, exactly, from a sorted list of IDs.

IDs that share a prefix stand side by side in a sorted list, and all of them are nearer to a target
with that prefix than any ID without it.  So a few bisections find a short run that holds the
nearest ones, and only that run is sorted by distance: the cost hardly grows with the list.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from operator import xor

from kadtwisted.model.ids import NodeID

_SLACK = 16
"""A run that is at most this much longer than wanted is sorted as a whole.  Measured: from 8 to 24
the time is the same within noise; at 0, halving costs more than it saves."""

_LONG = 16
"""A list this many times longer than wanted is not halved from its top.  Measured: at 10 times the
other way is faster for random targets, at 20 times and more it is slower."""


def nearest(ids: list[NodeID], target: NodeID, count: int) -> list[NodeID]:
    """The ``count`` IDs nearest to ``target`` by XOR, nearest first; fewer if there are fewer.

    ``ids`` must be sorted and without duplicates.
    """
    if count < 1:
        return []
    distance = partial(xor, target)  # faster than the method of an integer
    low, high = 0, len(ids)
    if high > 2 * count and (high > _LONG * count or _is_crowded(ids, target)):
        low, high = _run_around(ids, target, count)
    found: list[NodeID] = []
    missing = count
    while high - low > missing + _SLACK:
        # The run is the two halves of a subtree: all of the nearer half comes first.
        first = ids[low]
        shift = (first ^ ids[high - 1]).bit_length() - 1
        middle = bisect_left(ids, (first >> shift | 1) << shift, low, high)
        if target >> shift & 1:
            if high - middle >= missing:
                low = middle
                continue
            near, high = ids[middle:high], middle
        else:
            if middle - low >= missing:
                high = middle
                continue
            near, low = ids[low:middle], middle
        near.sort(key=distance)
        found += near
        missing -= len(near)
    run = ids[low:high]
    run.sort(key=distance)
    del run[missing:]
    return found + run if found else run


def _is_crowded(ids: list[NodeID], target: NodeID) -> bool:
    """Whether the target shares its first bits with the ID in the middle.  Most contacts of a table
    are near its own ID; a target elsewhere is among few of them, after a halving or two."""
    return (ids[0] ^ ids[-1]).bit_length() - 1 > (target ^ ids[len(ids) >> 1]).bit_length()


def count_nearer(ids: list[NodeID], target: NodeID, distance: int) -> int:
    """How many IDs are nearer to ``target`` than this, by XOR; ``ids`` as in :func:`nearest`.

    It walks down the tree of IDs to the place at just that distance: a few steps of bisection.
    """
    place, bit = target ^ distance, distance.bit_length()
    low = bisect_left(ids, place >> bit << bit)
    high = bisect_left(ids, (place >> bit) + 1 << bit, low)
    count = 0
    while high - low > 1 and bit:
        bit -= 1
        middle = bisect_left(ids, (place >> bit | 1) << bit, low, high)
        upper, nearer_is_upper = place >> bit & 1, target >> bit & 1
        if upper != nearer_is_upper:  # all of the other half is nearer
            count += high - middle if nearer_is_upper else middle - low
        low, high = (middle, high) if upper else (low, middle)
    return count + sum(each ^ target < distance for each in ids[low:high])


def _run_around(ids: list[NodeID], target: NodeID, count: int) -> tuple[int, int]:
    """The range of the IDs that share a prefix with ``target``: a long one that at least ``count``
    IDs share.  ``ids`` must hold more than twice as many.

    The ID that is ``count`` places away on one side shares a prefix with all IDs between.
    """
    place = bisect_left(ids, target)
    if place < count:
        width = (target ^ ids[place + count - 1]).bit_length()
    else:
        width = (target ^ ids[place - count]).bit_length()
        if place + count <= len(ids):
            width = min(width, (target ^ ids[place + count - 1]).bit_length())
    start = target >> width << width
    return bisect_left(ids, start, 0, place), bisect_left(ids, start + (1 << width), place)
