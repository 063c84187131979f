"""Whether it is they who are gone, or we: failures count only while somebody else is heard.

A request that failed is charged to its contact only if a valid datagram came from someone between
its sending and its failing: else nothing shows that our own uplink worked.  So a table survives any
outage, and a lone contact is never dropped, for nobody is left to vouch for our uplink.

:attr:`Uplink.is_down` is the verdict for people: enough contacts failed in enough prefixes, or all
there are, and nothing valid came for half a minute.  Any valid datagram thaws it.
"""

from __future__ import annotations

from kadtwisted.model.contact import Endpoint

SILENCE = 30.0
"""Seconds without any valid datagram before the uplink may be called down."""
FAILED_CONTACTS = 8
"""Contacts that must have failed meanwhile; all of them in a smaller table."""
FAILED_PREFIXES = 3
"""Prefixes (IPv4 /24, IPv6 /56) they must lie in; as many as the table has in a smaller one."""


class Uplink:
    """What one node knows of its own connection; ``now`` is when it starts listening."""

    def __init__(self, now: float) -> None:
        self._heard_at = now
        self.ever_heard = False
        self._failed: dict[Endpoint, None] = {}

    def heard(self, now: float) -> None:
        """A valid datagram came in: whatever failed so far, it was not the uplink."""
        self._heard_at = now
        self.ever_heard = True
        if self._failed:
            self._failed.clear()

    def failed(self, endpoint: Endpoint, asked_at: float) -> bool:
        """A request failed; whether its contact is to be charged.

        Bounded: beyond :data:`FAILED_CONTACTS` in enough prefixes nothing more is remembered.
        """
        if len(self._failed) < 8 * FAILED_CONTACTS:
            self._failed[endpoint] = None
        return self.ever_heard and self._heard_at >= asked_at

    def silent_for(self, now: float) -> float:
        """Seconds since the last valid datagram, or since the start."""
        return now - self._heard_at

    def is_down(self, contacts: int, now: float) -> bool:
        """Whether everything says that our own uplink is down; ``contacts`` is how many we have."""
        if not self._failed or now - self._heard_at < SILENCE:
            return False
        if len(self._failed) >= min(contacts, FAILED_CONTACTS):
            prefixes = {_prefix(endpoint) for endpoint in self._failed}
            return len(prefixes) >= FAILED_PREFIXES or len(self._failed) >= contacts
        return False


def _prefix(endpoint: Endpoint) -> str:
    """The neighbourhood of an address: one outage there is one outage."""
    if ":" in endpoint.host:
        return ":".join(endpoint.host.split(":")[:3])
    return endpoint.host.rpartition(".")[0]
