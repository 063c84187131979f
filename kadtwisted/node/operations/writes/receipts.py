"""Receipts: what the writer of a record is told, at once and when all nodes have decided.

A receipt is given when enough nodes hold the record (:mod:`spread`).  The STOREs that are left go
on, and :meth:`Receipt.complete` tells their end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from twisted.internet.defer import CancelledError, Deferred

from kadtwisted.model.messages import Store
from kadtwisted.model.record import StorageKey
from kadtwisted.model.results import Acknowledgement, Receipt
from kadtwisted.node.operations.searches import Found, all_of, merge_traces
from kadtwisted.node.operations.storing import Storing
from kadtwisted.node.operations.writes.outcomes import Outcome, Refusal, check_stored
from kadtwisted.node.operations.writes.spread import Spread
from kadtwisted.records.kinds import RecordKind


class Attempt(NamedTuple):
    """What was asked of holders, and the STOREs that asked them."""

    body: Store
    spreads: tuple[Spread, ...]

    @property
    def outcomes(self) -> list[Outcome]:
        """What has come of them so far."""
        return [each for spread in self.spreads for each in spread.outcomes]


class Published(NamedTuple):
    """A record of our own that was stored, where it belongs, and who has acknowledged it so far."""

    where: StorageKey
    record: bytes
    receipt: Receipt
    spreads: tuple[Spread, ...]

    async def whole(self) -> Receipt:
        """The receipt when all nodes have decided.  Cancelling this cancels the STOREs that are
        left."""
        try:
            return await self.receipt.complete()
        except CancelledError:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Cancel the STOREs that are left."""
        for each in self.spreads:
            each.cancel()


def published(
    rules: RecordKind, attempt: Attempt, founds: Sequence[Found], storing: Storing
) -> Published:
    """What was stored, and where; fails as :func:`check_stored` does."""
    body, spreads = attempt
    check_stored(attempt.outcomes, founds, body)
    where = rules.identify(body.record)
    record = rules.decode(body.record)
    trace = merge_traces([each.trace for each in founds])
    passed = tuple(dict.fromkeys(c for each in founds for c in storing.passed_over(each)))

    def receipt() -> Receipt:
        outcomes = attempt.outcomes
        return Receipt(
            where.key,
            record,
            tuple(each for each in outcomes if isinstance(each, Acknowledgement)),
            {each.where: str(each.error) for each in outcomes if isinstance(each, Refusal)},
            trace,
            complete,
            passed,
            tuple(contact for spread in spreads for contact in spread.pending),
        )

    def complete() -> Deferred[Receipt]:
        ended = all_of([each.ended() for each in spreads])
        return ended.addCallback(lambda _: receipt())

    return Published(where, body.record, receipt(), spreads)


def merged_receipt(receipts: Sequence[Receipt], failed: Mapping[str, str]) -> Receipt:
    """One receipt of what was stored in several families; ``failed`` says why nothing was in
    others."""
    failures = {where: why for each in receipts for where, why in each.failures.items()}

    def complete() -> Deferred[Receipt]:
        all_complete = all_of([each.complete() for each in receipts])
        return all_complete.addCallback(merged_receipt, failed)

    return Receipt(
        receipts[0].key,
        receipts[0].record,
        tuple(ack for each in receipts for ack in each.acknowledged),
        {**failures, **failed},
        merge_traces([each.trace for each in receipts]),
        complete,
        tuple(dict.fromkeys(c for each in receipts for c in each.passed_over)),
        tuple(contact for each in receipts for contact in each.pending),
    )
