"""Routing tables as after a long life, filled from global knowledge.

For each k-bucket, up to k nodes are drawn at random from all nodes in its range, so that a node
knows all nodes near itself.  The times when contacts were met and last heard of are spread over the
past, so that upkeep is spread evenly from the first moment.  Replacement caches stay empty, and
nobody has a token yet.

All this uses the public methods of a table, so no table holds a contact that it would refuse.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from kadtwisted.constants import HOUR
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID, RandomBits
from kadtwisted.parameters import Parameters, UpkeepSettings
from kadtwisted.routing.table import RoutingTable
from kadtwisted.simulation.population.sampling import sample

LONGEST_KNOWN = 24 * HOUR
"""Contacts were first met at most so many seconds before they were last heard of."""

ContactOf = Callable[[NodeID], Contact]


def known_ids(
    ids: Sequence[NodeID], own: NodeID, k: int, bits: int, random: RandomBits
) -> Iterator[NodeID]:
    """The IDs that ``own`` knows, out of all the sorted ``ids``; the farthest range comes first.

    These are up to ``k`` for each length of the common prefix, and all nodes as soon as at most
    ``k`` others are left.
    """
    low, high = 0, len(ids)
    for shift in range(bits - 1, -1, -1):
        if high - low <= k + 1:
            break
        middle = bisect_left(ids, (own >> shift | 1) << shift, low, high)
        lower, upper = (low, middle), (middle, high)
        (low, high), far = (upper, lower) if own >> shift & 1 else (lower, upper)
        for place in sample(*far, k, random):
            yield ids[place]
    for place in range(low, high):
        if ids[place] != own:
            yield ids[place]


class TableFiller:
    """Fills tables of a network with these parameters; all that it draws comes from ``random``."""

    def __init__(self, parameters: Parameters, random: RandomBits) -> None:
        self._parameters = parameters
        self._random = random
        self._silence = UpkeepSettings().ping_after

    def fill(
        self, table: RoutingTable, ids: Sequence[NodeID], contact_of: ContactOf, now: float
    ) -> None:
        """Fill a table with the nodes that it should know, out of all the sorted ``ids``."""
        parameters, random = self._parameters, self._random.random
        silence = self._silence
        answered = table.answered
        for each in known_ids(ids, table.own_id, parameters.k, parameters.id_bits, self._random):
            contact = contact_of(each)
            answered(contact, now - silence - LONGEST_KNOWN * random())
            answered(contact, now - silence * random())
        for index in range(len(table.buckets())):
            target = table.random_id_in(index, self._random)
            table.looked_up(target, now - parameters.refresh_period * random())
