"""What is measured: verdicts, tables, records, idle traffic and paths."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import Counter
from statistics import median
from typing import Any, NamedTuple

from kadtwisted.errors import KadtwistedError
from kadtwisted.testing.campaigns.report import Report
from tests.traversal.homes import KINDS, Kind
from tests.traversal.internet import Internet, Member
from tests.traversal.waiting import until, watch

SETTLED = 200.0
"""Seconds within which a node has to know whether it is reachable: two rounds of probes, and the
minute between them."""
PATHS_AT_ONCE = 2
"""MAGIC: so few that they do not wait for each other's processors."""
QUICK = 3.0
"""Seconds within which a path has to be open."""
MOST = 0.95
"""The share of tries that has to succeed where both NATs allow it."""


class Expected(NamedTuple):
    """Two kinds of home, and the share of paths between them that has to open; ``None``: none can,
    and each failure has to say between which kinds of NAT it was."""

    one: str
    other: str
    share: float | None = MOST


PAIRS = (
    Expected("cone", "cone"),
    Expected("cone", "symmetric", None),
    Expected("symmetric", "cone", None),
    Expected("symmetric", "symmetric", None),
    Expected("full cone", "cone"),
    Expected("cone", "full cone"),
    Expected("full cone", "symmetric"),
    Expected("symmetric", "full cone"),
    Expected("full cone", "full cone"),
    Expected("double", "cone"),
    Expected("cone", "double"),
    Expected("double", "double"),
    Expected("double", "symmetric", None),
    Expected("short", "short"),
    Expected("short", "cone"),
    Expected("same cone", "same cone", None),
    Expected("same full cone", "same full cone"),
    Expected("cone, maps", "symmetric"),
    Expected("symmetric", "cone, maps"),
    Expected("symmetric, maps", "cone, maps"),
    Expected("symmetric, maps", "symmetric, maps", None),
    Expected("full cone, maps", "symmetric"),
    Expected("double, maps", "cone"),
    Expected("short, maps", "symmetric"),
)
"""Who opens a path to whom."""

_verdicts: dict[tuple[Kind, str], int] = Counter()


def start(internet: Internet, report: Report) -> None:
    """Start all private nodes, and wait for their verdicts on themselves."""
    began = time.monotonic()
    internet.start_private()
    report.note(f"all nodes have joined after {time.monotonic() - began:.0f} s")
    _settle(internet, report)


def start_again(internet: Internet, report: Report) -> None:
    """Other nodes at the same places."""
    internet.restart_private()
    _settle(internet, report)


def say_verdicts(internet: Internet, report: Report) -> None:
    """How many verdicts of each kind were false, and how many starts had none in time."""
    for kind in {member.home.kind: None for member in internet.private if member.home}:
        counts = {word: count for (of, word), count in _verdicts.items() if of is kind}
        starts, right, open_ = sum(counts.values()), _right(kind), counts.get("unknown", 0)
        wrong = starts - open_ - counts.get(right, 0)
        report.at_most(f"{kind.name}: verdicts not {right}, of {starts}", wrong, 0)
        report.figure(f"{kind.name}: no verdict after {SETTLED:g} s", open_)
    found = [_verdict(member) for member in [*internet.public, *internet.crowd]]
    report.at_most("public: verdicts unreachable", found.count("unreachable"), 0)


def _settle(internet: Internet, report: Report) -> None:
    """Wait until each private node has a verdict, or time is up, and say how long they took."""
    began = time.monotonic()
    took: dict[Member, float] = dict.fromkeys(internet.private, SETTLED)
    waiting = list(took)

    def have_all() -> bool:
        nonlocal waiting
        for member, word in zip(waiting, list(internet.each(_verdict, waiting)), strict=True):
            if word in ("reachable", "unreachable"):
                took[member] = time.monotonic() - began
        waiting = [member for member in waiting if took[member] == SETTLED]
        return not waiting

    until(have_all, SETTLED, [member.daemon for member in took], every=1.0)
    for member in internet.private:
        if member.kind is not None:
            _verdicts[member.kind, _verdict(member)] += 1
    half, last = median(took.values()), max(took.values())
    rest = f"{len(waiting)} of {len(took)} have none after" if waiting else "all after"
    report.note(f"verdicts: half after {half:.0f} s, {rest} {last:.0f} s")


def _verdict(member: Member) -> str:
    found = member.daemon.ask("status")["links"][0]["reachability"]
    return str(found["verdict"])


def _right(kind: Kind) -> str:
    return "reachable" if kind.reachable else "unreachable"


def tables(internet: Internet, report: Report) -> None:
    """Who is in whose table: unreachable nodes in nobody's."""
    everybody = [*internet.public, *internet.crowd, *internet.private]
    named: dict[str, int] = Counter()
    for routing in internet.each(lambda member: member.daemon.ask("routing"), everybody):
        named.update(
            contact["node_id"] for bucket in routing["buckets"] for contact in bucket["contacts"]
        )
    for kind in {member.kind: None for member in internet.private}:
        assert kind is not None
        places = sum(named[member.node_id] for member in internet.of(kind))
        if kind.reachable:
            report.at_least(f"{kind.name}: places in tables", places, 1)
        else:
            report.at_most(f"{kind.name}: places in tables", places, 0)


def records(internet: Internet, report: Report) -> None:
    """A put from behind each NAT, and a get of it from behind another of its kind."""
    for kind in {member.kind: None for member in internet.private}:
        assert kind is not None
        members = internet.of(kind)
        put = list(internet.each(_put, members))
        readers = [*members[1:], members[0]]
        got = list(internet.each(_gets, zip(readers, members, strict=True)))
        report.at_least(f"{kind.name}: puts of {len(put)}", sum(put), len(put))
        report.at_least(f"{kind.name}: gets of {len(got)}", sum(got), len(got))


def _put(member: Member) -> bool:
    value = b64encode(member.node_id.encode()).decode()
    try:
        member.daemon.ask("put", key=member.node_id, value_base64=value)
    except KadtwistedError:
        return False
    return True


def _gets(pair: tuple[Member, Member]) -> bool:
    reader, writer = pair
    try:
        return bool(reader.daemon.ask("get", key=writer.node_id)["value"] == writer.node_id)
    except KadtwistedError:
        return False


def idle(internet: Internet, report: Report, seconds: float) -> None:
    """Bytes that a node sends and receives while nobody wants anything of it."""
    counted = [member for member in internet.private if member.kind and member.kind.hosts == 1]

    def bytes_of(member: Member) -> int:
        return sum(internet.spaces.bytes_of(member.daemon.namespace))

    before = [bytes_of(member) for member in counted]
    began = time.monotonic()
    watch([member.daemon for member in counted], seconds)
    took = time.monotonic() - began
    rates: dict[str, list[float]] = {}
    for member, earlier in zip(counted, before, strict=True):
        assert member.kind is not None
        rates.setdefault(member.kind.name, []).append((bytes_of(member) - earlier) / took)
    for name, found in rates.items():
        mapping = KINDS[name].lifetime
        report.figure(f"{name}: idle bytes/s, mappings of {mapping} s", median(found))


class Try(NamedTuple):
    """One try to open a path: the seconds it took, and its error."""

    took: float
    error: KadtwistedError | None
    found: dict[str, Any]


def paths(internet: Internet, report: Report, tries: int) -> None:
    """Paths between each pair of kinds: which open, and how quickly."""
    for expected in PAIRS:
        pairs = internet.pairs(KINDS[expected.one], KINDS[expected.other], tries)
        if not pairs:
            continue
        _judge(expected, list(internet.each(_open_path, pairs, PATHS_AT_ONCE)), report)


def _open_path(pair: tuple[Member, Member]) -> Try:
    one, other = pair
    began = time.monotonic()
    try:
        found = one.daemon.ask("open-path", node=other.key)
    except KadtwistedError as error:
        return Try(time.monotonic() - began, error, {})
    return Try(time.monotonic() - began, None, found)


def _judge(expected: Expected, done: list[Try], report: Report) -> None:
    what = f"{expected.one} to {expected.other}"
    quick = [each.took for each in done if each.error is None and each.took <= QUICK]
    failed = Counter(f"{type(each.error).__name__}: {each.error}" for each in done if each.error)
    share = len(quick) / len(done)
    if expected.share is None:
        untyped = sum(bool(each.error) and type(each.error).__name__ != "NoPath" for each in done)
        report.figure(f"{what}: share of {len(done)} paths", share)
        report.at_most(f"{what}: failures that do not say why", untyped, 0)
    else:
        report.at_least(f"{what}: share of {len(done)} paths", share, expected.share)
    if quick:
        report.figure(f"{what}: seconds, half of the paths", median(quick))
        punched = sum(bool(each.found.get("introducer")) for each in done)
        report.figure(f"{what}: of them with an introduction", punched)
    ended = [each.took for each in done if each.error]
    if ended:
        report.figure(f"{what}: seconds until told that there is none", median(ended))
    for text, count in failed.most_common(3):
        report.note(f"  {count} failed: {text}")
