"""What a gateway is asked for, and what it grants, in words that all its protocols share."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.networks import EVERYBODY, scope_of

PROTOCOL_UDP = 17
"""IANA's number of UDP, which PCP (RFC 6887, 11.1) names."""
GATEWAY_PORT = 5351
"""The UDP port of a gateway that speaks NAT-PMP (RFC 6886, 3) or PCP (RFC 6887, 19.1)."""


class Wish(NamedTuple):
    """A mapping that is asked for: from an outer UDP port to ours, ``lifetime`` seconds long.

    ``host`` is our address as the gateway sees it.  ``outer_port`` is a suggestion; 0 means any.
    ``lifetime`` 0 ends the mapping.
    """

    host: str
    port: int
    outer_port: int
    lifetime: int


class Grant(NamedTuple):
    """A mapping that a gateway says to have made, ``lifetime`` seconds long.

    ``outer_host`` is ``None`` where the protocol tells it by another message.
    """

    outer_host: str | None
    outer_port: int
    lifetime: int


class Refused(NamedTuple):
    """A gateway said no.  ``reason`` is for people; ``speaks_not`` says that it does not speak this
    protocol at all, so another may work."""

    reason: str
    speaks_not: bool = False


class OuterAddress(NamedTuple):
    """A gateway's own address outside, where the protocol tells it by a message of its own."""

    host: str


Heard = Grant | Refused | OuterAddress


def doubt(outer: Endpoint, seen: Endpoint | None) -> str:
    """Why a mapping that a gateway says to have made at ``outer`` may be of no use, in a sentence;
    empty if others see us there.  ``seen`` is where they say that they do, ``None`` if they do not
    know; its port is 0 if they do not agree on one.

    The gateway is one voice, and maybe wrong: behind another NAT it does not know the address
    outside.  So what others see counts.
    """
    if scope_of(outer.host) != EVERYBODY:
        return f"{outer.host} is no public address: another NAT stands before this gateway"
    if seen is None:
        return "nobody has said yet where others see this node"
    if seen.host != outer.host:
        return f"others see this node at {seen.host}, not at {outer.host}"
    if seen.port != outer.port:
        port = seen.port or "changing ports"
        return (
            f"others see this node on {port}, not on {outer.port}: it does not send by the mapping"
        )
    return ""


class Protocol(Enum):
    """The protocols by which a gateway is asked, the best first."""

    PCP = "pcp"
    NAT_PMP = "natpmp"
    UPNP = "upnp"
