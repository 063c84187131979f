"""What one node is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from kadtwisted.model.settings.fields import brief, setting
from kadtwisted.model.settings.value_kinds import (
    Choice,
    Text,
    TextList,
    WholeNumber,
)
from kadtwisted.parameters.budgets import Bounds, LimitSettings
from kadtwisted.parameters.network import Parameters
from kadtwisted.parameters.upkeep import UpkeepSettings
from kadtwisted.parameters.waiting import Timeouts


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What one node is told when it is made."""

    __repr__ = brief

    port: int = setting(
        0,
        WholeNumber(0, 65535),
        "UDP port, the same for IPv4 and IPv6. With 0 the system chooses one.",
    )
    interfaces: tuple[str, ...] = setting(
        ("0.0.0.0",),
        TextList("an array of IP addresses"),
        "IP addresses of this machine on which the node listens: at most one IPv4 and one IPv6 "
        "address. 0.0.0.0 stands for all of IPv4, :: for all of IPv6.",
    )
    network: str = setting(
        "kad",
        Text("a network's name"),
        "Name of the network. Nodes of another network do not answer.",
    )
    network_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """Secrets of a private network, the newest first.  Without one the network is open."""
    allow: tuple[str, ...] = setting(
        (),
        TextList("an array of prefixes such as 10.0.0.0/8"),
        "Prefixes of private addresses, such as 10.0.0.0/8 or fd00::/8, that a node with a public "
        "address may contact and pass on to others. Without them it contacts no private address.",
    )
    read_only: bool = False
    """A short-lived node: it never enters a routing table and stores nothing for others."""
    portmap: str = setting(
        "none",
        Choice(("none", "needed", "auto", "pcp", "natpmp", "upnp")),
        "How a gateway is asked to map the UDP port from outside: by one protocol, auto tries "
        "all, none asks for nothing. needed is auto once a node at a public address has answered, "
        "if this machine's own address is not public. upnp needs the package miniupnpc.",
    )
    reachability: str = setting(
        "measure",
        Choice(("measure", "assume")),
        "Whether the node looks if others can reach it, and is read-only to them while they "
        "cannot: measure has other nodes send it a PING now and then, assume asks nobody and "
        "always serves.",
    )
    sealer: str = setting(
        "box",
        Choice(("box", "plain")),
        "How datagrams are sealed. box encrypts and authenticates each of them; plain does "
        "not, and is for tests only.",
    )
    agent: str | None = setting(
        None, Text("a text"), "Text that other nodes are shown when they ping this one."
    )
    parameters: Parameters = field(default_factory=Parameters)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: LimitSettings = field(default_factory=LimitSettings)
    bounds: Bounds = field(default_factory=Bounds)
    upkeep: UpkeepSettings = field(default_factory=UpkeepSettings)
