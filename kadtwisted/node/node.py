"""The public API: a node in a Twisted application.

Here is what a node does for its user, and which part does it.  Its life is in
:mod:`~kadtwisted.node.life`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from twisted.internet.defer import CancelledError, Deferred, fail
from zope.interface import implementer

from kadtwisted.errors import InvalidInput, KadtwistedError, NotFound
from kadtwisted.interfaces import INode
from kadtwisted.lookup.records import Mode
from kadtwisted.model.announcing import Providers
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import Keeping, OwnRecord
from kadtwisted.model.record import DELETED, RecordsPage, Signer, StorageKey, dated_page
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import (
    BootstrapResult,
    Collection,
    GetResult,
    NodesResult,
    Path,
    PingResult,
    Receipt,
    Wait,
)
from kadtwisted.node.arguments import (
    check_callback,
    check_keeping,
    check_kind,
    check_mode,
    check_page,
    check_pin,
    check_record,
    check_wait,
    read_target,
)
from kadtwisted.node.many import ManyOperations
from kadtwisted.node.operations.announcing import check_limit, read_wish
from kadtwisted.node.operations.bootstrap import read_addresses
from kadtwisted.node.operations.signed import Numbers, draft_of
from kadtwisted.node.operations.values import (
    asked_for,
    check_lifetime,
    encode_value,
    key_id,
    reference_to,
)
from kadtwisted.node.operations.writes.receipts import Published
from kadtwisted.node.upkeep.publisher import watching
from kadtwisted.node.watching.watch import Callback, Watch
from kadtwisted.node.watching.watches import place_of
from kadtwisted.records.mutable import is_tombstone


@implementer(INode)
class Node(ManyOperations):
    """A Kademlia node on ``reactor``.

    ``key`` is its identity.  Without ``storage`` records are kept in memory, without ``serializer``
    the wire is CBOR, without ``state`` contacts and own records end with this object.  ``sockets``
    are bound UDP sockets to be used in place of new ones; they stay the caller's.  ``world`` and
    ``wrap_handler`` are for simulation.  Nothing happens before :meth:`start`.
    :class:`~kadtwisted.errors.ConfigurationError` for arguments that cannot work.
    """

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

    def open_path(self, target: str | bytes | Contact) -> Deferred[Path]:
        """See :meth:`INode.open_path`."""
        try:
            wanted = read_target(target, self.public_key)
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._paths.open(wanted))

    def get(self, key: str | bytes | Reference, *, mode: Mode | None = None) -> Deferred[GetResult]:
        """See :meth:`INode.get`."""
        try:
            reference_to(key)
            check_mode(mode)
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._values.get(key, mode))

    def put(  # noqa: PLR0913 - keywords of a public method
        self,
        key: str | bytes,
        value: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        put_back: bool = False,
        pin: int = 0,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        """See :meth:`INode.put`."""
        try:
            target = key_id(key)
            v = encode_value(value)
            wanted = self._lifetime(lifetime)
            keeping = self._keeping(keep, put_back, pin)
            check_wait(wait)
        except InvalidInput as error:
            return fail(error)
        store = partial(self._values.put, target, v, wanted)
        return self._operations.run(self._store(store, wanted, keeping, wait))

    async def _store(
        self,
        store: Callable[[], Awaitable[Published]],
        lifetime: float,
        keeping: Keeping,
        wait: Wait,
    ) -> Receipt:
        """Store a record, and keep it published in place of the one kept before; or keep none."""
        published = await store()
        try:
            if keeping.publishes:
                where, record = published.where, published.record
                await self._upkeep.publisher.keep(where, record, lifetime, keeping)
            else:
                self._upkeep.publisher.withdraw(published.where)
        except CancelledError:
            published.cancel()
            raise
        except KadtwistedError:
            self._operations.go_on(published.whole())
            raise
        return await self._receipt(published, wait)

    async def _receipt(self, published: Published, wait: Wait) -> Receipt:
        """The receipt of a write; what is left of it goes on, if there is room for that."""
        if wait == "all" or not self._operations.go_on(published.whole()):
            return await published.whole()
        return published.receipt

    def delete(self, key: str | bytes, *, wait: Wait = "quorum") -> Deferred[Receipt]:
        """See :meth:`INode.delete`."""
        try:
            target = key_id(key)
            check_wait(wait)
        except InvalidInput as error:
            return fail(error)
        self._upkeep.publisher.withdraw(self._values.place(target))
        return self._operations.run(self._write(partial(self._values.delete, target), wait))

    async def _write(self, write: Callable[[], Awaitable[Published]], wait: Wait) -> Receipt:
        return await self._receipt(await write(), wait)

    def put_immutable(
        self,
        value: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        pin: int = 0,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        """See :meth:`INode.put_immutable`."""
        try:
            v = encode_value(value)
            wanted = self._lifetime(lifetime)
            keeping = self._keeping(keep, pin=pin)
            check_wait(wait)
        except InvalidInput as error:
            return fail(error)
        store = partial(self._signed.put_immutable, v, wanted)
        return self._operations.run(self._store(store, wanted, keeping, wait))

    def put_mutable(  # noqa: PLR0913 - keywords of a public method
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
    ) -> Deferred[Receipt]:
        """See :meth:`INode.put_mutable`."""
        try:
            numbers = Numbers(seq, cas).checked()
            draft = draft_of(signing_key, encode_value(value), salt, numbers.seq)
            wanted = self._lifetime(lifetime)
            keeping = self._keeping(keep, pin=pin)
            check_wait(wait)
        except InvalidInput as error:
            return fail(error)
        store = partial(self._signed.put_mutable, draft, cas, wanted)
        return self._operations.run(self._store(store, wanted, keeping, wait))

    def delete_mutable(
        self,
        signing_key: Signer,
        *,
        salt: bytes = b"",
        keep: bool = True,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        """See :meth:`INode.delete_mutable`."""
        try:
            draft = draft_of(signing_key, DELETED, salt)
            keeping = self._keeping(keep)
            check_wait(wait)
        except InvalidInput as error:
            return fail(error)
        store = partial(self._signed.delete_mutable, draft)
        longest = self._context.parameters.max_remaining
        return self._operations.run(self._store(store, longest, keeping, wait))

    def _keeping(self, keep: bool, put_back: bool = False, pin: int = 0) -> Keeping:
        """What becomes of a record after it was stored; :class:`InvalidInput`."""
        return check_keeping(keep, put_back, pin, self._context.parameters.k)

    def _lifetime(self, wanted: float | None) -> float:
        """A lifetime, or the usual one; :class:`InvalidLifetime`."""
        parameters = self._context.parameters
        lifetime = parameters.default_lifetime if wanted is None else wanted
        check_lifetime(lifetime, parameters.max_remaining)
        return lifetime

    def put_record(  # noqa: PLR0913 - keywords of a public method
        self,
        record: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        put_back: bool = False,
        pin: int = 0,
        cas: int | None = None,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        """See :meth:`INode.put_record`."""
        try:
            check_record(record, cas)
            if lifetime is None and is_tombstone(record):
                lifetime = self._context.parameters.max_remaining
            wanted = self._lifetime(lifetime)
            keeping = self._keeping(keep, put_back, pin)
            check_wait(wait)
        except InvalidInput as error:
            return fail(error)
        store = partial(self._conditional.put_record, record, wanted, cas)
        return self._operations.run(self._store(store, wanted, keeping, wait))

    def pin(
        self, key: str | bytes | Reference, holders: int, *, kind: int | None = None
    ) -> Deferred[OwnRecord]:
        """See :meth:`INode.pin`."""
        try:
            where = StorageKey(*place_of(key, kind))
            check_pin(holders, self._context.parameters.k)
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._pin(where, holders, key))

    async def _pin(
        self, where: StorageKey, holders: int, asked: str | bytes | Reference
    ) -> OwnRecord:
        """Pin what is kept published there already, or else the newest that proves its place."""
        publisher = self._upkeep.publisher
        if not await publisher.pin(where, holders):
            found = await self._parts.auditing.newest(where, asked)
            lifetime = self._context.parameters.default_lifetime
            await publisher.keep(where, found, lifetime, Keeping(pin=holders))
        told = publisher.told(where)
        if told is None:
            raise NotFound(f"{asked_for(asked)} was withdrawn meanwhile")
        return told

    def unpin(self, key: str | bytes | Reference, *, kind: int | None = None) -> Deferred[bool]:
        """See :meth:`INode.unpin`."""
        try:
            where = StorageKey(*place_of(key, kind))
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._upkeep.publisher.unpin(where))

    def collect(self, kind: int, key: str | bytes) -> Deferred[Collection]:
        """See :meth:`INode.collect`."""
        try:
            target = key_id(key)
            check_kind(kind)
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._record_operations.collect(kind, target))

    def watch(
        self,
        key: str | bytes | Reference,
        *,
        kind: int | None = None,
        callback: Callback | None = None,
    ) -> Watch:
        """See :meth:`INode.watch`."""
        check_callback(callback)
        return self._parts.watches.watch(*place_of(key, kind), callback)

    def announce(
        self,
        key: str | bytes,
        *,
        port: int | None = None,
        attributes: bytes = b"",
        lifetime: float | None = None,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        """See :meth:`INode.announce`."""
        try:
            wish = read_wish(key, port, attributes, lifetime, self._context.settings.parameters)
            check_wait(wait)
        except InvalidInput as error:
            return fail(error)
        announce = partial(self._upkeep.announcements.announce, wish)
        return self._operations.run(self._write(announce, wait))

    def withdraw(self, key: str | bytes, *, wait: Wait = "quorum") -> Deferred[Receipt]:
        """See :meth:`INode.withdraw`."""
        try:
            target = key_id(key)
            check_wait(wait)
        except InvalidInput as error:
            return fail(error)
        withdraw = partial(self._upkeep.announcements.withdraw, target)
        return self._operations.run(self._write(withdraw, wait))

    def providers(self, key: str | bytes, limit: int | None = None) -> Deferred[Providers]:
        """See :meth:`INode.providers`."""
        try:
            target = key_id(key)
            check_limit(limit)
        except InvalidInput as error:
            return fail(error)
        return self._operations.run(self._announcing.providers(target, limit))

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

    def self_check(self) -> Deferred[None]:
        """See :meth:`INode.self_check`."""
        return self._operations.run_now(
            self._self_check.run()
        )  # at once, however many operations wait
