"""All watches of one node, for one run of it, and what others tell them."""

from __future__ import annotations

from typing import Final

from kadtwisted.dialects.door import Received
from kadtwisted.errors import InvalidAddress, InvalidInput, NodeStopped, TooManyRequests
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID, id_to_bytes
from kadtwisted.model.messages import Changed, Noted
from kadtwisted.model.record import Kind, StoredRecord
from kadtwisted.model.reference import Reference
from kadtwisted.node.arguments import check_kind
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.records import RecordOperations
from kadtwisted.node.operations.values import key_id
from kadtwisted.node.port.links import Links
from kadtwisted.node.watching.watch import Callback, Watch
from kadtwisted.node.watching.watcher import Watcher
from kadtwisted.rpc.listeners import Place

MOST_WATCHES: Final = 256
"""MAGIC: watches of one node: each is asked for every few minutes at eight holders in each family.
How many a program of a live network needs would settle it."""

NOT_LISTENING: Final = Noted(listening=False)
LISTENING: Final = Noted(listening=True)


def place_of(key: str | bytes | Reference, kind: int | None) -> Place:
    """What to watch, as a user says it; :class:`~kadtwisted.errors.InvalidInput` for anything
    else."""
    if kind is not None:
        check_kind(kind)
    if not isinstance(key, Reference):
        return Kind.VALUE if kind is None else kind, key_id(key)
    if kind not in (None, key.kind):
        raise InvalidInput(f"the reference names a record of kind {key.kind}, not of kind {kind}")
    return key.kind, key.key


class Watches:
    """The watches of one node: at most :data:`MOST_WATCHES`; those of one place share a watcher."""

    def __init__(self, context: NodeContext, links: Links, operations: RecordOperations) -> None:
        self._context = context
        self._links = links
        self._operations = operations
        self._most = MOST_WATCHES
        self._identify = context.dialect.identify
        self._watchers: dict[Place, Watcher] = {}
        self._count = 0
        self._is_open = False

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def posts(self) -> int:
        """How many holders tell them of changes, in all."""
        return sum(each.posts() for each in self._watchers.values())

    def open(self) -> None:
        """Let watches begin from now on."""
        self._is_open = True

    def close(self) -> None:
        """End all watches with ``NodeStopped``."""
        self._is_open = False
        watchers, self._watchers = list(self._watchers.values()), {}
        self._count = 0
        for watcher in watchers:
            watcher.stop(politely=False)
            for watch in list(watcher.watches):
                watch.end(NodeStopped())

    def watch(self, kind: int, key: NodeID, callback: Callback | None) -> Watch:
        """A new watch.

        :class:`~kadtwisted.errors.NodeStopped` if the node does not run,
        :class:`~kadtwisted.errors.TooManyRequests` if there are as many as may be, and
        :class:`~kadtwisted.errors.InvalidInput` for a kind that the network does not admit.
        """
        rules = self._operations.rules(kind)
        if not self._is_open:
            raise NodeStopped
        if self._count >= self._most:
            raise TooManyRequests(f"{self._count} watches run, as many as may; stop some")
        watch = Watch(kind, id_to_bytes(key), callback, self._stopped, rules.most)
        watcher = self._watchers.get((kind, key))
        is_new = watcher is None
        if watcher is None:
            made = self._context, self._links, self._operations, rules, key
            watcher = self._watchers[kind, key] = Watcher(*made)
        self._count += 1
        watcher.add(watch)
        if is_new:
            watcher.start()
        return watch

    def _stopped(self, watch: Watch) -> None:
        """The user of a watch has stopped it."""
        place = watch.kind, NodeID(int.from_bytes(watch.key, "big"))
        watcher = self._watchers.get(place)
        if watcher is None or watch not in watcher.watches:
            return
        del watcher.watches[watch]
        self._count -= 1
        if not watcher.watches:
            del self._watchers[place]
            watcher.stop(politely=True)

    # --- What happens ------------------------------------------------------------------------

    def told(self, received: Received) -> Noted:
        """The answer to a CHANGED: it counts if its sender was asked to tell of this."""
        body: Changed = received.body  # type: ignore[assignment]
        watcher = self._watchers.get((body.kind, body.key))
        link = self._links.get(received.endpoint.family)
        if watcher is None or link is None:
            return NOT_LISTENING
        try:
            holder = Contact.at(self._identify(received.key), received.endpoint, received.key)
        except InvalidAddress:
            return NOT_LISTENING
        if not watcher.listens_to(holder):
            return NOT_LISTENING
        watcher.told(link, holder, body)
        return LISTENING

    def stored(self, record: StoredRecord) -> None:
        """This node has stored a newer record itself."""
        watcher = self._watchers.get(record.where[:2])
        if watcher is not None:
            watcher.stored(record)
