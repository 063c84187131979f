"""A whole day of an ordinary network under light use: nothing grows.

Memory, timers, requests and operations in flight, locks, known endpoints and stored records are
counted early and late.  Values come and go, with lifetimes much shorter than the day, so a record
that is never forgotten shows.  The size of memory is that which Linux reports.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass

from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE, Crowd
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.inspect import Load, load_of

LIFETIME = 30 * MINUTE


@dataclass(frozen=True, slots=True)
class Day:
    """``hours`` hours of ``nodes`` nodes, each of which begins ``rate`` gets or puts a second; the
    ends of hour ``early`` and of the last hour are compared."""

    nodes: int = 50
    hours: float = 24.0
    early: float = 2.0
    rate: float = 0.001
    growth: float = 0.25
    seed: int = 1

    def run(self, report: Report) -> None:
        crowd = Crowd(self.seed, report)
        crowd.grow(self.nodes)
        users = _Users(crowd)
        stop = crowd.every(1 / (self.rate * self.nodes), users.use)
        crowd.advance(self.early * HOUR)
        before = _counts(crowd)
        report.note(f"hour {self.early:g}: {_words(before)}")
        crowd.advance((self.hours - self.early) * HOUR)
        after = _counts(crowd)
        report.note(f"hour {self.hours:g}: {_words(after)}")
        stop()
        for what in before:
            if what != "memory (KiB)":
                most = before[what] * 1.1 + self.nodes / 10
                report.at_most(f"{what}, at the end (early: {before[what]})", after[what], most)
        grown = (after["memory (KiB)"] - before["memory (KiB)"]) / 1024 / self.nodes
        report.at_most("memory grown a node, MiB", grown, self.growth)
        crowd.stop()
        report.at_most("calls left on the clock after all have stopped", crowd.clock.pending(), 0)


class _Users:
    """Gets and puts from random members: in turn a new value, and one of the last fifty."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._done = 0

    def use(self) -> None:
        """Begin one operation; its result does not matter here."""
        self._done += 1
        node = self._crowd.draw(self._crowd.members).node
        if self._done % 2:
            doing = node.put(f"name {self._done}", b"v" * 100, lifetime=LIFETIME)
            doing.addBoth(lambda _: None)
        else:
            read = self._done - 1 - 2 * int(50 * self._crowd.random.random())
            node.get(f"name {read}").addBoth(lambda _: None)


def _counts(crowd: Crowd) -> dict[str, int]:
    """What must not grow, as sums over all members."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        memory = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    loads = [load_of(each.node) for each in crowd.members]
    return {
        "memory (KiB)": memory,
        "calls on the clock": crowd.clock.pending(),
        **{what: sum(getattr(each, what) for each in loads) for what in Load._fields},
    }


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())
