"""How many nodes the network has, and what follows for searches on a network without a secret.

The size decides how many paths a search takes, and how far from a key a node may be that should
still be asked for its records and keep them.  Anybody can crowd near a key or near our own ID; so
the size comes from lookups of IDs that this node draws at random, when it joins and when it
refreshes its buckets (:class:`~kadtwisted.routing.size.SizeEstimates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kadtwisted.lookup.disjoint import effective_paths
from kadtwisted.lookup.iterative import WIDEST, Breadth
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID, distance
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.routing.size import Size, estimate_size

LEAST_IF_DOUBTFUL = 2
"""Where the size is in doubt at least this many times k nodes keep a record."""


def network_size(context: NodeContext, link: Link) -> Size:
    """How many nodes the network has in this link's family."""
    known = [each.node_id for each in link.table.contacts()]
    return link.sizes.size(_estimate(context, context.node_id, known), len(known))


def _estimate(context: NodeContext, point: NodeID, known: Sequence[NodeID]) -> float:
    parameters = context.parameters
    wanted = max(parameters.k, 3)  # the estimate needs three, however small k is
    return estimate_size(point, known, wanted, parameters.id_bits)


def disjoint_paths(context: NodeContext, link: Link) -> int:
    """How many paths a search takes over this link that liars must not mislead."""
    if not context.open_network:
        return 1
    parameters = context.parameters
    size = network_size(context, link)
    return effective_paths(parameters.disjoint_paths, size.nodes, parameters.k)


def breadth_of(context: NodeContext) -> Breadth:
    """How widely this node's lookups search on one path."""
    parameters = context.parameters
    by_block = context.open_network
    return Breadth(parameters.k, parameters.alpha, context.node_id, by_block=by_block)


def radius_of(context: NodeContext, link: Link) -> int:
    """How far from a key its records belong: where the k-th closest node should be; 0 if the
    size does not matter."""
    if not is_size_needed(context, link):
        return 0
    k, size = context.parameters.k, network_size(context, link)
    return int((1 << context.parameters.id_bits) * k / size.nodes)


def is_size_needed(context: NodeContext, link: Link) -> bool:
    """Whether it matters how many nodes there are: not on a private network, nor on one that is too
    small for any crowd to hide in."""
    if not context.open_network:
        return False
    return network_size(context, link).most >= LEAST_IF_DOUBTFUL * context.parameters.k


def keepers_of(
    context: NodeContext, link: Link, key: NodeID, reached: Sequence[Contact]
) -> list[Contact]:
    """Which of those that a search has reached, closest first, should keep a record: the k closest,
    and whoever else is within the radius, but no more than ``WIDEST`` times k.

    So nodes that crowd nearer than chance allows push nobody out who would have kept the record
    without them.  Where the size of the network is in doubt, so is the radius: then at least 2k.
    """
    least, radius = placement_of(context, link)
    most = WIDEST * context.parameters.k
    near = [each for each in reached[:most] if distance(each.node_id, key) <= radius]
    return near if len(near) > least else list(reached[:least])


class Placement(NamedTuple):
    """Who should keep a record: the ``least`` closest, and whoever else is within the radius."""

    least: int
    radius: int


def placement_of(context: NodeContext, link: Link) -> Placement:
    """What :func:`keepers_of` goes by."""
    k, radius = context.parameters.k, radius_of(context, link)
    doubtful = radius and network_size(context, link).doubtful
    return Placement(LEAST_IF_DOUBTFUL * k if doubtful else k, radius)


def note_size(context: NodeContext, link: Link, target: NodeID, found: Sequence[Contact]) -> None:
    """A lookup of a random ID found these closest nodes: they tell of the network's size.

    If fewer were found than k and than we know, others did not answer, and nothing is told.
    """
    if len(found) >= min(context.parameters.k, len(link.table)):
        estimate = _estimate(context, target, [each.node_id for each in found])
        link.sizes.note(estimate, len(link.table))
