"""Many nodes crash at once: almost no value is lost, and soon there are k copies again.

If half of the nodes crash, all 20 copies on 20 random nodes are gone with a probability of
2 ** -20.  So a loss is a fault in placing or replicating copies.
"""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.model.ids import key_of_name
from kadtwisted.parameters import Parameters
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE, Crowd, Reader, made_values, shown
from kadtwisted.testing.campaigns.report import Report


@dataclass(frozen=True, slots=True)
class Crash:
    """``share`` of the ``nodes`` crash at once, an hour after the ``records`` were put."""

    nodes: int = 200
    records: int = 2000
    share: float = 0.5
    k: int = 20
    reads: int = 1000
    seed: int = 1

    def run(self, report: Report) -> None:
        crowd = Crowd(self.seed, report, parameters=Parameters(k=self.k))
        crowd.grow(self.nodes)
        crowd.advance(10 * MINUTE)
        values = made_values(self.records)
        crowd.put(values, lifetime=24 * HOUR)
        report.note(f"{self.nodes} nodes hold {self.records} records; {self.k} copies of each")
        crowd.advance(HOUR)
        for member in crowd.draw_many(crowd.members, round(self.share * self.nodes)):
            crowd.crash(member)
        report.note(f"{len(crowd.members)} nodes are left")
        left = [len(crowd.holders(name)) for name in values]
        report.figure("fewest copies left of any record", min(left))
        report.at_most("records lost, of 10,000", 10_000 * left.count(0) / self.records, 1)
        self._read(report, crowd, values)
        self._recover(report, crowd, list(values))
        crowd.stop()

    def _read(self, report: Report, crowd: Crowd, values: dict[str, bytes]) -> None:
        """Read right after the crash, while half of every table is dead."""
        reader = Reader(crowd, values)
        for _ in range(self.reads):
            reader.read()
            crowd.advance(0.5)
        crowd.advance(MINUTE)
        report.note(f"failed reads: {shown(reader.wrong)}")
        report.at_least("values read in the minutes after the crash, %", reader.ratio, 99.9)

    def _recover(self, report: Report, crowd: Crowd, names: list[str]) -> None:
        """Wait until the nodes that are now the k nearest hold all copies."""
        started = crowd.clock.seconds() - self.reads * 0.5 - MINUTE
        wanted = min(self.k, len(crowd.members))
        period = Parameters().replication_period
        while True:
            fewest, mean = self._copies(crowd, names)
            passed = crowd.clock.seconds() - started
            report.note(f"{passed / MINUTE:.0f} min later: {mean:.2f} copies, {fewest} at least")
            if passed >= period or fewest >= wanted:
                break
            crowd.advance(min(10 * MINUTE, period - passed))
        report.at_least("copies of any record on its k nearest, a period later", fewest, wanted)

    def _copies(self, crowd: Crowd, names: list[str]) -> tuple[int, float]:
        counts = []
        for name in names:
            nearest = crowd.nearest(key_of_name(name))[: self.k]
            counts.append(sum(bool(crowd.held(each, key_of_name(name))) for each in nearest))
        return min(counts), sum(counts) / len(counts)
