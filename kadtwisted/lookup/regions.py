"""What lookups have found of the ID space, so that neighbouring keys can share them.

A lookup of a target finds the nodes closest to it: all that live within some distance.  That ball
is a region of which everybody is known.  Where such regions lie side by side, the closest nodes to
other keys can be told without asking anybody: a key's own ball has only to lie within them.  Where
it sticks out, the next lookup is not of the key, whose ball is known for the most part, but of the
nearest ID that was not searched.  So few lookups serve many keys, hardly more than the nodes need
that are around them.  The idea is the sweep of go-libp2p-kad-dht's provider, which explores regions
by prefix; here a region is whatever a lookup has found.

Why not one wide lookup, of 3k nodes?  Every node names the k closest that it knows, so all that are
near a target name the same k, and of those behind them some would be missed (``farther``).

Rules of this file.  It never guesses: where a part of a key's ball was not searched, or not lately,
it says so.  A region is believed for :data:`BELIEVED` seconds; who joins it meanwhile gets its
records from their holders, as after a single write.  Who is reported as lost is not named until a
lookup finds him again.  Regions and nodes are bounded, by forgetting all of them.

Pure: it asks nobody, and ``now`` is an argument.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID

BELIEVED = 60.0
"""MAGIC: seconds.  Half of the nodes of live networks stay for an hour and more (Stutzbach and
Rejaie 2006), so a minute costs a record one holder in a hundred; the sessions of a live network
would settle it."""
MOST_REGIONS = 4096
"""MAGIC: stretches of the ID space; one lookup adds few, and most join those beside them."""
MOST_NODES = 16384
"""MAGIC: nodes that are remembered, about 5 MB."""
FINENESS = 8
"""Leading bits of a distance that count: a ball is described by so many stretches at most."""


class Stretch(NamedTuple):
    """All IDs from ``start`` to just before ``end`` were searched at this moment."""

    start: int
    end: int
    at: float


class Regions:
    """What lookups have found in one address family, on IDs of so many ``bits``."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._nodes: dict[int, Contact] = {}
        self._order: list[int] = []
        self._stretches: list[Stretch] = []

    def __len__(self) -> int:
        """How many nodes are remembered."""
        return len(self._nodes)

    # --- What lookups find -------------------------------------------------------------------

    def found(self, target: NodeID, closest: Sequence[Contact], k: int, now: float) -> None:
        """A lookup of the k closest nodes to a target has ended: these answered, closest first.

        If there are fewer, there is nobody else at all.  Who was found before and is not among them
        stays: a lookup may miss somebody.
        """
        known = closest[:k]
        reach = (1 << self._bits) - 1 if len(known) < k else known[-1].node_id ^ target
        if len(self._stretches) > MOST_REGIONS or len(self._nodes) > MOST_NODES:
            self.forget()
        for start, end in stretches_of(target, reach, round_up=False):
            self._replace(start, end, [Stretch(start, end, now)])
        for each in known:
            self._nodes[each.node_id] = each
        self._order = sorted(self._nodes)

    def joined(self, contact: Contact) -> None:
        """Somebody lives who was not found before."""
        if contact.node_id not in self._nodes:
            self._order.insert(bisect_left(self._order, contact.node_id), contact.node_id)
        self._nodes[contact.node_id] = contact

    def lost(self, contact: Contact, since: float) -> None:
        """Somebody who was asked at this moment does not answer.

        He may be dead, or late.  So his place counts as one that was not searched, unless he was
        found there since.
        """
        node_id = contact.node_id
        place = bisect_right(self._stretches, (node_id, float("inf"))) - 1
        found = self._stretches[place] if place >= 0 else None
        if node_id not in self._nodes or (found and node_id < found.end and found.at > since):
            return
        del self._nodes[node_id]
        del self._order[bisect_left(self._order, node_id)]
        self._replace(node_id, node_id + 1, ())

    def forget(self) -> None:
        """Everything."""
        self._nodes.clear()
        self._order.clear()
        self._stretches.clear()

    # --- What is asked -----------------------------------------------------------------------

    def closest(self, key: NodeID, now: float, count: int, radius: int = 0) -> list[Contact] | None:
        """So many of the closest nodes to a key, closest first, and all others within the
        ``radius``; ``None`` if that needs a lookup."""
        near, reach = self._ball(key, count, radius)
        if self._unsearched(key, reach, now) is not None:
            return None
        return [self._nodes[each] for each in near if each ^ key <= reach]

    def target(self, key: NodeID, now: float, count: int, radius: int = 0) -> NodeID:
        """What to look up, so that these become known: the key itself, if nothing is known there
        that was searched, else the nearest ID that was not."""
        _, reach = self._ball(key, count, radius)
        gap = self._unsearched(key, reach, now)
        if gap is None:
            return key
        start, end = gap
        return NodeID(min(max(key, start), end - 1))

    def _ball(self, key: NodeID, count: int, radius: int) -> tuple[list[int], int]:
        """The closest nodes that are known, and how far from the key all have to be known."""
        near, whole = self._near(key, count), (1 << self._bits) - 1
        reach = near[count - 1] ^ key if len(near) >= count else whole
        if radius > reach:
            reach = min(radius, whole)
            near = self._sharing(key, self._bits - reach.bit_length())
        return near, reach

    def _near(self, key: NodeID, count: int) -> list[int]:
        """The closest IDs, at least so many if there are as many: those of the smallest stretch
        around the key that has them."""
        low, high = 0, self._bits  # how many leading bits they share with the key
        while low < high:
            middle = (low + high + 1) // 2
            if len(self._ids(*_block(key, self._bits - middle))) >= count:
                low = middle
            else:
                high = middle - 1
        return self._sharing(key, low)

    def _sharing(self, key: NodeID, leading: int) -> list[int]:
        """The IDs that share so many leading bits with a key, closest first."""
        found = self._ids(*_block(key, self._bits - leading))
        return sorted(found, key=lambda each: each ^ key)

    def _ids(self, start: int, end: int) -> list[int]:
        order = self._order
        return order[bisect_left(order, start) : bisect_left(order, end)]

    def _unsearched(self, key: NodeID, reach: int, now: float) -> tuple[int, int] | None:
        """The nearest stretch of a key's ball that was not searched lately, if there is one."""
        for start, end in stretches_of(key, reach, round_up=True):
            gap = self._gap(start, end, now)
            if gap is not None:
                return gap
        return None

    def _gap(self, start: int, end: int, now: float) -> tuple[int, int] | None:
        """The first part of a stretch that was not searched lately."""
        place = max(0, bisect_right(self._stretches, (start, float("inf"))) - 1)
        for stretch in islice(self._stretches, place, None):
            if start >= end or stretch.start >= end:
                break
            if stretch.end <= start or now - stretch.at > BELIEVED:
                continue
            if stretch.start > start:
                return start, stretch.start
            start = stretch.end
        return (start, end) if start < end else None

    def _replace(self, start: int, end: int, by: Sequence[Stretch]) -> None:
        """These instead of what was known from ``start`` to just before ``end``."""
        kept: list[Stretch] = []
        for each in self._stretches:
            if each.start < start:
                kept.append(each._replace(end=min(each.end, start)))
            if each.end > end:
                kept.append(each._replace(start=max(each.start, end)))
        self._stretches = list(_joined(sorted([*kept, *by])))


def _joined(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Neighbours of the same moment as one; the others as they are."""
    last: Stretch | None = None
    for each in stretches:
        if last is not None and last.end == each.start and last.at == each.at:
            last = last._replace(end=each.end)
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last


def _block(key: int, bits: int) -> tuple[int, int]:
    """The IDs that differ from a key in the last ``bits`` alone."""
    start = key >> bits << bits
    return start, start + (1 << bits)


def neighbours(order: Sequence[int], key: NodeID, reach: int) -> int:
    """How many of the keys in ascending ``order`` surely are within this distance of a key, itself
    among them."""
    start, end = _block(key, max(0, (reach + 1).bit_length() - 1))
    return bisect_left(order, end) - bisect_left(order, start)


def stretches_of(target: NodeID, reach: int, *, round_up: bool) -> Iterator[tuple[int, int]]:
    """The IDs at a distance of at most ``reach``, as stretches from a start to just before an end.

    Only the leading :data:`FINENESS` bits of the distance count; what is less is left out, or added
    if it is to ``round_up``.
    """
    count = reach + 1
    coarse = max(0, count.bit_length() - FINENESS)
    if round_up:
        count += (1 << coarse) - 1
    count = count >> coarse << coarse
    done = 0
    for bit in range(count.bit_length() - 1, -1, -1):
        size = 1 << bit
        if count & size:
            start = (target ^ done) >> bit << bit
            yield start, start + size
            done += size
