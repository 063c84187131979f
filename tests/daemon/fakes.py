"""A node that does what a test says, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyClass

from kadtwisted.errors import KadtwistedError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode
from kadtwisted.model.announcing import Provider, Providers
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.health import Health
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.observed import Observer
from kadtwisted.model.publication import OwnRecord
from kadtwisted.model.record import RecordsPage, Signer, StorageKey, Value
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import (
    Acknowledgement,
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
    Trace,
    TraceStep,
    Wait,
)
from kadtwisted.model.status import (
    BucketStatus,
    ContactStatus,
    LinkStatus,
    NodeStatus,
    RoutingStatus,
)
from kadtwisted.node.operations.searches import all_of
from kadtwisted.node.watching.watch import Watch

KEY = NodeKey.from_seed(bytes(32))
OTHER = NodeKey.from_seed(b"other" + bytes(27))
CONTACT = Contact.at(OTHER.node_id, Endpoint("192.0.2.7", 8000), OTHER.public_key)
NAME_KEY = key_of_name("name")
TRACE = Trace(
    (TraceStep(CONTACT, 0.0, 0.0123, "record"), TraceStep(CONTACT, 0.001, None, "silent")), 0.02, 1
)
JOINED = BootstrapResult((CONTACT,), {}, 3)


def a_get(value: bytes | None = b"value", raw: bytes = b"5:value") -> GetResult:
    record = Value(NAME_KEY, 1_700_000_000_500_000, False, raw)
    return GetResult(NAME_KEY, value, raw, record, 3600, 2, TRACE)


def a_change(v: bytes | None = b"5:value", *, deleted: bool = False, sub: bytes = b"") -> Change:
    """A value, by its bencode; ``None``: nothing is there."""
    where = StorageKey(1, NAME_KEY, sub)
    if v is None:
        return Change(where)
    record = Value(NAME_KEY, 1_700_000_000_500_000, deleted, v)
    return Change(where, record, b"the record", 3600)


def a_receipt(
    *, deleted: bool = False, alone: bool = False, pending: tuple[Contact, ...] = ()
) -> Receipt:
    record = Value(NAME_KEY, 1_700_000_000_500_000, deleted, b"5:value")
    acknowledged: tuple[Acknowledgement, ...] = (Acknowledgement(None, 5, 3600),)
    if not alone:
        acknowledged += (Acknowledgement(CONTACT, 7, 7200),)
    failures = {"192.0.2.9:8000": "storage full"}
    whole = Receipt(NAME_KEY, record, acknowledged, failures, TRACE, lambda: succeed(whole))
    return whole._replace(pending=pending)


def a_ping(agent: str | None = "kad/1") -> PingResult:
    return PingResult(CONTACT, 0.0042, Endpoint("198.51.100.1", 9), 1_700_000_000, agent)


def a_status(key: NodeKey = KEY, **changes: Any) -> NodeStatus:
    status = NodeStatus(
        node_id=key.node_id,
        public_key=key.public_key,
        health="serving",
        running=True,
        read_only=False,
        network="kad",
        private=False,
        uptime=7980.0,
        clock_ahead=0.25,
        links=(
            LinkStatus(Family.IPV4, Endpoint("0.0.0.0", 8000), None, 0, 57, 2, 1),
            LinkStatus(Family.IPV6, None, Endpoint("2001:db8::1", 8000), 7, 0, 0, 0),
        ),
        stored_records=1234,
        stored_bytes=5000,
        most_records=100_000,
        most_bytes=64_000_000,
        storage_full=False,
        replication_period=3600.0,
        replication_kept=True,
        own_records=0,
        own_records_kept=True,
        lost_records=0,
        pinned_records=0,
        records_below_pin=0,
        counters={"in.Ping": 12345, "in.Have": 0},
    )
    return status._replace(**changes)


def a_routing() -> RoutingStatus:
    endpoint = Endpoint("192.0.2.7", 8000)
    known = ContactStatus(OTHER.node_id, endpoint, "verified", 7200.0, 61.0, 0.0173, 0)
    unknown = ContactStatus(OTHER.node_id, endpoint, "tentative", 3.0, 0.0, None, 1)
    prefix = NodeID(0b101 << 157)
    return RoutingStatus(
        KEY.node_id,
        (
            BucketStatus(Family.IPV4, prefix, 3, (known, unknown), 4, 240.0),
            BucketStatus(Family.IPV4, NodeID(0), 0, (), 0, 1.0),
        ),
    )


PROVIDERS = Providers(
    NAME_KEY,
    (
        Provider(KEY.node_id, KEY.public_key, Endpoint("192.0.2.9", 631), b"colour=1", 600),
        Provider(NodeID(1), bytes(32), Endpoint("2001:db8::9", 8000), b"\xff\x1b", 60),
    ),
    False,
    TRACE,
)


def _waits(wait: Wait) -> tuple[str, ...]:
    """What a call shows of its ``wait``, if that is not the default."""
    return () if wait == "quorum" else (f"wait for {wait}",)


@implementer(INode)
class FakeNode:
    """Answers each method from ``answers[name]``: a result, an exception, a Deferred, or a list of
    these, one for each call."""

    def __init__(self, key: NodeKey = KEY, **answers: Any) -> None:
        self.node_id = key.node_id
        self.public_key = key.public_key
        self.calls: list[tuple[Any, ...]] = []
        self.watches: list[Watch] = []
        self.observers: list[Observer] = []
        self.answers: dict[str, Any] = {
            "start": None,
            "stop": None,
            "bootstrap": JOINED,
            "ping": a_ping(),
            "find_node": NodesResult(NAME_KEY, (CONTACT,), TRACE),
            "get": a_get(),
            "put": a_receipt(),
            "delete": a_receipt(deleted=True),
            "put_record": a_receipt(),
            "put_immutable": a_receipt(),
            "put_mutable": a_receipt(),
            "delete_mutable": a_receipt(deleted=True),
            "collect": Collection(1, NAME_KEY, (), TRACE),
            "announce": a_receipt(),
            "withdraw": a_receipt(deleted=True),
            "providers": PROVIDERS,
            "watch": (a_change(),),
            "records": RecordsPage((), None),
            "own_records": (),
            "status": a_status(),
            "health": Health.SERVING,
            "self_check": None,
            **answers,
        }

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def _answer(self, name: str, *arguments: Any) -> Deferred[Any]:
        self.calls.append((name, *arguments))
        answer = self.answers[name]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Deferred):
            return answer
        return fail(answer) if isinstance(answer, BaseException) else succeed(answer)

    def start(self) -> Deferred[None]:
        return self._answer("start")

    def stop(self) -> Deferred[None]:
        return self._answer("stop")

    def bootstrap(self, addresses: Iterable[str]) -> Deferred[BootstrapResult]:
        return self._answer("bootstrap", tuple(addresses))

    def ping(self, address: str | Contact) -> Deferred[PingResult]:
        return self._answer("ping", address)

    def open_path(self, target: str | bytes | Contact) -> Deferred[Path]:
        return self._answer("open_path", target)

    def find_node(self, target: NodeID) -> Deferred[NodesResult]:
        return self._answer("find_node", target)

    def get(self, key: str | bytes | Reference, *, mode: str | None = None) -> Deferred[GetResult]:
        return self._answer("get", key, mode)

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
    ) -> Deferred[Any]:
        kept = (("keep",) if keep else ()) + (("put back",) if put_back else ())
        kept += (f"pin {pin}",) if pin else ()
        kept += _waits(wait)
        return self._answer("put", key, value, lifetime, *kept)

    def put_many(
        self, entries: Iterable[BulkEntry], *, wait: Wait = "quorum"
    ) -> Deferred[tuple[BulkResult[Receipt], ...]]:
        """Each is answered as a put of its own."""
        given = list(entries)
        self.calls.append(("put_many", given, *_waits(wait)))
        answers = self.answers.get("put_many")
        if answers and isinstance(answer := answers.pop(0), Exception):
            return fail(answer)
        return self._many([self.put(*each[:2], lifetime=each.lifetime) for each in given])

    def get_many(
        self, keys: Iterable[str | bytes | Reference], *, mode: str | None = None
    ) -> Deferred[tuple[BulkResult[GetResult], ...]]:
        """Each is answered as a get of its own."""
        given = list(keys)
        self.calls.append(("get_many", given, mode))
        return self._many([self.get(each, mode=mode) for each in given])

    def _many(self, asked: list[Deferred[Any]]) -> Deferred[Any]:
        def failed(failure: Failure) -> BulkResult[Any]:
            error = failure.value
            if not isinstance(error, KadtwistedError):
                failure.raiseException()
            return BulkResult(None, error)

        return all_of([each.addCallbacks(BulkResult, failed) for each in asked]).addCallback(tuple)

    def delete(self, key: str | bytes, *, wait: Wait = "quorum") -> Deferred[Receipt]:
        return self._answer("delete", key, *_waits(wait))

    def put_immutable(
        self,
        value: bytes,
        *,
        lifetime: float | None = None,
        keep: bool = False,
        pin: int = 0,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        return self._answer("put_immutable", value, lifetime, keep)

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
        return self._answer("put_mutable", signing_key, value, salt, seq, cas, lifetime, keep)

    def delete_mutable(
        self,
        signing_key: Signer,
        *,
        salt: bytes = b"",
        keep: bool = True,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        return self._answer("delete_mutable", signing_key, salt, keep)

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
        return self._answer("put_record", record, lifetime, keep, cas, *_waits(wait))

    def pin(self, key: Any, holders: int, *, kind: int | None = None) -> Deferred[OwnRecord]:
        return self._answer("pin", key, holders, kind)

    def unpin(self, key: Any, *, kind: int | None = None) -> Deferred[bool]:
        return self._answer("unpin", key, kind)

    def collect(self, kind: int, key: str | bytes) -> Deferred[Collection]:
        return self._answer("collect", kind, key)

    def announce(
        self,
        key: str | bytes,
        *,
        port: int | None = None,
        attributes: bytes = b"",
        lifetime: float | None = None,
        wait: Wait = "quorum",
    ) -> Deferred[Receipt]:
        return self._answer("announce", key, port, attributes, lifetime, *_waits(wait))

    def withdraw(self, key: str | bytes, *, wait: Wait = "quorum") -> Deferred[Receipt]:
        return self._answer("withdraw", key, *_waits(wait))

    def providers(self, key: str | bytes, limit: int | None = None) -> Deferred[Providers]:
        return self._answer("providers", key, limit)

    def watch(
        self, key: Any, *, kind: int | None = None, callback: Callable[[Change], Any] | None = None
    ) -> Watch:
        """A watch that has told the changes in ``answers["watch"]``, and may tell more."""
        self.calls.append(("watch", key, kind))
        told = self.answers["watch"]
        if isinstance(told, BaseException):
            raise told

        def stopped(_: Watch) -> None:
            self.calls.append(("unwatch",))

        watch = Watch(kind or 1, bytes(20), callback, stopped, 4096)
        self.watches.append(watch)
        for each in told:
            watch.tell(each)
        return watch

    def records(self, after: StorageKey | None, limit: int) -> Deferred[RecordsPage]:
        return self._answer("records", after, limit)

    def own_records(self, after: StorageKey | None, limit: int) -> tuple[OwnRecord, ...]:
        self.calls.append(("own_records", after, limit))
        own: tuple[OwnRecord, ...] = self.answers["own_records"]
        return own

    def watch_own(self, watcher: Callable[[OwnRecord], None]) -> Callable[[], None]:
        self.calls.append(("watch_own", watcher))
        return lambda: None

    def observe(self, observer: Observer) -> Callable[[], None]:
        self.calls.append(("observe", observer))
        self.observers.append(observer)
        return lambda: self.observers.remove(observer)

    def status(self) -> NodeStatus:
        status: NodeStatus = self.answers["status"]
        return status

    def health(self) -> Health:
        health: Health = self.answers["health"]
        return health

    def self_check(self) -> Deferred[None]:
        return self._answer("self_check")

    def routing(self) -> RoutingStatus:
        return a_routing()


verifyClass(INode, FakeNode)

__all__: Sequence[str] = (
    "CONTACT",
    "JOINED",
    "KEY",
    "NAME_KEY",
    "OTHER",
    "TRACE",
    "FakeNode",
    "a_change",
    "a_get",
    "a_ping",
    "a_receipt",
    "a_routing",
    "a_status",
)
