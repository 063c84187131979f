"""A bad network: a part of all round trips is lost, the rest is slow, out of order and doubled.

Values are still found, and if a tenth is lost nobody takes a live contact for dead.
"""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.model.ids import NodeID
from kadtwisted.testing.campaigns.crowd import MINUTE, Crowd, Reader, made_values, shown
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Conditions

BOUNDS = ((10, 99.9), (30, 99.0), (50, 90.0))
"""Round trips that are lost, and reads that must still succeed, both in per cent."""


@dataclass(frozen=True, slots=True)
class Loss:
    """``reads`` reads in ``minutes_each`` minutes, at each degree of loss."""

    nodes: int = 60
    records: int = 100
    reads: int = 2000
    minutes_each: float = 60.0
    slowest: float = 0.5
    duplicates: float = 0.05
    seed: int = 1

    def run(self, report: Report) -> None:
        crowd = Crowd(self.seed, report)
        crowd.grow(self.nodes)
        crowd.advance(15 * MINUTE)
        values = made_values(self.records)
        crowd.put(values, lifetime=24 * 60 * MINUTE)
        for lost, least in BOUNDS:
            before = {each: _verified(each.known()) for each in crowd.members}
            crowd.network.conditions = Conditions(
                latency=0.02,
                jitter=self.slowest - 0.02,
                loss=1 - (1 - lost / 100) ** 0.5,
                duplicate=self.duplicates,
            )
            reader = Reader(crowd, values)
            for _ in range(self.reads):
                reader.read()
                crowd.advance(self.minutes_each * MINUTE / self.reads)
            dropped = sum(len(known - set(each.known())) for each, known in before.items())
            crowd.network.conditions = Conditions(latency=0.02, jitter=0.04)
            crowd.advance(5 * MINUTE)
            report.note(f"{lost} % of round trips lost; failed reads: {shown(reader.wrong)}")
            report.at_least(f"{lost} % lost: values read, %", reader.ratio, least)
            contacts = sum(map(len, before.values()))
            if lost == 10:
                report.at_most(f"{lost} % lost: live contacts dropped, of {contacts}", dropped, 0)
            else:
                report.figure(f"{lost} % lost: live contacts dropped, of {contacts}", dropped)
        crowd.stop()


def _verified(known: dict[NodeID, str]) -> set[NodeID]:
    return {each for each, state in known.items() if state != "tentative"}
