"""When a contact counts as reachable, is doubted, is asked again, and is given up.

The rules of this file:

* An entry is *verified* (it answered a request that we chose to send), *tentative* (it answered
  only while its own request may have held its NAT's mapping open for us), or *suspect*: verified,
  and every request since it was last heard of failed.
* A tentative entry is believed once it answers after a silence.  It is given up at its first
  failure.
* A suspect is given up after several failures in a row that are spread over a while, so that one
  lost datagram, or one short outage, drops nobody.
* Nobody is asked twice within a while for the same doubt.

Nothing here knows buckets, and nothing here asks: the table names whom to ask, its caller does.
Whoever believes that the own uplink is down must not report failures at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.model.contact import Contact
from kadtwisted.parameters import Parameters

NEVER = float("-inf")
"""The moment of something that has not happened yet."""

CHECK_AFTER = 60.0
"""MAGIC: a contact heard of within this many seconds is not asked whether it still lives when
another one wants its place.  Settled by the session lengths measured on a live network."""

_DEFAULTS = Parameters()


@dataclass(slots=True, eq=False)
class Entry:
    """A contact in a table and what is known of its life; all moments are monotonic seconds.

    ``failures`` counts failures in a row, the first of them at ``first_failure``; ``probed`` is
    when the table last named it to be asked, or when it last failed.  Whether it is ``surplus``,
    ``diversity`` says.
    """

    contact: Contact
    first_seen: float
    last_seen: float
    tentative: bool = False
    failures: int = 0
    first_failure: float = NEVER
    probed: float = NEVER
    surplus: bool = False

    @property
    def suspect(self) -> bool:
        """Whether the last request to it failed."""
        return self.failures > 0


@dataclass(frozen=True, slots=True)
class Liveness:
    """The rules, with their durations in seconds."""

    drop_after_failures: int = _DEFAULTS.drop_after_failures
    drop_after_seconds: float = _DEFAULTS.drop_after_seconds
    verification_quiet: float = _DEFAULTS.verification_quiet
    check_after: float = CHECK_AFTER

    def answered(self, entry: Entry, now: float) -> bool:
        """Note an answer.  True if a tentative entry is verified by it.

        That takes silence before the answer: ``verification_quiet`` seconds of it, or as many as
        were asked for when the table listed the entry, if nothing was heard of it since.
        """
        believed = entry.tentative and (
            entry.probed > entry.last_seen or now - entry.last_seen >= self.verification_quiet
        )
        entry.last_seen = now
        entry.failures = 0
        return believed

    def failed(self, entry: Entry, now: float) -> bool:
        """Note a request that failed.  True if the entry has to go."""
        if not entry.failures:
            entry.first_failure = now
        entry.failures += 1
        entry.probed = now
        return entry.tentative or (
            entry.failures >= self.drop_after_failures
            and now - entry.first_failure >= self.drop_after_seconds
        )

    def ask_again(self, entry: Entry, now: float) -> bool:
        """Whether there is reason to ask it if it still lives.

        A suspect is asked so often that, dead, it is gone soon after ``drop_after_seconds``.  Never
        for a tentative one: an answer after too short a silence says nothing about it.
        """
        if entry.tentative:
            return False
        patience = self.check_after
        if entry.failures:
            patience = self.drop_after_seconds / self.drop_after_failures
        return now - max(entry.last_seen, entry.probed) > patience
