"""Judging the outcomes of a store: who counts as a holder, and who does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import CasConflict, ErrorReply
from kadtwisted.model.messages import ErrorCode
from kadtwisted.model.results import Acknowledgement
from kadtwisted.node.operations.storing import Outcome, Refusal, _check_condition

TAKEN: Outcome = Acknowledgement(None, 1, 100)
CONFLICT: Outcome = Refusal("one", ErrorReply(ErrorCode.CAS_CONFLICT, "another number"))
NO_HOLDER: Outcome = Refusal("far", ErrorReply(ErrorCode.NOT_ACCEPTED, "many are closer"))
FULL: Outcome = Refusal("full", ErrorReply(ErrorCode.STORAGE_FULL, "no room"))


class ConditionTests(SynchronousTestCase):
    def test_more_than_half_must_take_it_if_there_is_a_conflict(self) -> None:
        _check_condition([TAKEN, TAKEN, CONFLICT])
        self.assertRaises(CasConflict, _check_condition, [TAKEN, CONFLICT])
        self.assertRaises(CasConflict, _check_condition, [TAKEN, TAKEN, CONFLICT, FULL])

    def test_who_is_no_holder_is_not_counted(self) -> None:
        _check_condition([TAKEN, TAKEN, CONFLICT, *[NO_HOLDER] * 9])
        self.assertRaises(CasConflict, _check_condition, [TAKEN, CONFLICT, *[NO_HOLDER] * 9])

    def test_without_a_conflict_one_is_enough(self) -> None:
        _check_condition([TAKEN, FULL, FULL, NO_HOLDER])
