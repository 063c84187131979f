"""The network's clock, by the votes of those who answered a PING, and how far ours is from it.

Nobody is believed alone: it takes three networks, and a median on which networks and hosts agree
(:mod:`kadtwisted.routing.votes`).  A PONG tells whole seconds, so a vote is right to within about a
second, and that is enough: what hangs on it is a limit of five minutes.
"""

from __future__ import annotations

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.health import CLOCK_TOLERANCE
from kadtwisted.node.world import World
from kadtwisted.routing.reachable import voters_of
from kadtwisted.routing.votes import Median

JUMP = 5.0
"""Seconds by which the wall clock must have moved against the monotonic one so that all votes are
void: it was set, or the machine slept."""

PRECISION = 2.0
"""Seconds within which our own clock is as good as what others tell: half a round trip, and whole
seconds."""

HALF_A_SECOND = 0.5
"""What a PONG's whole seconds leave out, on average."""


class NetworkClock:
    """One node's knowledge of the network's time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._votes = Median(JUMP)
        self._wall_ahead = world.unix_time() - world.now()

    def heard(self, by: Endpoint, unix_time: float, rtt: float) -> None:
        """A PONG told this time; it was asked for ``rtt`` seconds ago."""
        self._forget_if_set()
        now, wall = self._world.now(), self._world.unix_time()
        theirs = unix_time + HALF_A_SECOND + rtt / 2
        voter, host = voters_of(by)
        self._votes.cast(voter, wall - theirs, now, host)

    def ahead(self) -> float | None:
        """How many seconds our clock is ahead of the network's; ``None`` if that is not known."""
        self._forget_if_set()
        return self._votes.value(self._world.now())

    def unix_time(self) -> float:
        """The time by our own clock, or by the network's if ours is known to be wrong."""
        ahead = self.ahead()
        wall = self._world.unix_time()
        return wall if ahead is None or abs(ahead) <= CLOCK_TOLERANCE else wall - ahead

    def network_time(self) -> float:
        """The time by the network's clock as far as it is known, else by our own: for what others
        judge by theirs."""
        ahead = self.ahead()
        wall = self._world.unix_time()
        return wall if ahead is None or abs(ahead) <= PRECISION else wall - ahead

    def _forget_if_set(self) -> None:
        wall_ahead = self._world.unix_time() - self._world.now()
        if abs(wall_ahead - self._wall_ahead) > JUMP:
            self._votes.clear()
            self._wall_ahead = wall_ahead
