"""Whether a contact is where we asked it: what its PONG says, against the address that we used.

Nothing binds a key to an address.  Whoever hands datagrams on between an honest node and us (a
*relay*) makes that node answer at the relay's address; so does a list that names a port at which a
NAT or a balancer hands everything on.  But a node says in each PONG at which address others see it
(:mod:`~kadtwisted.routing.reachable`), and the PONG is sealed by its key.  The rules of this file:

* A node that names another address than the one at which we asked it is not there, if both are of
  the same family and the same scope: many a host has a private and a public address, and a node is
  seen at either.  Ports may differ, as they do behind some NATs.
* That it is not there is remembered for :data:`KEPT` seconds, or until a PONG from there says
  otherwise.  Meanwhile no other answer from there makes it a contact.
* A node that names no address leaves everything as it is.

So only the holder of a key decides where it is.  Pure.  Bounded: :data:`CAPACITY` pairs of node and
endpoint, the oldest go first.
"""

from __future__ import annotations

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.networks import scope_of

KEPT = 3600.0
"""Seconds; as long as an endpoint that a contact has left is asked (:mod:`moves`)."""
CAPACITY = 1024
"""MAGIC: several times the contacts of a table.  What is forgotten too early costs a ping; how many
relays a real attack has would settle it."""


def is_elsewhere(asked: Endpoint, own: Endpoint | None) -> bool:
    """Whether a node that was asked at one endpoint and sees itself at ``own`` is not there."""
    return (
        own is not None
        and own.host != asked.host
        and own.family is asked.family
        and scope_of(own.host) == scope_of(asked.host)
    )


class Displaced:
    """The nodes that have said that they are not at an endpoint at which they answered."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since: dict[tuple[NodeID, Endpoint], float] = {}

    def __len__(self) -> int:
        return len(self._since)

    def note(self, contact: Contact, now: float) -> None:
        """The node has said that it is not where this contact has it."""
        self.forget(contact)
        if len(self._since) >= CAPACITY:
            del self._since[next(iter(self._since))]
        self._since[contact.node_id, contact.endpoint] = now

    def forget(self, contact: Contact) -> None:
        """The node does not say so any more."""
        self._since.pop((contact.node_id, contact.endpoint), None)

    def holds(self, contact: Contact, now: float) -> bool:
        """Whether the node has said lately that it is not where this contact has it."""
        since = self._since.get((contact.node_id, contact.endpoint))
        return since is not None and now - since < KEPT
