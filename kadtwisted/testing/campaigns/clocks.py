"""Clocks that are wrong, and a machine that stands still.

A wall clock that is set forward or back, by an hour or by thirty years, expires no record and keeps
no node from reading or writing: a node that knows others dates its records by their clocks.  A node
whose process stood still for minutes (SIGSTOP, a closed laptop) finds its place again at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.interfaces import IReactorTime, IReactorUDP
from zope.interface import implementer

from kadtwisted.errors import ClockSkew, KadtwistedError
from kadtwisted.node.world import World
from kadtwisted.parameters import Parameters
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE, Crowd, made_values
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.clock import HeapCall
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import Member

YEARS = 30 * 365.25 * 24 * HOUR
JUMPS = (HOUR, -HOUR, YEARS, -YEARS)


@dataclass(frozen=True, slots=True)
class WrongClocks:
    """One of ``nodes`` nodes has a wall clock that jumps; another one stands still for
    ``minutes_still``."""

    nodes: int = 40
    records: int = 60
    hours_each: float = 2.0
    minutes_still: float = 10.0
    seed: int = 1

    def run(self, report: Report) -> None:
        self._jump(report)
        self._stand_still(report)

    # --- The wall clock ----------------------------------------------------------------------

    def _jump(self, report: Report) -> None:
        crowd = Crowd(self.seed, report)
        crowd.grow(self.nodes)
        wall = _WallClock()
        member = crowd.add(wrap_world=wall.world)
        crowd.wait(crowd.join(member))
        crowd.advance(10 * MINUTE)
        values = made_values(self.records)
        crowd.put(values, lifetime=24 * HOUR)
        for ahead in JUMPS:
            case = f"a wall clock {ahead / HOUR:+.0f} h"
            stored = self._stored(member)
            wall.ahead = ahead
            crowd.advance(self.hours_each * HOUR)
            report.at_least(f"{case}: records kept, of {stored}", self._stored(member), stored)
            for who, reader in (("it", member), ("another", crowd.members[0])):
                right = self._right(crowd, reader, values)
                report.at_least(f"{case}: values read by {who}", right, self.records)
            outcome = self._put(crowd, member, case)
            report.at_least(f"{case}: its put is stored", outcome == "stored", 1)
            wall.ahead = 0.0
            outcome = self._put(crowd, member, case)
            report.at_least(f"{case}, set right: its put is stored", outcome == "stored", 1)
        crowd.stop()

    def _stored(self, member: Member) -> int:
        member.node.status()  # asks the storage; the next status has the answer
        return member.node.status().stored_records

    def _right(self, crowd: Crowd, member: Member, values: dict[str, bytes]) -> int:
        """How many values a member reads right."""
        return sum(self._reads(crowd, member, name, value) for name, value in values.items())

    def _reads(self, crowd: Crowd, member: Member, name: str, value: bytes) -> bool:
        try:
            return crowd.wait(member.node.get(name)).value == value
        except KadtwistedError:
            return False

    def _put(self, crowd: Crowd, member: Member, name: str) -> str:
        try:
            receipt = crowd.wait(member.node.put(name, b"v"))
        except ClockSkew:
            return "refused for its clock"
        return "stored" if receipt.remote_acks else "kept by itself alone"

    # --- The whole machine -------------------------------------------------------------------

    def _stand_still(self, report: Report) -> None:
        parameters = replace(Parameters(), refresh_period=self.minutes_still * MINUTE)
        crowd = Crowd(self.seed, report, parameters=parameters)
        crowd.grow(self.nodes)
        machines: list[Machine] = []

        def machine(host: Host) -> Machine:
            machines.append(Machine(host))
            return machines[0]

        member = crowd.add(wrap_host=machine)
        crowd.wait(crowd.join(member))
        crowd.advance(15 * MINUTE)
        values = made_values(self.records)
        crowd.put(values, lifetime=24 * HOUR)
        contacts, stored = len(member.known()), self._stored(member)
        crowd.network.partition([member.host])
        machines[0].stand_still(self.minutes_still * MINUTE)
        crowd.advance(self.minutes_still * MINUTE - 0.001)
        crowd.network.heal()
        sent: list[Datagram] = []
        crowd.network.watch(sent.append)
        crowd.advance(MINUTE)
        case = f"still for {self.minutes_still:g} min"
        first = next(d.moment for d in sent if d.source[0] == member.host.addresses[0])
        report.at_most(f"{case}: first datagram after, s", first - sent[0].moment, 10)
        report.at_least(f"{case}: buckets refreshed within 60 s", self._refreshed(member), 1)
        report.at_least(f"{case}: contacts, of {contacts}", len(member.known()), contacts)
        report.at_least(f"{case}: records, of {stored}", self._stored(member), stored)
        right = self._right(crowd, member, values)
        report.at_least(f"{case}: values read by it", right, self.records)
        crowd.stop()

    def _refreshed(self, member: Member) -> int:
        """The buckets with a lookup in the last minute."""
        ago = [bucket.last_lookup for bucket in member.node.routing().buckets]
        return sum(each is not None and each <= MINUTE for each in ago)


class _WallClock:
    """A wall clock that is ahead by ``ahead`` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def world(self, right: World) -> World:
        """A node's world with this clock in place of the right one."""
        return replace(right, unix_time=lambda: right.unix_time() + self.ahead)


@implementer(IReactorTime, IReactorUDP)
class Machine:
    """A host whose process can stand still: calls that were due meanwhile come when it goes on.

    This does not hold back datagrams, so a campaign cuts the host off meanwhile.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._calls: list[HeapCall] = []
        self.seconds = host.seconds
        self.listenUDP = host.listenUDP

    def getDelayedCalls(self) -> Sequence[HeapCall]:
        """The calls that are still to come."""
        return [each for each in self._calls if each.active()]

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002 - as IReactorTime names it
        *args: object,
        **kwargs: object,
    ) -> HeapCall:
        """As the host's; the call is remembered until it was made."""
        call = self._host.callLater(delay, callable, *args, **kwargs)
        self._calls = [each for each in self._calls if each.active()]
        self._calls.append(call)
        return call

    def stand_still(self, seconds: float) -> None:
        """Make no call for so many seconds; then make those that were due, the earliest first."""
        goes_on = self._host.seconds() + seconds
        due = [each for each in self._calls if each.active() and each.getTime() < goes_on]
        for call in sorted(due, key=HeapCall.getTime):
            call.reset(seconds)
