"""Who keeps the record of a key, from lookups that neighbouring keys share.

What was found is in :class:`~kadtwisted.lookup.regions.Regions`, one for each link.  Where it does
not tell who is closest to a key, and enough of the other keys at hand are near, it names what to
look up, for all of them.  While a lookup is under way that will probably tell, no other one is
begun.

Keys without neighbours are left to whoever asks: their own search costs less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred

from kadtwisted.lookup.iterative import WIDEST
from kadtwisted.lookup.regions import Regions, neighbours
from kadtwisted.model.contact import Contact, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.searches import all_of, find_region, measure_network
from kadtwisted.node.operations.sizes import Placement, network_size, placement_of
from kadtwisted.node.operations.storing import Home
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links

WORTH = 3
"""Keys that must be near each other: who is close to the first takes two lookups, most often."""
MOST_TURNS = 6
"""MAGIC: lookups of others that a key waits for, and lookups made for it.  With exact answers two
are enough for any key; who has lost more has its own search."""


class LinkView(NamedTuple):
    """Over one link: who keeps a record, and the distance within which a key's keepers are expected
    to be."""

    link: Link
    placement: Placement
    expected: int


class Batch(NamedTuple):
    """The keys of one call, in ascending order, and what is to be known of each link."""

    keys: Sequence[NodeID]
    views: Sequence[LinkView]


class Neighbourhoods:
    """What one node has found lately of who is where, in all its address families."""

    def __init__(self, context: NodeContext, links: Links) -> None:
        self._context = context
        self._links = links
        self._regions: dict[Family, Regions] = {}
        self._looking: dict[tuple[Family, NodeID], list[Deferred[None]]] = {}

    async def gather(self, keys: Sequence[NodeID]) -> Batch:
        """The keys of one call; on an open network it may take lookups to learn how large it is.
        Fails with ``NodeStopped``."""
        links = self._links.connected()
        await all_of([measure_network(self._context, each) for each in links])
        return Batch(sorted(keys), [self._view(each) for each in links])

    def _view(self, link: Link) -> LinkView:
        context = self._context
        placement = placement_of(context, link)
        space, size = 1 << context.parameters.id_bits, network_size(context, link)
        expected = int(space * context.parameters.k / max(size.nodes, 1.0))
        return LinkView(link, placement, min(expected, space - 1))

    async def homes(self, key: NodeID, batch: Batch) -> list[Home] | None:
        """Who should keep the record of a key, in each family; ``None`` if it needs a search of its
        own.  Fails with ``NodeStopped``."""
        homes: list[Home] = []
        for view in batch.views:
            keepers = await self._keepers(key, view, batch.keys)
            if not keepers:
                return None
            homes.append(Home(view.link, keepers))
        return homes or None

    async def _keepers(
        self, key: NodeID, view: LinkView, keys: Sequence[NodeID]
    ) -> Sequence[Contact] | None:
        found = self._known(key, view)
        if found is None and neighbours(keys, key, view.expected) < WORTH:
            return None
        turns = 0
        while found is None and turns < MOST_TURNS:
            if not await self._others_look(key, view):
                await self._look(key, view)
            found = self._known(key, view)
            turns += 1
        return found

    def _known(self, key: NodeID, view: LinkView) -> Sequence[Contact] | None:
        regions = self._regions.get(view.link.family)
        if regions is None:
            return None
        least, radius = view.placement
        found = regions.closest(key, self._context.world.now(), least, radius)
        return None if found is None else found[: WIDEST * self._context.parameters.k]

    async def _others_look(self, key: NodeID, view: LinkView) -> bool:
        """Wait for a lookup under way that will probably tell; whether there was one."""
        for (family, target), waiting in self._looking.items():
            if family is view.link.family and target ^ key <= view.expected:
                await _end_of(waiting)
                return True
        return False

    async def _look(self, key: NodeID, view: LinkView) -> None:
        """Look up what is to be known of a key."""
        link, (least, radius) = view.link, view.placement
        regions = self._of(link)
        target = regions.target(key, self._context.world.now(), least, radius)
        place = link.family, target
        if place in self._looking:
            await _end_of(self._looking[place])
            return
        waiting: list[Deferred[None]] = []
        self._looking[place] = waiting
        try:
            driver = await find_region(self._context, link, target)
            k, now = self._context.parameters.k, self._context.world.now()
            regions.found(target, driver.lookup.closest(), k, now)
            for each in driver.late.contacts:
                driver.late.when(each, _Latecomer(regions, each))
        finally:
            del self._looking[place]
            for other in waiting:
                other.callback(None)

    def _of(self, link: Link) -> Regions:
        bits = self._context.parameters.id_bits
        return self._regions.setdefault(link.family, Regions(bits))

    def lost(self, link: Link, contact: Contact, since: float) -> None:
        """Somebody who was asked at this moment did not answer."""
        if link.family in self._regions:
            self._regions[link.family].lost(contact, since)


def _end_of(waiting: list[Deferred[None]]) -> Deferred[None]:
    """Fires when a lookup that others wait for, too, is over."""
    ended: Deferred[None] = Deferred()
    waiting.append(ended)
    return ended


class _Latecomer:
    """Somebody who may still answer a lookup that is over, and then belongs to its region."""

    def __init__(self, regions: Regions, contact: Contact) -> None:
        self._regions = regions
        self._contact = contact

    def __call__(self, versions: Sequence[bytes] | None) -> None:
        if versions is not None:
            self._regions.joined(self._contact)
