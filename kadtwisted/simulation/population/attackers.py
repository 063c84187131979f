"""Hostile members: real nodes whose answers are changed.

An attacker is a whole node, with its own table, tokens and upkeep.  Only its answers to requests go
through its *conduct*, which may ask the honest handlers, answer by itself or keep silent.  So an
attacker can do what the protocol lets anybody do, and nothing else: it must prove its addresses and
its ID as all others must.

Attackers may know each other (:class:`Colluders`); then they name nobody but each other, or in
addition those who do not exist (:class:`~kadtwisted.simulation.population.dead_ends.DeadEnds`).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from types import MappingProxyType

from twisted.internet.defer import Deferred

from kadtwisted.dialects.door import Received
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    FindNode,
    FindValue,
    Have,
    Nodes,
    Records,
    ReplyBody,
    Store,
    Stored,
    StoredItem,
    Wanted,
)
from kadtwisted.model.record import Value
from kadtwisted.node.port.protocol import Handle
from kadtwisted.records import value as value_rules
from kadtwisted.routing.nearest import nearest
from kadtwisted.simulation.population.dead_ends import DeadEnds
from kadtwisted.testing.nodes import NodeParts

FORGED = b"6:forged"
"""The forged value, as it is stored."""
LONG_AGO = 86_400_000_000
"""A time of publication that every node accepts, in microseconds since 1970."""
FAR_AHEAD = (1 << 63) - 1
"""The latest time of publication that a record can have, which is in the future by every clock."""
REMAINING = 86_400
"""Seconds for which a forger claims to keep its records."""

Conduct = Callable[[Received, Handle], "ReplyBody | Deferred[ReplyBody] | None"]
"""Answers a request, given the handler of an honest node; ``None`` is silence."""


def attacking(conduct: Conduct) -> NodeParts:
    """The part that makes a node answer as this conduct says; the rest of the node is honest."""
    return {"wrap_handler": lambda honest: lambda received: conduct(received, honest)}


class Colluders:
    """Attackers who know each other; ``k`` is how many contacts they name.  Those in a hurry name
    some of the ``dead_ends``, too."""

    def __init__(self, k: int, dead_ends: DeadEnds | None = None) -> None:
        self._k = k
        self._dead_ends = dead_ends or DeadEnds(0, 0)
        self._ids: list[NodeID] = []
        self._contacts: dict[NodeID, Contact] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, node_id: NodeID) -> bool:
        return node_id in self._contacts

    def add(self, contact: Contact) -> None:
        """One more attacker joins them."""
        insort(self._ids, contact.node_id)
        self._contacts[contact.node_id] = contact

    def near(self, target: NodeID) -> tuple[Contact, ...]:
        """The colluders nearest to a target, in the order of an honest answer."""
        return tuple(self._contacts[each] for each in nearest(self._ids, target, self._k))

    # --- Conducts ----------------------------------------------------------------------------

    def lie(self, received: Received, honest: Handle) -> ReplyBody | Deferred[ReplyBody] | None:
        """Name colluders only, know of no record, and claim to store what is dropped."""
        body = received.body
        if isinstance(body, FindNode):
            return Nodes(self.near(body.target))
        if isinstance(body, FindValue):
            return Records((), self.near(body.key))
        if isinstance(body, Store):
            return Stored(body.remaining)
        if isinstance(body, Have):
            return Wanted(bytes((len(body.entries) + 7) // 8))
        return honest(received)

    def forge(self, received: Received, honest: Handle) -> ReplyBody | Deferred[ReplyBody] | None:
        """Lie, and return invalid records, of each kind in turn."""
        body = received.body
        if not isinstance(body, FindValue):
            return self.lie(received, honest)
        made = FORGERIES[received.transaction_id[0] % len(FORGERIES)]
        return Records((StoredItem(made(body.key), REMAINING),), self.near(body.key))

    def hurry(self, received: Received, honest: Handle) -> ReplyBody | Deferred[ReplyBody] | None:
        """Lie, name dead ends as well, and sometimes return an invalid record.

        It shall end a search before honest nodes were heard: by silence nearer to the target than
        anybody who answers, and by colluders right behind it.
        """
        body, drawn = received.body, received.transaction_id[0]
        if isinstance(body, FindNode):
            return Nodes(self._beside_dead_ends(body.target, drawn))
        if not isinstance(body, FindValue):
            return self.lie(received, honest)
        items: tuple[StoredItem, ...] = ()
        if drawn % (len(FORGERIES) + 1):
            items = (StoredItem(FORGERIES[drawn % len(FORGERIES)](body.key), REMAINING),)
        return Records(items, self._beside_dead_ends(body.key, drawn))

    def _beside_dead_ends(self, target: NodeID, drawn: int) -> tuple[Contact, ...]:
        dead = self._dead_ends.near(target, drawn)
        return (*self.near(target)[: self._k - len(dead)], *dead)


def drop(received: Received, honest: Handle) -> ReplyBody | Deferred[ReplyBody] | None:
    """Give no answer about records, but name contacts as an honest node does."""
    if isinstance(received.body, FindValue | Store | Have):
        return None
    return honest(received)


def _of_another_key(key: NodeID) -> bytes:
    return value_rules.encode(Value(NodeID(key ^ 1), LONG_AGO, False, FORGED))


def _cut_off(key: NodeID) -> bytes:
    return value_rules.encode(Value(key, LONG_AGO, False, FORGED))[:-1]


def _from_the_future(key: NodeID) -> bytes:
    return value_rules.encode(Value(key, FAR_AHEAD, False, FORGED))


FORGERIES = (_of_another_key, _cut_off, _from_the_future)
"""Records that a reader can tell from a value: of another key, malformed, or published in the
future (which is believed if more than half of the nodes nearest to the key have it).  A well-formed
record of the key is no forgery but a write: anybody on the network may write under any name."""


def conduct_of(name: str, colluders: Colluders) -> Conduct:
    """The conduct of this name, one of ``experiment_settings.CONDUCTS``."""
    known: Mapping[str, Conduct] = MappingProxyType(
        {
            "drop": drop,
            "lie": colluders.lie,
            "forge": colluders.forge,
            "hurry": colluders.hurry,
        }
    )
    return known[name]
