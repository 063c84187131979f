"""When a contact is believed to be reachable, when it is asked again, and when it is dropped.

The rules of this file:

* An entry is *verified* (it answered a request that we chose to send), *tentative* (it answered
  only while its own request may have held its NAT's mapping open for us), or *suspect*: verified,
  and every request since it was last heard of failed.
* A tentative entry becomes verified when it answers after a silence, or when it has been tentative
  for long: then it is of use to us, whatever it is to others.  It is dropped at its first failure.
* A suspect is dropped after several failures in a row that are spread over some time.  So one lost
  datagram, or one short outage, drops no contact.
* Only a PONG makes up for a PING that failed: whoever hands a node's datagrams on could drop just
  those in which it says where it is.
* No contact is asked twice within a short time for the same reason.

Nothing here knows buckets, and nothing here asks: the table names the contact to ask, and its
caller asks.  A caller who believes that our own uplink is down must not report failures at all.
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

TENTATIVE_AT_MOST = 900.0
"""MAGIC: seconds after which an answer verifies a tentative contact though it was never silent.  A
node that has so much to ask of us is hardly ever behind a NAT that lets nobody else in; a census of
NATs would settle it."""

_DEFAULTS = Parameters()


@dataclass(slots=True, eq=False)
class Entry:
    """A contact in a table and what is known of its life; all moments are monotonic seconds.

    ``failures`` counts failures in a row, the first of them at ``first_failure``; ``probed`` is
    when the table last named it to be asked, or when it last failed.  ``diversity`` decides whether
    it is ``surplus``; a contact that is ``withheld`` is not passed on, nor is one that is
    ``displaced``: it said itself that it is not there.  ``ponged`` is when it last answered a PING
    without saying that; ``unanswered_ping`` says that the last one since then failed.
    """

    contact: Contact
    first_seen: float
    last_seen: float
    tentative: bool = False
    failures: int = 0
    first_failure: float = NEVER
    probed: float = NEVER
    surplus: bool = False
    withheld: bool = False
    displaced: bool = False
    ponged: float = NEVER
    unanswered_ping: bool = False

    @property
    def suspect(self) -> bool:
        """Whether the last request to it failed."""
        return self.failures > 0

    @property
    def good(self) -> bool:
        """Whether it is verified, has answered the last request, and is passed on."""
        return not (self.tentative or self.suspect or self.withheld or self.displaced)

    @property
    def had_session(self) -> bool:
        """Whether it has been there: a tentative one was not yet, and a relay that stood for a node
        tells nothing of that node's sessions."""
        return not (self.tentative or self.displaced) and self.ponged > NEVER


@dataclass(frozen=True, slots=True)
class Liveness:
    """The rules, with their durations in seconds."""

    drop_after_failures: int = _DEFAULTS.drop_after_failures
    drop_after_seconds: float = _DEFAULTS.drop_after_seconds
    verification_quiet: float = _DEFAULTS.verification_quiet
    check_after: float = CHECK_AFTER

    def answered(self, entry: Entry, now: float, by_pong: bool = True) -> bool:
        """Note an answer, ``by_pong`` or another one.  True if it makes a tentative entry verified.

        That takes a silence before the answer: ``verification_quiet`` seconds, or as many as the
        caller asked for when the table listed the entry, if nothing was heard of it since.  Without
        a silence it takes ``TENTATIVE_AT_MOST`` seconds.
        """
        believed = entry.tentative and (
            entry.probed > entry.last_seen
            or now - entry.last_seen >= self.verification_quiet
            or now - entry.first_seen >= TENTATIVE_AT_MOST
        )
        entry.last_seen = now
        if by_pong:
            entry.ponged, entry.unanswered_ping = now, False
        if not entry.unanswered_ping:
            entry.failures = 0
        return believed

    def failed(self, entry: Entry, now: float, ping: bool = True) -> bool:
        """Note a request that failed, a ``ping`` or another.  True if the entry must be dropped."""
        entry.unanswered_ping |= ping
        if not entry.failures:
            entry.first_failure = now
        entry.failures += 1
        entry.probed = now
        return entry.tentative or (
            entry.failures >= self.drop_after_failures
            and now - entry.first_failure >= self.drop_after_seconds
        )

    def ask_again(self, entry: Entry, now: float) -> bool:
        """Whether there is a reason to ask it whether it is still alive.

        A suspect is asked so often that a dead one is dropped soon after ``drop_after_seconds``.
        Never for a tentative entry: an answer after too short a silence says nothing about it.
        """
        if entry.tentative:
            return False
        patience = self.check_after
        if entry.failures:
            patience = self.drop_after_seconds / self.drop_after_failures
        return now - max(entry.last_seen, entry.probed) > patience
