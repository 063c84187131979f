"""Judging the outcomes of a store: who counts as a holder, and who does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import (
    CasConflict,
    ErrorReply,
    NotStored,
    RequestTimedOut,
    Superseded,
    Uncertain,
)
from kadtwisted.model.messages import ErrorCode, Store
from kadtwisted.model.results import Acknowledgement
from kadtwisted.node.operations.writes.outcomes import Outcome, Refusal, check_stored

TAKEN: Outcome = Acknowledgement(None, 1, 100)
CONFLICT: Outcome = Refusal("one", ErrorReply(ErrorCode.CAS_CONFLICT, "another number"))
OWN_CONFLICT: Outcome = Refusal("this node", CasConflict("another number"))
OLDER: Outcome = Refusal("two", ErrorReply(ErrorCode.SUPERSEDED, "a newer record"))
NO_HOLDER: Outcome = Refusal("far", ErrorReply(ErrorCode.NOT_ACCEPTED, "many are closer"))
FULL: Outcome = Refusal("full", ErrorReply(ErrorCode.STORAGE_FULL, "no room"))
SILENT: Outcome = Refusal("three", RequestTimedOut("no answer"))

WHATEVER, ONLY_IF = Store(b"record", 100), Store(b"record", 100, 5)


def judged(outcomes: list[Outcome], body: Store = ONLY_IF) -> None:
    check_stored(outcomes, [], body)


class ConditionTests(SynchronousTestCase):
    def test_more_than_half_must_take_it(self) -> None:
        judged([TAKEN])
        judged([TAKEN, TAKEN, CONFLICT])
        judged([TAKEN, TAKEN, SILENT])
        self.assertRaises(CasConflict, judged, [TAKEN, CONFLICT])
        self.assertRaises(CasConflict, judged, [TAKEN, OLDER])
        self.assertRaises(CasConflict, judged, [TAKEN, TAKEN, CONFLICT, FULL])

    def test_who_is_no_holder_is_not_counted(self) -> None:
        judged([TAKEN, TAKEN, CONFLICT, *[NO_HOLDER] * 9])
        self.assertRaises(CasConflict, judged, [TAKEN, CONFLICT, *[NO_HOLDER] * 9])
        judged([TAKEN, NO_HOLDER, NO_HOLDER])

    def test_without_a_conflict_nobody_knows(self) -> None:
        self.assertRaises(Uncertain, judged, [TAKEN, SILENT])
        self.assertRaises(Uncertain, judged, [TAKEN, FULL, FULL])
        self.assertRaises(Uncertain, judged, [SILENT, SILENT])

    def test_nobody_took_it(self) -> None:
        self.assertRaises(CasConflict, judged, [CONFLICT, FULL])
        self.assertRaises(CasConflict, judged, [OWN_CONFLICT])
        self.assertRaises(CasConflict, judged, [OLDER, OLDER])
        self.assertRaises(NotStored, judged, [FULL, NO_HOLDER])

    def test_without_a_condition_one_is_enough(self) -> None:
        judged([TAKEN, FULL, OLDER, SILENT], WHATEVER)
        self.assertRaises(Superseded, judged, [OLDER, OLDER], WHATEVER)
        self.assertRaises(NotStored, judged, [SILENT], WHATEVER)
