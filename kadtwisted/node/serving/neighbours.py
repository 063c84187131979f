"""What a holder's tables say of a record and of who speaks about it.

* A record is *too far* if :data:`FAR` times k verified contacts are nearer to its key than we are.
  No honest writer or holder brings it here, and stored here it would only be carried on.
* A node *vouches* for our copy of a record if it is a verified contact, under this very key and at
  this endpoint, and one of the k nearest to the record's key that we know: one of those that should
  hold it.  Anybody else may say what it likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kadtwisted.constants import ID_BITS
from kadtwisted.lookup.iterative import WIDEST
from kadtwisted.model.contact import Family
from kadtwisted.model.ids import NodeID
from kadtwisted.node.context import NodeContext
from kadtwisted.records.kinds import Sender
from kadtwisted.routing.table import RoutingTable

FAR = WIDEST
"""A writer that is crowded by Sybils stores on up to WIDEST times k nodes: the last of these has
one node fewer than that nearer to the key, so it takes the record.  Ordinary writes go to k."""


class Neighbours:
    """The routing tables of a node, seen from its storage; ``tables`` are those of this run."""

    def __init__(self, context: NodeContext) -> None:
        self._own_id = context.node_id
        self._identify = context.dialect.identify
        self._k = context.parameters.k
        self._open = context.open_network
        self.tables: Mapping[Family, RoutingTable] = MappingProxyType({})

    def is_too_far(self, key: NodeID, sender: Sender | None) -> bool:
        """Whether others should hold what this sender stores under a key.  What we store ourselves
        is never too far, and on a private network nothing is."""
        table = self._table(sender)
        if table is None or not self._open:
            return False
        return table.nearer(key, key ^ self._own_id) >= FAR * self._k

    def close_enough(self) -> int:
        """How many leading bits our ID shares with the k-th nearest contact, in the family where
        that are more; all of them while we know fewer than k."""
        own, k = self._own_id, self._k
        nearest = [each.closest(own, k) for each in self.tables.values()]
        farthest = [found[-1].node_id ^ own for found in nearest if len(found) == k]
        return max((ID_BITS - each.bit_length() for each in farthest), default=ID_BITS)

    def vouches(self, key: NodeID, sender: Sender | None) -> NodeID | None:
        """The ID of the sender if its word counts for our copies under this key."""
        node_id = self.known(sender)
        return node_id if node_id is not None and self.is_near(key, node_id, sender) else None

    def known(self, sender: Sender | None) -> NodeID | None:
        """The ID of the sender if it is a verified contact, at this endpoint."""
        table = self._table(sender)
        if table is None or sender is None:
            return None
        node_id = self._identify(sender.key)
        entry = table.get(node_id)
        if entry is None or entry.tentative or entry.withheld:
            return None
        same = entry.contact.endpoint == sender.endpoint and entry.contact.key == sender.key
        return node_id if same else None

    def is_near(self, key: NodeID, node_id: NodeID, sender: Sender | None) -> bool:
        """Whether a contact, known as :meth:`known` says, is one of the k nearest to a key."""
        table = self._table(sender)
        return table is not None and table.nearer(key, key ^ node_id) < self._k

    def _table(self, sender: Sender | None) -> RoutingTable | None:
        return None if sender is None else self.tables.get(sender.endpoint.family)
