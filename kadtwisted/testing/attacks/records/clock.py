"""In a tiny network a liar publishes as far ahead as holders let it, and blocks all writers.

A writer publishes later than what it has found.  If that is as far ahead of everybody's clock as
holders accept, "later" is refused, and nobody can write under that key until the clocks have caught
up; by then the liar has published again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.node.world import World
from kadtwisted.testing.attacks.client import Asked, Client
from kadtwisted.testing.attacks.datagrams import STORE, value_record
from kadtwisted.testing.attacks.stage import Stage, unheard
from kadtwisted.testing.campaigns.crowd import MINUTE, shown
from kadtwisted.testing.campaigns.report import Report

NAME = "blocked"
AHEAD = 300.0
"""Seconds that a publication may be ahead of a holder's clock."""
LYING_EVERY = 10.0


class ClockLiar(Client):
    """Has under every key a record that was published as late as it can be, or its last ``lie``."""

    lie = b""

    def records(self, asked: Asked, key: bytes) -> list[list[Any]]:
        return [[self.lie or self.record(key), 86_400]]

    def record(self, key: bytes, more: float = 0.0) -> bytes:
        """What it has now; ``more`` seconds later than right clocks accept."""
        return value_record(key, int(1e6 * (self.home.unix_time() + AHEAD + more)), b"3:lie")


@dataclass(frozen=True, slots=True)
class Clock:
    """One liar among ``nodes`` nodes, which stores its record at all of them every few seconds,
    as late as each clock lets it; ``writes`` writes, one a minute.  In a third case one node's
    clock is ``fast`` seconds ahead, which is still within the limit."""

    lasts: ClassVar[str] = "about ten seconds"
    nodes: int = 3
    writes: int = 30
    fast: float = 240.0
    seed: int = 1

    def run(self, report: Report) -> None:
        self._play(report, "it returns its records", storing=False, fast=0.0)
        self._play(report, "it stores its records", storing=True, fast=0.0)
        self._play(report, "a node's clock is fast", storing=True, fast=self.fast)

    def _play(self, report: Report, case: str, *, storing: bool, fast: float) -> None:
        stage = Stage(self.seed, report)
        stage.grow(self.nodes - 1)
        ahead = stage.add(wrap_world=lambda world: _ahead(world, fast))
        stage.wait(stage.join(ahead))
        stage.advance(MINUTE)
        liar = stage.attacker(ClockLiar)
        stage.introduce([liar])
        if storing:
            stage.every(LYING_EVERY, lambda: self._lie(stage, liar, fast))
        stage.advance(2 * LYING_EVERY)
        failed: Counter[str] = Counter()
        taken = 0
        for number in range(self.writes):
            try:
                text = b"%d" % number
                stage.wait(stage.members[0].node.put(NAME, text))
                held = stage.held(stage.members[1], key_of_name(NAME))
                taken += any(each.data.endswith(b":" + text) for each in held)
            except KadtwistedError as error:
                failed[type(error).__name__] += 1
            stage.advance(MINUTE)
        report.note(f"{case}: failed writes: {shown(failed)}")
        report.at_most(f"{case}: writes that failed, of {self.writes}", failed.total(), 0)
        report.at_least(f"{case}: writes that a right clock's node took", taken, self.writes)
        stage.stop()

    def _lie(self, stage: Stage, liar: ClockLiar, fast: float) -> None:
        key = id_to_bytes(key_of_name(NAME))
        for member in stage.members:
            more = fast if member is stage.members[-1] else 0.0
            liar.lie = liar.record(key, more)
            unheard(liar.ask(stage.peer(member), STORE, liar.lie, 86_400, None))


def _ahead(world: World, seconds: float) -> World:
    return replace(world, unix_time=lambda: world.unix_time() + seconds)
