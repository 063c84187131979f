"""A running node as ``kad status`` and ``kad routing`` show it to people.

Made from the dictionaries that ``--json`` prints.  The most important facts come first.  Counters
are shown by ``--json`` only, except those of dropped datagrams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from kadtwisted.cli.text.output import Described, count_of, duration, milliseconds, size, table
from kadtwisted.model.health import clock_fault

_SHOWN_BITS = 16
"""Bits of a k-bucket's prefix that are written out."""
_DROPPED = "dropped."
_COLUMNS = ("NODE ID", "ENDPOINT", "STATE", "KNOWN FOR", "LAST SEEN", "RTT", "FAILURES")
_NUMBERS = (3, 4, 5, 6)


# --- The node --------------------------------------------------------------------------------


def status_text(status: Described) -> str:
    """A running node on one screen, its verdict first."""
    sentence = f"{status['health'].capitalize()}: {status['health_sentence']}."
    fault = clock_fault(status["clock_ahead_seconds"])
    warning = f"{fault[0].upper()}{fault[1:]}: set it." if fault else ""
    parts = [sentence, warning, _named(_facts(status)), _dropped_text(status["counters"])]
    return "\n\n".join(part for part in parts if part)


def _facts(status: Described) -> list[tuple[str, str]]:
    kind = "read-only" if status["read_only"] else "full node"
    access = "private" if status["private"] else "open"
    links = status["links"]
    stored = count_of(status["stored_records"], "record")
    full = " (full)" if status["storage_full"] else ""
    return [
        ("Network", f"{status['network']} ({access})"),
        ("Uptime", f"{duration(status['uptime_seconds'])}, {kind}"),
        *(("Address", address) for address in status["addresses"]),
        *(("Listening", _listening(link)) for link in links),
        *(("Same key at", link["twin"]) for link in links if link.get("twin")),
        *(("Mapped", _mapped(link["mapping"])) for link in links if link.get("mapping")),
        *(("From outside", _reached(link)) for link in links if _is_measured(link)),
        ("Contacts", ", ".join(_contacts(link) for link in links)),
        ("Stored", f"{stored}, {size(status['stored_bytes'])}{full}"),
        ("Own records", _own_records(status)),
        ("Replication", _replication(status)),
        ("Node ID", status["node_id"]),
    ]


def gone_text(gone: Described) -> str:
    """One line, of a node that was there at the last look."""
    return f"The node is not there: {gone['sentence']}."


def _mapped(mapping: Described) -> str:
    """The port at the gateway."""
    if not mapping["protocol"]:
        return f"no: {mapping['problem'] or 'the gateway is being asked'}"
    left = duration(mapping["left_seconds"])
    doubt = f", but {mapping['problem']}" if mapping["problem"] else ""
    return f"{mapping['outer'] or 'at the gateway'} by {mapping['protocol']}, for {left}{doubt}"


_REACHED = MappingProxyType(
    {
        "reachable": "others can reach this node",
        "unreachable": "others cannot reach this node",
        "unknown": "not known yet whether others can reach this node",
    }
)
_NATS = MappingProxyType(
    {
        "none": "no NAT",
        "independent": "behind a NAT that keeps its port",
        "dependent": "behind a NAT that changes its port",
    }
)


def _is_measured(link: Described) -> bool:
    """Whether there is anything to say of who can reach the node."""
    reach = link.get("reachability")
    if reach is None or reach["verdict"] == "assumed":
        return False
    return reach["verdict"] in ("reachable", "unreachable") or bool(reach["read_only_because"])


def _reached(link: Described) -> str:
    """Whether others can reach the node over one family, why so, and what is done about it."""
    reach = link["reachability"]
    parts = [f"{link['family']}: {_REACHED.get(reach['verdict'], reach['verdict'])}"]
    if reach["verdict"] == "unreachable" and reach["networks_failed"]:
        parts[0] += f" ({count_of(reach['networks_failed'], 'network')} tried)"
    if reach["nat"] in _NATS:
        parts.append(_NATS[reach["nat"]])
    if reach["read_only_because"]:
        parts.append("read-only to others")
    if reach["introducers"]:
        often = duration(reach["keep_alive_seconds"])
        parts.append(f"{count_of(reach['introducers'], 'introducer')} pinged every {often}")
    return ", ".join(parts)


def _own_records(status: Described) -> str:
    told = f"{status['own_records']:,} kept published"
    if not status["own_records_kept"]:
        told += ", but too many to keep up: some expire"
    lost = status["lost_records"]
    if lost:
        told += f"; {lost:,} replaced or deleted by others"
    pinned, below = status["pinned_records"], status["records_below_pin"]
    if pinned:
        told += f"; {pinned:,} pinned, {below:,} of them with too few holders"
    return told


def pinned_text(own: Described, name: str) -> str:
    """What was pinned."""
    return (
        f"{name!r} is pinned: {own['pin']} nodes must hold it; kad own shows how many were counted"
    )


def _replication(status: Described) -> str:
    every = f"every {duration(status['replication_period_seconds'])}"
    return every if status["replication_kept"] else f"{every}, but too many records to keep up"


def _listening(link: Described) -> str:
    return f"{link['family']} {link['listening'] or 'not at all'}{_seen(link)}"


def _seen(link: Described) -> str:
    """Where others see the node, and how many have said so lately."""
    observed = link["observed"]
    if not observed:
        return ""
    host, _, port = observed.rpartition(":")
    seen = f", seen by others as {observed if port != '0' else f'{host} on changing ports'}"
    return f"{seen} (so say {link['observers']:,})" if link["observers"] else seen


def _contacts(link: Described) -> str:
    tentative = f" (and {link['tentative']:,} to be verified)" if link["tentative"] else ""
    return f"{link['contacts']:,} over {link['family']}{tentative}"


def _named(facts: Sequence[tuple[str, str]]) -> str:
    """A name and a fact on each line; the name is left out if the line before has it, too."""
    width = max(len(name) for name, _ in facts)
    names = ["", *(name for name, _ in facts)]
    return "\n".join(
        f"{'' if name == before else name:<{width}}  {fact}"
        for (name, fact), before in zip(facts, names, strict=False)
    )


def _dropped_text(counters: Described) -> str:
    rows = [
        (name.removeprefix(_DROPPED), f"{count:,}")
        for name, count in sorted(counters.items())
        if count and name.startswith(_DROPPED)
    ]
    return table(("DATAGRAMS DROPPED", "TOTAL"), rows, right=(1,)) if rows else ""


# --- The routing tables ----------------------------------------------------------------------


def routing_text(routing: Described) -> str:
    """The routing tables, bucket by bucket; all buckets have the same columns."""
    buckets = [each for each in routing["buckets"] if each["contacts"] or each["replacements"]]
    contacts = [each for bucket in buckets for each in bucket["contacts"]]
    head = (
        f"node {routing['node_id']}: {count_of(len(contacts), 'contact')} in "
        f"{count_of(len(buckets), 'k-bucket')}"
    )
    columns, *rows = table(_COLUMNS, [_row(each) for each in contacts], right=_NUMBERS).split("\n")
    waiting = iter(rows)
    parts = [head, *(_bucket_text(each, waiting) for each in buckets)]
    if contacts:
        parts.insert(1, columns)
    return "\n\n".join(parts)


def _row(contact: Described) -> Sequence[str]:
    rtt = contact["rtt_seconds"]
    return (
        contact["node_id"],
        contact["endpoint"],
        contact["state"],
        duration(contact["known_for_seconds"]),
        _ago(contact["last_seen_seconds"]),
        "-" if rtt is None else milliseconds(rtt),
        str(contact["failures"]),
    )


def _bucket_text(bucket: Described, rows: Iterator[str]) -> str:
    """One bucket: its facts, then a row for each of its contacts, taken from ``rows``."""
    head = (
        f"{bucket['family']} {prefix_text(bucket['prefix'], bucket['length'])}: "
        f"{count_of(len(bucket['contacts']), 'contact')}, "
        f"{count_of(bucket['replacements'], 'replacement')}, "
        f"last lookup {_ago(bucket['last_lookup_seconds'])}"
    )
    return "\n".join([head, *(row for _, row in zip(bucket["contacts"], rows, strict=False))])


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{duration(seconds)} ago"


def prefix_text(prefix: str, length: int) -> str:
    """A k-bucket's prefix: its first bits, and how many bits it has."""
    if length == 0:
        return "whole space"
    bits = f"{int(prefix, 16):0{4 * len(prefix)}b}"[:length]
    shown = bits if length <= _SHOWN_BITS else bits[:_SHOWN_BITS] + "..."
    return f"{shown} ({count_of(length, 'bit')})"


# --- What is kept published ------------------------------------------------------------------


def own_text(own: Described, unix_time: float) -> str:
    """What a node keeps published, one a line: a node knows keys; names come from who asks."""
    if not own["own"]:
        return "nothing is kept published"
    return table(
        ("NAME OR REFERENCE", "KEY", "STATE", "LIFETIME", "AGAIN IN", "HOLDERS"),
        [
            (
                each["name"] or each["reference"] or "-",
                each["place"][1],
                each["state"],
                duration(each["lifetime_seconds"]),
                _until(each["next_at_unix"], unix_time),
                _holders(each, unix_time),
            )
            for each in own["own"]
        ],
        right=(3, 4),
    )


def _holders(own: Described, unix_time: float) -> str:
    """Of a pinned record: how many hold it, of how many that must, and when that was counted."""
    if not own["pin"]:
        return "-"
    audit = own["audit"]
    if audit is None:
        return f"? of {own['pin']}"
    ago = duration(max(0.0, unix_time - audit["at_unix"]))
    return f"{audit['held']} of {own['pin']}, {ago} ago"


def _until(moment: float | None, unix_time: float) -> str:
    return "-" if moment is None else duration(max(0.0, moment - unix_time))
