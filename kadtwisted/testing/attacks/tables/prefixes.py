"""One network of addresses is full of IDs, and wants a node's whole table.

Whoever has a /16 of IPv4, or a /48 or /32 of IPv6, has as many addresses as it likes, each in a
block of its own of the sizes that are counted first.  What counts is how many of a stocked table's
places it gets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from kadtwisted.parameters import Parameters
from kadtwisted.testing.attacks.client import Client
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.attacks.tables.carpet import IPv6Stage
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report

FEWEST = 10
"""So many contacts of one network the page allows in any table."""
CASES: tuple[tuple[str, type[Stage], Callable[[int], str]], ...] = (
    ("a /16", Stage, lambda number: f"203.7.{number}.1"),
    ("a /48", IPv6Stage, lambda number: f"2a77:7:7:{number:x}::1"),
    ("a /32", IPv6Stage, lambda number: f"2a77:7:{number:x}::1"),
)
"""What the attacker has, and the addresses of its nodes, at most 256."""


@dataclass(frozen=True, slots=True)
class Prefixes:
    """``nodes`` nodes, each in a network of its own, and ``attackers`` in one; how many of their
    contacts ``watched`` nodes have there, after ``minutes``."""

    lasts: ClassVar[str] = "about two minutes"
    nodes: int = 110
    attackers: int = 200
    watched: int = 4
    minutes: float = 30.0
    k: int = 20
    seed: int = 1

    def run(self, report: Report) -> None:
        for case, kind, address in CASES:
            stage = kind(self.seed, report, parameters=Parameters(k=self.k))
            self._play(report, stage, case, address)

    def _play(self, report: Report, stage: Stage, case: str, address: Callable[[int], str]) -> None:
        stage.grow(self.nodes)
        stage.advance(10 * MINUTE)
        watched = stage.members[: self.watched]
        attackers = [
            stage.attacker(Client, address=address(number)) for number in range(self.attackers)
        ]
        known = [each.peer for each in attackers]
        for each in attackers:
            each.known = known
        stage.introduce(attackers, watched)
        stage.advance(self.minutes * MINUTE)
        ids = {each.identity.node_id for each in attackers}
        tables = [{int(each) for each in member.known()} for member in watched]
        over = max(len(table & ids) - max(FEWEST, len(table) // 10) for table in tables)
        share = max(100 * len(table & ids) / len(table) for table in tables)
        places = min(len(table) for table in tables)
        report.at_least(f"{case}: contacts in a table, at least", places, self.nodes // 3)
        report.figure(f"{case}: of them the attacker's, %", share)
        report.at_most(f"{case}: more of the attacker's than a tenth, or than {FEWEST}", over, 0)
        stage.stop()
