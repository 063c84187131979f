"""Attackers vouch for a record, so that its holders stop passing it on.

A holder that hears by a HAVE that somebody else has just its version need not offer it again, and
leaves a newcomer to the holder that is nearest to the key.  So an attacker with a node next to the
key, which stores nothing, lets a record die out as its holders go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kadtwisted.model.ids import NodeID, id_to_bytes, key_of_name
from kadtwisted.parameters import Parameters
from kadtwisted.testing.attacks.client import Answer, Client
from kadtwisted.testing.attacks.datagrams import (
    BAD_TOKEN,
    ERROR,
    HAVE,
    VALUE,
    identities_near,
    version_of,
)
from kadtwisted.testing.attacks.stage import Stage, unheard
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE, made_values
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.nodes import Member

TRIES = 20_000
"""Keys that an attacker tries for an ID that is nearer than all honest ones."""


@dataclass(frozen=True, slots=True)
class Vouching:
    """``nodes`` nodes of a network with this ``k``, ``replaced`` of which are replaced every 10
    minutes for ``hours``, with and without attackers next to each of ``records`` records, who send
    ``haves`` HAVEs to the nearest nodes as often; ``least`` % of the holders must be left."""

    lasts: ClassVar[str] = "about four minutes"
    nodes: int = 60
    k: int = 8
    replaced: int = 5
    haves: int = 8
    records: int = 4
    hours: float = 7.0
    least: int = 80
    seed: int = 1

    def run(self, report: Report) -> None:
        control = self._play(report, attacked=False)
        report.at_least("control: holders of a record in the last hour", control, 1)
        attacked = self._play(report, attacked=True)
        what = "attacked: holders of a record in the last hour, % of it"
        report.at_least(what, 100 * attacked / max(control, 1), self.least)

    def _play(self, report: Report, *, attacked: bool) -> float:
        """The holders of a record, on average of all in the last hour."""
        stage = Stage(self.seed, report, parameters=Parameters(k=self.k))
        stage.grow(self.nodes)
        stage.advance(10 * MINUTE)
        values = made_values(self.records)
        stage.put(values, lifetime=24 * HOUR)
        vouchers = [_Voucher(stage, key_of_name(name)) for name in values if attacked]
        stage.introduce([each.client for each in vouchers])
        seen: list[int] = []
        steps = round(self.hours * HOUR / (10 * MINUTE))
        for step in range(steps):
            for each in vouchers:
                each.vouch(self.haves)
            for _ in range(self.replaced):
                stage.crash(stage.draw(stage.members))
                stage.join(stage.add())
            stage.advance(10 * MINUTE)
            held = [len(stage.holders(name)) for name in values]
            seen += held if step >= steps - 6 else []
            if step % 6 == 5:
                case = "attacked" if attacked else "control"
                report.note(f"{case}, hour {step // 6 + 1}: holders of each record {held}")
        stage.stop()
        return sum(seen) / len(seen)


class _Voucher:
    """One attacker next to one key."""

    def __init__(self, stage: Stage, key: NodeID) -> None:
        self._stage = stage
        self._key = key
        near = identities_near(int(key), 1, TRIES, stage.source.randbytes)[0]
        self.client = stage.attacker(Client, identity=near)
        record = next(r for each in stage.nearest(key) for r in stage.held(each, key))
        self._entry = bytes([VALUE]) + id_to_bytes(key) + version_of(record.data)

    def vouch(self, count: int) -> None:
        """Tell the nodes nearest to the key that we hold this version."""
        for member in self._stage.nearest(self._key)[:count]:
            self._have(member)

    def _have(self, member: Member) -> None:
        peer = self._stage.peer(member)
        asking = self.client.ask(peer, HAVE, self._entry)

        def again(answer: Answer) -> None:
            if answer.number == ERROR and answer.result[0] == BAD_TOKEN:
                unheard(self.client.ask(peer, HAVE, self._entry))

        unheard(asking.addCallback(again))
