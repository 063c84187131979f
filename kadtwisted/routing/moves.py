"""When a contact moves to another endpoint, and when it moves back.

Nothing binds a key to an address: whoever hands datagrams on between an honest node and us (a
*relay*) makes that node answer at an address of its own, and can cut us off from it later.  So a
contact is not moved lightly.  The rules of this file:

* A known contact that answers elsewhere stays where it is while it answers there.  The first other
  endpoint at which it answers after a failure is remembered, and taken when the known endpoint has
  failed so often that the contact would be dropped.
* The endpoint that a contact has left is asked again for an hour.  If it answers, the contact goes
  back.
* A node that says, in a sealed reply, that it can be reached at the very endpoint that we asked
  decides where it is.

Pure: the table asks what to do, and does it.  Bounded by the contacts in the table: at most two
other endpoints for each.
"""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.routing.liveness import Entry

FORMER_KEPT = 3600.0
"""Seconds for which an endpoint that a contact has left is asked again: outages are shorter."""
FORMER_EVERY = 300.0
"""Seconds between two such requests."""


@dataclass(slots=True)
class _Former:
    """An endpoint that a contact left, and when it was last asked there."""

    contact: Contact
    left: float
    asked: float


class Moves:
    """The other endpoints of one table's contacts."""

    __slots__ = ("_elsewhere", "_former")

    def __init__(self) -> None:
        self._elsewhere: dict[NodeID, Entry] = {}
        self._former: dict[NodeID, _Former] = {}

    def __len__(self) -> int:
        """How many other endpoints are remembered."""
        return len(self._elsewhere) + len(self._former)

    # --- Elsewhere -------------------------------------------------------------------------------

    def heard_elsewhere(self, contact: Contact, now: float, *, tentative: bool) -> None:
        """A contact that has failed where we know it answered at another endpoint; ``tentative``
        if only while its own request may have opened its NAT.  The first such endpoint stays."""
        known = self._elsewhere.get(contact.node_id)
        if known is None:
            self._elsewhere[contact.node_id] = Entry(contact, now, now, tentative=tentative)
        elif known.contact.endpoint == contact.endpoint:
            known.last_seen = now
            known.tentative &= tentative

    def is_heard_elsewhere(self, node_id: NodeID) -> bool:
        """Whether another endpoint of a contact is remembered already."""
        return node_id in self._elsewhere

    def silent(self, node_id: NodeID, endpoint: Endpoint) -> None:
        """A contact did not answer at this other endpoint."""
        known = self._elsewhere.get(node_id)
        if known is not None and known.contact.endpoint == endpoint:
            del self._elsewhere[node_id]

    def take(self, node_id: NodeID) -> Entry | None:
        """The other endpoint at which a contact answered; it is forgotten here."""
        return self._elsewhere.pop(node_id, None)

    # --- Back ------------------------------------------------------------------------------------

    def left(self, contact: Contact, now: float) -> None:
        """A contact has been moved away from this endpoint because it failed there."""
        self._former[contact.node_id] = _Former(contact, now, now)

    def goes_back(self, contact: Contact, now: float) -> bool:
        """Whether a contact has answered where it was before it was moved."""
        former = self._former.get(contact.node_id)
        return (
            former is not None
            and former.contact.endpoint == contact.endpoint
            and now - former.left < FORMER_KEPT
        )

    def due(self, now: float) -> list[Contact]:
        """The contacts that should be asked at the endpoints that they left."""
        for node_id in [k for k, each in self._former.items() if now - each.left >= FORMER_KEPT]:
            del self._former[node_id]
        due = [each for each in self._former.values() if now - each.asked >= FORMER_EVERY]
        for each in due:
            each.asked = now
        return [each.contact for each in due]

    # --- Settled ---------------------------------------------------------------------------------

    def settled(self, node_id: NodeID) -> None:
        """It is certain where a contact is, or it is none any more."""
        self._elsewhere.pop(node_id, None)
        self._former.pop(node_id, None)
