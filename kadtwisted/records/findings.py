"""What a search has found of one kind of record under one key: judged, merged, and who holds it.

Each distinct record is judged once, however many holders return it: whether it is valid, where it
belongs, and whether it comes from the future.  So a search verifies each signature once.  Here two
records are the same if all their bytes are: if versions were compared, a liar with two records of
the same version could have one of them judged and the other one believed.

At each place one record wins, by the rules of its kind.  Most kinds have one record under a key:
one place, and one winner.  Some kinds have many: many places, and no winner over all of them.

A record from the future, by our clock, counts only if more than half of the closest nodes hold it.
Then our own clock is probably wrong.  Otherwise it is their word against ours.

Pure: it asks nobody.  The answers that the caller lets in bound what it remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from kadtwisted.errors import ClockSkew, InvalidRecord
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import StoredItem
from kadtwisted.model.record import StorageKey
from kadtwisted.records.kinds import RecordKind


class Finding(NamedTuple):
    """A valid record, the seconds it has left at its freshest holder, and who holds it."""

    where: StorageKey
    record: bytes
    version: bytes
    remaining: int
    holders: tuple[Contact, ...] = ()


class Judgement(NamedTuple):
    """Of one record: where it belongs, its version, and whether it comes from the future."""

    where: StorageKey
    version: bytes
    doubtful: bool


class Findings:
    """The records that one search has found, of the kind with these ``rules``, under ``key``.

    ``longest`` is the most seconds that any record has left on this network: a holder that says
    more is not believed.
    """

    def __init__(self, rules: RecordKind, key: NodeID, longest: float) -> None:
        self.rules = rules
        self._key = key
        self._longest = longest
        self._judged: dict[bytes, Judgement | None] = {}
        self._plausible: dict[bytes, Finding] = {}
        self._doubtful: dict[bytes, Finding] = {}
        self._doubters: dict[bytes, list[Contact]] = {}
        self._newest: dict[StorageKey, Finding] = {}

    def take(self, item: StoredItem, holder: Contact, unix_now: float) -> Judgement | None:
        """A holder returned a record; ``None`` if it is invalid or belongs under another key."""
        judged = self._judge(item.record, unix_now)
        if judged is None:
            return None
        where, version, doubtful = judged
        longest = min(self._longest, self.rules.longest(item.record))
        finding = Finding(where, item.record, version, int(min(item.remaining, longest)))
        if doubtful:
            _keep_longest(self._doubtful, finding)
            self._doubters.setdefault(version, []).append(holder)
        else:
            _keep_longest(self._plausible, finding)
            newest = self._newest.get(where)
            if newest is None or self.rules.supersedes(finding.record, newest.record):
                self._newest[where] = finding
        return judged

    def _judge(self, record: bytes, unix_now: float) -> Judgement | None:
        if record not in self._judged:
            self._judged[record] = self._judge_anew(record, unix_now)
        return self._judged[record]

    def _judge_anew(self, record: bytes, unix_now: float) -> Judgement | None:
        rules = self.rules
        try:
            where = rules.identify(record)
        except InvalidRecord:
            return None
        if where.kind != rules.number or where.key != self._key:
            return None
        try:
            rules.check(record, unix_now)
        except ClockSkew:
            return Judgement(where, rules.version(record), doubtful=True)
        return Judgement(where, rules.version(record), doubtful=False)

    def known_version(self) -> bytes:
        """The version to name to the next holder, which need not send that record again; empty if
        nothing was found, or if the kind has many records under a key."""
        if self.rules.many or not self._newest:
            return b""
        return next(iter(self._newest.values())).version

    def winners(
        self,
        holders: Callable[[bytes], Sequence[Contact]],
        closest: Sequence[Contact],
        *,
        ended_early: bool,
    ) -> tuple[Finding, ...]:
        """The winner at each place, in the order of places, with its holders.

        ``holders`` tells which nodes were found to hold the plausible record of a version;
        ``closest`` are the closest nodes that answered.  A search that ``ended_early``, at its
        first record, has not met the closest nodes, and two liars among three are no majority: then
        no record from the future is believed.
        """
        candidates = [
            each._replace(holders=tuple(holders(version)))
            for version, each in self._plausible.items()
        ]
        if not (ended_early and candidates):
            candidates += self._believed(closest)
        return merged(self.rules, candidates)

    def _believed(self, closest: Sequence[Contact]) -> list[Finding]:
        """The records from the future that most of the closest nodes hold."""
        near = frozenset(closest)
        return [
            self._doubtful[version]._replace(holders=tuple(doubters))
            for version, doubters in self._doubters.items()
            if 2 * len(near.intersection(doubters)) > len(near)
        ]


def merged(rules: RecordKind, candidates: Iterable[Finding]) -> tuple[Finding, ...]:
    """The winner at each place, in the order of places.

    Of two findings of the same record the one wins that has more time left, or else the first.
    """
    winners: dict[StorageKey, Finding] = {}
    for each in candidates:
        best = winners.get(each.where)
        if best is None or _beats(rules, each, best):
            winners[each.where] = each
    return tuple(winners[where] for where in sorted(winners))


def _beats(rules: RecordKind, one: Finding, other: Finding) -> bool:
    if one.record == other.record:
        return one.remaining > other.remaining
    return rules.supersedes(one.record, other.record)


def _keep_longest(findings: dict[bytes, Finding], found: Finding) -> None:
    """Remember the finding of each version that has the most time left."""
    known = findings.get(found.version)
    if known is None or found.remaining > known.remaining:
        findings[found.version] = found
