"""Getting, putting and deleting values: lookups, stores and receipts.

A put first searches the newest version, so that its own publication time is later whatever the
clocks say; the same search leaves it with the closest nodes and their tokens.  It then stores on
the k closest of each family, on a network without a secret also on those that belong to the key
though others crowd before them, and says who acknowledged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from kadtwisted.errors import (
    InvalidInput,
    InvalidKey,
    InvalidLifetime,
    KadtwistedError,
    NoContacts,
    NotFound,
    RecordTooLarge,
    Superseded,
    Unavailable,
)
from kadtwisted.lookup.values import Mode
from kadtwisted.model import bencode
from kadtwisted.model.ids import ID_BYTES, NodeID, id_from_bytes, id_to_hex, key_of_name
from kadtwisted.model.messages import Store
from kadtwisted.model.record import Kind, Value
from kadtwisted.model.results import Acknowledgement, GetResult, Receipt
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.lookup_driver import Best
from kadtwisted.node.operations.searches import (
    Found,
    all_of,
    disjoint_paths,
    find_records,
    first_of,
    merge_traces,
)
from kadtwisted.node.operations.storing import Refusal, Storing
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.parameters import RECORD_LIMIT
from kadtwisted.records import value as value_rules
from kadtwisted.records.kinds import VALUE
from kadtwisted.records.lifetime import remaining_at

MODES = ("first", "latest")


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


class Published(NamedTuple):
    """The receipt for a record that was stored, and the bytes of the record."""

    receipt: Receipt
    record: bytes


class Values:
    """The value operations of one node."""

    def __init__(self, context: NodeContext, links: Links, records: RecordStore) -> None:
        self._context = context
        self._links = links
        self._records = records
        self._storing = Storing(context, records)
        self._counters = context.counters
        self._rules = VALUE

    # --- Get ---------------------------------------------------------------------------------

    async def get(self, key: NodeID, mode: Mode) -> GetResult:
        """The value under a key; see :meth:`INode.get`."""
        local = await self._local(key)
        founds = [] if local is not None and mode == "first" else await self._search(key, mode)
        best = self._winner([each.best for each in founds] + [local])
        if best is None and founds and not any(each.closest for each in founds):
            raise Unavailable("none of the nodes we know answered")
        if best is not None and mode == "latest":
            self._repair(best, founds)
        if best is None or value_rules.decode(best.record).deleted:
            gone = "was deleted" if best is not None else "was not found"
            raise NotFound(f"{id_to_hex(key)} {gone}")
        holders = {
            contact.node_id
            for each in founds
            if each.best is not None and each.best.version == best.version
            for contact in each.best.holders
        }
        own = local is not None and local.version == best.version
        return self._result(key, best, founds, len(holders) + own)

    async def _local(self, key: NodeID) -> Best | None:
        """What this node itself holds."""
        held = next(iter(await self._records.find(Kind.VALUE, key)), None)
        if held is None:
            return None
        left = remaining_at(held.expires, self._context.world.now())
        return Best(held.data, VALUE.version(held.data), left)

    async def _search(self, key: NodeID, mode: Mode) -> list[Found]:
        links = self._links.connected()
        if not links and self._context.read_only:
            raise NoContacts("no other node is known: bootstrap first")
        if not links:
            return []
        if mode == "first":
            return await self._search_first(links, key)
        paths = [disjoint_paths(self._context, each) for each in links]
        return await all_of(
            [
                find_records(self._context, link, VALUE, key, mode, paths=each)
                for link, each in zip(links, paths, strict=True)
            ]
        )

    async def _search_first(self, links: Sequence[Link], key: NodeID) -> list[Found]:
        """Search on one path; nothing found there may be a liar's doing, so where the network has
        room for disjoint paths, search on those before the miss is believed."""
        context = self._context
        started = context.world.now()
        founds = await first_of(
            [find_records(context, each, VALUE, key, "first") for each in links], _has_record
        )
        paths = {link.family: disjoint_paths(context, link) for link in links}
        again = [link for link in links if paths[link.family] > 1]
        if any(_has_record(each) for each in founds) or not again:
            return founds
        confirming = [
            find_records(
                context, link, VALUE, key, "first", paths=paths[link.family], since=started
            )
            for link in again
        ]
        return founds + await first_of(confirming, _has_record)

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
        return self._rules.supersedes(one.record, other.record)

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

    def _repair(self, best: Best, founds: Sequence[Found]) -> None:
        """Bring the winner to those of the closest that lack it: one write each, unawaited."""
        if best.remaining < 1:
            return
        for found in founds:
            for contact in found.lacking(best.version):
                self._counters.add("repair.stored")
                repairing = found.link.ask(contact, Store(best.record, best.remaining), known=True)
                repairing.addErrback(lambda failure: failure.trap(KadtwistedError))

    # --- Put ---------------------------------------------------------------------------------

    async def put(self, key: NodeID, v: bytes, lifetime: float, deleted: bool) -> Published:
        """Store a value, or its tombstone; see :meth:`INode.put`."""
        founds = await self._search(key, "latest")
        local = await self._local(key)
        newest = self._winner([each.best for each in founds] + [local])
        seen = value_rules.decode(newest.record).published if newest is not None else None
        published = value_rules.publication_time(self._context.world.unix_time(), seen)
        record = Value(key, published, deleted, v)
        data = value_rules.encode(record)
        outcomes = await self._storing.store(founds, key, data, math.ceil(lifetime))
        receipt = Receipt(
            key,
            record,
            tuple(each for each in outcomes if isinstance(each, Acknowledgement)),
            {each.where: str(each.error) for each in outcomes if isinstance(each, Refusal)},
            merge_traces([each.trace for each in founds]),
        )
        return Published(receipt, data)

    async def publish_again(self, data: bytes, lifetime: float) -> None:
        """Store a record of our own anew, unchanged, with a fresh lifetime.

        ``Superseded`` if another one has won meanwhile, ``NotStored`` if nobody acknowledged it.
        """
        key = value_rules.decode(data).key
        founds = await self._search(key, "latest")
        newest = self._winner([each.best for each in founds])
        if newest is not None and self._rules.supersedes(newest.record, data):
            raise Superseded("another value has taken the place of the one kept published")
        await self._storing.store(founds, key, data, math.ceil(lifetime))


def _has_record(found: Found) -> bool:
    return found.best is not None


def check_lifetime(lifetime: float, maximum: float) -> None:
    """:class:`InvalidLifetime` unless the lifetime is positive and within the network's cap."""
    if not 0 < lifetime <= maximum:
        raise InvalidLifetime(
            f"a lifetime is more than 0 and at most {maximum / 3600:g} hours, not {lifetime:g} s"
        )
