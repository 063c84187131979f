"""Nodes come and go: values stay although their first holders are gone.

Sessions are exponential.  Nodes leave by a crash, and a new node joins at once for each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kadtwisted.model.ids import key_of_name
from kadtwisted.parameters import Parameters
from kadtwisted.testing.campaigns.crowd import (
    HOUR,
    MINUTE,
    Crowd,
    Reader,
    made_values,
    shown,
)
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Conditions
from kadtwisted.testing.nodes import Member

BOUNDS = ((60.0, 24.0, 99.9), (15.0, 6.0, 99.5), (5.0, 2.0, 97.0))
"""Median session in minutes, length in hours, and reads that must succeed, in per cent."""


@dataclass(frozen=True, slots=True)
class Churn:
    """A run for each median session; ``length`` is the part of its hours that is run, and ``only``
    chooses the run with this median session."""

    nodes: int = 100
    records: int = 100
    length: float = 0.5
    reads_a_minute: float = 10.0
    loss: float = 0.02
    only: float = 0.0
    seed: int = 1

    def run(self, report: Report) -> None:
        for session, hours, least in BOUNDS:
            if self.only in (0.0, session):
                self._play(report, session, hours * self.length, least)

    def _play(self, report: Report, session: float, hours: float, least: float) -> None:
        conditions = Conditions(latency=0.02, jitter=0.1, loss=self.loss)
        crowd = Crowd(self.seed, report, conditions=conditions)
        crowd.grow(self.nodes)
        crowd.advance(10 * MINUTE)
        values = made_values(self.records)
        crowd.put(values, lifetime=(hours + 1) * HOUR)
        sent, started = crowd.bytes_sent(), crowd.clock.seconds()
        turnover = CrowdTurnover(crowd, session * MINUTE / math.log(2))
        reader = Reader(crowd, values)
        crowd.every(MINUTE / self.reads_a_minute, reader.read)
        for _ in range(4):
            crowd.advance(hours / 4 * HOUR)
            self._note(report, crowd, reader, values)
        rate = (crowd.bytes_sent() - sent) / (crowd.clock.seconds() - started) / self.nodes
        turnover.ended = True
        report.note(f"{turnover.replaced} crashed and were replaced; failed: {shown(reader.wrong)}")
        case = f"median session {session:g} min, {hours:g} h"
        report.at_least(f"{case}: values read, %", reader.ratio, least)
        report.figure(f"{case}: bytes sent a node and second", rate)

    def _note(self, report: Report, crowd: Crowd, reader: Reader, values: dict[str, bytes]) -> None:
        k = Parameters().k
        copies = [
            sum(bool(crowd.held(each, key_of_name(name))) for each in nearest)
            for name in values
            for nearest in [crowd.nearest(key_of_name(name))[:k]]
        ]
        periods = sorted(each.node.status().replication_period for each in crowd.members)
        report.note(
            f"hour {crowd.clock.seconds() / HOUR:.2f}: {reader.ratio:.2f} % read; copies on the k "
            f"nearest: {sum(copies) / len(copies):.1f}, {min(copies)} at least; "
            f"replication period {periods[len(periods) // 2] / MINUTE:.0f} min"
        )


class CrowdTurnover:
    """Lets each member crash after a random session, and another one join in its place."""

    def __init__(self, crowd: Crowd, mean: float) -> None:
        self.ended = False
        self.replaced = 0
        self._crowd = crowd
        self._mean = mean
        for member in crowd.members:
            self._begin(member)

    def _begin(self, member: Member) -> None:
        session = -self._mean * math.log(1 - self._crowd.random.random())
        self._crowd.clock.callLater(session, self._end, member)

    def _end(self, member: Member) -> None:
        if self.ended:
            return
        self.replaced += 1
        self._crowd.crash(member)
        newcomer = self._crowd.add()
        self._crowd.join(newcomer)
        self._begin(newcomer)
