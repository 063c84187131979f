"""What a node answers to requests: a reply body, or a Deferred of one where storage is asked.

Handlers write no datagram and change no routing table.  An unproven sender may read; only a proven
one may write.  Failures of the asker's making become typed errors; anything else is a fault of
ours and reaches the protocol as a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.dialects.door import BUSY_RETRY_MS, Received
from kadtwisted.errors import (
    CasConflict,
    ClockSkew,
    InvalidLifetime,
    InvalidRecord,
    KadtwistedError,
    NotConditional,
    StorageBusy,
    StorageFull,
    Superseded,
    TooFar,
    UnknownKind,
)
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    METHODS,
    Error,
    ErrorCode,
    Feature,
    FindNode,
    FindValue,
    Have,
    Nodes,
    Ping,
    Pong,
    Records,
    ReplyBody,
    Store,
    Stored,
    StoredItem,
    Want,
    Wanted,
)
from kadtwisted.model.record import StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.node.serving.pages import CONTACTS_BESIDE_RECORD, SAMPLE, page_of, sample_of
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.records.kinds import Sender
from kadtwisted.records.lifetime import remaining_at
from kadtwisted.routing.reachable import Reach
from kadtwisted.routing.table import RoutingTable
from kadtwisted.rpc.bitmaps import bitmap_of

CONTACTS_OF_EACH = 12
"""Contacts of each family when both are wanted: 12 x 38 + 12 x 50 bytes fit into one datagram."""

REFUSALS: Mapping[type[KadtwistedError], tuple[ErrorCode, int]] = MappingProxyType(
    {
        UnknownKind: (ErrorCode.UNKNOWN_KIND, 0),
        InvalidRecord: (ErrorCode.INVALID_RECORD, 0),
        InvalidLifetime: (ErrorCode.BAD_REQUEST, 0),
        ClockSkew: (ErrorCode.CLOCK_SKEW, 0),
        Superseded: (ErrorCode.SUPERSEDED, 0),
        CasConflict: (ErrorCode.CAS_CONFLICT, 0),
        NotConditional: (ErrorCode.BAD_REQUEST, 0),
        TooFar: (ErrorCode.NOT_ACCEPTED, 0),
        StorageFull: (ErrorCode.STORAGE_FULL, 0),
        StorageBusy: (ErrorCode.BUSY, BUSY_RETRY_MS),
    }
)
"""The error that tells an asker of each failure of its making, and when to try again (ms).  A
narrower failure stands before a wider one."""

FEATURES = 0
"""The bitmap of features in PONG, beside what a read-only node says: none yet."""

NO_ROOM = "there is no room left in the storage"
NO_SUCH_KIND = "this kind of record is not stored here"

_new = tuple.__new__
"""Makes a named tuple as its constructor does, without the detour through a Python function."""

Handler = Callable[[Any], "ReplyBody | Deferred[ReplyBody] | None"]


class Handlers:
    """Answers the requests that come in at one port.

    ``reach`` knows where others see that port.
    """

    def __init__(
        self,
        context: NodeContext,
        family: Family,
        tables: Mapping[Family, RoutingTable],
        records: RecordStore,
        reach: Reach | None = None,
    ) -> None:
        self._reach = Reach() if reach is None else reach
        self._tables = tables
        self._own = tables[family]
        self._own_want = Want.IPV4 if family is Family.IPV4 else Want.IPV6
        self._records = records
        self._many = records.kinds.many
        self._sampled = frozenset(each.number for each in records.kinds if each.sampled)
        self._single = frozenset(each.number for each in records.kinds) - self._many
        self._version = records.kinds.version
        self._now = context.world.now
        self._unix_time = context.world.unix_time
        self._counts = context.counters.counts
        self._formats = context.dialect.formats
        self._agent = context.settings.agent
        self._k = context.parameters.k
        self._beside_record = min(CONTACTS_BESIDE_RECORD, self._k)
        self._read_only = self._refuses = context.read_only
        self._dialect = context.dialect
        self._methods = bitmap_of(METHODS[each] for each in METHODS if context.dialect.has(each))
        self._kinds = bitmap_of(each.number for each in records.kinds)
        self._pong = self._made_pong(0, None)
        self._answer_unknown = context.dialect.answer_unknown
        self._by_type: dict[type, tuple[str, bool, bool, Handler]] = {}
        self._writing: dict[type, Handler] = {}
        self.serve(Ping, self._ping)
        self.serve(FindNode, self._find_node)
        self.serve(FindValue, self._find_value)
        self.serve(Store, self._store, writes=True)
        self.serve(Have, self._have, writes=True)

    def serve(
        self, message: type, handler: Handler, *, writes: bool = False, whole: bool = False
    ) -> None:
        """Answer requests of this type by ``handler``, if the dialect has them.

        It is given the request's body.  If it ``writes``, which no read-only node does, or asks for
        the ``whole``, it is given the :class:`~kadtwisted.dialects.door.Received`, for it matters
        who asks.
        """
        if self._dialect.has(message):
            guarded = message in self._dialect.proven_only
            if writes:
                self._writing[message] = handler
            serving = _refuse if writes and self._refuses else handler
            known = f"in.{message.__name__}", guarded, writes or whole, serving
            self._by_type[message] = known

    def be(self, *, read_only: bool, refuses: bool) -> None:
        """Say from now on whether this port is ``read_only``, and refuse writes or take them."""
        self._read_only, self._refuses = read_only, refuses
        self._pong = self._made_pong(0, None)
        for message, handler in self._writing.items():
            self.serve(message, handler, writes=True)

    def handle(self, received: Received) -> ReplyBody | Deferred[ReplyBody] | None:
        """The answer to a request that passed the door."""
        body = received.body
        known = self._by_type.get(type(body))
        if known is None:
            return self._answer_unknown(body)
        counter, guarded, whole, handler = known
        self._counts[counter] += 1
        if guarded and not received.proven:
            return Error(ErrorCode.BAD_TOKEN, "this needs a valid token")
        return handler(received if whole else body)

    def _ping(self, _: Ping) -> Pong:
        time, own = int(self._unix_time()), self._reach.told_to_others
        pong = self._pong
        if pong.unix_time != time or pong.own is not own:
            self._pong = pong = self._made_pong(time, own)
        return pong

    def _made_pong(self, time: int, own: Endpoint | None) -> Pong:
        serves = self._methods, self._kinds
        features = FEATURES | Feature.READ_ONLY if self._read_only else FEATURES
        return Pong(self._formats, features, time, self._agent, *serves, own)

    def _find_node(self, body: FindNode) -> Nodes:
        return _new(Nodes, (self._nearest(*body, self._k),))

    def _closest(self, target: NodeID, want: Want) -> tuple[Contact, ...]:
        return self._nearest(target, want, self._k)

    def _nearest(self, target: NodeID, want: Want, count: int) -> tuple[Contact, ...]:
        """At most ``count`` contacts of the one family wanted, fewer of each if both are."""
        if not want or want is self._own_want:
            return tuple(self._own.closest(target, count))
        each = min(count, CONTACTS_OF_EACH) if want == Want.BOTH else count
        found: list[Contact] = []
        for family, flag in ((Family.IPV4, Want.IPV4), (Family.IPV6, Want.IPV6)):
            if want & flag and family in self._tables:
                found += self._tables[family].closest(target, each)
        return tuple(found)

    def _find_value(self, body: FindValue) -> ReplyBody | Deferred[ReplyBody]:
        kind = body[1]
        if kind not in self._single:
            return self._find_many(body)
        finding = self._records.find(kind, body[0])
        if finding.called and type(finding.result) is list:
            return self._records_reply(finding.result, body)  # nothing to wait for: save the calls
        return finding.addCallback(self._records_reply, body)

    def _records_reply(self, found: Sequence[StoredRecord], body: FindValue) -> ReplyBody:
        """The one record under a key, unless the asker has it already."""
        key, kind, known, _, want, alone = body
        if not found:
            return Records((), self._closest(key, want))
        _, data, expires, _ = found[0]
        if known and self._version(kind, data) == known:
            return Records((), self._closest(key, want), b"", True)
        contacts = () if alone else self._nearest(key, want, self._beside_record)
        item = _new(StoredItem, (data, remaining_at(expires, self._now())))
        return _new(Records, ((item,), contacts, b"", False))

    def _find_many(self, body: FindValue) -> ReplyBody | Deferred[ReplyBody]:
        """The next page of a kind of which many stand under a key, or an error: a search for a kind
        that is not known here must still find those who know it."""
        if body.kind not in self._many:
            contacts = self._closest(body.key, body.want)
            return Error(ErrorCode.UNKNOWN_KIND, NO_SUCH_KIND, 0, contacts)
        if body.kind in self._sampled and not body.cursor:
            drawing = self._records.sample(body.kind, body.key, SAMPLE)
            return drawing.addCallback(self._sample_reply, body)
        finding = self._records.find_page(body.kind, body.key, body.cursor)
        return finding.addCallback(self._page_reply, body)

    def _page_reply(self, found: Sequence[StoredRecord], body: FindValue) -> ReplyBody:
        """The next of many records under a key; contacts come with the first ones alone."""
        items, further = page_of(found, body, self._now())
        return Records(items, (), further) if body.cursor else self._first(items, further, body)

    def _sample_reply(self, found: Sequence[StoredRecord], body: FindValue) -> ReplyBody:
        """Any records under a key, each as likely as any other."""
        count = self._records.ledger.crowds.count(body.kind, body.key)
        items, further = sample_of(found, count, self._now())
        return self._first(items, further, body)

    def _first(self, items: tuple[StoredItem, ...], further: bytes, body: FindValue) -> Records:
        """The first page of many records."""
        key, want = body.key, body.want
        if not items:
            return Records((), self._closest(key, want), further)
        beside = () if body.alone else self._nearest(key, want, self._beside_record)
        return Records(items, beside, further)

    def _store(self, received: Received) -> Deferred[ReplyBody]:
        body: Any = received.body
        record, remaining, cas = body
        endpoint = received.endpoint
        sender = Sender(endpoint, received.key, self._reach.admits(endpoint))
        storing = self._records.store(record, remaining, cas, sender)
        return storing.addCallbacks(Stored, _refusal)

    def _have(self, received: Received) -> Deferred[ReplyBody]:
        body: Any = received.body
        sender = Sender(received.endpoint, received.key)
        return self._records.wanted(body, sender).addCallback(Wanted)


def _refuse(_: Received) -> Error:
    return Error(ErrorCode.NOT_ACCEPTED, "a read-only node stores nothing")


def _refusal(failure: Failure) -> Error:
    """The typed error for a failure of the asker's making; any other failure goes on."""
    kind = failure.check(*REFUSALS)
    if kind is None:
        failure.raiseException()
    code, retry_after = REFUSALS[kind]
    if code is ErrorCode.UNKNOWN_KIND:
        return Error(code, NO_SUCH_KIND)
    # Where our files lie is nobody else's business.
    text = NO_ROOM if code is ErrorCode.STORAGE_FULL else str(failure.value)[:120]
    return Error(code, text, retry_after)
