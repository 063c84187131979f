"""To which hosts a port has written, and when: a NAT may still let those in that it wrote to.

Bounded: :data:`SLOTS` moments, whatever is sent.  Hosts that share a slot are taken for one, so a
host may seem to have been written to later than it was, and never earlier: who is found quiet is.
"""

from __future__ import annotations

from array import array
from math import inf
from zlib import crc32

SLOTS = 4096
"""MAGIC: 32 KiB.  Of the hosts that a node never wrote to, about one in ten seems to have been
written to if it has written to 400 others."""
QUIET = 300.0
"""Seconds without a datagram to a host after which a NAT hardly lets it in for that datagram's
sake.  RFC 4787, REQ-5: a mapping lasts 2 minutes or more, and 5 are recommended; most last less."""


class Written:
    """The last moment at which a port may have written to each host.

    It begins at ``since``; before that moment it may have written to any host.
    """

    __slots__ = ("_at",)

    def __init__(self, since: float) -> None:
        self._at = array("d", [since]) * SLOTS

    def note(self, host: str, now: float) -> None:
        """A datagram goes to this host."""
        self._at[crc32(host.encode()) % SLOTS] = now

    def came(self, host: str, now: float) -> None:
        """Something that is not answered came from this host: a NAT that let it in, because it had
        been written to, may go on doing so, as Linux does.  So whoever goes on sending is not
        quiet; a host that was never written to stays what it is, for its address may be forged."""
        slot = crc32(host.encode()) % SLOTS
        if self._at[slot] > -inf:
            self._at[slot] = now

    def last(self, host: str) -> float:
        """When it may have been written to for the last time."""
        return self._at[crc32(host.encode()) % SLOTS]

    def is_quiet(self, host: str, now: float) -> bool:
        """Whether nothing has gone to this host for long."""
        return now - self.last(host) >= QUIET
