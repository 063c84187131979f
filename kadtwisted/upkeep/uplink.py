"""Whether a contact is gone or our own uplink is down: failures count only while others are heard.

A failed request counts against its contact only if a valid datagram from any node came between its
sending and its failure: otherwise nothing shows that our own uplink worked.  So a table survives
any outage, and the only contact of a node is never dropped: no other one could show that the uplink
works.

:meth:`Uplink.is_down` is the verdict for people: enough contacts failed in enough prefixes, or all
contacts did, and no valid datagram came for half a minute.  Any valid datagram ends that.

:meth:`Uplink.is_blocked` is another one, for a network in which nobody ever answered: several nodes
in several networks were asked, since the start or since this machine came here, and none of them
was heard.  One network of nodes may be down as a whole; that several are is less likely than that
nothing gets through from here.
"""

from __future__ import annotations

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.networks import MACHINE, provider_of, scope_of

SILENCE = 30.0
"""Seconds without any valid datagram before the uplink may be called down."""
FAILED_CONTACTS = 8
"""Contacts that must have failed since then; all of them in a smaller table."""
FAILED_PREFIXES = 3
"""Prefixes (IPv4 /24, IPv6 /48) in which they must lie, unless all contacts failed."""
BLOCKED_FAILURES = 4
"""Requests that must have failed before nothing seems to get through.  MAGIC: each of two addresses
was asked twice."""
BLOCKED_NETWORKS = 2
"""Networks (:func:`~kadtwisted.model.networks.networks_of`: providers) in which they must lie."""


class Uplink:
    """What one node knows of its own uplink; ``now`` is the moment it starts listening."""

    def __init__(self, now: float) -> None:
        self._heard_at = now
        self.ever_heard = False
        self._failed: dict[Endpoint, None] = {}
        self.start_anew()

    def start_anew(self) -> None:
        """This machine is in another network: what got through before says nothing any more."""
        self.heard_here = False
        self._failures = 0
        self._silent: set[bytes] = set()
        self._silent_since = 0.0

    def heard(self, now: float) -> None:
        """A valid datagram came in: whatever failed so far, it was not the uplink."""
        self._heard_at = now
        self.ever_heard = self.heard_here = True
        if self._failed:
            self._failed.clear()

    def failed(self, endpoint: Endpoint, asked_at: float) -> bool:
        """A request failed; whether that counts against its contact.

        Bounded: at most eight times :data:`FAILED_CONTACTS` failures are remembered.
        """
        if len(self._failed) < 8 * FAILED_CONTACTS:
            self._failed[endpoint] = None
        return self.ever_heard and self._heard_at >= asked_at

    def unanswered(self, endpoint: Endpoint, now: float) -> None:
        """Somebody was asked and did not answer, or our own system did not let us ask.

        Bounded: of the networks only those that are needed are remembered.
        """
        if self.heard_here or scope_of(endpoint.host) == MACHINE:
            return
        if not self._failures:
            self._silent_since = now
        self._failures += 1
        if len(self._silent) < BLOCKED_NETWORKS:
            self._silent.add(provider_of(endpoint.host))

    def is_blocked(self, now: float) -> bool:
        """Whether nothing seems to get through from here."""
        return (
            not self.heard_here
            and len(self._silent) >= BLOCKED_NETWORKS
            and self._failures >= BLOCKED_FAILURES
            and now - self._silent_since >= SILENCE
        )

    def silent_for(self, now: float) -> float:
        """Seconds since the last valid datagram, or since the start."""
        return now - self._heard_at

    def is_down(self, contacts: int, now: float) -> bool:
        """Whether our own uplink seems to be down; ``contacts`` is how many contacts we have."""
        if not self._failed or now - self._heard_at < SILENCE:
            return False
        if len(self._failed) >= min(contacts, FAILED_CONTACTS):
            prefixes = {_prefix(endpoint) for endpoint in self._failed}
            return len(prefixes) >= FAILED_PREFIXES or len(self._failed) >= contacts
        return False


def _prefix(endpoint: Endpoint) -> str:
    """The network around an address: all failures there may have one cause."""
    if ":" in endpoint.host:
        return ":".join(endpoint.host.split(":")[:3])
    return endpoint.host.rpartition(".")[0]
