"""A power cut: all nodes start again within seconds, each with its own records overdue.

The publishers announce their records again, but not all at once, and no node stays alone.  A node
keeps only what a :class:`~kadtwisted.node.node.Node` object keeps over a stop: the records that it
publishes again and again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from kadtwisted.model.ids import key_of_name
from kadtwisted.testing.campaigns.crowd import MINUTE, Crowd
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import Member

WINDOW = 10.0
"""Seconds of a window; the busiest one counts."""


@dataclass(frozen=True, slots=True)
class Restart:
    """``nodes`` nodes with ``records`` own records each are down for ``minutes_down`` minutes; then
    they start again within ``within`` seconds and join through each other."""

    nodes: int = 20
    records: int = 200
    minutes_down: float = 60.0
    within: float = 5.0
    lifetime: float = 3600.0
    seed: int = 1

    def run(self, report: Report) -> None:
        crowd = Crowd(self.seed, report)
        crowd.grow(self.nodes)
        crowd.advance(5 * MINUTE)
        for member in crowd.members:
            self._publish(crowd, member)
        for member in crowd.members:
            crowd.wait(member.node.stop())
        report.note(f"{self.nodes} nodes with {self.records} own records each go down")
        crowd.advance(self.minutes_down * MINUTE)
        traffic = _Traffic(crowd)
        started = crowd.clock.seconds()
        for member in crowd.members:
            crowd.clock.callLater(crowd.random.random() * self.within, self._start, crowd, member)
        crowd.advance(5 * MINUTE)
        self._look_around(report, crowd)
        self._look_at_records(report, self._announced(crowd, started))
        what = f"datagrams a second of a node, in its busiest {WINDOW:g} s"
        report.at_most(what, traffic.busiest(), 200)
        crowd.stop()

    def _publish(self, crowd: Crowd, member: Member) -> None:
        """Put the own records of a member, a few at a time, with ``keep``."""
        for start in range(0, self.records, 20):
            putting = [
                member.node.put(_name(member, n), b"v", lifetime=self.lifetime, keep=True)
                for n in range(start, min(self.records, start + 20))
            ]
            for each in putting:
                crowd.wait(each)

    def _look_around(self, report: Report, crowd: Crowd) -> None:
        serving = [each for each in crowd.members if each.node.status().health == "serving"]
        report.at_most("nodes that do not serve after 5 min", self.nodes - len(serving), 0)
        report.at_most("parts the network falls into after 5 min", crowd.islands(), 1)
        known = min(len(each.known()) for each in crowd.members)
        report.at_least("nodes that everybody knows after 5 min", known, min(19, self.nodes // 2))

    def _look_at_records(self, report: Report, moments: list[float]) -> None:
        announced = 100 * len(moments) / (self.nodes * self.records)
        report.at_least("own records announced again within 90 min, %", announced, 100)
        tails = len(moments) // 20
        middle = moments[tails : len(moments) - tails] or [0.0]
        lasts = (middle[-1] - middle[0]) / MINUTE
        report.at_least("the middle 90 % of announcements take, min", lasts, 10)
        report.figure("all were announced after, min", max(moments, default=0.0) / MINUTE)

    def _start(self, crowd: Crowd, member: Member) -> None:
        member.node.start()
        crowd.join(member)

    def _announced(self, crowd: Crowd, started: float) -> list[float]:
        """The moments when the records were on another node than their publisher again, in seconds
        after the start."""
        waiting = {
            key_of_name(_name(member, n)): member
            for member in crowd.members
            for n in range(self.records)
        }
        moments: list[float] = []
        while waiting and crowd.clock.seconds() - started < 90 * MINUTE:
            crowd.advance(10)
            for key, owner in list(waiting.items()):
                others = [each for each in crowd.members if each is not owner]
                held = [record for each in others for record in crowd.held(each, key)]
                if held:
                    del waiting[key]
                    moments.append(min(record.arrived for record in held) - started)
        return sorted(moments)


class _Traffic:
    """Counts datagrams by sender and window."""

    def __init__(self, crowd: Crowd) -> None:
        self._sent: Counter[tuple[str, int]] = Counter()
        crowd.network.watch(self._count)

    def _count(self, datagram: Datagram) -> None:
        self._sent[datagram.source[0], int(datagram.moment / WINDOW)] += 1

    def busiest(self) -> float:
        """The most datagrams a second that a node sent in one window."""
        return max(self._sent.values(), default=0) / WINDOW


def _name(member: Member, number: int) -> str:
    return f"{number} of {member.number}"
