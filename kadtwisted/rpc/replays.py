"""Which datagrams are recorded ones that somebody sends again.

A datagram is known by the 16 random bytes of its nonce.  This file decides two things.

:class:`AnsweredOnce`: a request with a valid token whose answer may be longer is served once, so
that an observer cannot have the answer sent again and again to the address of the asker.  What was
served is remembered for as long as its token may be valid, in two generations that change with the
secrets of the tokens.

:class:`Strangers`: a node of a network with a secret serves hellos, and requests without a valid
token, only while the clock that they show is near its own, and once.  So an outsider who recorded
one learns nothing by sending it again.

Both are bounded, and neither looks at anything but random bytes and clocks.  Whoever calls them
has opened the datagram, so nobody can fill them with bytes that no node has sealed.
"""

from __future__ import annotations

from math import inf

from kadtwisted.constants import REPLAY_WINDOW
from kadtwisted.errors import MalformedDatagram

SERVED_REMEMBERED = 16384
"""Random parts in one generation, which begins anew when it is full.  MAGIC: both take 3 MB.  At
2,000 requests a second they reach back 8 s; counts of replays on a live network would settle it."""

STRANGERS_REMEMBERED = 65536
"""Random parts of strangers' datagrams in one generation; the older generation goes first.  A node
that serves more than 109 strangers a second, for ten minutes, forgets earlier than after two
windows."""


class AnsweredOnce:
    """The proven requests that were served lately.

    The door looks into ``current`` and ``previous`` itself, and adds to ``current``: a call for
    each datagram would cost as much again.  When ``current`` has ``SERVED_REMEMBERED`` entries it
    calls :meth:`rotate`.
    """

    __slots__ = ("current", "previous")

    def __init__(self) -> None:
        self.current: set[bytes] = set()
        self.previous: set[bytes] = set()

    def rotate(self) -> None:
        """Forget the older generation and begin a new one."""
        self.previous = self.current
        self.current = set()


class Strangers:
    """The strangers' datagrams that were served lately: a hash of 64 bits of the random part of
    each, in two generations.

    A generation lasts for two windows, or until it has ``capacity`` entries.  So what is over is
    kept for two windows more, and only then forgotten.
    """

    __slots__ = ("_before", "_capacity", "_ends", "_served", "_window")

    def __init__(self, window: float = REPLAY_WINDOW, capacity: int = STRANGERS_REMEMBERED) -> None:
        self._window = window
        self._capacity = capacity
        self._served: dict[int, float] = {}
        self._before: dict[int, float] = {}
        self._ends = -inf

    def __len__(self) -> int:
        return len(self._served) + len(self._before)

    def check_new(self, random: bytes, now: float) -> None:
        """:class:`MalformedDatagram` (``replayed``) for a datagram that was served already."""
        known = hash(random)
        until = self._served.get(known) or self._before.get(known)
        if until is not None and until > now:
            raise MalformedDatagram("replayed")

    def serve(self, random: bytes, sent: int | None, unix_now: float, now: float) -> None:
        """Remember a datagram for at least as long as the clock that it shows may count as near.

        That is twice the window: its clock may be one window ahead of ours.  Fails with
        :class:`MalformedDatagram`: ``stale`` if it shows no clock, or one that is further from ours
        than the window, ``replayed`` if it was served already.
        """
        if sent is None or abs(sent - unix_now) > self._window:
            raise MalformedDatagram("stale")
        self.check_new(random, now)
        until = now + 2 * self._window
        if len(self._served) >= self._capacity or now >= self._ends:
            self._before = self._served if now < self._ends + 2 * self._window else {}
            self._served, self._ends = {}, until
        self._served[hash(random)] = until
