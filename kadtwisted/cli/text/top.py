"""A running node as ``kad top`` shows it: its verdict, its traffic and its contacts on one screen.

Made from what ``--json`` prints: status and routing tables, and the rates between two looks.  The
most important lines come first, for what does not fit on the screen is cut off below.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kadtwisted.cli.text.output import Described, count_of, duration, milliseconds, size, table
from kadtwisted.cli.text.status import gone_text
from kadtwisted.model.health import clock_fault

REMEMBERED = 40
"""Looks whose rates are drawn."""
SHOWN_CONTACTS = 10
_BARS = " ▁▂▃▄▅▆▇█"
_REQUEST, _REFUSED, _DROPPED = "in.", "refused.", "dropped."


class Rates:
    """What counters gained each second between two looks; it remembers how much came in."""

    def __init__(self) -> None:
        self._before: Mapping[str, Any] | None = None
        self._history: deque[float] = deque(maxlen=REMEMBERED)

    def since(self, status: Described) -> dict[str, Any]:
        """The rates since the look before.  The time between is the node's own, so a look that came
        late is no error; after a restart there are none."""
        before, self._before = self._before, status
        passed = status["uptime_seconds"] - before["uptime_seconds"] if before else 0.0
        found: dict[str, float] = {}
        if before is not None and passed > 0:
            old, new = before["counters"], status["counters"]
            found = {name: (new[name] - old.get(name, 0)) / passed for name in sorted(new)}
            self._history.append(found.get("datagrams.in", 0.0))
        return {"per_second": found, "datagrams_in": [round(each, 1) for each in self._history]}


def top_text(look: Described) -> str:
    """One screen."""
    if "gone" in look:
        return gone_text(look["gone"])
    status, rates = look["status"], look["rates"]["per_second"]
    parts = [
        _head(status),
        _traffic(status["counters"], rates, look["rates"]["datagrams_in"]),
        _requests(status["counters"], rates),
        _contacts(look["routing"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(status: Described) -> str:
    fault = clock_fault(status["clock_ahead_seconds"])
    stored = count_of(status["stored_records"], "record")
    full = ", full" if status["storage_full"] else ""
    lines = [
        f"{status['health'].capitalize()}: {status['health_sentence']}.",
        *([f"{fault[0].upper()}{fault[1:]}: set it."] if fault else []),
        f"{status['network']}  up {duration(status['uptime_seconds'])}  node {status['node_id']}",
        *map(_link, status["links"]),
        f"{stored}, {size(status['stored_bytes'])}{full}; {status['own_records']:,} kept published,"
        f" {status['pinned_records']:,} pinned, {status['records_below_pin']:,} below their pin, "
        f"{status['lost_records']:,} lost",
    ]
    return "\n".join(lines)


def _link(link: Described) -> str:
    estimate = link.get("network_size")
    nodes = f", of about {estimate:,} nodes" if estimate else ""
    reach = link.get("reachability") or {}
    told = f", {reach['verdict']}" if "verdict" in reach else ""
    known = f"{count_of(link['contacts'], 'contact')} and {link['tentative']:,} to be verified"
    asked = count_of(link["requests_in_flight"], "request")
    return f"{link['family']} {link['listening'] or 'not bound'}: {known}{nodes}, {asked} out{told}"


def _traffic(counts: Described, rates: Described, history: Sequence[float]) -> str:
    rows = [
        (title, f"{rates.get(name, 0.0):,.1f}", f"{counts.get(name, 0):,}")
        for title, name in (("received", "datagrams.in"), ("sent", "datagrams.out"))
    ]
    rows += [
        (f"dropped: {name.removeprefix(_DROPPED)}", f"{rates.get(name, 0.0):,.1f}", f"{count:,}")
        for name, count in sorted(counts.items())
        if count and name.startswith(_DROPPED)
    ]
    shown = table(("DATAGRAMS", "A SECOND", "TOTAL"), rows, right=(1, 2))
    return f"{shown}\n{bars(history)}" if len(history) > 1 else shown


def _requests(counts: Described, rates: Described) -> str:
    rows = [
        (kind, f"{rates.get(name, 0.0):,.1f}", f"{count:,}", f"{counts.get(_REFUSED + kind, 0):,}")
        for name, count in sorted(counts.items())
        if count and name.startswith(_REQUEST)
        for kind in (name.removeprefix(_REQUEST),)
    ]
    return table(("REQUESTS OF OTHERS", "A SECOND", "TOTAL", "REFUSED"), rows, right=(1, 2, 3))


def _contacts(routing: Described) -> str:
    found = sorted(_all_contacts(routing), key=lambda each: each["last_seen_seconds"])
    rows = [
        (
            each["node_id"][:16],
            each["endpoint"],
            each["state"],
            "-" if each["rtt_seconds"] is None else milliseconds(each["rtt_seconds"]),
            f"{duration(each['last_seen_seconds'])} ago",
        )
        for each in found[:SHOWN_CONTACTS]
    ]
    if not rows:
        return ""
    return table(("HEARD LAST", "ENDPOINT", "STATE", "RTT", "LAST SEEN"), rows, right=(3, 4))


def _all_contacts(routing: Described) -> Iterator[Described]:
    for bucket in routing["buckets"]:
        yield from bucket["contacts"]


def bars(values: Sequence[float]) -> str:
    """Numbers as a row of bars, the largest of full height."""
    most = max(values, default=0.0)
    steps = len(_BARS) - 1
    drawn = "".join(_BARS[round(steps * each / most) if most else 0] for each in values)
    return f"{drawn}  at most {most:,.1f} a second"
