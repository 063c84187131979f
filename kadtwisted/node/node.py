"""The public API: a node in a Twisted application.

Here is a node's life: the order in which its parts start and stop, and which part does what it is
asked.  How the parts are made and wired is in :mod:`~kadtwisted.node.assembly`.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, DeferredLock, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from kadtwisted.dialects.dialect import MakeDialect
from kadtwisted.errors import CannotListen, InvalidInput, StorageError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode, INodeState, ISerializer, IStorage
from kadtwisted.lookup.records import MODES, Mode
from kadtwisted.model.contact import Contact, Family
from kadtwisted.model.health import Health
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import OwnRecord
from kadtwisted.model.record import RecordsPage, StorageKey, StorageUsage, dated_page
from kadtwisted.model.results import (
    BootstrapResult,
    Collection,
    GetResult,
    NodesResult,
    PingResult,
    Receipt,
)
from kadtwisted.model.status import NodeStatus, RoutingStatus
from kadtwisted.node.arguments import (
    check_keeping,
    check_key,
    check_kind,
    check_page,
    check_parts,
    check_provider,
    check_record,
    check_settings,
    check_sockets,
    check_world,
)
from kadtwisted.node.assembly import LastingParts, WrapHandler, assemble, choose_dialect
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.bootstrap import read_addresses
from kadtwisted.node.operations.limit import OperationLimit
from kadtwisted.node.operations.probing import Probing
from kadtwisted.node.operations.records import Published
from kadtwisted.node.operations.self_check import SelfCheck
from kadtwisted.node.operations.values import Values, check_lifetime, encode_value, key_id
from kadtwisted.node.port.udp_port import is_missing_family
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.node.snapshots import RunState, bucket_statuses, node_health, node_status
from kadtwisted.node.upkeep.publisher import watching
from kadtwisted.node.world import World, real_world
from kadtwisted.parameters import NodeSettings
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.upkeep.publishing import PublicationSchedule

_NO_SOCKETS: Mapping[Family, socket.socket] = MappingProxyType({})


@implementer(INode)
class Node:
    """A Kademlia node on ``reactor``.

    ``key`` is its identity.  Without ``storage`` records are kept in memory, without ``serializer``
    the wire is CBOR, without ``state`` contacts and own records end with this object.  ``sockets``
    are bound UDP sockets to be used in place of new ones; they stay the caller's.  ``world`` and
    ``wrap_handler`` are for simulation.  Nothing happens before :meth:`start`.
    :class:`~kadtwisted.errors.ConfigurationError` for arguments that cannot work.
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
        self._self_check = SelfCheck(self._context, made.links, self._records)
        self._probing = Probing(self._context, made.links, made.bootstrap)
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
        self._started_at = self._context.world.now()
        self._maintenance.start()
        self._maintenance.recall(contacts)

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
        try:
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

    # --- Operations --------------------------------------------------------------------------

    def bootstrap(self, addresses: Iterable[str]) -> Deferred[BootstrapResult]:
        """See :meth:`INode.bootstrap`."""
        try:
            parsed = read_addresses(addresses)
        except InvalidInput as error:
            return fail(error)
        self._upkeep.contacts.remember(parsed)
        return self._operations.run(self._bootstrap.run(parsed))

    def ping(self, address: str | Contact) -> Deferred[PingResult]:
        """See :meth:`INode.ping`."""
        return self._operations.run(self._probing.ping(address))

    def find_node(self, target: NodeID) -> Deferred[NodesResult]:
        """See :meth:`INode.find_node`."""
        return self._operations.run(self._probing.find_node(target))

    def get(self, key: str | bytes, *, mode: Mode = "latest") -> Deferred[GetResult]:
        """See :meth:`INode.get`."""
        try:
            target = key_id(key)
            if mode not in MODES:
                raise InvalidInput(f"the mode is one of {', '.join(MODES)}, not {mode!r:.60}")
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._values.get(target, mode, key))

    def put(
        self,
        key: str | bytes,
        value: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        put_back: bool = False,
    ) -> Deferred[Receipt]:
        """See :meth:`INode.put`."""
        parameters = self._context.settings.parameters
        try:
            target = key_id(key)
            v = encode_value(value)
            wanted = parameters.default_lifetime if lifetime is None else lifetime
            check_lifetime(wanted, parameters.max_remaining)
            check_keeping(keep, put_back)
        except InvalidInput as error:
            return fail(error)
        store = partial(self._values.put, target, v, wanted)
        return self._operations.run(self._store(store, wanted, keep, put_back))

    async def _store(
        self,
        store: Callable[[], Awaitable[Published]],
        lifetime: float,
        keep: bool,
        put_back: bool,
    ) -> Receipt:
        """Store a record, and keep it published in place of the one kept before; or keep none."""
        where, record, receipt = await store()
        if keep:
            await self._upkeep.publisher.keep(where, record, lifetime, put_back)
        else:
            self._upkeep.publisher.withdraw(where)
        return receipt

    def delete(self, key: str | bytes) -> Deferred[Receipt]:
        """See :meth:`INode.delete`."""
        try:
            target = key_id(key)
        except InvalidInput as error:
            return fail(error)
        self._upkeep.publisher.withdraw(self._values.place(target))
        return self._operations.run(self._delete(target))

    async def _delete(self, target: NodeID) -> Receipt:
        return (await self._values.delete(target)).receipt

    def put_record(
        self,
        record: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        put_back: bool = False,
        cas: int | None = None,
    ) -> Deferred[Receipt]:
        """See :meth:`INode.put_record`."""
        parameters = self._context.parameters
        wanted = parameters.default_lifetime if lifetime is None else lifetime
        try:
            check_record(record, cas)
            check_lifetime(wanted, parameters.max_remaining)
            check_keeping(keep, put_back)
        except InvalidInput as error:
            return fail(error)
        store = partial(self._record_operations.put_record, record, wanted, cas)
        return self._operations.run(self._store(store, wanted, keep, put_back))

    def collect(self, kind: int, key: str | bytes) -> Deferred[Collection]:
        """See :meth:`INode.collect`."""
        try:
            target = key_id(key)
            check_kind(kind)
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._record_operations.collect(kind, target))

    # --- What is there now -------------------------------------------------------------------

    def records(self, after: StorageKey | None, limit: int) -> Deferred[RecordsPage]:
        """See :meth:`INode.records`."""
        try:
            check_page(after, limit)
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._page(after, limit))

    async def _page(self, after: StorageKey | None, limit: int) -> RecordsPage:
        found = await self._records.page(after, limit)
        return dated_page(found, limit, self._context.world.now(), self._context.world.unix_time())

    def own_records(self, after: StorageKey | None, limit: int) -> tuple[OwnRecord, ...]:
        """See :meth:`INode.own_records`."""
        check_page(after, limit)
        return self._upkeep.publisher.page(after, limit)

    def watch_own(self, watcher: Callable[[OwnRecord], None]) -> Callable[[], None]:
        """See :meth:`INode.watch_own`."""
        return watching(self._lasting.watchers, watcher)

    def status(self) -> NodeStatus:
        """See :meth:`INode.status`."""
        self._refresh_usage()
        run = self._run_state, self._usage, self._started_at
        return node_status(self._lasting, self._parts, *run)

    def health(self) -> Health:
        """The one verdict on this node now."""
        return node_health(self._lasting, self._parts, self._run_state)

    def self_check(self) -> Deferred[None]:
        """See :meth:`INode.self_check`."""
        return self._operations.run_now(
            self._self_check.run()
        )  # at once, however many operations wait

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
