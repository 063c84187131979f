"""Judging what came of a record's STOREs: was it stored, was it contested, and what is told if not.

Every node's outcome is an acknowledgement or a refusal.  Silence is a refusal, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kadtwisted.errors import (
    CasConflict,
    ClockSkew,
    ErrorReply,
    KadtwistedError,
    NoContacts,
    NotStored,
    RequestTimedOut,
    Superseded,
    Uncertain,
)
from kadtwisted.model.messages import ErrorCode, Store
from kadtwisted.model.results import Acknowledgement
from kadtwisted.node.operations.searches import Found

NO_SUCH_KIND = "it does not know this kind of record"
CONFLICT = "another sequence number is stored than the one that the record was to replace"


class Refusal(NamedTuple):
    """Where a record was not stored, and why."""

    where: str
    error: KadtwistedError


Outcome = Acknowledgement | Refusal


def check_stored(outcomes: Sequence[Outcome], founds: Sequence[Found], body: Store) -> None:
    """Fails with ``NotStored``, ``Superseded``, ``ClockSkew``, ``CasConflict`` or ``NoContacts`` if
    nobody acknowledged.  A conditional store needs more than half of all nodes that store such
    records: it fails with ``CasConflict`` if some say that another record stands there, and with
    ``Uncertain`` if none says so, and some did not answer.
    """
    if body.cas is not None:
        _check_condition(outcomes)
    if not is_acknowledged(outcomes):
        raise _not_stored(outcomes, founds)


def is_contested(outcomes: Sequence[Outcome]) -> bool:
    """Whether some node said that the record is superseded, and no more than half took it."""
    acknowledged = sum(isinstance(each, Acknowledgement) for each in outcomes)
    refusals = (each for each in outcomes if isinstance(each, Refusal))
    return 2 * acknowledged <= len(outcomes) and any(map(is_superseded, refusals))


def _check_condition(outcomes: Sequence[Outcome]) -> None:
    acknowledged = sum(isinstance(each, Acknowledgement) for each in outcomes)
    holders = sum(not _is_no_holder(each) for each in outcomes)
    refusals = [each for each in outcomes if isinstance(each, Refusal)]
    if 2 * acknowledged > holders:
        return
    if any(_is_conflict(each) or is_superseded(each) for each in refusals):
        raise CasConflict(CONFLICT)
    if acknowledged or any(isinstance(each.error, RequestTimedOut) for each in refusals):
        raise Uncertain(
            f"only {acknowledged} of {holders} nodes took the record: read it to find out whether "
            "it stands"
        )


def _is_no_holder(outcome: Outcome) -> bool:
    """Whether a node said that it is not for it to hold this record."""
    error = outcome.error if isinstance(outcome, Refusal) else None
    return isinstance(error, ErrorReply) and error.code == ErrorCode.NOT_ACCEPTED


def _is_conflict(refusal: Refusal) -> bool:
    error = refusal.error
    if isinstance(error, ErrorReply):
        return error.code == ErrorCode.CAS_CONFLICT
    return isinstance(error, CasConflict)


def is_superseded(refusal: Refusal) -> bool:
    """Whether a node has a newer record, or had it until lately."""
    error = refusal.error
    if isinstance(error, ErrorReply):
        return error.code == ErrorCode.SUPERSEDED
    return isinstance(error, Superseded)


def is_acknowledged(outcomes: Sequence[Outcome]) -> bool:
    """Whether any node keeps the record."""
    return any(isinstance(each, Acknowledgement) for each in outcomes)


def _not_stored(outcomes: Sequence[Outcome], founds: Sequence[Found]) -> KadtwistedError:
    """The error of a put that nobody acknowledged."""
    refusals = [each for each in outcomes if isinstance(each, Refusal)]
    if not refusals and not founds:
        return NoContacts("no other node is known: bootstrap first")
    if not refusals and any(found.answered for found in founds):
        passed = {str(e): NO_SUCH_KIND for f in founds for e in f.search.passed_over()}
        return NotStored(f"none of the {len(passed)} nodes that answered knows this kind", passed)
    if not refusals:
        silent = {str(step.contact): step.outcome for f in founds for step in f.trace.steps}
        return NotStored(f"none of the {len(silent)} nodes asked answered", silent)
    if all(is_superseded(each) for each in refusals):
        return Superseded("a newer record is stored already, or was until lately")
    codes = {each.error.code for each in refusals if isinstance(each.error, ErrorReply)}
    if codes == {ErrorCode.CLOCK_SKEW}:
        return ClockSkew(
            "every node refused the record as published in the future: set this machine's clock"
        )
    reasons = {each.where: str(each.error) for each in refusals}
    return NotStored(f"none of {len(reasons)} nodes stored the record", reasons)
