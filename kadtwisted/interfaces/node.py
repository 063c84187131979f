"""What programs, the daemon's doors and tests use of a node: each docstring is a whole contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from kadtwisted.model.announcing import Providers
    from kadtwisted.model.contact import Contact
    from kadtwisted.model.health import Health
    from kadtwisted.model.ids import NodeID
    from kadtwisted.model.observed import Observer
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

    def open_path(target: str | bytes | Contact) -> Deferred[Path]:
        """A path to one node, also one behind a NAT that others cannot reach: where it answers.

        ``target`` is its public key (32 bytes, or 64 hexadecimal digits), ``KEY@HOST:PORT``, or a
        contact.  Both nodes must be running in the same network.  As long as a NAT is between them,
        the path lasts only while it is used: docs/nat.md.
        Fails with :class:`~kadtwisted.errors.InvalidAddress`,
        :class:`~kadtwisted.errors.NoContacts`, or :class:`~kadtwisted.errors.NoPath`, which says
        what is in front of both.
        """

    def get(
        key: str | bytes | Reference, *, mode: Literal["first", "latest"] | None = None
    ) -> Deferred[GetResult]:
        """The value under a name, under a 20-byte key, or behind a reference.

        ``mode`` is ``first`` (the first valid record) or ``latest`` (the whole lookup, the highest
        version of all answers); by default ``first`` for an immutable value, else ``latest``.
        Fails with :class:`~kadtwisted.errors.InvalidKey`,
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
        pin: int = 0,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        """Store ``value`` on the closest nodes for ``lifetime`` seconds.

        With ``keep`` this node publishes it again at half its lifetime until it is deleted or
        another value takes its place; for as long as it runs, and over restarts, too, if it was
        given a node state.  Whoever calls :meth:`watch_own` is told when it has lost its place.
        With ``put_back`` it is then put back as soon as the place is found free: the other value
        has expired or was deleted.  With a ``pin`` it is kept as well, and at no fewer than so many
        holders: see :meth:`pin`.

        The receipt comes when three quarters of the nodes that should hold the record have
        acknowledged it, or when all have decided; with ``wait="all"`` only then.  The others go on,
        and ``complete()`` of the receipt tells their end.  Cancelling before the receipt cancels
        everything, and after it nothing.  While too many writes go on like this, all are heard.

        Fails with :class:`~kadtwisted.errors.InvalidKey`,
        :class:`~kadtwisted.errors.RecordTooLarge`,
        :class:`~kadtwisted.errors.InvalidLifetime`, :class:`~kadtwisted.errors.ClockSkew`,
        :class:`~kadtwisted.errors.NoContacts`, :class:`~kadtwisted.errors.TooManyRequests` (too
        many records are kept published), :class:`~kadtwisted.errors.StorageError` (stored, but the
        node state refused to keep it) or :class:`~kadtwisted.errors.NotStored`, whose ``reasons``
        tell each node's refusal.
        """

    def put_many(
        entries: Iterable[BulkEntry], *, wait: Wait = "quorum"
    ) -> Deferred[tuple[BulkResult[Receipt], ...]]:
        """Store many values, at most 4,096 at once: what came of each, in their order.

        Keys that are neighbours share a lookup, so it costs about half of as many puts; each
        receipt says as much as that of :meth:`put`.  Of two values under one key the later one
        stays.  Fails with :class:`~kadtwisted.errors.InvalidInput` for what are no entries.
        """

    def get_many(
        keys: Iterable[str | bytes | Reference], *, mode: Literal["first", "latest"] | None = None
    ) -> Deferred[tuple[BulkResult[GetResult], ...]]:
        """Read many values, at most 4,096 at once, as :meth:`get` reads one: what came of each, in
        their order.  Keys that are neighbours share a lookup; the trace of such a value is empty.
        Fails as :meth:`put_many`."""

    def delete(key: str | bytes, *, wait: Wait = "quorum") -> Deferred[Receipt]:
        """Replace the value by a tombstone that outlives it.  ``wait`` is as in :meth:`put`.  Fails
        as that does."""

    def put_immutable(
        value: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        pin: int = 0,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        """Store ``value`` under its own hash; the receipt's ``reference`` finds it.

        Nobody can replace or delete it.  ``keep``, ``pin`` and ``wait`` are as in :meth:`put`.
        Fails as :meth:`put` does.
        """

    def put_mutable(  # noqa: PLR0913 - keywords of a public method
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
        """Sign ``value`` and store it as that of this key and ``salt``; the receipt's ``reference``
        finds it.

        ``signing_key`` is a :class:`~kadtwisted.identity.signing.SigningKey`, or whatever else has
        its ``public_key`` and signs with ``sign``.
        ``seq`` is its sequence number, by default the next; the value with the highest one wins.
        With ``cas`` it takes the place of the value with just that number, or no place; whoever
        else wrote meanwhile loses or has won; so all who decide on it are heard, whatever ``wait``
        says.  ``keep``, ``pin`` and ``wait`` are as in :meth:`put`: the record is published again
        as it was signed.

        Fails as :meth:`put` does, with :class:`~kadtwisted.errors.InvalidSalt`, or with
        :class:`~kadtwisted.errors.Superseded` (a value with this number or a higher one stands
        there); with ``cas`` also with :class:`~kadtwisted.errors.CasConflict` (it is not stored, or
        lost against another writer's) or :class:`~kadtwisted.errors.Uncertain` (read the value to
        find out).
        """

    def delete_mutable(
        signing_key: Signer, *, salt: bytes = b"", keep: bool = True, wait: Wait = "quorum"
    ) -> Deferred[Receipt]:
        """Replace the value of this key and ``salt`` by a tombstone.

        Nodes keep that as long as any record.  After that, somebody who has kept the value could
        store it again, so with ``keep`` this node goes on to publish the tombstone.  Fails as
        :meth:`put_mutable` does.
        """

    def put_record(
        record: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        put_back: bool = False,
        pin: int = 0,
        cas: int | None = None,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        """Store the bytes of a record of any kind that the network admits, as they are.

        ``keep``, ``put_back``, ``pin`` and ``wait`` are as in :meth:`put`; a kind whose records
        cannot be made anew is not put back.  ``cas`` is as in :meth:`put_mutable`.  Fails with
        :class:`~kadtwisted.errors.InvalidRecord`,
        :class:`~kadtwisted.errors.Superseded` (a record that wins over it was found, or one with
        its sequence number, or every node says so),
        :class:`~kadtwisted.errors.NotConditional` (its kind has no sequence numbers),
        :class:`~kadtwisted.errors.CasConflict` and :class:`~kadtwisted.errors.Uncertain` as there,
        or as :meth:`put` does.
        """

    def pin(
        key: str | bytes | Reference, holders: int, *, kind: int | None = None
    ) -> Deferred[OwnRecord]:
        """Keep a record at no fewer than ``holders`` nodes: the one that a reference names, or the
        one of this kind (a plain value) under a name or a 20-byte key.  Its holders are counted
        every ``pin_check_every`` seconds, and it is stored again where it is missing.

        It is a record that this node keeps published, or anybody's that proves by itself that it
        belongs there; of those the newest is kept.  The pin lasts as long as the record is kept:
        over restarts, too, if the node was given a node state.  ``own_records`` tells the last
        count, and whoever calls :meth:`watch_own` is told when the record falls below its pin and
        when it is back.  Another number of holders replaces the one before.

        Fails as :meth:`get` and :meth:`put` do, and with
        :class:`~kadtwisted.errors.InvalidInput` for a number that is not from 1 to k, and for a
        plain value that this node does not keep: anybody may replace it.
        """

    def unpin(key: str | bytes | Reference, *, kind: int | None = None) -> Deferred[bool]:
        """Count the holders of a pinned record no more; whether it was pinned.

        A record of our own is still kept published; one that was pinned only is not.
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

    def announce(
        key: str | bytes,
        *,
        port: int | None = None,
        attributes: bytes = b"",
        lifetime: float | None = None,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        """Announce under a key that this node offers something at its own address.

        ``port`` is where, by default the node's own UDP port; ``attributes`` are at most 400 bytes
        of the application's.  The node makes the announcement anew, with the address that it has
        then, before its ``lifetime`` (60 to 7,200 seconds) is over, until it is withdrawn; over
        restarts, too, if it was given a node state.  It announces in each address family in which
        it knows other nodes.  ``wait`` is as in :meth:`put`, in each of them.  Fails with
        :class:`~kadtwisted.errors.InvalidInput`,
        :class:`~kadtwisted.errors.RecordTooLarge`, or as :meth:`put` does.
        """

    def withdraw(key: str | bytes, *, wait: Wait = "quorum") -> Deferred[Receipt]:
        """Announce nothing under a key any more, and tell those who hold the announcement.

        ``wait`` is as in :meth:`put`.  Fails as that does; the announcement is not made anew then
        either.
        """

    def providers(key: str | bytes, limit: int | None = None) -> Deferred[Providers]:
        """Who announces under a key: with ``limit`` a fair sample of so many at most, else all that
        can be found.  Fails as :meth:`collect` does."""

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
        one, and when it has its place back, and when it is pinned and falls below its pin or is
        back; what is returned ends that.

        A node learns of it when it publishes the record again: at half its lifetime.  The watchers
        stay over stop and start of this node object.
        """

    def observe(observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with each request to others that has ended, and with each lookup that
        begins or ends, from now on: see :mod:`kadtwisted.model.observed`; what is returned ends
        that.

        Observers stay over stop and start of this node object.
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
