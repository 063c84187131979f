"""NAT-PMP (RFC 6886) for one UDP mapping: the bytes of its two requests and their answers.

All numbers are big-endian.  An answer repeats the request's opcode with 128 added.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from types import MappingProxyType

from kadtwisted.nat.mapping import Grant, Heard, OuterAddress, Refused, Wish

VERSION = 0
ADDRESS = 0
"""The opcode that asks for the gateway's address outside (section 3.2)."""
MAP_UDP = 1
"""The opcode that asks for a UDP mapping (section 3.3)."""
ANSWER = 128

_MAP_REQUEST = struct.Struct("!BBHHHI")
_HEAD = struct.Struct("!BBH4x")
"""Version, opcode, result; then the seconds for which the gateway has run."""
_MAPPED = struct.Struct("!HHI")

UNSUPPORTED_VERSION = 1
REASONS = MappingProxyType(
    {
        UNSUPPORTED_VERSION: "it does not speak NAT-PMP",
        2: "it does not allow mappings",
        3: "it has no address outside itself",
        4: "it has no room for another mapping",
        5: "it does not know this request",
    }
)
"""What the result codes of section 3.5 say."""


def address_request() -> bytes:
    """Asks for the gateway's address outside."""
    return bytes((VERSION, ADDRESS))


def map_request(wish: Wish) -> bytes:
    """Asks for a mapping, or for its end."""
    outer = wish.outer_port if wish.lifetime else 0  # section 3.4: an end names no outer port
    return _MAP_REQUEST.pack(VERSION, MAP_UDP, 0, wish.port, outer, wish.lifetime)


def read(datagram: bytes, port: int) -> Heard | None:
    """What a gateway's answer says about our ``port``; ``None`` for anything else."""
    if len(datagram) < _HEAD.size:
        return None
    version, opcode, result = _HEAD.unpack_from(datagram)
    if version != VERSION or opcode not in (ANSWER + ADDRESS, ANSWER + MAP_UDP):
        return None
    if result:
        reason = REASONS.get(result, f"it refuses with code {result}")
        return Refused(reason, speaks_not=result == UNSUPPORTED_VERSION)
    body = datagram[_HEAD.size :]
    if opcode == ANSWER + ADDRESS:
        return OuterAddress(str(IPv4Address(body[:4]))) if len(body) >= 4 else None
    if len(body) < _MAPPED.size:
        return None
    inner, outer, lifetime = _MAPPED.unpack_from(body)
    return Grant(None, outer, lifetime) if inner == port else None
