"""The public API: a node in a Twisted application.

Life cycle and wiring are here, and nothing else: one :class:`~kadtwisted.node.port.link.Link` per
address family, the operations around them, and the order in which they start and stop.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import (
    Deferred,
    DeferredList,
    DeferredLock,
    fail,
)
from twisted.logger import Logger
from zope.interface import implementer

from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import (
    CannotListen,
    ConfigurationError,
    InvalidInput,
    NoContacts,
    RequestTimedOut,
    StorageError,
    Superseded,
    Unavailable,
)
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode, INodeState, ISerializer, IStorage
from kadtwisted.lookup.values import Mode
from kadtwisted.model.contact import Contact, Endpoint, Family, parse_address
from kadtwisted.model.health import Health
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Ping, Pong
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import (
    Kind,
    RecordsPage,
    StorageKey,
    StorageUsage,
    dated_page,
)
from kadtwisted.model.results import (
    BootstrapResult,
    GetResult,
    NodesResult,
    PingResult,
    Receipt,
)
from kadtwisted.model.status import NodeStatus, RoutingStatus
from kadtwisted.node.counters import Counters, FaultLog
from kadtwisted.node.operations.bootstrap import Joining, read_addresses
from kadtwisted.node.operations.limit import Turns
from kadtwisted.node.operations.searches import Surroundings, all_of, find_nodes, merge_traces
from kadtwisted.node.operations.values import MODES, Values, check_lifetime, encode_value, key_id
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.protocol import KademliaProtocol
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.serving.handlers import Handlers, Introduction
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.node.upkeep.maintenance import Maintenance
from kadtwisted.node.upkeep.persistence import Remembering
from kadtwisted.node.upkeep.replication import Replication
from kadtwisted.node.world import World, ip_literal, real_world
from kadtwisted.parameters import NodeSettings
from kadtwisted.records.value import TOMBSTONE
from kadtwisted.records.value import encode as encode_record
from kadtwisted.routing.diversity import diversity_for
from kadtwisted.routing.liveness import Liveness
from kadtwisted.routing.table import RoutingTable
from kadtwisted.rpc.limits import Limits
from kadtwisted.rpc.tokens import Tokens
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.upkeep.health import Signs, verdict
from kadtwisted.upkeep.publishing import Publishing

FEATURES = 0
"""The bitmap of optional features in PONG: none yet."""
_NO_SOCKETS: Mapping[Family, socket.socket] = MappingProxyType({})


@implementer(INode)
class Node:
    """A Kademlia node on ``reactor``.

    ``key`` is its identity.  Without ``storage`` records are kept in memory, without ``serializer``
    the wire is CBOR, without ``state`` contacts and own records end with this object.  ``sockets``
    are bound UDP sockets to be used in place of new ones; they stay the caller's.  ``world`` is for
    simulation.  Nothing happens before :meth:`start`.
    :class:`~kadtwisted.errors.ConfigurationError` for settings that cannot work.
    """

    _log = Logger(namespace="kadtwisted.node")

    def __init__(
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
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._state = state
        self._sockets = sockets
        self._world = world or real_world(reactor)
        self._dialect = native_dialect(key, settings, self._world.secure_random, serializer)
        self.public_key = key.public_key
        self.node_id: NodeID = self._dialect.identify(key.public_key)
        bounds = settings.bounds
        self._storage = storage or MemoryStorage(bounds.stored_records, bounds.stored_bytes)
        self.counters = Counters()
        self._faults = FaultLog(self._log, self._world.now)
        self._records = RecordStore(
            self._storage,
            self._dialect.kinds,
            settings.parameters,
            self._world,
            lambda why: self._faults.report("storage", f"records cannot be stored: {why}"),
        )
        self._publishing = Publishing(self._world.random, settings.upkeep.own_records)
        self._usage = StorageUsage(0, 0)
        self._changing = DeferredLock()
        self._turns = Turns(bounds.concurrent_operations, bounds.waiting_operations)
        self._running = False
        self._starting = False
        self._stopping = False
        self._started_at = 0.0
        self._make_links()

    # --- Wiring ------------------------------------------------------------------------------

    def _make_links(self) -> None:
        """Fresh ports, books and tables: a node that starts again starts clean."""
        settings, world = self._settings, self._world
        parameters = settings.parameters
        interfaces = _interfaces_by_family(settings)
        self._tokens = Tokens(world.secure_random, parameters.token_rotation)
        self._limits = Limits(settings.limits)
        self._tables = {
            family: RoutingTable(
                self.node_id,
                bits=parameters.id_bits,
                k=parameters.k,
                replacements=parameters.replacement_cache,
                liveness=Liveness(
                    parameters.drop_after_failures,
                    parameters.drop_after_seconds,
                    parameters.verification_quiet,
                ),
                diversity=diversity_for(private=bool(settings.network_secrets)),
            )
            for family in interfaces
        }
        self._links: dict[Family, Link] = {}
        for family, interface in interfaces.items():
            self._links[family] = Link(
                self._reactor,
                world,
                settings,
                interface,
                self._tables[family],
                self._faults,
                self._dialect.identify,
                self._make_protocol,
            )
        self._around = Surroundings(
            self.node_id,
            self.public_key,
            self._dialect,
            parameters,
            world,
            self._links,
            open_network=not settings.network_secrets,
        )
        self._values = Values(self._around, self._records, settings.read_only, self.counters)
        self._joining = Joining(self._around, settings.read_only)
        self._remembering = Remembering(self._state, self._around, self._publishing, self._faults)
        self._maintenance = Maintenance(
            self._reactor,
            self._around,
            self._records,
            self._joining,
            Replication(self._around, self._records, self.counters),
            self._publishing,
            self._remembering,
            self._faults,
            settings.upkeep,
            read_only=settings.read_only,
            republish=self._republish,
        )
        for link in self._links.values():
            link.watch(self._maintenance.contact_added, self._maintenance.contact_removed)

    def _make_protocol(self, link: Link) -> KademliaProtocol:
        settings = self._settings
        handlers = Handlers(
            link.family,
            self._tables,
            self._records,
            self._world,
            self.counters,
            Introduction(self._dialect.formats, FEATURES, settings.agent),
            k=settings.parameters.k,
            read_only=settings.read_only,
        )
        return KademliaProtocol(
            self._reactor,
            self._world,
            self._dialect,
            self._tokens,
            self._limits,
            handlers.handle,
            link.learn,
            link.revive,
            self.counters,
            self._faults,
            self.public_key,
            settings,
        )

    # --- Life --------------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """See :meth:`INode.start`."""
        return self._changing.run(lambda: Deferred.fromCoroutine(self._start()))

    async def _start(self) -> None:
        if self._running:
            return
        self._starting = True
        try:
            self._make_links()
            await self._storage.open()
            contacts = await self._recall_and_bind()
        finally:
            self._starting = False
        self._running = True
        self._turns.open()
        self._started_at = self._world.now()
        self._maintenance.start()
        self._maintenance.recall(contacts)

    async def _recall_and_bind(self) -> tuple[Contact, ...]:
        """The contacts of an earlier run; nothing is left open if this fails."""
        try:
            contacts = await self._remembering.open()
            self._bind()
        except BaseException:
            await self._close()
            raise
        return contacts

    def _bind(self) -> None:
        """Bind every family to one port number, if the system lets us."""
        wanted = self._settings.port
        port = wanted
        for link in self._links.values():
            try:
                port = link.listen(port, self._sockets.get(link.family))
            except CannotListen:
                if wanted or not port:
                    raise
                link.listen(0)  # the first family's number is taken here; any other will do

    def stop(self) -> Deferred[None]:
        """See :meth:`INode.stop`."""
        return self._changing.run(lambda: Deferred.fromCoroutine(self._stop()))

    async def _stop(self) -> None:
        if not self._running:
            return
        self._running = False
        self._stopping = True
        self._maintenance.stop()
        self._turns.close()
        try:
            await self._close()
        finally:
            self._stopping = False

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
            await self._remembering.close()
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
            parsed = read_addresses([addresses] if isinstance(addresses, str) else addresses)
        except InvalidInput as error:
            return fail(error)
        self._maintenance.remember(parsed)
        return self._turns.run(self._joining.bootstrap(parsed))

    def ping(self, address: str | Contact) -> Deferred[PingResult]:
        """See :meth:`INode.ping`."""
        return self._turns.run(self._ping(address))

    async def _ping(self, address: str | Contact) -> PingResult:
        started = self._world.now()
        if isinstance(address, Contact):
            if address.family not in self._links:
                raise RequestTimedOut(f"this node has no IPv{address.family:d} port")
            answer = await self._links[address.family].ask(address, Ping(), known=True)
        else:
            _, answer = await self._joining.hello(parse_address(address))
        return _ping_result(answer, self._world.now() - started)

    def find_node(self, target: NodeID) -> Deferred[NodesResult]:
        """See :meth:`INode.find_node`."""
        return self._turns.run(self._find_node(target))

    async def _find_node(self, target: NodeID) -> NodesResult:
        links = self._around.connected_links()
        if not links:
            raise NoContacts("no other node is known: bootstrap first")
        lookups = await all_of([find_nodes(self._around, link, target) for link in links])
        contacts = [contact for lookup in lookups for contact in lookup.closest()]
        contacts.sort(key=lambda contact: contact.node_id ^ target)
        now = self._world.now()
        return NodesResult(target, tuple(contacts), merge_traces([e.trace(now) for e in lookups]))

    def get(self, key: str | bytes, *, mode: Mode = "latest") -> Deferred[GetResult]:
        """See :meth:`INode.get`."""
        try:
            target = key_id(key)
            if mode not in MODES:
                raise InvalidInput(f"the mode is one of {', '.join(MODES)}, not {mode!r}")
        except InvalidInput as error:
            return fail(error)
        return self._turns.run(self._values.get(target, mode))

    def put(
        self,
        key: str | bytes,
        value: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
    ) -> Deferred[Receipt]:
        """See :meth:`INode.put`."""
        parameters = self._settings.parameters
        try:
            target = key_id(key)
            v = encode_value(value)
            wanted = parameters.default_lifetime if lifetime is None else lifetime
            check_lifetime(wanted, parameters.max_remaining)
        except InvalidInput as error:
            return fail(error)
        return self._turns.run(self._put(target, v, wanted, keep))

    async def _put(self, target: NodeID, v: bytes, lifetime: float, keep: bool) -> Receipt:
        receipt = await self._values.put(target, v, lifetime, deleted=False)
        where = StorageKey(Kind.VALUE, target)
        self._withdraw(where)
        if keep:
            unix_now = self._world.unix_time()
            record = encode_record(receipt.record)
            publication = self._publishing.published(where, record, lifetime, unix_now)
            # Before it is saved: a caller who no longer waits for that withdraws nothing.
            self._maintenance.publication_due(publication)
            try:
                await self._remembering.keep(publication)
            except StorageError as error:
                self._publishing.withdraw(where)
                raise StorageError(
                    f"stored, but it will not be published again: {error}"
                ) from error
        return receipt

    def _withdraw(self, where: StorageKey) -> None:
        """Keep a record published no longer, after a restart neither."""
        if self._publishing.withdraw(where):
            self._remembering.rescheduled(where)

    async def _republish(self, publication: Publication) -> bool:
        """Publish a record of our own again; no longer once another one has won."""
        try:
            await self._values.publish_again(publication.record, publication.lifetime)
        except Superseded:
            if self._publishing.keeps(publication):  # or it was our own next one that won
                self._withdraw(publication.where)
            return False
        except Unavailable:
            return False
        return True

    def delete(self, key: str | bytes) -> Deferred[Receipt]:
        """See :meth:`INode.delete`."""
        try:
            target = key_id(key)
        except InvalidInput as error:
            return fail(error)
        self._withdraw(StorageKey(Kind.VALUE, target))
        longest = self._settings.parameters.max_remaining
        return self._turns.run(self._values.put(target, TOMBSTONE, longest, deleted=True))

    # --- Pictures ----------------------------------------------------------------------------

    def records(self, after: StorageKey | None, limit: int) -> Deferred[RecordsPage]:
        """See :meth:`INode.records`."""
        return self._turns.run(self._page(after, limit))

    async def _page(self, after: StorageKey | None, limit: int) -> RecordsPage:
        found = await self._records.page(after, limit)
        return dated_page(found, limit, self._world.now(), self._world.unix_time())

    def status(self) -> NodeStatus:
        """See :meth:`INode.status`."""
        self._refresh_usage()
        return NodeStatus(
            node_id=self.node_id,
            public_key=self.public_key,
            health=self.health().word,
            running=self._running,
            read_only=self._settings.read_only,
            network=self._settings.network,
            private=bool(self._settings.network_secrets),
            uptime=self._world.now() - self._started_at if self._running else 0.0,
            links=tuple(link.status() for link in self._links.values()),
            stored_records=self._usage.records,
            stored_bytes=self._usage.size,
            replication_period=self._maintenance.replication_period(),
            replication_kept=self._maintenance.keeps_up(self._usage.records),
            own_records=len(self._publishing),
            counters=self.counters.snapshot(),
        )

    def health(self) -> Health:
        """The one verdict on this node now."""
        links = self._links.values()
        return verdict(
            Signs(
                running=self._running,
                started=self._starting or self._running,
                stopping=self._stopping,
                contacts=sum(len(link.table) for link in links),
                first=not self._maintenance.was_told(),
                heard=any(link.has_heard() for link in links),
                uplink_down=bool(links) and all(link.is_down() for link in links),
                storage_failing=self._records.is_failing(),
            )
        )

    def self_check(self) -> Deferred[None]:
        """See :meth:`INode.self_check`."""
        return self._turns.run_now(self._self_check())  # at once, however many operations wait

    async def _self_check(self) -> None:
        await all_of(
            [link.reach_itself(self.node_id, self.public_key) for link in self._links.values()]
        )
        await self._records.check_reading()

    def _refresh_usage(self) -> None:
        """Ask the storage how full it is; a slow one answers in time for the next picture."""
        if self._running:
            self._records.usage().addCallbacks(self._take_usage, lambda _: None)

    def _take_usage(self, usage: StorageUsage) -> None:
        self._usage = usage

    def routing(self) -> RoutingStatus:
        """See :meth:`INode.routing`."""
        buckets = [b for link in self._links.values() for b in link.bucket_statuses()]
        return RoutingStatus(self.node_id, tuple(buckets))


def _interfaces_by_family(settings: NodeSettings) -> dict[Family, str]:
    """The interface of each family; :class:`ConfigurationError` for what cannot be bound."""
    if not 0 <= settings.port <= 65535:
        raise ConfigurationError(f"a port lies between 0 and 65535, not {settings.port}")
    interfaces: dict[Family, str] = {}
    for each in settings.interfaces:
        address = ip_literal(each)
        if address is None:
            raise ConfigurationError(f"the interface {each!r} is no IP address")
        interfaces[Endpoint(address, 0).family] = address
    if not interfaces or len(interfaces) != len(settings.interfaces):
        raise ConfigurationError("give one interface for each address family, at least one")
    return interfaces


def _ping_result(answer: Answer, took: float) -> PingResult:
    """What a PONG says; a hello's round trip is measured here, because it may be retransmitted."""
    pong = answer.reply.body
    if not isinstance(pong, Pong):
        raise RequestTimedOut(f"{answer.contact.endpoint} answered something that is no PONG")
    rtt = took if answer.rtt is None else answer.rtt
    return PingResult(answer.contact, rtt, answer.reply.observed, pong.unix_time, pong.agent)
