"""Nodes in asyncio programs.

:func:`open_node` runs a node on the event loop of the program::

    async with aio.open_node(bootstrap="192.0.2.1:8000") as node:
        await node.joined()
        await node.put("name", b"value")

The program owns the loop; nothing is installed, and Twisted's global reactor is not used.  In a
program that runs Twisted's ``asyncioreactor``, :class:`AsyncNode` makes coroutines of a node's
operations, and :func:`wait` of any Deferred.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

from twisted.internet.defer import Deferred

from kadtwisted.application.guest import guest_reactor
from kadtwisted.application.service import NodeService
from kadtwisted.errors import InvalidInput
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode, ISerializer, IStorage, IWatch
from kadtwisted.model.announcing import Providers
from kadtwisted.model.contact import Contact
from kadtwisted.model.health import Health
from kadtwisted.model.ids import NodeID
from kadtwisted.model.observed import Observer
from kadtwisted.model.printable import typed
from kadtwisted.model.publication import OwnRecord
from kadtwisted.model.record import RecordsPage, Signer, StorageKey
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import (
    BootstrapResult,
    BulkEntry,
    BulkResult,
    Change,
    Collection,
    GetResult,
    NodesResult,
    Path,
    PingResult,
    Receipt,
    Wait,
)
from kadtwisted.model.status import NodeStatus, RoutingStatus
from kadtwisted.node.arguments import check_provider
from kadtwisted.parameters import NodeSettings

T = TypeVar("T")


async def wait(deferred: Deferred[T]) -> T:
    """The result of a Deferred that fires on the running event loop; raises what it fails with.

    When the task is cancelled, the Deferred is.
    :class:`~kadtwisted.errors.InvalidInput` for what is no Deferred.
    """
    if not isinstance(deferred, Deferred):
        raise InvalidInput(f"what is awaited is a Deferred, not {typed(deferred)}")
    result: T = await deferred.asFuture(asyncio.get_running_loop())
    return result


_result = wait
"""The same, for methods that have a keyword ``wait``."""


class AsyncNode:
    """A node whose operations are coroutines.

    Each takes, returns and raises what the method of :class:`~kadtwisted.interfaces.INode` with the
    same name does.  When its task is cancelled, the operation is.
    """

    def __init__(self, node: INode) -> None:
        """``node`` runs on the event loop that the operations are awaited on.

        :class:`~kadtwisted.errors.ConfigurationError` for what is no node.
        """
        check_provider(INode, node, "node")
        self._node = node
        self.node_id = node.node_id
        self.public_key = node.public_key

    def __repr__(self) -> str:
        return f"<AsyncNode {self.node_id:040x}>"

    async def bootstrap(self, addresses: Iterable[str]) -> BootstrapResult:
        """Join the network through these addresses."""
        return await _result(self._node.bootstrap(addresses))

    async def ping(self, address: str | Contact) -> PingResult:
        """Ask one node whether it is there."""
        return await _result(self._node.ping(address))

    async def find_node(self, target: NodeID) -> NodesResult:
        """The closest nodes to ``target`` that answer."""
        return await _result(self._node.find_node(target))

    async def open_path(self, target: str | bytes | Contact) -> Path:
        """A path to one node, also one behind a NAT."""
        return await _result(self._node.open_path(target))

    async def get(
        self, key: str | bytes | Reference, *, mode: Literal["first", "latest"] | None = None
    ) -> GetResult:
        """The value under a name, under a 20-byte key, or behind a reference."""
        return await _result(self._node.get(key, mode=mode))

    async def put(  # noqa: PLR0913 - keywords of a public method
        self,
        key: str | bytes,
        value: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        put_back: bool = False,
        pin: int = 0,
        wait: Wait = "quorum",
    ) -> Receipt:
        """Store ``value`` on the closest nodes for ``lifetime`` seconds."""
        kept: dict[str, Any] = {"keep": keep, "put_back": put_back, "pin": pin}
        return await _result(self._node.put(key, value, lifetime=lifetime, wait=wait, **kept))

    async def put_many(
        self, entries: Iterable[BulkEntry], *, wait: Wait = "quorum"
    ) -> tuple[BulkResult[Receipt], ...]:
        """Store many values, at most 4,096 at once: what came of each, in their order."""
        return await _result(self._node.put_many(entries, wait=wait))

    async def get_many(
        self,
        keys: Iterable[str | bytes | Reference],
        *,
        mode: Literal["first", "latest"] | None = None,
    ) -> tuple[BulkResult[GetResult], ...]:
        """Read many values, at most 4,096 at once: what came of each, in their order."""
        return await _result(self._node.get_many(keys, mode=mode))

    async def complete(self, receipt: Receipt) -> Receipt:
        """The receipt of a write when all nodes have decided: what its own ``complete`` gives."""
        return await _result(receipt.complete())

    async def delete(self, key: str | bytes, *, wait: Wait = "quorum") -> Receipt:
        """Replace the value by a tombstone that outlives it."""
        return await _result(self._node.delete(key, wait=wait))

    async def put_immutable(
        self,
        value: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        pin: int = 0,
        wait: Wait = "quorum",
    ) -> Receipt:
        """Store ``value`` under its own hash."""
        return await _result(
            self._node.put_immutable(value, lifetime=lifetime, keep=keep, pin=pin, wait=wait)
        )

    async def put_mutable(  # noqa: PLR0913 - keywords of a public method
        self,
        signing_key: Signer,
        value: bytes,
        *,
        salt: bytes = b"",
        seq: int | None = None,
        cas: int | None = None,
        lifetime: float | None = None,
        keep: bool = False,
        pin: int = 0,
        wait: Wait = "quorum",
    ) -> Receipt:
        """Sign ``value`` and store it as that of this key and ``salt``."""
        return await _result(
            self._node.put_mutable(
                signing_key,
                value,
                salt=salt,
                seq=seq,
                cas=cas,
                lifetime=lifetime,
                keep=keep,
                pin=pin,
                wait=wait,
            )
        )

    async def delete_mutable(
        self,
        signing_key: Signer,
        *,
        salt: bytes = b"",
        keep: bool = True,
        wait: Wait = "quorum",
    ) -> Receipt:
        """Replace the value of this key and ``salt`` by a tombstone."""
        return await _result(
            self._node.delete_mutable(signing_key, salt=salt, keep=keep, wait=wait)
        )

    async def put_record(  # noqa: PLR0913 - keywords of a public method
        self,
        record: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        put_back: bool = False,
        pin: int = 0,
        cas: int | None = None,
        wait: Wait = "quorum",
    ) -> Receipt:
        """Store the bytes of a record of any kind that the network admits."""
        kept: dict[str, Any] = {"keep": keep, "put_back": put_back, "pin": pin}
        return await _result(
            self._node.put_record(record, lifetime=lifetime, cas=cas, wait=wait, **kept)
        )

    async def pin(
        self, key: str | bytes | Reference, holders: int, *, kind: int | None = None
    ) -> OwnRecord:
        """Keep a record at no fewer than so many holders."""
        return await _result(self._node.pin(key, holders, kind=kind))

    async def unpin(self, key: str | bytes | Reference, *, kind: int | None = None) -> bool:
        """Count the holders of a pinned record no more; whether it was pinned."""
        return await _result(self._node.unpin(key, kind=kind))

    async def collect(self, kind: int, key: str | bytes) -> Collection:
        """All records of one kind under a name, or under a 20-byte key, that can be found."""
        return await _result(self._node.collect(kind, key))

    async def announce(
        self,
        key: str | bytes,
        *,
        port: int | None = None,
        attributes: bytes = b"",
        lifetime: float | None = None,
        wait: Wait = "quorum",
    ) -> Receipt:
        """Announce under a key that this node offers something, until it is withdrawn."""
        told: dict[str, Any] = {"attributes": attributes, "lifetime": lifetime, "wait": wait}
        return await _result(self._node.announce(key, port=port, **told))

    async def withdraw(self, key: str | bytes, *, wait: Wait = "quorum") -> Receipt:
        """Announce nothing under a key any more."""
        return await _result(self._node.withdraw(key, wait=wait))

    async def providers(self, key: str | bytes, limit: int | None = None) -> Providers:
        """Who announces under a key: a fair sample, or all."""
        return await _result(self._node.providers(key, limit))

    def watch(
        self,
        key: str | bytes | Reference,
        *,
        kind: int | None = None,
        callback: Callable[[Change], Any] | None = None,
    ) -> AsyncWatch:
        """Watch the records of one kind under a key: ``async for change in node.watch(key)``."""
        return AsyncWatch(self._node.watch(key, kind=kind, callback=callback))

    async def records(self, after: StorageKey | None, limit: int) -> RecordsPage:
        """The records that this node stores, page by page."""
        return await _result(self._node.records(after, limit))

    async def self_check(self) -> None:
        """Whether this node is of use; raises what is wrong."""
        await _result(self._node.self_check())

    def own_records(self, after: StorageKey | None, limit: int) -> tuple[OwnRecord, ...]:
        """The records that this node keeps published, page by page, and what became of each."""
        return self._node.own_records(after, limit)

    def watch_own(self, watcher: Callable[[OwnRecord], None]) -> Callable[[], None]:
        """Call ``watcher`` when a record of our own has lost its place, or has it back."""
        return self._node.watch_own(watcher)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with each request and lookup of this node that has ended."""
        return self._node.observe(observer)

    def status(self) -> NodeStatus:
        """A frozen picture of the node now."""
        return self._node.status()

    def health(self) -> Health:
        """The one verdict on this node now."""
        return self._node.health()

    def routing(self) -> RoutingStatus:
        """A frozen picture of the routing tables now."""
        return self._node.routing()


class AsyncWatch:
    """A watch whose changes are awaited; see :class:`~kadtwisted.interfaces.IWatch`.

    As an asynchronous context manager it stops when the block ends.
    """

    def __init__(self, watch: IWatch) -> None:
        self._watch = watch
        self.kind = watch.kind
        self.key = watch.key

    def __aiter__(self) -> AsyncWatch:
        return self

    async def __anext__(self) -> Change:
        return await wait(self._watch.next())

    async def next(self) -> Change:
        """The next change; one at a time."""
        return await wait(self._watch.next())

    def stop(self) -> None:
        """End the watch."""
        self._watch.stop()

    async def __aenter__(self) -> AsyncWatch:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()


class OpenNode(AsyncNode):
    """The node of :func:`open_node`."""

    def __init__(self, service: NodeService) -> None:
        super().__init__(service.node)
        self._service = service

    async def joined(self) -> BootstrapResult:
        """Wait until the node has joined its network; see :meth:`NodeService.whenJoined`."""
        return await wait(self._service.whenJoined())


@asynccontextmanager
async def open_node(  # noqa: PLR0913 - the keywords of NodeService
    settings: NodeSettings | None = None,
    *,
    state_dir: str | os.PathLike[str] | None = None,
    bootstrap: str | Iterable[str] = (),
    key: NodeKey | None = None,
    storage: str | IStorage | None = None,
    serializer: str | ISerializer = "cbor",
    control_socket: bool = True,
) -> AsyncIterator[OpenNode]:
    """A node that runs on the running event loop until the block ends.

    The arguments, and what they raise, are those of :class:`~kadtwisted.NodeService`; entering
    raises what starting it raises.  The node joins its network in the background:
    :meth:`OpenNode.joined` waits for that.  The loop must watch file descriptors, as all of asyncio
    on POSIX and uvloop do.
    """
    async with guest_reactor() as reactor:
        service = NodeService(
            reactor,
            settings,
            state_dir=state_dir,
            bootstrap=bootstrap,
            key=key,
            storage=storage,
            serializer=serializer,
            control_socket=control_socket,
        )
        service.privilegedStartService()
        service.startService()
        try:
            yield OpenNode(service)
        finally:
            # The node stops to its end, even if the program is in a hurry.
            await asyncio.shield(wait(service.stopService()))
