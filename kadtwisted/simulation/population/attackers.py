"""Members who are none of ours: real nodes whose answers are another's.

An attacker is a whole node, with its own table, tokens and upkeep; only what it answers to requests
goes through its *conduct*, which may ask the honest handlers, answer for itself or keep silent.  So
it can do what the protocol lets anybody do, and nothing else: it proves its addresses and its IDs
as all others must.

Attackers may know each other (:class:`Colluders`), and whoever they name is one of them.
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
from kadtwisted.testing.nodes import NodeParts

FORGED = b"6:forged"
"""What a forger would have others believe, as it is stored."""
LONG_AGO = 86_400_000_000
"""A time of publication that nobody minds, in microseconds since 1970."""
FAR_AHEAD = (1 << 63) - 1
"""One that is in the future by every clock: the latest that a record can bear."""
REMAINING = 86_400
"""Seconds that a forger says its records will last."""

Conduct = Callable[[Received, Handle], "ReplyBody | Deferred[ReplyBody] | None"]
"""What is answered to a request, given how an honest node answers; ``None`` is silence."""


def attacking(conduct: Conduct) -> NodeParts:
    """The part that makes a node answer as this conduct says; all else is as in every node."""
    return {"wrap_handler": lambda honest: lambda received: conduct(received, honest)}


class Colluders:
    """Attackers who know each other; ``k`` is how many they name."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._ids: list[NodeID] = []
        self._contacts: dict[NodeID, Contact] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, node_id: NodeID) -> bool:
        return node_id in self._contacts

    def add(self, contact: Contact) -> None:
        """One more is in."""
        insort(self._ids, contact.node_id)
        self._contacts[contact.node_id] = contact

    def near(self, target: NodeID) -> tuple[Contact, ...]:
        """Those nearest to a target, as an honest answer would name contacts."""
        return tuple(self._contacts[each] for each in nearest(self._ids, target, self._k))

    # --- Conducts ----------------------------------------------------------------------------

    def lie(self, received: Received, honest: Handle) -> ReplyBody | Deferred[ReplyBody] | None:
        """Name colluders only; know of no record, and say that what is stored is stored."""
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
        """Lie, and return a record that is none, of each kind in turn."""
        body = received.body
        if not isinstance(body, FindValue):
            return self.lie(received, honest)
        made = FORGERIES[received.transaction_id[0] % len(FORGERIES)]
        return Records((StoredItem(made(body.key), REMAINING),), self.near(body.key))


def drop(received: Received, honest: Handle) -> ReplyBody | Deferred[ReplyBody] | None:
    """No answer about records; contacts as an honest node names them."""
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
"""What a holder can return that a reader can tell from a value: a record of another key, one that
is malformed, one published in the future (which is believed if more than half of the nodes nearest
to the key have it).  A well-formed record of the key is no forgery but a write: anybody on the
network may write under any name."""


def conduct_of(name: str, colluders: Colluders) -> Conduct:
    """The conduct of this name, one of ``experiment_settings.CONDUCTS``."""
    known: Mapping[str, Conduct] = MappingProxyType(
        {"drop": drop, "lie": colluders.lie, "forge": colluders.forge}
    )
    return known[name]
