"""What ``kad doctor`` finds, from what the node and the machine say.

Each finding has a state, a sentence, and what to do about it.  Nothing here asks anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from kadtwisted.cli.text.output import count_of, size
from kadtwisted.cli.verbs.eyes.machine import Directory
from kadtwisted.model.health import Health, clock_fault
from kadtwisted.storage.guard import user_name

OK, NOTE, WARN, BAD = "ok", "note", "warn", "bad"
FEW_CONTACTS: Final = 3
"""With fewer a node is nearly alone; the alerts of ``etc/`` have the same number."""
LEAST_FREE: Final = 64 * 1024 * 1024
LEAST_PART: Final = 0.02
"""MAGIC: of a disk that is so full other programs soon take the rest."""

ADVICE: Final[Mapping[Health, str]] = MappingProxyType(
    {
        Health.STOPPED: "start it: systemctl start kademlia, or twistd -n kademlia",
        Health.STARTING: "wait; if it takes minutes the disk is slow: see the log",
        Health.JOINING: "check the bootstrap addresses, the network's name and secret, and that "
        "UDP passes the firewall both ways",
        Health.ISOLATED: "look at the network of this machine; the node comes back by itself",
        Health.OFFLINE: "connect this machine to a network; the node goes on by itself",
        Health.BLOCKED: "log in if the network wants that; open UDP outwards; try another network",
        Health.DOUBLED: "stop one of the two nodes, remove identity.key and contacts from its "
        "state directory, and start it again",
        Health.DEGRADED: "make room on the disk of its state directory, or mend it: see the log",
        Health.STOPPING: "wait until it has stopped",
    }
)

FAR: Final = (
    "see that the URL is right, that the node runs, and that its http.listen, or --http, has this "
    "place; a place at 127.0.0.1 is for its own machine only"
)
"""Of a gateway that does not answer."""
NO_TOKEN: Final = (
    "give a token of the role read with --token-file; and the name in the URL is localhost, or one "
    "of http.hosts there"
)
HELD_UP: Final = (
    "it is held up, or its machine is: look at its log and at what the machine does; if it stays "
    "so, start it again"
)


class Finding(NamedTuple):
    """One: ``state`` is ``ok``, ``note``, ``warn`` or ``bad``; ``advice`` is empty if there is
    nothing to do."""

    name: str
    state: str
    found: str
    advice: str = ""


def of_status(status: Mapping[str, Any]) -> Iterator[Finding]:
    """What the node says of itself."""
    health = Health.named(status["health"])
    well = health is Health.SERVING
    yield Finding("verdict", OK if well else BAD, f"{health.word}: {health.sentence}",
                  ADVICE.get(health, ""))  # fmt: skip
    for link in status["links"]:
        yield from _of_link(link)
    yield from _of_clock(status["clock_ahead_seconds"])
    yield from _of_records(status)


def _of_link(link: Mapping[str, Any]) -> Iterator[Finding]:
    family = link["family"]
    if link["listening"] is None:
        yield Finding("port", BAD, f"the {family} port is not bound",
                      "see the log; the node binds it again, or ends after a minute")  # fmt: skip
        return
    yield Finding("port", OK, f"{family} {link['listening']}")
    contacts = link["contacts"]
    waiting = f", {link['tentative']:,} to be verified" if link["tentative"] else ""
    told = f"{count_of(contacts, 'contact')} over {family}{waiting}"
    if contacts < FEW_CONTACTS:
        advice = "give it more bootstrap addresses, unless the network is as small as that"
        yield Finding("contacts", WARN, told, advice)
    else:
        yield Finding("contacts", OK, told)
    yield _of_reach(link)


def _of_reach(link: Mapping[str, Any]) -> Finding:
    family, reach = link["family"], link.get("reachability") or {}
    verdict = str(reach.get("verdict", ""))
    seen = link["observed"]
    told = f"{family}: {verdict or 'not known'}" + (f", seen as {seen}" if seen else "")
    if verdict == "unreachable":
        return Finding(
            "reachability", WARN, told,
            "others cannot reach this node: open its UDP port in the firewall, or forward it at "
            "the router; portmap = \"auto\" asks the router",
        )  # fmt: skip
    return Finding("reachability", OK if verdict == "reachable" else NOTE, told)


def _of_clock(ahead: float | None) -> Iterator[Finding]:
    fault = clock_fault(ahead)
    if fault:
        advice = "set the clock, and let it be kept: timedatectl set-ntp true"
        yield Finding("clock", BAD, fault, advice)
    elif ahead is None:
        yield Finding("clock", NOTE, "too few others have told the time yet")
    else:
        yield Finding("clock", OK, f"{abs(ahead):.1f} s off the network's")


def _of_records(status: Mapping[str, Any]) -> Iterator[Finding]:
    for wrong, state, found, advice in (
        (status["storage_full"], WARN, "the storage is full",
         "raise bounds.stored_records and bounds.stored_bytes, if the disk has room"),
        (not status["replication_kept"], WARN, "more records than can be replicated in time",
         "raise upkeep.rate"),
        (not status["own_records_kept"], BAD, "more own records than can be published in time",
         "raise upkeep.rate, or give them longer lifetimes"),
        (status["lost_records"], WARN,
         f"others took the place of {count_of(status['lost_records'], 'record')}",
         "kad own lists them; store them again, or sign them"),
        (status["records_below_pin"], BAD,
         f"{count_of(status['records_below_pin'], 'pinned record')} with too few holders",
         "kad own shows the counts; there may be too few nodes"),
    ):  # fmt: skip
        if wrong:
            yield Finding("records", state, found, advice)
            return
    stored = count_of(status["stored_records"], "record")
    yield Finding("records", OK, f"{stored} stored, {status['own_records']:,} kept published")


def of_buffer(granted: int | None, wanted: int) -> Finding:
    """The receive buffer."""
    if granted is None:
        return Finding("buffers", NOTE, "the system does not say how large buffers may be")
    if granted >= wanted:
        return Finding("buffers", OK, f"sockets may have {size(granted)} for datagrams that wait")
    return Finding(
        "buffers", WARN, f"the system grants {size(granted)} for datagrams, not {size(wanted)}",
        f"sysctl -w net.core.rmem_max={wanted}, and the same in /etc/sysctl.d/kademlia.conf",
    )  # fmt: skip


def of_directory(found: Directory | None, wanted: str, me: int) -> Finding:
    """The state directory; ``me`` is who asks."""
    if found is None:
        return Finding("state", NOTE, f"{wanted} is not there, or closed to this user")
    path = found.path
    if found.others_write:
        return Finding("state", BAD, f"others may write in {path}", f"chmod 700 {path}")
    if found.read_only:
        advice = "mount its file system for writing, and give the directory to the node's user"
        return Finding("state", BAD, f"nothing can be written in {path}", advice)
    if found.bytes_free < LEAST_FREE or found.part_free < LEAST_PART:
        return Finding("state", BAD, f"{path} has {size(found.bytes_free)} left", "make room there")
    whose = "" if found.owner in (me, 0) else f", of the user {user_name(found.owner)}"
    return Finding("state", OK, f"{path}{whose}, {size(found.bytes_free)} left")


def of_unit(unit: tuple[str, str] | None, systemd: bool) -> Finding:
    """The service unit."""
    if not systemd:
        return Finding("unit", NOTE, "systemd does not run here")
    if unit is None:
        return Finding("unit", NOTE, "systemd has no unit kademlia.service; etc/ has one")
    path, text = unit
    lines = {line.strip() for line in text.splitlines()}
    missing = [
        each
        for each in ("Type=notify", "Restart=", "WatchdogSec=")
        if not any(line.startswith(each) for line in lines)
    ]
    if missing:
        told = f"{path} has no {' and no '.join(missing)}"
        advice = "take etc/kademlia.service: systemd then knows when the node is up, and whether"
        return Finding("unit", WARN, told, advice)
    return Finding("unit", OK, path)
