"""What came of asking one contact."""

from __future__ import annotations

from kadtwisted.lookup.shortlist import Candidate
from kadtwisted.model.contact import Contact

WAITING = "waiting"
LATE = "late"
UNSENT = "failed"
"""What a trace calls a request that was not sent."""


class Attempt:
    """One contact that was asked; ``outcome`` is a word of
    :class:`~kadtwisted.model.results.TraceStep`.

    ``lost``: it is past its soft patience or has failed, and has not answered since.
    """

    __slots__ = (
        "answered",
        "asked",
        "candidate",
        "charged",
        "contact",
        "lost",
        "outcome",
        "soft_at",
    )

    def __init__(self, candidate: Candidate, contact: Contact, now: float) -> None:
        self.candidate = candidate
        self.contact = contact
        self.asked = now
        self.soft_at = now
        self.answered: float | None = None
        self.outcome = WAITING
        self.charged = False
        self.lost = False
