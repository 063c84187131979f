"""Learning of contacts from the requests that come in.

Only a sender that has proven where it receives is pinged, and only if the table has room for it; if
it answers, it enters as tentative.  One that is read-only is remembered as attached, for others may
want to be introduced to it; if it is in the table, it is asked whether that is so, and goes then.
"""

from __future__ import annotations

from kadtwisted.dialects.door import Received
from kadtwisted.errors import InvalidAddress
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.asking import Asking
from kadtwisted.routing.changes import Change
from kadtwisted.rpc.attached import Attached
from kadtwisted.rpc.endpoints import NEVER

CONSIDER_EVERY = 5.0
"""Seconds between two looks at whether the sender of requests is worth knowing."""

MAX_CONSIDERED = 4096
"""Senders looked at lately that are remembered; then all are forgotten at once."""


class Learning:
    """What one link learns of the senders of requests; nobody while it is ``read_only``."""

    def __init__(self, context: NodeContext, asking: Asking, attached: Attached) -> None:
        self._identify = context.dialect.identify
        self._public_key = context.public_key
        self.read_only = context.read_only
        self._asking = asking
        self._attached = attached
        self._table = asking.table
        self._considered: dict[Endpoint, float] = {}
        self._swept = NEVER
        self._meeting: dict[Endpoint, None] = {}

    def learn(self, received: Received, now: float) -> None:
        """A request came in: its sender may be worth knowing."""
        endpoint = received.endpoint
        if now - self._considered.get(endpoint, NEVER) < CONSIDER_EVERY:
            return
        if now - self._swept >= CONSIDER_EVERY:
            self._swept = now
            recent = [e for e in self._considered.items() if now - e[1] < CONSIDER_EVERY]
            self._considered = dict(recent)
        if len(self._considered) >= MAX_CONSIDERED:
            self._considered.clear()
        self._considered[endpoint] = now
        if received.key == self._public_key:
            self._asking.twins.hint(Endpoint(*endpoint), now)
        elif received.read_only:
            endpoint = Endpoint(*endpoint)
            self._withdraws(self._identify(received.key), endpoint)
            self._attached.heard(received.key, endpoint, now)
        elif not self.read_only:
            self._consider(received, now)

    def _withdraws(self, node_id: NodeID, endpoint: Endpoint) -> None:
        """A node asks, and says that it belongs in no table.  A contact is asked whether that is
        so: the request may be an old one that somebody has recorded, a PONG cannot be."""
        entry = self._table.get(node_id)
        if entry is not None and entry.contact.endpoint == endpoint:
            self._asking.changed(Change(ping=entry.contact))
        else:
            self._asking.withdrew(node_id, endpoint)

    def _consider(self, received: Received, now: float) -> None:
        asking = self._asking
        endpoint = Endpoint(*received.endpoint)  # not by which of our addresses it asked
        if not asking.reach.admits(endpoint):
            return
        node_id = self._identify(received.key)
        self._table.heard(node_id, endpoint, now)
        if not asking.has_room(self._meeting):
            return
        if not (self._table.wants(node_id, endpoint) or self._is_elsewhere(node_id, endpoint)):
            return
        try:
            contact = Contact.at(node_id, endpoint, received.key)
        except InvalidAddress:
            return  # a scoped address means something on this machine only
        if endpoint in self._meeting or not asking.may_meet(endpoint):
            return
        self._meeting[endpoint] = None
        asking.meet(contact).addBoth(asking.probed, endpoint, self._meeting)

    def _is_elsewhere(self, node_id: NodeID, endpoint: Endpoint) -> bool:
        """Whether a contact that asks us from here is known at another endpoint: it may have moved,
        as a laptop does.  If it says itself that it is here, it is
        (:mod:`~kadtwisted.routing.moves`)."""
        entry = self._table.get(node_id)
        return entry is not None and entry.contact.endpoint != endpoint
