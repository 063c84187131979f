"""Which datagrams are recorded ones that somebody sends again.

A datagram is known by the 16 random bytes of its nonce.  This file decides two things.

:class:`AnsweredOnce`: a request with a valid token whose answer may be longer is served once, so
that an observer cannot have the answer sent again and again to the address of the asker; so is one
of a read-only node, which says where that node is.  What was served is remembered for as long as
its token may be valid, in two generations that change with the secrets of the tokens.

:class:`Strangers`: a node of a network with a secret serves hellos, and requests without a valid
token, only while the clock that they show is near its own, and once.  So an outsider who recorded
one learns nothing by sending it again.

Both are bounded, and neither looks at anything but random bytes and clocks.  Whoever calls them
has opened the datagram, so nobody can fill them with bytes that no node has sealed.
"""

from __future__ import annotations

from array import array
from math import inf

from kadtwisted.constants import REPLAY_WINDOW
from kadtwisted.errors import MalformedDatagram
from kadtwisted.rpc.sorted_hashes import place_in

SERVED_REMEMBERED = 16384
"""Random parts in one generation, which begins anew when it is full.  MAGIC: both take 3 MB.  At
2,000 requests a second they reach back 8 s; counts of replays on a live network would settle it."""

STRANGERS_REMEMBERED = 131_072
"""Strangers' datagrams; when there are so many, the oldest are forgotten, so that a node that
serves no more than 200 strangers a second, for ten minutes, forgets none of them too early.
MAGIC: they take 2 MB."""

SLICE_SECONDS = 60.0
"""MAGIC: strangers' datagrams that came within so long are forgotten together.  Longer slices keep
more that is over; shorter ones are more lists to search."""

SLICES = 16
"""A slice ends early when it holds this part of all that may be remembered: so few are forgotten
at once, and none is so long that it takes time to put another hash in its place."""


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

    def serve(self, random: bytes) -> None:
        """A datagram is served; ``replayed`` if it was before.  For requests that are rare."""
        if random in self.current or random in self.previous:
            raise MalformedDatagram("replayed")
        self.current.add(random)
        if len(self.current) >= SERVED_REMEMBERED:
            self.rotate()

    def rotate(self) -> None:
        """Forget the older generation and begin a new one."""
        self.previous = self.current
        self.current = set()


class _Slice:
    """Strangers' datagrams that came about the same time: a hash of 64 bits of the random part of
    each, sorted, and until when it is remembered."""

    __slots__ = ("ends_at", "hashes", "over_at", "untils")

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.over_at = -inf
        self.hashes = array("q")
        self.untils = array("d")

    def add(self, hashed: int, until: float) -> None:
        """Remember one more."""
        place, _ = place_in(self.hashes, hashed)
        self.hashes.insert(place, hashed)
        self.untils.insert(place, until)
        self.over_at = max(self.over_at, until)


class Strangers:
    """The strangers' datagrams that were served lately, in slices of time, the oldest first.

    A dictionary would take many times the memory; to search each slice by bisection costs a few
    microseconds, a small part of the public-key work that such a datagram makes.  What is over is
    forgotten within a minute; without room, the oldest slice goes.
    """

    __slots__ = ("_capacity", "_count", "_slices", "_window")

    def __init__(self, window: float = REPLAY_WINDOW, capacity: int = STRANGERS_REMEMBERED) -> None:
        self._window = window
        self._capacity = capacity
        self._slices: list[_Slice] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def check_new(self, random: bytes, now: float) -> None:
        """:class:`MalformedDatagram` (``replayed``) for a datagram that was served already."""
        hashed = hash(random)
        for each in self._slices:
            place, known = place_in(each.hashes, hashed)
            if known and each.untils[place] > now:
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
        self._slice_for(now).add(hash(random), now + 2 * self._window)
        self._count += 1

    def _slice_for(self, now: float) -> _Slice:
        """Where those that come now belong, after what is over, or has no room, has gone."""
        slices = self._slices
        while slices and slices[0].over_at <= now:
            self._forget_oldest()
        if self._count >= self._capacity:
            self._forget_oldest()
        longest = max(1, self._capacity // SLICES)
        if not slices or now >= slices[-1].ends_at or len(slices[-1].hashes) >= longest:
            slices.append(_Slice(now + SLICE_SECONDS))
        return slices[-1]

    def _forget_oldest(self) -> None:
        self._count -= len(self._slices[0].hashes)
        del self._slices[0]
