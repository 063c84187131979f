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

STRANGERS_REMEMBERED = 131_072
"""Strangers' datagrams; when there are so many, the older half is forgotten, so that a node that
serves no more than 109 strangers a second, for ten minutes, forgets none of them too early.
MAGIC: they take 13 MB."""

SWEEP_EVERY = 60.0
"""Seconds between two looks for strangers' datagrams that are over."""


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
    each, and until when it is remembered.

    What is over is forgotten once a minute; without room, the older half goes.
    """

    __slots__ = ("_capacity", "_served", "_sweep_at", "_window")

    def __init__(self, window: float = REPLAY_WINDOW, capacity: int = STRANGERS_REMEMBERED) -> None:
        self._window = window
        self._capacity = capacity
        self._served: dict[int, float] = {}
        self._sweep_at = -inf

    def __len__(self) -> int:
        return len(self._served)

    def check_new(self, random: bytes, now: float) -> None:
        """:class:`MalformedDatagram` (``replayed``) for a datagram that was served already."""
        until = self._served.get(hash(random))
        if until is not None and until > now:
            raise MalformedDatagram("replayed")

    def serve(self, random: bytes, sent: int | None, unix_now: float, now: float) -> None:
        """Remember a datagram for as long as the clock that it shows may count as near.

        That is twice the window: its clock may be one window ahead of ours.  Fails with
        :class:`MalformedDatagram`: ``stale`` if it shows no clock, or one that is further from ours
        than the window, ``replayed`` if it was served already.
        """
        if sent is None or abs(sent - unix_now) > self._window:
            raise MalformedDatagram("stale")
        self.check_new(random, now)
        full = len(self._served) >= self._capacity
        if full or now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            fresh = [each for each in self._served.items() if each[1] > now]
            self._served = dict(fresh[(self._capacity + 1) // 2 :] if full else fresh)
        self._served[hash(random)] = now + 2 * self._window
