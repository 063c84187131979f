"""What a node is made of and programs may bring themselves: each docstring is a whole contract.

Implementers of plugins need :class:`ISerializer` with :class:`ISerializerFactory`, or
:class:`IStorage` with :class:`IStorageFactory`.  Moments called ``now`` are seconds of a monotonic
clock with an arbitrary origin; they are comparable within one run of one process only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from kadtwisted.model.contact import Contact
    from kadtwisted.model.ids import NodeID
    from kadtwisted.model.messages import Message, Reply, Request
    from kadtwisted.model.publication import Publication
    from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord


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
