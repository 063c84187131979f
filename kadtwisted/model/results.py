"""What the public operations of a node return: frozen values that explain themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

from kadtwisted.errors import KadtwistedError
from kadtwisted.model import bencode
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, ValueRecord
from kadtwisted.model.reference import Reference, reference_of

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


T = TypeVar("T")

Wait = Literal["quorum", "all"]
"""Until when a write is waited for: until three quarters of those who should hold the record have
acknowledged it, or until all have decided."""
WAITS: tuple[Wait, ...] = ("quorum", "all")


class TraceStep(NamedTuple):
    """One contact of a lookup: when it was asked and answered (seconds since the lookup's start),
    and with what: ``nodes``, ``record``, ``unchanged``, ``unknown-kind``, ``silent``, ``late``,
    ``refused``, ``failed`` or ``waiting``."""

    contact: Contact
    asked: float
    answered: float | None
    outcome: str


class Trace(NamedTuple):
    """The history of one lookup, in the order of asking; ``hops`` is the depth of its best path."""

    steps: tuple[TraceStep, ...]
    duration: float
    hops: int


class PingResult(NamedTuple):
    """A node answered: who it is, how long it took (seconds), where it sees us, what it speaks."""

    contact: Contact
    rtt: float
    observed: Endpoint | None
    unix_time: int
    agent: str | None


class Path(NamedTuple):
    """A node answers at ``contact.endpoint``, in ``rtt`` seconds.

    ``introducer`` is the node that has told it of us; ``None`` if it answered without that.
    """

    contact: Contact
    rtt: float
    introducer: Contact | None


class BootstrapResult(NamedTuple):
    """Who answered, what each silent address failed with, and how many contacts are known now."""

    answered: tuple[Contact, ...]
    failures: dict[str, str]
    contacts: int


class NodesResult(NamedTuple):
    """The closest nodes that answered, closest first, in each family asked."""

    target: NodeID
    contacts: tuple[Contact, ...]
    trace: Trace


class GetResult(NamedTuple):
    """A value, or raw bencode where another program stored another type than bytes.

    ``value`` is ``None`` exactly when ``raw`` is not a byte string.  ``record`` is the record that
    the value came in, ``remaining`` is in seconds, ``holders`` counts the nodes that returned this
    version.
    """

    key: NodeID
    value: bytes | None
    raw: bytes
    record: ValueRecord
    remaining: int
    holders: int
    trace: Trace


class FoundRecord(NamedTuple):
    """A record of any kind that a search found: its place, its bytes and what they mean, the
    seconds it has left at its freshest holder, and how many nodes returned it."""

    where: StorageKey
    data: bytes
    record: Any
    remaining: int
    holders: int


class Collection(NamedTuple):
    """The records of one kind found under one key, in the order of their places; maybe none."""

    kind: int
    key: NodeID
    records: tuple[FoundRecord, ...]
    trace: Trace


class Acknowledgement(NamedTuple):
    """A holder (``None``: this node itself), its distance to the key, and the seconds it will keep
    the record."""

    contact: Contact | None
    distance: int
    remaining: int


class Receipt(NamedTuple):
    """What storing a record has achieved so far.

    ``record`` is what the record says, as its kind decodes it; of :meth:`INode.put` and ``delete``
    a :class:`~kadtwisted.model.record.Value`.  ``failures`` says why each other node did not
    acknowledge.  ``passed_over`` are nodes near the key that do not know this kind of record,
    closest first: others keep it in their stead.  ``pending`` are nodes that have not decided yet,
    also those that were too slow for the search: a receipt comes when three quarters of those who
    should hold the record have acknowledged it.

    ``complete()`` gives a Deferred of the receipt in which nobody is pending, any number of times;
    it fails with :class:`~kadtwisted.errors.NodeStopped` if the node stops before.  Cancelling it
    ends the waiting and no write.
    """

    key: NodeID
    record: Any
    acknowledged: tuple[Acknowledgement, ...]
    failures: dict[str, str]
    trace: Trace
    complete: Callable[[], Deferred[Receipt]]
    passed_over: tuple[Contact, ...] = ()
    pending: tuple[Contact, ...] = ()

    @property
    def reference(self) -> Reference | None:
        """What others find the record by; ``None`` for a kind that no reference names."""
        return reference_of(self.record)

    @property
    def remote_acks(self) -> int:
        """How many other nodes hold the record; one that has two addresses is one node."""
        return len({each.contact.node_id for each in self.acknowledged if each.contact})


class BulkEntry(NamedTuple):
    """One of many values to put: its key (a name, or 20 bytes), its bytes, and for how long (s)."""

    key: str | bytes
    value: bytes
    lifetime: float | None = None


class BulkResult(NamedTuple, Generic[T]):
    """What came of one of many puts or gets: its result, or the error that it failed with."""

    result: T | None
    error: KadtwistedError | None = None


class Change(NamedTuple):
    """What a watch tells: what stands at one place now.

    ``where`` is the place; its ``sub`` tells apart the records of a kind of which many stand under
    one key.  ``record`` is what the record says, as its kind decodes it, ``data`` its bytes, and
    ``remaining`` the whole seconds that it has left, as far as is known.  Where nothing stands, or
    nothing any more, because it has expired, ``record`` is ``None`` and ``data`` is empty.
    """

    where: StorageKey
    record: Any = None
    data: bytes = b""
    remaining: int = 0

    @property
    def gone(self) -> bool:
        """Whether nothing stands there: there was nothing, it was deleted, or it has expired."""
        return self.record is None or bool(getattr(self.record, "deleted", False))

    @property
    def value(self) -> bytes | None:
        """The value, if a byte string stands there."""
        v = None if self.gone else getattr(self.record, "v", None)
        if not isinstance(v, bytes):
            return None
        try:
            plain = bencode.decode(v)
        except KadtwistedError:
            return None
        return plain if isinstance(plain, bytes) else None
