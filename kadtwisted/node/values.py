"""Getting, putting and deleting values: lookups, stores and receipts.

A put first searches the newest version, so that its own publication time is later whatever the
clocks say; the same search leaves it with the closest nodes and their tokens.  It then stores on
the k closest of each family, and says who acknowledged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.errors import (
    ClockSkew,
    ErrorReply,
    InvalidInput,
    InvalidKey,
    InvalidLifetime,
    KadtwistedError,
    NoContacts,
    NodeStopped,
    NotFound,
    NotStored,
    RecordTooLarge,
    Superseded,
)
from kadtwisted.lookup.values import Mode
from kadtwisted.model import bencode
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import ID_BYTES, NodeID, distance, id_from_bytes, id_to_hex, key_of_name
from kadtwisted.model.messages import ErrorCode, Store, Stored
from kadtwisted.model.record import Kind, Value
from kadtwisted.model.results import Acknowledgement, GetResult, Receipt
from kadtwisted.node.link import Link
from kadtwisted.node.lookup_driver import Best
from kadtwisted.node.protocol import Answer
from kadtwisted.node.record_store import RecordStore
from kadtwisted.node.searches import (
    Found,
    Surroundings,
    all_of,
    find_records,
    first_of,
    merge_traces,
)
from kadtwisted.parameters import RECORD_LIMIT
from kadtwisted.records import value as value_rules
from kadtwisted.records.lifetime import remaining_at

MODES = ("first", "latest")
TOMBSTONE = b"0:"
"""What stands for the value in a deleted record: the empty byte string."""


def key_id(key: str | bytes) -> NodeID:
    """The key of a name, or the key written as 20 bytes; :class:`InvalidKey` for anything else."""
    if isinstance(key, str):
        return key_of_name(key)
    if isinstance(key, bytes) and len(key) == ID_BYTES:
        return id_from_bytes(key)
    raise InvalidKey(f"a key is a name (str) or {ID_BYTES} bytes, not {key!r:.60}")


def encode_value(value: bytes) -> bytes:
    """The bencoding of a value; :class:`RecordTooLarge` if it does not fit into one record."""
    if not isinstance(value, bytes):
        raise InvalidInput(f"a value is bytes, not {type(value).__name__}")
    v = bencode.encode(value)
    if len(v) > RECORD_LIMIT:
        raise RecordTooLarge(
            f"a value of {len(value)} bytes takes {len(v)} bencoded, the limit is {RECORD_LIMIT}: "
            "split it, or store where it can be found"
        )
    return v


class Values:
    """The value operations of one node."""

    def __init__(self, around: Surroundings, records: RecordStore, read_only: bool) -> None:
        self._around = around
        self._records = records
        self._read_only = read_only
        self._kinds = around.dialect.kinds

    # --- Get ---------------------------------------------------------------------------------

    async def get(self, key: NodeID, mode: Mode) -> GetResult:
        """The value under a key; see :meth:`INode.get`."""
        local = await self._local(key)
        founds = [] if local is not None and mode == "first" else await self._search(key, mode)
        best = self._winner([each.best for each in founds] + [local])
        if best is None or value_rules.decode(best.record).deleted:
            gone = "was deleted" if best is not None else "was not found"
            raise NotFound(f"{id_to_hex(key)} {gone}")
        holders = sum(
            len(each.best.holders)
            for each in founds
            if each.best is not None and each.best.version == best.version
        )
        own = local is not None and local.version == best.version
        return self._result(key, best, founds, holders + own)

    async def _local(self, key: NodeID) -> Best | None:
        """What this node itself holds."""
        for each in await self._records.find(Kind.VALUE, key):
            left = remaining_at(each.expires, self._around.world.now())
            return Best(each.data, value_rules.version(each.data), left)
        return None

    async def _search(self, key: NodeID, mode: Mode) -> list[Found]:
        links = self._around.connected_links()
        if not links and self._read_only:
            raise NoContacts("no other node is known: bootstrap first")
        running = [find_records(self._around, each, Kind.VALUE, key, mode) for each in links]
        if not running:
            return []
        if mode == "first":
            return await first_of(running, lambda found: found.best is not None)
        return await all_of(running)

    def _winner(self, candidates: Sequence[Best | None]) -> Best | None:
        winner: Best | None = None
        for each in candidates:
            if each is None:
                continue
            if winner is None or self._wins(each, winner):
                winner = each
        return winner

    def _wins(self, one: Best, other: Best) -> bool:
        """Whether one finding is better: the record that wins, then the longer life of the same."""
        if one.version == other.version:
            return one.remaining > other.remaining
        return self._kinds.supersedes(one.record, other.record)

    def _result(self, key: NodeID, best: Best, founds: Sequence[Found], holders: int) -> GetResult:
        record = value_rules.decode(best.record)
        plain = bencode.decode(record.v)
        return GetResult(
            key,
            plain if isinstance(plain, bytes) else None,
            record.v,
            record,
            best.remaining,
            holders,
            merge_traces([each.trace for each in founds]),
        )

    # --- Put ---------------------------------------------------------------------------------

    async def put(self, key: NodeID, v: bytes, lifetime: float, deleted: bool) -> Receipt:
        """Store a value, or its tombstone; see :meth:`INode.put`."""
        founds = await self._search(key, "latest")
        local = await self._local(key)
        newest = self._winner([each.best for each in founds] + [local])
        seen = value_rules.decode(newest.record).published if newest is not None else None
        published = value_rules.publication_time(self._around.world.unix_time(), seen)
        record = Value(key, published, deleted, v)
        acknowledged, failures = await self._store(founds, record, math.ceil(lifetime))
        if not acknowledged:
            raise _not_stored(failures)
        acknowledged.sort(key=lambda each: each.distance)
        trace = merge_traces([each.trace for each in founds])
        reasons = {where: str(failure.value) for where, failure in failures.items()}
        return Receipt(key, record, tuple(acknowledged), reasons, trace)

    async def publish_again(self, data: bytes, lifetime: float) -> None:
        """Store a record of our own anew, unchanged, with a fresh lifetime.

        ``Superseded`` if another one has won meanwhile, ``NotStored`` if nobody acknowledged it.
        """
        record = value_rules.decode(data)
        founds = await self._search(record.key, "latest")
        newest = self._winner([each.best for each in founds])
        if newest is not None and self._kinds.supersedes(newest.record, data):
            raise Superseded("another value has taken the place of the one kept published")
        acknowledged, failures = await self._store(founds, record, math.ceil(lifetime))
        if not acknowledged:
            raise _not_stored(failures)

    async def _store(
        self, founds: Sequence[Found], record: Value, remaining: int
    ) -> tuple[list[Acknowledgement], dict[str, Failure]]:
        data = value_rules.encode(record)
        acknowledged: list[Acknowledgement] = []
        failures: dict[str, Failure] = {}
        if self._is_holder(record.key, founds):
            try:
                kept = await self._records.store(data, remaining)
                own = distance(record.key, self._around.node_id)
                acknowledged.append(Acknowledgement(None, own, kept))
            except NodeStopped:
                raise
            except KadtwistedError:
                failures["this node"] = Failure()
        body = Store(data, remaining)
        storing = [
            self._store_at(found.link, contact, body, record.key, acknowledged, failures)
            for found in founds
            for contact in found.closest
        ]
        await all_of(storing)
        return acknowledged, failures

    def _is_holder(self, key: NodeID, founds: Sequence[Found]) -> bool:
        """Whether this node is among the k closest of any family, by the search just made."""
        if self._read_only:
            return False
        k = self._around.parameters.k
        own = distance(key, self._around.node_id)
        closest = [found.closest for found in founds] or [()]
        return any(
            len(contacts) < k or own < distance(key, contacts[-1].node_id) for contacts in closest
        )

    def _store_at(
        self,
        link: Link,
        contact: Contact,
        body: Store,
        key: NodeID,
        acknowledged: list[Acknowledgement],
        failures: dict[str, Failure],
    ) -> Deferred[None]:
        def take(answer: Answer) -> None:
            reply: Any = answer.reply.body
            if not isinstance(reply, Stored):
                raise ErrorReply(ErrorCode.BAD_REQUEST, "not an answer to a STORE")
            far = distance(key, contact.node_id)
            acknowledged.append(Acknowledgement(contact, far, reply.remaining))

        def lose(failure: Failure) -> None:
            failure.trap(KadtwistedError)
            if failure.check(NodeStopped):
                failure.raiseException()
            failures[str(contact)] = failure

        return link.ask(contact, body, known=True).addCallback(take).addErrback(lose)


def check_lifetime(lifetime: float, maximum: float) -> float:
    """The lifetime, if it is positive and within the network's cap: :class:`InvalidLifetime`."""
    if not 0 < lifetime <= maximum:
        raise InvalidLifetime(
            f"a lifetime lies between 1 second and {maximum:g} seconds, not {lifetime:g}"
        )
    return lifetime


def _not_stored(failures: dict[str, Failure]) -> KadtwistedError:
    """The error of a put that nobody acknowledged."""
    errors = [failure.value for failure in failures.values()]
    skewed = [e for e in errors if isinstance(e, ErrorReply) and e.code == ErrorCode.CLOCK_SKEW]
    if errors and len(skewed) == len(errors):
        return ClockSkew(
            "every node refused the record as published in the future: set this machine's clock"
        )
    if not errors:
        return NoContacts("no other node is known: bootstrap first")
    reasons = {where: str(failure.value) for where, failure in failures.items()}
    return NotStored(f"none of {len(errors)} nodes stored the record", reasons)
