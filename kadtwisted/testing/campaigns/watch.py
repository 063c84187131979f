"""Everybody watches one key: how soon is a change told, and does anybody miss the last one?

Nodes go away meanwhile, holders and watchers alike.  A change is told in time if the watcher hears
of it before the writer writes again.  Round trips are log-normal, as between hosts all over the
Internet (median 82 ms, :mod:`kadtwisted.simulation.models.latency`).
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from math import exp
from statistics import NormalDist

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.results import Change
from kadtwisted.node.serving.telling import MOST_LISTENERS
from kadtwisted.parameters import Parameters
from kadtwisted.rpc.listeners import Asker, Listeners
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE, Crowd
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.inspect import listeners_of
from kadtwisted.testing.network.network import Conditions
from kadtwisted.testing.nodes import Member

NAME = "watched by all"
MEDIAN, SIGMA, JITTER = 0.082, 0.6, 0.05
"""Of a round trip in seconds, of its logarithm, and the share of it that differs each time."""
SHARES = (0.0, 0.3)
"""The parts of all nodes that go away meanwhile."""
PAUSE = 10.0
"""Seconds between two changes."""
SETTLED = 30.0
"""Seconds after which every watcher listens."""
LATEST = 5 * MINUTE
"""A watcher that was told nothing of the last change has listened anew by then."""


@dataclass(frozen=True, slots=True)
class Watch:
    """All of ``nodes`` nodes watch a key that one of them writes ``changes`` times; this once while
    all stay, and once while 30 % of them go away one by one."""

    nodes: int = 100
    changes: int = 20
    k: int = 20
    seed: int = 1

    def run(self, report: Report) -> None:
        for share in SHARES:
            self._play(report, share)
        _report_memory(report)

    def _play(self, report: Report, share: float) -> None:
        conditions = Conditions(latency=_delays(self.seed), jitter=MEDIAN / 2 * JITTER)
        crowd = Crowd(self.seed, report, conditions=conditions, parameters=Parameters(k=self.k))
        crowd.grow(self.nodes)
        told = _Told(crowd)
        for member in crowd.members:
            told.watch(member)
        crowd.advance(SETTLED)
        writer = crowd.members[0]
        going = crowd.draw_many(crowd.members[1:], round(share * self.nodes))
        started = crowd.clock.seconds()
        for number in range(self.changes):
            for _ in range(len(going) * (number + 1) // self.changes - told.gone):
                told.leaves(going[told.gone])
            value = b"change %d" % number
            crowd.wait(writer.node.put(NAME, value, lifetime=HOUR))
            told.receipts[value] = crowd.clock.seconds()
            crowd.advance(PAUSE)
        case = f"{100 * share:g} % gone"
        delays = sorted(told.delays())
        report.at_most(f"{case}: receipt to callback, p50, ms", 1e3 * _at(delays, 0.5), 200)
        report.at_most(f"{case}: receipt to callback, p95, ms", 1e3 * _at(delays, 0.95), 500)
        in_time = 100 * len(delays) / (self.changes * len(crowd.members))
        report.at_least(f"{case}: changes told in time, %", in_time, 99)
        report.at_most(f"{case}: told twice, or out of order", told.wrong, 0)
        most = max(listeners_of(each.node) for each in crowd.members)
        report.at_most(f"{case}: listeners at one node", most, self.nodes)
        crowd.advance(LATEST)
        last = b"change %d" % (self.changes - 1)
        missed = sum(told.last(member) != last for member in crowd.members)
        report.at_most(f"{case}: watchers that missed the final value", missed, 0)
        minutes = (crowd.clock.seconds() - started + SETTLED) / MINUTE
        told_each = _counted(crowd, "in.Changed") / self.changes
        report.at_most(f"{case}: CHANGED to a watcher for each change", told_each, 8.5)
        listened = _counted(crowd, "in.Listen") / minutes
        report.at_most(f"{case}: LISTEN of a watcher in a minute", listened, 6)
        crowd.stop()


def _counted(crowd: Crowd, name: str) -> float:
    """The mean of a counter of those that have stayed."""
    counts = [each.node.status().counters.get(name, 0) for each in crowd.members]
    return sum(counts) / len(counts)


class _Told:
    """What each watcher was told, and when; ``receipts`` has when each value's receipt came."""

    def __init__(self, crowd: Crowd) -> None:
        self.receipts: dict[bytes, float] = {}
        self.gone = 0
        self.wrong = 0
        self._crowd = crowd
        self._told: dict[int, dict[bytes, float]] = {}

    def watch(self, member: Member) -> None:
        """From now on."""
        self._told[member.number] = {}
        member.node.watch(NAME, callback=partial(self._tell, member.number))

    def _tell(self, number: int, change: Change) -> None:
        told, value = self._told[number], change.value
        if value is None:
            return
        newest = max((int(each.split()[1]) for each in told), default=-1)
        self.wrong += int(value.split()[1]) <= newest
        told[value] = self._crowd.clock.seconds()

    def leaves(self, member: Member) -> None:
        """It goes away, and does not count any more."""
        self.gone += 1
        self._crowd.crash(member)

    def delays(self) -> list[float]:
        """From each receipt to the callback of each watcher that is left, if it came in time; a
        writer waits for its slowest holder, so some callbacks come before the receipt."""
        found = [self._told[each.number] for each in self._crowd.members]
        pairs = [(told.get(value), at) for told in found for value, at in self.receipts.items()]
        return [moment - at for moment, at in pairs if moment is not None and moment - at < PAUSE]

    def last(self, member: Member) -> bytes | None:
        """The last value that a watcher was told."""
        told = self._told[member.number]
        return next(reversed(told), None)


def _delays(seed: int) -> Callable[[str, str, random.Random], float]:
    """One way between two hosts, the same both ways: half of a log-normal round trip."""
    normal = NormalDist()

    def delay(source: str, destination: str, _: random.Random) -> float:
        pair = " ".join(sorted((source, destination))).encode()
        drawn = int.from_bytes(blake2b(pair, digest_size=6, salt=b"%d" % seed).digest(), "big")
        return MEDIAN / 2 * exp(SIGMA * normal.inv_cdf((drawn + 0.5) / 2**48))

    return delay


def _at(delays: list[float], part: float) -> float:
    """A quantile of a sorted list, by nearest rank."""
    return delays[min(len(delays) - 1, int(part * len(delays)))] if delays else float("inf")


def _report_memory(report: Report) -> None:
    """As many listeners as there may be, each at an address, with a key and a place of its own."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    listeners = Listeners(MOST_LISTENERS, fair=True)
    for number in range(2 * MOST_LISTENERS):
        address = Endpoint(f"{20 + number % 70}.{number // 70 % 250}.{number // 17500}.1", 8000)
        asker = Asker(address, b"%032d" % number, (1, NodeID(number)))
        listeners.listen(asker, b"8 bytes.", 300.0, 0.0)
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    report.at_most("listeners that a node keeps", len(listeners), MOST_LISTENERS)
    report.at_most("their memory, MiB", size / 2**20, 24)
