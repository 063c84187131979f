"""Contacts where nobody lives, which attackers name beside themselves.

Anybody can make keys until their IDs are near to a key, and name any address.  An honest node that
hears of such contacts asks some of them, and waits in vain.  Attackers who name other ones in each
answer make it ask more of them.
"""

from __future__ import annotations

import random

from kadtwisted.identity.keys import SEED_BYTES, node_id_of
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.routing.nearest import nearest
from kadtwisted.testing.nodes import BLOCKS, PORT, block_address

SETS = 4
"""MAGIC: each answer names one of so many sets, so a search hears of several times as many dead
ends as one answer names.  More only name what is farther from the target."""
MOST = BLOCKS // 2
"""Each lives in an address block of its own, and members need some blocks, too."""


class DeadEnds:
    """``count`` contacts that never answer, of which an attacker names ``named`` at a time."""

    def __init__(self, count: int, named: int, seed: int = 0) -> None:
        self._named = named
        self._contacts: dict[NodeID, Contact] = {}
        drawing = random.Random(f"dead ends {seed}")
        for number in range(min(count, MOST)):
            key = drawing.randbytes(SEED_BYTES)
            # From the end, because members live in the first blocks.
            endpoint = Endpoint(block_address(BLOCKS - 1 - number), PORT)
            self._contacts[node_id_of(key)] = Contact.at(node_id_of(key), endpoint, key)
        self._ids = sorted(self._contacts)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, node_id: NodeID) -> bool:
        return node_id in self._contacts

    def near(self, target: NodeID, drawn: int) -> tuple[Contact, ...]:
        """One of the sets nearest to a target, that which ``drawn`` chooses."""
        found = nearest(self._ids, target, SETS * self._named)
        return tuple(self._contacts[each] for each in found[drawn % SETS :: SETS])
