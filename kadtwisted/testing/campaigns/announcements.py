"""A registry: most nodes announce under one key, some die, some withdraw, and others look for them.

Readers get a fair sample, or all; who is dead is gone when its time is over, who withdraws at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from kadtwisted.model.announcing import Providers
from kadtwisted.model.ids import NodeID
from kadtwisted.parameters import Parameters
from kadtwisted.testing.campaigns.crowd import MINUTE, Crowd
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.nodes import Member

T = TypeVar("T")

NAME = "the registry"
AT_ONCE = 25
"""MAGIC: operations that run at the same time, so that little simulated time passes."""
ONE_IN_A_THOUSAND = 3.0902
"""Standard deviations of a normal distribution that are exceeded once in a thousand times."""


@dataclass(frozen=True, slots=True)
class Announcements:
    """``announcing`` of ``nodes`` nodes announce for ``lifetime`` seconds; ``reads`` samples of
    ``sample`` are drawn by random nodes, and all are read by ``readers``; then ``gone`` crash, and
    as many withdraw."""

    nodes: int = 300
    announcing: int = 250
    lifetime: float = 600.0
    reads: int = 1000
    sample: int = 10
    readers: int = 5
    gone: int = 25
    k: int = 20
    seed: int = 1

    def run(self, report: Report) -> None:
        crowd = Crowd(self.seed, report, parameters=Parameters(k=self.k))
        crowd.grow(self.nodes)
        crowd.advance(5 * MINUTE)
        offering = crowd.draw_many(crowd.members, self.announcing)
        receipts = _all(crowd, offering, self._announce)
        fewest = min(each.remote_acks for each in receipts)
        report.at_least("nodes that keep an announcement, at least", fewest, self.k)
        self._judge_all(crowd, report, "all providers are found", offering)
        self._judge_samples(crowd, report, offering)
        leaving = crowd.draw_many(offering, 2 * self.gone)
        dead, withdrawn = leaving[: self.gone], leaving[self.gone :]
        _all(crowd, withdrawn, lambda each: each.node.withdraw(NAME))
        left = [each for each in offering if each not in withdrawn]
        self._judge_all(crowd, report, "after some have withdrawn", left)
        for each in dead:
            crowd.crash(each)
        crowd.advance(self.lifetime + 1)
        left = [each for each in left if each not in dead]
        self._judge_all(crowd, report, "when the time of dead ones is over", left)
        crowd.stop()

    def _announce(self, member: Member) -> Deferred[Any]:
        told = str(member.number).encode()
        return member.node.announce(NAME, attributes=told, lifetime=self.lifetime, wait="all")

    def _judge_all(
        self, crowd: Crowd, report: Report, when: str, expected: Sequence[Member]
    ) -> None:
        """All readers find just these."""
        right = {each.node.node_id for each in expected}
        readers = crowd.draw_many(crowd.members, self.readers)
        founds = [_ids(each) for each in _all(crowd, readers, _look)]
        report.at_least(
            f"{when}: found of {len(right)}", min(len(f & right) for f in founds), len(right)
        )
        report.at_most(f"{when}: others", max(len(found - right) for found in founds), 0)

    def _judge_samples(self, crowd: Crowd, report: Report, offering: Sequence[Member]) -> None:
        """No provider is drawn more often than another, beyond chance."""
        readers = [crowd.draw(crowd.members) for _ in range(self.reads)]
        drawn: Counter[NodeID] = Counter()
        smallest = self.sample
        for found in _all(crowd, readers, lambda each: each.node.providers(NAME, self.sample)):
            drawn.update(_ids(found))
            smallest = min(smallest, len(found.providers))
        report.at_least(f"providers in each of {self.reads} samples", smallest, self.sample)
        names = [each.node.node_id for each in offering]
        chi, bound = chi_square([drawn[each] for each in names]), critical(len(names) - 1)
        report.at_most("chi-square of how often each was drawn", chi, bound)


def _look(member: Member) -> Deferred[Providers]:
    return member.node.providers(NAME)


def _ids(found: Providers) -> set[NodeID]:
    return {each.node_id for each in found.providers}


def _all(crowd: Crowd, members: Sequence[Member], do: Callable[[Member], Deferred[T]]) -> list[T]:
    """Do something at all of these, some at the same time; the results."""
    results: list[T] = []
    for start in range(0, len(members), AT_ONCE):
        doing = [do(each) for each in members[start : start + AT_ONCE]]
        results += [crowd.wait(each) for each in doing]
    return results


def chi_square(counts: Iterable[int]) -> float:
    """How far counts are from being equal, in the statistic of Pearson's test."""
    told = list(counts)
    mean = sum(told) / len(told)
    return sum((each - mean) ** 2 for each in told) / mean


def critical(freedom: int) -> float:
    """What equal chances exceed once in a thousand times (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + ONE_IN_A_THOUSAND * spread**0.5) ** 3)
