"""The network is cut in two halves for an hour, then is one network again, with one value a key.

Meanwhile both halves drop each other's contacts and write the same keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.identity.signing import SigningKey
from kadtwisted.model.ids import NodeID, id_to_bytes, key_of_name
from kadtwisted.model.record import Kind
from kadtwisted.model.reference import Reference
from kadtwisted.parameters import Parameters
from kadtwisted.testing.campaigns.crowd import MINUTE, Crowd
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.nodes import Member

SEQ = 7
"""The sequence number of the mutable values."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Two halves of ``nodes`` nodes are apart for ``minutes_apart``; both write ``keys`` plain
    values and as many mutable ones, these with the same sequence number."""

    nodes: int = 100
    minutes_apart: float = 60.0
    keys: int = 10
    k: int = 20
    seed: int = 1

    def run(self, report: Report) -> None:
        crowd = Crowd(self.seed, report, parameters=Parameters(k=self.k))
        crowd.grow(self.nodes)
        crowd.advance(10 * MINUTE)
        before = self._knowing(crowd)
        report.figure("before: fewest of its k nearest that a node knows, %", before)
        sides = crowd.members[: self.nodes // 2], crowd.members[self.nodes // 2 :]
        names = [f"shared {number}" for number in range(self.keys)]
        signing = [SigningKey(crowd.random.randbytes(32)) for _ in range(self.keys)]
        crowd.network.partition([each.host for each in sides[0]])
        for side, value in zip(sides, (b"left", b"right"), strict=True):
            crowd.advance(self.minutes_apart / 2 * MINUTE)
            for name in names:
                crowd.wait(crowd.draw(side).node.put(name, value))
            for key in signing:  # both sides use the same sequence number
                crowd.wait(crowd.draw(side).node.put_mutable(key, value, seq=SEQ))
        across = [len(self._known_of(each, sides[1])) for each in sides[0]]
        report.figure("apart: contacts of the other side left in a table", max(across))
        crowd.network.heal()
        references = [Reference(Kind.VALUE, id_to_bytes(key_of_name(name))) for name in names]
        references += [each.reference() for each in signing]
        self._heal(report, crowd, references, min(90.0, before))
        crowd.stop()

    def _heal(
        self, report: Report, crowd: Crowd, references: list[Reference], known: float
    ) -> None:
        """Wait until all know their true neighbours again and every key has one value."""
        healed = crowd.clock.seconds()
        merged = one_value = float("inf")
        lasts = 2 * Parameters().refresh_period
        while (passed := crowd.clock.seconds() - healed) <= lasts:
            if merged > passed and self._knowing(crowd) >= known:
                merged = passed
            if one_value > passed and all(self._agree(crowd, each) for each in references):
                one_value = passed
            if max(merged, one_value) < float("inf"):
                break
            crowd.advance(MINUTE)
        what = f"every node knows {known:g} % of its k nearest again after, min"
        report.at_most(what, merged / MINUTE, 15)
        report.at_most("all k nearest nodes of each key agree after, min", one_value / MINUTE, 120)
        most = max(
            len({crowd.wait(member.node.get(each)).value for member in crowd.members})
            for each in references
        )
        report.at_most("values read under a key by all nodes", most, 1)

    def _knowing(self, crowd: Crowd) -> float:
        """The part of its k nearest nodes that the worst node knows, in per cent."""
        worst = 100.0
        for member in crowd.members:
            nearest = crowd.nearest(member.node.node_id)[1 : self.k + 1]
            worst = min(worst, 100 * len(self._known_of(member, nearest)) / len(nearest))
        return worst

    def _known_of(self, member: Member, others: list[Member]) -> list[NodeID]:
        known = member.known()
        return [each.node.node_id for each in others if each.node.node_id in known]

    def _agree(self, crowd: Crowd, reference: Reference) -> bool:
        key, kind = reference.key, Kind(reference.kind)
        nearest = crowd.nearest(key)[: self.k]
        held = [[record.data for record in crowd.held(each, key, kind)] for each in nearest]
        return all(each == held[0] and each for each in held)
