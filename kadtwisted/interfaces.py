"""The interfaces of the house on one page; each docstring is the whole contract.

Only those that no program chooses stand elsewhere, beside the values that they speak of: that of a
dialect's doors (:class:`kadtwisted.dialects.door.IDoor`), and that of sealers
(:class:`kadtwisted.sealing.interface.ISealer`).

Implementers of plugins need :class:`ISerializer` with :class:`ISerializerFactory`, or
:class:`IStorage` with :class:`IStorageFactory`.  Moments called ``now`` are seconds of a monotonic
clock with an arbitrary origin; they are comparable within one run of one process only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from kadtwisted.model.contact import Contact
    from kadtwisted.model.health import Health
    from kadtwisted.model.ids import NodeID
    from kadtwisted.model.messages import Message, Reply, Request
    from kadtwisted.model.publication import OwnRecord, Publication
    from kadtwisted.model.record import RecordsPage, StorageKey, StorageUsage, StoredRecord
    from kadtwisted.model.reference import Reference
    from kadtwisted.model.results import (
        BootstrapResult,
        Change,
        Collection,
        GetResult,
        NodesResult,
        PingResult,
        Receipt,
    )
    from kadtwisted.model.status import NodeStatus, RoutingStatus


class ISerializer(Interface):
    """Turns messages into bytes and back.  Pure: no state, no clock, no logging.

    A provider must accept what a newer program may add (unknown trailing items), refuse everything
    else that is not well formed, and never need more than a few kilobytes of memory or time linear
    in the datagram's length, whatever the bytes are.
    """

    name: str = Attribute("""The name by which options choose it, for example ``cbor``.""")

    def encode_request(request: Request, length: int = 0) -> bytes:
        """The request's bytes, padded with filler that decoding ignores to at least ``length``."""

    def encode_reply(reply: Reply, limit: int) -> bytes:
        """The reply's bytes, at most ``limit`` of them.

        Contacts are left out, farthest first, until the rest fits; what does not fit even without
        any contact raises :class:`~kadtwisted.errors.MalformedDatagram` (``reply-too-long``).
        """

    def decode(data: bytes) -> Message:
        """The one message in ``data``.

        Raises :class:`~kadtwisted.errors.MalformedDatagram` with a short reason for anything else,
        and no other exception.
        """


class ISerializerFactory(Interface):
    """A plugin that makes serializers."""

    name: str = Attribute("""What ``--serializer NAME`` says.""")

    def make() -> ISerializer:
        """A new serializer."""


class IStorage(Interface):
    """Keeps bytes under keys until they expire; knows nothing of what they mean.

    Every method returns a Deferred.  At most one writer calls at a time for one key, several for
    different keys.  A ``put`` may fire only when the record would survive a crash of the machine,
    if the backend promises durability at all.  No method may hold up the reactor for longer than a
    read of a few records takes: what waits for a disk to be flushed waits in a thread.
    """

    def open() -> Deferred[None]:
        """Get ready; :class:`~kadtwisted.errors.StorageError` says in a sentence why not.

        A backend that can does this before it returns, so that a daemon whose storage is missing
        ends before its reactor runs.
        """

    def close() -> Deferred[None]:
        """Finish what is queued and let go of every resource.  Idempotent."""

    def get(kind: int, key: NodeID, now: float) -> Deferred[Sequence[StoredRecord]]:
        """The unexpired records of one kind under one key, ordered by ``sub``; maybe none."""

    def put(record: StoredRecord, now: float) -> Deferred[None]:
        """Store or replace the record at ``record.where``.

        Expired records give way first.  Fails with :class:`~kadtwisted.errors.StorageFull` when
        there is no room left within its bounds, :class:`~kadtwisted.errors.DiskFull` when the disk
        is full, :class:`~kadtwisted.errors.StorageBusy` when too much is queued; then nothing has
        changed.
        """

    def remove(where: StorageKey) -> Deferred[bool]:
        """Forget one record; fires with whether it was there."""

    def expire(now: float, limit: int) -> Deferred[int]:
        """Forget at most ``limit`` records whose ``expires`` is not after ``now``; how many."""

    def page(after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        """At most ``limit`` records in ascending order of ``where``, from just behind ``after``.

        Expired ones that are still there may be among them.
        """

    def usage() -> Deferred[StorageUsage]:
        """How many records and how many bytes of data are held."""


class StorageContext(NamedTuple):
    """What a storage may use of the world around it.

    ``reactor`` provides ``IReactorTime`` and ``IReactorFromThreads``.  ``now`` is the monotonic
    clock of all moments in :class:`IStorage`, ``unix_time`` the wall's, in seconds, to remember
    moments over a restart.  ``directory`` is the node's state directory, if it has one.  The
    bounds are those of one node: a backend keeps within them, or within bounds of its own.
    """

    reactor: Any
    now: Callable[[], float]
    unix_time: Callable[[], float]
    directory: str | None
    max_records: int
    max_bytes: int


class IStorageFactory(Interface):
    """A plugin that makes storage backends."""

    name: str = Attribute("""What ``--storage NAME:ARGUMENT`` says before the colon.""")

    def make(argument: str, context: StorageContext) -> IStorage:
        """A backend, not yet open; ``argument`` is what stood behind the colon, maybe empty.

        :class:`~kadtwisted.errors.ConfigurationError` for an argument that cannot be used.  Nothing
        is created, opened or started before :meth:`IStorage.open`.
        """


class IChecksArgument(Interface):
    """What an :class:`IStorageFactory` may provide as well: its options are then checked without a
    storage being made for that."""

    def check(argument: str, directory: str | None) -> None:
        """Refuse an argument that ``make`` could not use: ``ConfigurationError``.

        ``directory`` is the node's state directory, if it has one.  Nothing is created or opened.
        """


class Remembered(NamedTuple):
    """What a node finds when it starts: the contacts it last knew, the latest heard first, and the
    records it keeps published."""

    contacts: tuple[Contact, ...]
    publications: tuple[Publication, ...]


class INodeState(Interface):
    """What a node remembers over a restart beside the records it stores for others.

    Every method returns a Deferred, and may fail with :class:`~kadtwisted.errors.StorageError`.
    """

    def open() -> Deferred[Remembered]:
        """Get ready and recall; before it returns, if it can, as :meth:`IStorage.open`."""

    def close() -> Deferred[None]:
        """Finish what is queued and let go of every resource.  Idempotent."""

    def save_contacts(contacts: Sequence[Contact]) -> Deferred[None]:
        """Remember these contacts, the latest heard first, in place of all others."""

    def keep(publication: Publication) -> Deferred[None]:
        """Remember a record to be published again, in place of the one at the same ``where``;
        fires when that would survive a crash."""

    def withdraw(where: StorageKey) -> Deferred[None]:
        """Forget the publication at this place, if there is one; fires when that is durable."""


class IWatch(Interface):
    """A watch of the records of one kind under one key: ``async for change in watch``.

    The first change says what stands there now; of a kind of which many stand under one key, there
    is one for each.  After that each newer record is a change, and so is the end of one.  No record
    is told twice while it stands, and none that is older than one that was told.  Of each place
    only the newest change waits to be taken: a slow reader misses what has been, never what is.
    """

    kind: int = Attribute("""The kind of the records.""")
    key: bytes = Attribute("""Their key, 20 bytes.""")

    def next() -> Deferred[Change]:
        """The next change; one at a time.

        Fails with ``StopAsyncIteration`` when the watch was stopped, with
        :class:`~kadtwisted.errors.NodeStopped` when the node has stopped, and with
        :class:`~kadtwisted.errors.InvalidInput` if another call waits, or if the watch calls a
        function.  Cancelling it loses nothing.
        """

    def stop() -> None:
        """End the watch.  Idempotent."""

    def when_ended() -> Deferred[None]:
        """Fires when the watch was stopped; fails with :class:`~kadtwisted.errors.NodeStopped` when
        the node has stopped."""


class INode(Interface):
    """A Kademlia node: what programs, the daemon's doors and tests all use.

    Every Deferred ends: with its result, with one of the errors named, with ``CancelledError`` when
    its caller cancels it, or with :class:`~kadtwisted.errors.NodeStopped`.
    """

    node_id: NodeID = Attribute("""This node's ID, derived from its public key.""")
    public_key: bytes = Attribute("""This node's Ed25519 public key, 32 bytes.""")

    def start() -> Deferred[None]:
        """Open the storage and bind the ports.

        Fails with :class:`~kadtwisted.errors.CannotListen` or
        :class:`~kadtwisted.errors.StorageError`; then nothing is left open.
        """

    def stop() -> Deferred[None]:
        """Fail everything in flight with ``NodeStopped``, then close ports and storage.

        Never fails; idempotent.  A stopped node can be started again.
        """

    def bootstrap(addresses: Iterable[str]) -> Deferred[BootstrapResult]:
        """Join the network through ``HOST:PORT`` or ``KEY@HOST:PORT`` addresses.

        Asks all of them, then looks up our own ID.  Fails with
        :class:`~kadtwisted.errors.InvalidAddress` before anything is sent, or with
        :class:`~kadtwisted.errors.BootstrapFailed`, whose ``reasons`` tell each address's fault.
        """

    def ping(address: str | Contact) -> Deferred[PingResult]:
        """Ask one node whether it is there.

        Fails with :class:`~kadtwisted.errors.InvalidAddress`,
        :class:`~kadtwisted.errors.Unavailable` (the name does not resolve, or this node has no port
        of the address's family),
        :class:`~kadtwisted.errors.RequestTimedOut`, :class:`~kadtwisted.errors.SendFailed` or
        :class:`~kadtwisted.errors.ErrorReply`.
        """

    def find_node(target: NodeID) -> Deferred[NodesResult]:
        """The closest nodes to ``target`` that answer, in every family this node has.

        Fails with :class:`~kadtwisted.errors.NoContacts`.
        """

    def get(
        key: str | bytes, *, mode: Literal["first", "latest"] = "latest"
    ) -> Deferred[GetResult]:
        """The value under a name, or under a 20-byte key.

        ``mode`` is ``first`` (the first valid record) or ``latest`` (the whole lookup, the highest
        version of all answers).  Fails with :class:`~kadtwisted.errors.InvalidKey`,
        :class:`~kadtwisted.errors.NotFound`, :class:`~kadtwisted.errors.NoContacts` (nobody is
        known) or :class:`~kadtwisted.errors.Unavailable` (nobody answered).
        """

    def put(
        key: str | bytes,
        value: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        put_back: bool = False,
    ) -> Deferred[Receipt]:
        """Store ``value`` on the closest nodes for ``lifetime`` seconds.

        With ``keep`` this node publishes it again at half its lifetime until it is deleted or
        another value takes its place; for as long as it runs, and over restarts, too, if it was
        given a node state.  Whoever calls :meth:`watch_own` is told when it has lost its place.
        With ``put_back`` it is then put back as soon as the place is found free: the other value
        has expired or was deleted.

        Fails with :class:`~kadtwisted.errors.InvalidKey`,
        :class:`~kadtwisted.errors.RecordTooLarge`,
        :class:`~kadtwisted.errors.InvalidLifetime`, :class:`~kadtwisted.errors.ClockSkew`,
        :class:`~kadtwisted.errors.NoContacts`, :class:`~kadtwisted.errors.TooManyRequests` (too
        many records are kept published), :class:`~kadtwisted.errors.StorageError` (stored, but the
        node state refused to keep it) or :class:`~kadtwisted.errors.NotStored`, whose ``reasons``
        tell each node's refusal.
        """

    def delete(key: str | bytes) -> Deferred[Receipt]:
        """Replace the value by a tombstone that outlives it.  Fails as :meth:`put` does."""

    def put_record(
        record: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        put_back: bool = False,
        cas: int | None = None,
    ) -> Deferred[Receipt]:
        """Store the bytes of a record of any kind that the network admits, as they are.

        ``keep`` and ``put_back`` are as in :meth:`put`; a kind whose records cannot be made anew is
        not put back.  With ``cas`` a node stores it only in place of a record with
        this sequence number.  Fails with
        :class:`~kadtwisted.errors.InvalidRecord`,
        :class:`~kadtwisted.errors.Superseded` (a record that wins over it was found, or every node
        says so),
        :class:`~kadtwisted.errors.NotConditional` (its kind has no sequence numbers),
        :class:`~kadtwisted.errors.CasConflict` (other sequence numbers are stored, and no more than
        half of the nodes took it), or as :meth:`put` does.
        """

    def collect(kind: int, key: str | bytes) -> Deferred[Collection]:
        """All records of one kind under a name, or under a 20-byte key, that can be found.

        What a holder stores is read page by page, at most as many records as the kind allows under
        one key.  Fails with :class:`~kadtwisted.errors.InvalidKey`,
        :class:`~kadtwisted.errors.InvalidInput` (the network does not admit the kind),
        :class:`~kadtwisted.errors.NoContacts` (nobody is known) or
        :class:`~kadtwisted.errors.Unavailable` (nobody answered); without any record it fires with
        an empty collection.
        """

    def watch(
        key: str | bytes | Reference,
        *,
        kind: int | None = None,
        callback: Callable[[Change], Any] | None = None,
    ) -> IWatch:
        """Watch the records of one kind under a name, or under a 20-byte key, or what a reference
        names.  The kind is that of the reference, else a value (1).

        Holders tell this node of newer ones.  ``callback`` is called with each change; without one
        they are taken from the watch.  Raises :class:`~kadtwisted.errors.InvalidKey`,
        :class:`~kadtwisted.errors.InvalidInput`, :class:`~kadtwisted.errors.NodeStopped` or
        :class:`~kadtwisted.errors.TooManyRequests` (as many watches run as may).
        """

    def records(after: StorageKey | None, limit: int) -> Deferred[RecordsPage]:
        """The records that this node stores: those of at most ``limit`` places (at least 1) in
        ascending order, from just behind ``after``, that have not expired; for backups.

        Fails with :class:`~kadtwisted.errors.StorageError`.
        """

    def own_records(after: StorageKey | None, limit: int) -> tuple[OwnRecord, ...]:
        """The records that this node keeps published, and those that have lost their place to
        others: at most ``limit`` in ascending order of their places, from just behind ``after``."""

    def watch_own(watcher: Callable[[OwnRecord], None]) -> Callable[[], None]:
        """Call ``watcher`` each time a record that is kept published has lost its place to another
        one, and when it has its place back; what is returned ends that.

        A node learns of it when it publishes the record again: at half its lifetime.  The watchers
        stay over stop and start of this node object.
        """

    def status() -> NodeStatus:
        """A frozen picture of the node now: ports, contacts, counters."""

    def health() -> Health:
        """The one verdict on this node now; cheap enough to be asked every second."""

    def self_check() -> Deferred[None]:
        """Whether this node is of use: a PING to one of its own ports comes back through the
        socket, and the storage answers a read.  A port that fails while another works is logged.

        Fails with what went wrong; how long to wait for that is the caller's to decide.
        """

    def routing() -> RoutingStatus:
        """A frozen picture of the routing tables now, bucket by bucket."""
