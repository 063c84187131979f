"""PCP (RFC 6887) for one UDP mapping: the bytes of a MAP request and its answer.

Addresses have 16 bytes, IPv4 ones are written as IPv6 (section 5).  All numbers are big-endian.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import MappingProxyType

from kadtwisted.nat.mapping import PROTOCOL_UDP, Grant, Heard, Refused, Wish

VERSION = 2
MAP = 1
"""The opcode of section 11."""
ANSWER = 128
NONCE_BYTES = 12
LONGEST = 1100
"""The most bytes that a message may have (section 7)."""

_REQUEST = struct.Struct("!BBHI16s")
_ANSWER = struct.Struct("!BBBBI4x12x")
"""Version, opcode, reserved, result, lifetime; then the seconds for which the gateway has run."""
_MAPPING = struct.Struct("!12sB3xHH16s")

SUCCESS = 0
UNSUPPORTED_VERSION = 1
REASONS = MappingProxyType(
    {
        UNSUPPORTED_VERSION: "it does not speak PCP",
        2: "it does not allow mappings",
        3: "it could not read the request",
        4: "it does not know this request",
        5: "it does not know an option of the request",
        6: "it could not read an option of the request",
        7: "it has no address outside itself",
        8: "it has no room for another mapping",
        9: "it does not map UDP",
        10: "this host has as many mappings as it may have",
        11: "it cannot give the port that was asked for",
        12: "there is another translator between it and us",
        13: "the mapping has too many peers",
    }
)
"""What the result codes of section 7.4 say."""


def map_request(wish: Wish, nonce: bytes) -> bytes:
    """Asks for a mapping, or for its end; its 12 random bytes stay the same as long as it lives."""
    unknown = "0.0.0.0" if ":" not in wish.host else "::"
    outer = wish.outer_port if wish.lifetime else 0  # section 15.1: an end names no outer port
    head = _REQUEST.pack(VERSION, MAP, 0, wish.lifetime, _packed(wish.host))
    return head + _MAPPING.pack(nonce, PROTOCOL_UDP, wish.port, outer, _packed(unknown))


def read(datagram: bytes, port: int, nonce: bytes) -> Heard | None:
    """What a gateway's answer says about our ``port``; ``None`` for anything else.

    A gateway that speaks NAT-PMP alone says in its own words that it does not know this version
    (appendix A).
    """
    if datagram[:1] == b"\0" and datagram[1:2] >= b"\x80" and datagram[2:4] == b"\0\1":
        return Refused(REASONS[UNSUPPORTED_VERSION], speaks_not=True)
    if not _ANSWER.size <= len(datagram) <= LONGEST or datagram[0] != VERSION:
        return None
    _, opcode, _, result, lifetime = _ANSWER.unpack_from(datagram)
    if opcode >= ANSWER and result == UNSUPPORTED_VERSION:
        return Refused(REASONS[result], speaks_not=True)
    if opcode != ANSWER + MAP or len(datagram) < _ANSWER.size + _MAPPING.size:
        return None
    given, protocol, inner, outer, packed = _MAPPING.unpack_from(datagram, _ANSWER.size)
    if (given, protocol, inner) != (nonce, PROTOCOL_UDP, port):
        return None
    if result != SUCCESS:
        return Refused(REASONS.get(result, f"it refuses with code {result}"))
    return Grant(_read_address(packed), outer, lifetime)


def _packed(host: str) -> bytes:
    address = ip_address(host)
    if isinstance(address, IPv4Address):
        return b"\0" * 10 + b"\xff\xff" + address.packed
    return address.packed


def _read_address(packed: bytes) -> str:
    address = IPv6Address(packed)
    return str(address.ipv4_mapped or address)
