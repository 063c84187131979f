"""The wiring of one node: every part is made here, once for each start, and nowhere else.

What a node keeps from one start to the next is handed in; ports, tables, books of requests and
budgets are made anew, so that a node that starts again starts clean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from kadtwisted.dialects.dialect import MakeDialect
from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import ConfigurationError
from kadtwisted.interfaces import INodeState, ISerializer
from kadtwisted.model.contact import (
    Contact,
    Endpoint,
    Family,
    ip_literal,
    needs_scope,
    scoped_address,
)
from kadtwisted.model.messages import Changed, Introduce, Listen, Probe, Punch
from kadtwisted.model.record import StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.announcing import Announcing
from kadtwisted.node.operations.bootstrap import Bootstrap
from kadtwisted.node.operations.records import RecordOperations
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.observer import LinkObserver
from kadtwisted.node.port.protocol import Handle
from kadtwisted.node.portmap.portmapper import Portmapper
from kadtwisted.node.reaching.reaching import Reaching
from kadtwisted.node.serving.handlers import Handlers
from kadtwisted.node.serving.introducing import Introducing
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.node.serving.telling import Telling
from kadtwisted.node.upkeep.addresses import AddressWatch
from kadtwisted.node.upkeep.announcements import Announcements, publishing_again
from kadtwisted.node.upkeep.auditing import Auditing
from kadtwisted.node.upkeep.contacts import ContactUpkeep
from kadtwisted.node.upkeep.maintenance import Maintenance, Workers
from kadtwisted.node.upkeep.persistence import Persistence
from kadtwisted.node.upkeep.publisher import Publisher, Watcher
from kadtwisted.node.upkeep.replication import Replication
from kadtwisted.node.upkeep.runner import UpkeepRunner
from kadtwisted.node.watching.watches import Watches
from kadtwisted.parameters import NodeSettings
from kadtwisted.routing.diversity import diversity_for
from kadtwisted.routing.liveness import Liveness
from kadtwisted.routing.reachable import Reach
from kadtwisted.routing.table import RoutingTable
from kadtwisted.upkeep.publishing import PublicationSchedule

WrapHandler = Callable[[Handle], Handle]
"""Makes what answers requests out of what an honest node would answer."""


@dataclass(frozen=True, slots=True)
class LastingParts:
    """What one node keeps from one start to the next."""

    context: NodeContext
    records: RecordStore
    publications: PublicationSchedule
    state: INodeState | None
    wrap_handler: WrapHandler | None = None
    watchers: list[Watcher] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Assembly:
    """All parts of one run of a node, wired together."""

    links: Links
    record_operations: RecordOperations
    announcing: Announcing
    auditing: Auditing
    bootstrap: Bootstrap
    upkeep: Workers
    maintenance: Maintenance
    telling: Telling
    watches: Watches
    portmapper: Portmapper
    introducing: Introducing
    reaching: Reaching


def assemble(lasting: LastingParts) -> Assembly:
    """Make and wire all parts for one run; nothing is bound or opened yet.

    :class:`ConfigurationError` for settings that cannot work.
    """
    context, records = lasting.context, lasting.records
    links, handlers = _make_links(lasting)
    operations = RecordOperations(context, links, records)
    telling = Telling(context, records, links)
    watches = Watches(context, links, operations)
    _connect(lasting.records, handlers.values(), telling, watches)
    introducing = Introducing(context, links)
    _introduce(handlers.values(), introducing)
    auditing = Auditing(context, operations)
    bootstrap = Bootstrap(context, links)
    runner = UpkeepRunner(context)
    persistence = Persistence(context, links, lasting.state)
    announcing = Announcing(context, links, operations)
    again = publishing_again(operations, announcing)
    count = auditing.count_holders
    publisher = Publisher(context, runner, lasting.publications, persistence, again, count)
    contacts = ContactUpkeep(context, links, bootstrap)
    portmapper = Portmapper(context)
    workers = Workers(
        contacts,
        records,
        Replication(context, links, records),
        persistence,
        publisher,
        Announcements(announcing, publisher),
        AddressWatch(context, links, contacts, portmapper.moved),
    )
    workers.publisher.watchers = lasting.watchers
    maintenance = Maintenance(context, links, runner, workers)
    for link in links.values():
        link.watch(_ToHandlers(links, handlers))
        link.watch(_ToUpkeep(maintenance, link.family))
        link.watch(_ToPortmapper(portmapper))
    reaching = Reaching(context, links, portmapper)
    bootstrap.before_joining = reaching.probe_first
    return Assembly(
        links,
        operations,
        announcing,
        auditing,
        bootstrap,
        workers,
        maintenance,
        telling,
        watches,
        portmapper,
        introducing,
        reaching,
    )


def _connect(
    records: RecordStore, handlers: Iterable[Handlers], telling: Telling, watches: Watches
) -> None:
    """Who is told of newer records: those that listen here, and our own watches."""

    def changed(record: StoredRecord) -> None:
        telling.changed(record)
        watches.stored(record)

    records.on_change(changed)
    for each in handlers:
        each.serve(Listen, telling.listen, writes=True)
        each.serve(Changed, watches.told, whole=True)


def _introduce(handlers: Iterable[Handlers], introducing: Introducing) -> None:
    """Who answers requests for introductions."""
    for each in handlers:
        each.serve(Probe, introducing.probe, whole=True)
        each.serve(Punch, introducing.punch, whole=True)
        each.serve(Introduce, introducing.introduce, whole=True)


class _ToUpkeep(LinkObserver):
    """Tells a node's upkeep of new and lost contacts, of a new address, and whether it serves."""

    def __init__(self, maintenance: Maintenance, family: Family) -> None:
        self._maintenance = maintenance
        self._family = family

    def added(self, contact: Contact) -> None:
        self._maintenance.contact_added(contact)

    def observed(self, endpoint: Endpoint) -> None:
        self._maintenance.moved(endpoint)

    def serves(self, serves: bool) -> None:
        self._maintenance.serves(self._family, serves)

    def removed(self, contact: Contact, known_for: float) -> None:
        self._maintenance.contact_removed(known_for)


class _ToPortmapper(LinkObserver):
    """Tells the portmapper who has answered: that shows whether a mapping is needed."""

    def __init__(self, portmapper: Portmapper) -> None:
        self._portmapper = portmapper

    def added(self, contact: Contact) -> None:
        if contact.family is Family.IPV4:
            self._portmapper.answered(contact.endpoint)

    def observed(self, endpoint: Endpoint) -> None:
        if endpoint.family is Family.IPV4:
            self._portmapper.look_again()


class _ToHandlers(LinkObserver):
    """Tells those who answer whether they say that they are read-only, and whether they take
    records: they do while this node can be reached over any link."""

    def __init__(self, links: Links, handlers: Mapping[Family, Handlers]) -> None:
        self._links = links
        self._handlers = handlers

    def serves(self, serves: bool) -> None:
        for family, link in self._links.items():
            refuses = self._links.read_only
            self._handlers[family].be(read_only=link.read_only, refuses=refuses)


def _make_links(lasting: LastingParts) -> tuple[Links, dict[Family, Handlers]]:
    interfaces = interfaces_by_family(lasting.context.settings)
    doors = lasting.context.dialect.doors(len(interfaces), lasting.context.world.unix_time)
    tables = {family: _make_table(lasting.context) for family in interfaces}
    lasting.records.neighbours.tables = tables
    links = Links()
    serving: dict[Family, Handlers] = {}
    for (family, interface), door in zip(interfaces.items(), doors, strict=True):
        reach = Reach(lasting.context.settings.allow, interface)
        handlers = Handlers(lasting.context, family, tables, lasting.records, reach)
        serving[family] = handlers
        handle: Handle = handlers.handle
        if lasting.wrap_handler is not None:
            handle = lasting.wrap_handler(handle)
        links[family] = Link(lasting.context, interface, tables[family], door, handle, reach)
    return links, serving


def _make_table(context: NodeContext) -> RoutingTable:
    parameters = context.parameters
    return RoutingTable(
        context.node_id,
        bits=parameters.id_bits,
        k=parameters.k,
        replacements=parameters.replacement_cache,
        liveness=Liveness(
            parameters.drop_after_failures,
            parameters.drop_after_seconds,
            parameters.verification_quiet,
        ),
        diversity=diversity_for(private=not context.open_network),
    )


def choose_dialect(dialect: MakeDialect | None, serializer: ISerializer | None) -> MakeDialect:
    """The dialect that a node speaks: the one given, else the native one, with the serializer
    given, if any.

    :class:`ConfigurationError` if both are given: a dialect brings its own serializer.
    """
    if dialect is None:
        return partial(native_dialect, serializer=serializer)
    if serializer is not None:
        raise ConfigurationError("give a dialect or a serializer: a dialect brings its own")
    return dialect


def interfaces_by_family(settings: NodeSettings) -> dict[Family, str]:
    """The interface of each family; :class:`ConfigurationError` for what cannot be bound."""
    if not 0 <= settings.port <= 65535:
        raise ConfigurationError(f"a port lies between 0 and 65535, not {settings.port}")
    interfaces: dict[Family, str] = {}
    for each in settings.interfaces:
        address = ip_literal(each)
        if address is None:
            raise ConfigurationError(f"the interface {each!r} is no IP address")
        if needs_scope(address):
            raise ConfigurationError(str(scoped_address(address)))
        interfaces[Endpoint(address, 0).family] = address
    if not interfaces or len(interfaces) != len(settings.interfaces):
        raise ConfigurationError("give one interface for each address family, at least one")
    return interfaces
