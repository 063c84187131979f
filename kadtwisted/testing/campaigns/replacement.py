"""All nodes are replaced, one after the other: a value lives as long as it should and no longer.

The publishers are among the first to go, so nobody publishes the values again.  Holders pass on the
rest of a lifetime in whole seconds, rounded down, so a value may end a little early.  A second
after its time nobody may hold it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from twisted.internet.defer import DeferredList

from kadtwisted.model.ids import key_of_name
from kadtwisted.testing.campaigns.crowd import HOUR, Crowd, Reader, made_values, shown
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Conditions

EARLY = 10.0
"""Seconds before the end of a value at which every read must still find it: it is passed on about
once an hour, and loses less than a second each time."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """All ``nodes`` are replaced at a steady rate in ``hours`` hours.  A quarter of the ``records``
    lives for a quarter of that time, the next quarter for half of it, and so on."""

    nodes: int = 100
    records: int = 40
    hours: float = 6.0
    askers: int = 5
    loss: float = 0.0
    seed: int = 1

    def run(self, report: Report) -> None:
        crowd = Crowd(self.seed, report, conditions=Conditions(0.02, jitter=0.04, loss=self.loss))
        crowd.grow(self.nodes)
        crowd.advance(0.2 * HOUR)
        ends = self._put(crowd)
        first = list(crowd.members)
        stop = crowd.every(self.hours * HOUR / self.nodes, lambda: self._replace(crowd))
        lateness: list[float] = []
        readable: Counter[str] = Counter()
        reader = Reader(crowd, made_values(self.records))
        for name, end in sorted(ends.items(), key=lambda each: each[1]):
            crowd.advance(max(0.0, end - EARLY - crowd.clock.seconds()))
            lateness.append(self._last_moment(crowd, name) - end)
            crowd.wait(DeferredList([reader.read_of(name) for _ in range(self.askers)]))
            left = end + 1 - crowd.clock.seconds()
            crowd.clock.callLater(left, self._after, crowd, name, readable)
        crowd.advance(2.0 + EARLY)
        stop()
        report.note(f"failed reads: {shown(reader.wrong)}")
        stayed = [each for each in first if each in crowd.members]
        report.at_most("nodes of the first hour still there", len(stayed), 0)
        report.at_least(f"values read {EARLY:g} s before their end, %", reader.ratio, 100)
        report.at_most("the earliest end of a value, s before its time", -min(lateness), EARLY)
        report.at_most("the latest end of a value, s after its time", max(lateness), 1)
        report.at_most("copies readable a second after their time", readable.total(), 0)
        crowd.stop()

    def _put(self, crowd: Crowd) -> dict[str, float]:
        """Put the values from the members that go first; returns when each has to end."""
        ends = {}
        for number, (name, value) in enumerate(made_values(self.records).items()):
            lifetime = self.hours * HOUR * (1 + number % 4) / 4
            publisher = crowd.members[number % min(5, len(crowd.members))]
            crowd.wait(publisher.node.put(name, value, lifetime=lifetime))
            ends[name] = crowd.clock.seconds() + lifetime
        return ends

    def _replace(self, crowd: Crowd) -> None:
        crowd.crash(crowd.members[0])
        crowd.join(crowd.add())

    def _last_moment(self, crowd: Crowd, name: str) -> float:
        """The moment when the last copy expires; far in the past if there is none."""
        held = [crowd.held(each, key_of_name(name)) for each in crowd.members]
        return max((record.expires for found in held for record in found), default=-1e9)

    def _after(self, crowd: Crowd, name: str, readable: Counter[str]) -> None:
        """Count the members that still have it; nobody may."""
        readable[name] += len(crowd.holders(name))
