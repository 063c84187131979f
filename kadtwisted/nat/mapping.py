"""What a gateway is asked for, and what it grants, in words that all its protocols share."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

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


class Protocol(Enum):
    """The protocols by which a gateway is asked, the best first."""

    PCP = "pcp"
    NAT_PMP = "natpmp"
    UPNP = "upnp"
