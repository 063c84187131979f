"""The life of a node: in which order its parts start and stop, and how it is doing meanwhile.

What a node does for its user is in :mod:`~kadtwisted.node.node`, and how its parts are made and
wired in :mod:`~kadtwisted.node.assembly`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from kadtwisted.dialects.dialect import MakeDialect
from kadtwisted.errors import CannotListen, StorageError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INodeState, ISerializer, IStorage
from kadtwisted.model.contact import Contact, Family
from kadtwisted.model.health import Health
from kadtwisted.model.ids import NodeID
from kadtwisted.model.observed import Observer
from kadtwisted.model.record import StorageUsage
from kadtwisted.model.status import NodeStatus, RoutingStatus
from kadtwisted.node.arguments import (
    check_key,
    check_parts,
    check_provider,
    check_settings,
    check_sockets,
    check_world,
)
from kadtwisted.node.assembly import LastingParts, WrapHandler, assemble, choose_dialect
from kadtwisted.node.bulk.bulk import Bulk
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.conditional import ConditionalWrites
from kadtwisted.node.operations.limit import OperationLimit
from kadtwisted.node.operations.probing import Probing
from kadtwisted.node.operations.self_check import SelfCheck
from kadtwisted.node.operations.signed import Signed
from kadtwisted.node.operations.values import Values
from kadtwisted.node.paths.opening import PathOpening
from kadtwisted.node.port.udp_port import is_missing_family
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.node.snapshots import RunState, bucket_statuses, node_health, node_status
from kadtwisted.node.world import World, real_world
from kadtwisted.parameters import NodeSettings
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.upkeep.publishing import PublicationSchedule

_NO_SOCKETS: Mapping[Family, socket.socket] = MappingProxyType({})


class NodeLife:
    """Starts and stops the parts of a node, and tells how they are doing.

    :class:`~kadtwisted.node.node.Node` is the class to use; it says what the arguments are.
    """

    _log = Logger(namespace="kadtwisted.node")

    def __init__(  # noqa: PLR0913 - keywords of a public constructor
        self,
        reactor: Any,
        settings: NodeSettings,
        key: NodeKey,
        *,
        storage: IStorage | None = None,
        serializer: ISerializer | None = None,
        state: INodeState | None = None,
        sockets: Mapping[Family, socket.socket] = _NO_SOCKETS,
        world: World | None = None,
        dialect: MakeDialect | None = None,
        wrap_handler: WrapHandler | None = None,
    ) -> None:
        check_settings(settings)
        check_provider(IReactorTime, reactor, "reactor")
        check_key(key)
        check_sockets(sockets)
        check_parts({IStorage: storage, ISerializer: serializer, INodeState: state})
        world = real_world(reactor) if world is None else world
        check_world(world)
        spoken = choose_dialect(dialect, serializer)(key, settings, world.secure_random)
        self._context = context = NodeContext.made(reactor, settings, world, spoken)
        self.public_key = context.public_key
        self.node_id: NodeID = context.node_id
        self.counters = context.counters
        bounds = settings.bounds
        self._storage = storage or MemoryStorage(bounds.stored_records, bounds.stored_bytes)
        self._records = RecordStore(context, self._storage)
        self._sockets = sockets
        self._usage = StorageUsage(0, 0)
        self._changing = DeferredLock()
        self._operations = OperationLimit(bounds.concurrent_operations, bounds.waiting_operations)
        self._run_state = RunState.STOPPED
        self._started_at = 0.0
        publications = PublicationSchedule(world.random, settings.upkeep.own_records)
        self._lasting = LastingParts(context, self._records, publications, state, wrap_handler)
        self._assemble()

    def __repr__(self) -> str:
        ports = ", ".join(str(each.listening) for each in self._links.values() if each.listening)
        return f"<Node {self.node_id:040x} {self.health().word}{' at ' * bool(ports)}{ports}>"

    def _assemble(self) -> None:
        """Fresh parts for the next run."""
        self._parts = made = assemble(self._lasting)
        self._links = made.links
        self._record_operations, self._bootstrap = made.record_operations, made.bootstrap
        self._values = Values(self._record_operations)
        self._conditional = ConditionalWrites(self._record_operations)
        self._bulk = Bulk(self._context, made.links, made.record_operations, self._values)
        self._signed = Signed(self._record_operations, self._conditional)
        self._announcing = made.announcing
        self._self_check = SelfCheck(self._context, made.links, self._records)
        self._probing = Probing(self._context, made.links, made.bootstrap)
        self._paths = PathOpening(self._context, made.links, made.bootstrap)
        self._upkeep, self._maintenance = made.upkeep, made.maintenance

    # --- Life --------------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """See :meth:`INode.start`."""
        return self._changing.run(lambda: Deferred.fromCoroutine(self._start()))

    async def _start(self) -> None:
        if self._run_state is RunState.RUNNING:
            return
        self._run_state = RunState.STARTING
        try:
            self._assemble()
            await self._storage.open()
            contacts = await self._recall_and_bind()
        except BaseException:
            self._run_state = RunState.STOPPED
            raise
        self._run_state = RunState.RUNNING
        self._operations.open()
        self._parts.watches.open()
        self._started_at = self._context.world.now()
        self._parts.reaching.start(contacts)
        self._maintenance.start()
        self._maintenance.recall(contacts)
        if (ipv4 := self._links.get(Family.IPV4)) is not None:
            self._parts.portmapper.start(ipv4.listening)

    async def _recall_and_bind(self) -> tuple[Contact, ...]:
        """The contacts of an earlier run; nothing is left open if this fails."""
        try:
            remembered = await self._upkeep.persistence.open()
            if remembered is not None:
                self._upkeep.publisher.restore(remembered.publications)
            await self._records.recall()
            self._bind()
        except BaseException:
            await self._close()
            raise
        return remembered.contacts if remembered is not None else ()

    def _bind(self) -> None:
        """Bind every family to one port number, if the system lets us."""
        wanted = self._context.settings.port
        port = wanted
        for family, link in list(self._links.items()):
            try:
                port = link.listen(port, self._sockets.get(family))
            except CannotListen as error:
                if is_missing_family(error) and len(self._links) > 1:
                    del self._links[family]
                    self._log.warn("{error}; the node serves without it", error=error)
                    continue
                if wanted or not port:
                    raise
                link.listen(0)  # the first family's number is taken here; any other will do

    def stop(self) -> Deferred[None]:
        """See :meth:`INode.stop`."""
        return self._changing.run(lambda: Deferred.fromCoroutine(self._stop()))

    async def _stop(self) -> None:
        if self._run_state is not RunState.RUNNING:
            return
        self._run_state = RunState.STOPPING
        self._maintenance.stop()
        self._operations.close()
        self._parts.watches.close()
        self._parts.telling.stop()
        self._parts.introducing.stop()
        self._parts.reaching.stop()
        try:
            await self._parts.portmapper.stop()
            await self._close()
        finally:
            self._run_state = RunState.STOPPED

    def switch_upkeep(self, *, on: bool) -> None:
        """Turn the upkeep of a running node off, or on again; for simulation and tests.

        Without upkeep a node still answers and does what it is asked to, but nothing unasked: it
        pings nobody, and neither replicates, publishes again nor expires records.  Nothing happens
        if the upkeep is that way already.  :meth:`start` turns it on.
        """
        if on:
            self._maintenance.start()
        else:
            self._maintenance.stop()

    async def _close(self) -> None:
        await DeferredList([link.close() for link in self._links.values()], consumeErrors=True)
        try:
            await self._upkeep.persistence.close()
        finally:
            await self._close_storage()

    async def _close_storage(self) -> None:
        try:
            await self._storage.close()
        except StorageError as error:
            self._log.warn("the storage did not close cleanly: {error}", error=error)
        except Exception:
            self._log.failure("the storage did not close cleanly")

    # --- How it is doing ---------------------------------------------------------------------

    def observe(self, observer: Observer) -> Callable[[], None]:
        """See :meth:`INode.observe`."""
        return self._context.observers.add(observer)

    def status(self) -> NodeStatus:
        """See :meth:`INode.status`."""
        self._refresh_usage()
        run = self._run_state, self._usage, self._started_at
        return node_status(self._lasting, self._parts, *run)

    def health(self) -> Health:
        """The one verdict on this node now."""
        return node_health(self._lasting, self._parts, self._run_state)

    def _refresh_usage(self) -> None:
        """Ask the storage how full it is; a slow one answers in time for the next status."""
        if self._run_state is RunState.RUNNING:
            self._records.usage().addCallbacks(self._take_usage, lambda _: None)

    def _take_usage(self, usage: StorageUsage) -> None:
        self._usage = usage

    def routing(self) -> RoutingStatus:
        """See :meth:`INode.routing`."""
        now = self._context.world.now()
        buckets = [b for link in self._links.values() for b in bucket_statuses(link, now)]
        return RoutingStatus(self.node_id, tuple(buckets))
