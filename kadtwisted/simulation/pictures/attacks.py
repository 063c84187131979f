"""Pictures of hostile and hidden members: liars everywhere (``sybil``), many IDs against one node
(``eclipse``), and nodes behind NATs (``nat``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes

from kadtwisted.simulation.pictures import sheet
from kadtwisted.simulation.pictures.captions import caption
from kadtwisted.simulation.pictures.sheet import Sheet, line

Document = Mapping[str, Any]

_PLACES = MappingProxyType(
    {"address": "one address", "block": "one /24 block", "blocks": "50 /24 blocks"}
)
_VICTIMS = MappingProxyType({"stocked": "An old member", "cold": "A newcomer"})


def sybil(found: Document) -> dict[str, Sheet]:
    """Reads that succeed, and their cost, against the share of liars: a line for each number of
    disjoint paths."""
    made = Sheet("A part of all members lies", caption(found), 1, 2, height=2.9)
    share = "liars, % of all members"
    good = made.panel(0, 0, title="Reads that succeed", x=share, y="reads, %")
    cost = made.panel(0, 1, title="What a successful read costs", x=share, y="RPCs a read, mean")
    rows = found["rows"]
    kinds = list(dict.fromkeys((row["nodes"], row["paths"]) for row in rows))
    for number, (size, paths) in enumerate(kinds):
        own = [row for row in rows if (row["nodes"], row["paths"]) == (size, paths)]
        name = f"{paths} path{'s' if paths > 1 else ''}{_size(found, own[0])}"
        _by_share(good, number, own, "liars_percent", "read_percent", name)
        _by_share(cost, number, own, "liars_percent", "rpcs_mean", name)
    sheet.percent(good)
    sheet.from_nothing(cost)
    sheet.legend(good, "lower left")
    return {"": made}


def _size(found: Document, row: Document) -> str:
    """The number of nodes of a case, if cases differ in it."""
    return f", N = {row['nodes']:,}" if len(found["scenario"]["nodes"]) > 1 else ""


def _by_share(
    axes: Axes, number: int, rows: Sequence[Document], share: str, key: str, name: str
) -> None:
    """A line against a share in per cent, with a mark at each share that was measured."""
    shares = [row[share] for row in rows]
    line(axes, number, shares, [row[key] for row in rows], name)
    axes.set_xticks(sorted(dict.fromkeys(shares)))


def eclipse(found: Document) -> dict[str, Sheet]:
    """The part of a victim's table that the hoard has taken, over time: a picture for each number
    of nodes, a panel for each kind of victim, a line for each place of the hoard."""
    sizes = list(dict.fromkeys(each["nodes"] for each in found["details"]))
    return {"" if len(sizes) == 1 else f"-{size}": _eclipse_of(found, size) for size in sizes}


def _eclipse_of(found: Document, size: int) -> Sheet:
    cases = [each for each in found["details"] if each["nodes"] == size]
    victims = list(dict.fromkeys(each["victim"] for each in cases))
    title = "Many IDs at few addresses turn to one node"
    made = Sheet(title, caption(found, size), 1, len(victims), height=2.9)
    for column, victim in enumerate(victims):
        axes = made.panel(
            0, column, title=_VICTIMS.get(victim, victim), x="minutes under attack",
            y="hostile contacts, % of its table",
        )  # fmt: skip
        for number, each in enumerate(case for case in cases if case["victim"] == victim):
            course = each["course"]
            name = _PLACES.get(each["place"], each["place"])
            minutes = [look["minute"] for look in course]
            line(axes, number, minutes, [look["share_percent"] for look in course], name)
        sheet.percent(axes)
        sheet.legend(axes)
    return made


def nat(found: Document) -> dict[str, Sheet]:
    """What is reached, what is found and what tables hold, against the share behind NATs; with
    several rules, what each of them costs."""
    if len({row.get("reachability") for row in found["rows"]}) > 1:
        return {"": _rules(found)}
    made = Sheet("A part of all nodes lives behind NATs", caption(found), 1, 2, height=2.9)
    share = "behind NATs, % of all nodes"
    parts = made.panel(0, 0, title="Reads and reach", x=share, y="of all such, %")
    tables = made.panel(0, 1, title="A routing table", x=share, y="contacts a node, mean")
    rows = found["rows"]
    for number, size in enumerate(dict.fromkeys(row["nodes"] for row in rows)):
        own = [row for row in rows if row["nodes"] == size]
        for axes, keys in ((parts, _REACH), (tables, _TABLES)):
            for place, (key, name) in enumerate(keys.items(), number * len(keys)):
                _by_share(axes, place, own, "natted_percent", key, name + _size(found, own[0]))
    sheet.percent(parts)
    sheet.from_nothing(tables)
    sheet.legend(parts)
    sheet.legend(tables)
    return {"": made}


def _rules(found: Document) -> Sheet:
    """What a node sends at rest and how long a read takes, by what is done about NATs."""
    made = Sheet("What is done about NATs, and what it costs", caption(found), 1, 2, height=2.9)
    sent = made.panel(0, 0, title="What a node sends at rest", x="rule", y="bytes a second, mean")
    time = made.panel(0, 1, title="How long a read takes", x="rule", y="seconds")
    rows = found["rows"]
    rules = list(dict.fromkeys(row["reachability"] for row in rows))
    kinds = list(dict.fromkeys((row["nodes"], row["natted_percent"]) for row in rows))
    several = len(found["scenario"]["shares"]) > 1
    for number, (size, share) in enumerate(kinds):
        own = [row for row in rows if (row["nodes"], row["natted_percent"]) == (size, share)]
        places = [rules.index(row["reachability"]) for row in own]
        case = _size(found, own[0]) + (f", {share} %" if several else "")
        for axes, keys in ((sent, _SENT), (time, _TIMES)):
            for place, (key, name) in enumerate(keys.items(), number * len(keys)):
                line(axes, place, places, [row[key] for row in own], name + case)
    for axes in (sent, time):
        axes.set_xticks(range(len(rules)), rules)
        sheet.from_nothing(axes)
        sheet.legend(axes)
    return made


_REACH = MappingProxyType(
    {
        "read_percent": "reads that succeed",
        "reachable_percent": "nodes anybody can reach",
        "useless_percent": "verified contacts\nnobody told could reach",
    }
)
_TABLES = MappingProxyType({"contacts_mean": "verified", "tentative_mean": "tentative"})
_SENT = MappingProxyType(
    {"public_sent_bytes": "without a NAT", "natted_sent_bytes": "behind a NAT"}
)
_TIMES = MappingProxyType({"seconds_p50": "median", "seconds_p95": "95th percentile"})
