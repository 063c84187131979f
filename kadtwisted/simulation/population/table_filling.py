"""Routing tables as a long life would have filled them, made from global knowledge.

For every k-bucket up to k nodes are drawn at random from its true range; where the range holds no
more than k, all of them are known, and so are all near a node itself.  When each was met and last
heard of is spread over the past, so that upkeep goes on evenly from the first moment.  Replacement
caches stay empty, and nobody has a token yet.

Everything is done through a table's public methods: what it would refuse it does not hold.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID, RandomBits
from kadtwisted.parameters import HOUR, Parameters, UpkeepSettings
from kadtwisted.routing.table import RoutingTable
from kadtwisted.simulation.population.sampling import sample

LONGEST_KNOWN = 24 * HOUR
"""Contacts were first met within this many seconds, but before they were last heard of."""

ContactOf = Callable[[NodeID], Contact]


def known_ids(
    ids: Sequence[NodeID], own: NodeID, k: int, bits: int, random: RandomBits
) -> Iterator[NodeID]:
    """Whom ``own`` knows of all the sorted ``ids``, farthest range first: up to ``k`` for each
    length of the common prefix, everybody where at most ``k`` others are left."""
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
    """Fills tables in a network of ``parameters``; all that it draws comes from ``random``."""

    def __init__(self, parameters: Parameters, random: RandomBits) -> None:
        self._parameters = parameters
        self._random = random
        self._silence = UpkeepSettings().ping_after

    def fill(
        self, table: RoutingTable, ids: Sequence[NodeID], contact_of: ContactOf, now: float
    ) -> None:
        """Let a table know whom it should know of all the sorted ``ids``, at ``now``."""
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
