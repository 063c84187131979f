"""Many puts and many gets at a node, each a single public operation."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from itertools import islice
from typing import Any

from kadtwisted.errors import InvalidInput
from kadtwisted.lookup.records import Mode
from kadtwisted.model.ids import NodeID
from kadtwisted.model.printable import described
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import BulkEntry, BulkResult, GetResult, Receipt, Wait
from kadtwisted.node.bulk.neighbourhoods import Neighbourhoods
from kadtwisted.node.bulk.pace import Pace
from kadtwisted.node.bulk.pool import Pool
from kadtwisted.node.bulk.reading import BulkReading
from kadtwisted.node.bulk.writing import BulkWriting, Draft
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.records import RecordOperations
from kadtwisted.node.operations.values import (
    Values,
    check_lifetime,
    encode_value,
    key_id,
    reference_to,
)
from kadtwisted.node.port.links import Links

MOST_AT_ONCE = 4096
"""MAGIC: values of one call; with receipts they take about 30 MB."""

GoOn = Callable[[Coroutine[Any, Any, Any]], bool]
"""Lets the rest of a write go on by itself; whether there is room for it."""


class Bulk:
    """Many puts and gets at one node.  What lookups have found is kept from call to call."""

    def __init__(
        self, context: NodeContext, links: Links, operations: RecordOperations, values: Values
    ) -> None:
        self._context = context
        self._neighbourhoods = Neighbourhoods(context, links)
        writes, reads = Pace(), Pace()
        self._writing = BulkWriting(context, operations, self._neighbourhoods, writes)
        self._reading = BulkReading(context, operations, values, self._neighbourhoods, reads)
        self._writers, self._readers = Pool(writes), Pool(reads)

    async def put(
        self,
        entries: Sequence[BulkEntry],
        wait: Wait,
        go_on: GoOn,
        stored: Callable[[NodeID], object],
    ) -> tuple[BulkResult[Receipt], ...]:
        """See :meth:`INode.put_many`; ``stored`` is told each key as soon as its value is."""
        drafts = [_attempted(self._draft, each) for each in entries]
        keys = [each.key for each in drafts if isinstance(each, Draft)]
        batch = await self._neighbourhoods.gather(keys)

        async def put(draft: Draft | InvalidInput) -> Receipt:
            if isinstance(draft, InvalidInput):
                raise draft
            written = await self._writing.put(draft, batch)
            stored(draft.key)
            if wait == "all" or not go_on(self._writing.whole(draft, batch, written)):
                return await self._writing.whole(draft, batch, written)
            return written.published.receipt

        return await self._writers.work_through(drafts, put, _by_key)

    async def get(
        self, keys: Sequence[str | bytes | Reference], mode: Mode | None
    ) -> tuple[BulkResult[GetResult], ...]:
        """See :meth:`INode.get_many`."""
        references = [_attempted(reference_to, each) for each in keys]
        known = [each.key for each in references if isinstance(each, Reference)]
        batch = await self._neighbourhoods.gather(known)
        asked = list(zip(keys, references, strict=True))

        async def get(piece: tuple[str | bytes | Reference, Reference | InvalidInput]) -> GetResult:
            key, reference = piece
            if isinstance(reference, InvalidInput):
                raise reference
            return await self._reading.get(key, mode, batch)

        return await self._readers.work_through(asked, get, lambda piece: _by_key(piece[1]))

    def _draft(self, entry: BulkEntry) -> Draft:
        parameters = self._context.parameters
        lifetime = parameters.default_lifetime if entry.lifetime is None else entry.lifetime
        check_lifetime(lifetime, parameters.max_remaining)
        return Draft(key_id(entry.key), encode_value(entry.value), lifetime)


def check_entries(entries: Any) -> list[BulkEntry]:
    """What a caller wants to put; :class:`InvalidInput` if it is no series of entries, or too
    many."""
    found = _series(entries, "the values to put")
    for each in found:
        if not isinstance(each, tuple) or len(each) not in (2, 3):
            raise InvalidInput(
                f"each of them is (key, value) or a BulkEntry, not {described(each)}"
            )
    return [BulkEntry(*each) for each in found]


def check_keys(keys: Any) -> list[str | bytes | Reference]:
    """What a caller wants to get; :class:`InvalidInput` if it is no series, or too many."""
    return _series(keys, "the keys to get")


def _series(given: Any, what: str) -> list[Any]:
    if isinstance(given, str | bytes):
        raise InvalidInput(f"{what} are several, not {described(given)}")
    try:
        found = list(islice(given, MOST_AT_ONCE + 1))  # it may have no end
    except TypeError:
        raise InvalidInput(f"{what} are several, not {described(given)}") from None
    if len(found) > MOST_AT_ONCE:
        raise InvalidInput(f"{what} are at most {MOST_AT_ONCE} at once, and these are more")
    return found


def _attempted(make: Callable[[Any], Any], given: Any) -> Any:
    """What is made of it, or the error of the caller's: that of one does not stop the others."""
    try:
        return make(given)
    except InvalidInput as error:
        return error


def _by_key(piece: Any) -> int:
    """In which order pieces are begun: as their keys are, so that neighbours are."""
    return -1 if isinstance(piece, InvalidInput) else int(piece.key)
