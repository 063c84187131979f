"""Two writers count in one mutable value, and no step that was acknowledged is lost.

Each step is read, changed and written back on the condition that nobody came between.  The value
has a bit for each step of each writer, so it shows which steps are in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from kadtwisted.errors import KadtwistedError
from kadtwisted.identity.signing import SigningKey
from kadtwisted.parameters import Parameters
from kadtwisted.testing.campaigns.crowd import MINUTE, Crowd
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.nodes import Member

TRIES = 50
"""How often a writer tries one step; then it gives it up."""


@dataclass(frozen=True, slots=True)
class Counting:
    """On ``nodes`` healthy nodes, ``writers`` of one key make ``steps`` steps each."""

    nodes: int = 20
    steps: int = 200
    writers: int = 2
    k: int = 20
    seed: int = 1

    def run(self, report: Report) -> None:
        crowd = Crowd(self.seed, report, parameters=Parameters(k=self.k))
        crowd.grow(self.nodes)
        crowd.advance(5 * MINUTE)
        key = SigningKey(crowd.random.randbytes(32))
        size = -(-self.writers * self.steps // 8)
        crowd.wait(crowd.members[0].node.put_mutable(key, bytes(size)))
        writers = [
            Writer(crowd, each, key, range(number * self.steps, (number + 1) * self.steps))
            for number, each in enumerate(crowd.draw_many(crowd.members, self.writers))
        ]
        started = crowd.clock.seconds()
        writing = [Deferred.fromCoroutine(each.write()) for each in writers]
        while not all(each.called for each in writing):
            crowd.advance(MINUTE)
        for each in writing:
            crowd.wait(each)
        report.figure("minutes that it took", (crowd.clock.seconds() - started) / MINUTE)
        told = sum((each.told for each in writers), Counter[str]())
        report.figure("times a writer was told that it lost", told["CasConflict"])
        report.figure("times a writer was told that nobody knows", told["Uncertain"])
        report.at_most("other errors", told.total() - told["CasConflict"] - told["Uncertain"], 0)
        given_up = sum(len(each.given_up) for each in writers)
        report.at_most("steps given up", given_up, 0)
        self._check(report, crowd, key, writers)
        crowd.stop()

    def _check(
        self, report: Report, crowd: Crowd, key: SigningKey, writers: Sequence[Writer]
    ) -> None:
        done = [step for each in writers for step in each.done]
        missing = 0
        for reader in crowd.draw_many(crowd.members, 3):
            value = crowd.wait(reader.node.get(key.reference())).value or b""
            missing = max(missing, sum(not has_bit(value, step) for step in done))
        report.at_least("steps acknowledged", len(done), self.writers * self.steps)
        report.at_most("of them not in the final value", missing, 0)


class Writer:
    """One of those who count: its ``steps`` are bits of the value."""

    def __init__(self, crowd: Crowd, member: Member, key: SigningKey, steps: range) -> None:
        self._crowd = crowd
        self._node = member.node
        self._key = key
        self._steps = steps
        self.done: list[int] = []
        self.given_up: list[int] = []
        self.told: Counter[str] = Counter()

    async def write(self) -> None:
        """Make all steps, one after the other."""
        for step in self._steps:
            for _ in range(TRIES):
                if await self._try(step):
                    self.done.append(step)
                    break
                # As long as a write takes, so that one of the two is first.
                await deferLater(self._crowd.clock, self._crowd.random.random(), lambda: None)
            else:
                self.given_up.append(step)

    async def _try(self, step: int) -> bool:
        """Whether the step is in the value now."""
        try:
            found = await self._node.get(self._key.reference())
            value = found.value or b""
            if has_bit(value, step):  # written, though nobody could tell
                return True
            seq = int(found.record.facts()["seq"])
            await self._node.put_mutable(self._key, with_bit(value, step), cas=seq)
        except KadtwistedError as error:
            self.told[type(error).__name__] += 1
            return False
        return True


def has_bit(value: bytes, number: int) -> bool:
    """Whether this bit of a value is set."""
    return bool(value[number // 8] & 1 << number % 8)


def with_bit(value: bytes, number: int) -> bytes:
    """The value with this bit set."""
    changed = bytearray(value)
    changed[number // 8] |= 1 << number % 8
    return bytes(changed)
