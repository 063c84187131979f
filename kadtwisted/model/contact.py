"""Where nodes are: endpoints, address families, contacts, and how people write addresses."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from kadtwisted.errors import InvalidAddress
from kadtwisted.model.ids import NodeID
from kadtwisted.model.printable import described

COMPACT_IPV4 = 6
"""Bytes of an IPv4 address and port in network byte order (BEP 5)."""
COMPACT_IPV6 = 18
"""Bytes of an IPv6 address and port in network byte order (BEP 32)."""
_MAPPED = bytes(10) + b"\xff\xff"
"""How an IPv4 address begins that is written as IPv6 (RFC 4291, 2.5.5.2).  It would be a second
name of the same endpoint, and no socket of ours sees it: so nobody may use it."""
_LINK_LOCAL = re.compile(r"fe[89ab][0-9a-f]:", re.IGNORECASE)
"""How addresses in fe80::/10 begin."""
KEY_BYTES = 32
"""Bytes of an Ed25519 public key (RFC 8032)."""


WILDCARDS = ("", "0.0.0.0", "::")
"""Addresses that stand for all addresses of this machine."""


class Family(IntEnum):
    """The two address families; a node has one port, one table and one lookup in each."""

    IPV4 = 4
    IPV6 = 6


class Endpoint(NamedTuple):
    """An IP address in its shortest text form and a UDP port.

    Equal to, and hashed like, the ``(host, port)`` tuple that Twisted hands to a protocol.
    """

    host: str
    port: int

    @property
    def family(self) -> Family:
        return Family.IPV6 if ":" in self.host else Family.IPV4

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def compact(endpoint: Endpoint) -> bytes:
    """Address and port in network byte order, 6 or 18 bytes (BEP 5, BEP 32).

    :class:`InvalidAddress` for a host that is no plain IP address (a scoped ``fe80::1%eth0`` means
    something on one machine only) or an IPv4 address written as IPv6, and for a port outside 0 to
    65535.
    """
    if "%" in endpoint.host:  # ipaddress would take it, and drop the scope
        raise scoped_address(endpoint.host)
    try:
        raw = ipaddress.ip_address(endpoint.host).packed + endpoint.port.to_bytes(2, "big")
    except (ValueError, OverflowError):
        raise InvalidAddress(f"{endpoint} is no IP address and port") from None
    if raw.startswith(_MAPPED) and len(raw) == COMPACT_IPV6:
        raise InvalidAddress(f"{endpoint} is an IPv4 address written as IPv6: write it as IPv4")
    return raw


LOOPBACK = MappingProxyType({Family.IPV4: "127.0.0.1", Family.IPV6: "::1"})
"""Where a port of this machine that is bound to every address is reached."""


def ip_literal(host: str) -> str | None:
    """The shortest text form of an IP address, or ``None`` for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def needs_scope(host: str) -> bool:
    """Whether a host is an IPv6 address of one link only (RFC 4291, 2.5.6), or has a scope.

    Only together with the name of an interface, and so on one machine, such an address leads
    anywhere.  Nodes tell each other where nodes are, so it is of no use to them.
    """
    return "%" in host or bool(_LINK_LOCAL.match(host))


def scoped_address(host: str) -> InvalidAddress:
    """Why such a host cannot be used."""
    return InvalidAddress(
        f"link-local addresses such as {host} are not supported: they lead somewhere on one "
        "machine only, and nodes tell each other their addresses; give the machines unique local "
        "addresses (fd00::/8) or IPv4 addresses"
    )


def is_loopback(host: str) -> bool:
    """Whether an address, in its shortest text form, is of this machine alone (RFC 1122, 3.2.1.3;
    RFC 4291, 2.5.3)."""
    return host.startswith("127.") or host == "::1"


def endpoint_from_compact(raw: bytes) -> Endpoint:
    """The endpoint written as 6 or 18 bytes; :class:`InvalidAddress` for other lengths and for an
    IPv4 address written as IPv6."""
    if len(raw) == COMPACT_IPV4:
        host = "%d.%d.%d.%d" % (raw[0], raw[1], raw[2], raw[3])
    elif len(raw) == COMPACT_IPV6:
        if raw.startswith(_MAPPED):
            raise InvalidAddress("an IPv4 address is written as IPv6")
        host = str(ipaddress.IPv6Address(raw[:16]))
    else:
        raise InvalidAddress(f"a compact endpoint has 6 or 18 bytes, not {len(raw)}")
    return Endpoint(host, int.from_bytes(raw[-2:], "big"))


@dataclass(frozen=True, slots=True)
class Contact:
    """What is passed on about a node: its ID, where it is, and the public key that proves the ID.

    ``packed`` is the key and the endpoint in network byte order (:func:`compact`), kept because
    every answer needs them.
    """

    node_id: NodeID
    endpoint: Endpoint
    key: bytes
    packed: bytes

    @classmethod
    def at(cls, node_id: NodeID, endpoint: Endpoint, key: bytes = b"") -> Contact:
        """The contact of a node at an endpoint; :class:`InvalidAddress` if that is none."""
        try:
            return cls(node_id, endpoint, key, key + compact(endpoint))
        except (AttributeError, TypeError):
            raise InvalidAddress(
                f"a contact has an Endpoint and a key in bytes, not {described(endpoint)} and "
                f"{described(key)}"
            ) from None

    @property
    def compact(self) -> bytes:
        """The endpoint in network byte order, 6 or 18 bytes."""
        return self.packed[len(self.key) :]

    @property
    def family(self) -> Family:
        return self.endpoint.family

    def __str__(self) -> str:
        return f"{self.node_id:040x} at {self.endpoint}"


class Address(NamedTuple):
    """An address as people give it: a host name or IP address, a port, perhaps the node's key."""

    host: str
    port: int
    key: bytes | None = None

    def __str__(self) -> str:
        pinned = f"{self.key.hex()}@" if self.key else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{pinned}{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read ``HOST:PORT``, ``[IPV6]:PORT`` or ``KEY@HOST:PORT`` (the key as 64 hexadecimal digits).

    Anything else is :class:`InvalidAddress`, with a sentence that shows the right form; so is an
    address of one link only (:func:`needs_scope`).
    """
    if not isinstance(text, str):
        raise InvalidAddress(f"an address is a str, as '127.0.0.1:8000', not {described(text)}")
    key_text, at, rest = text.rpartition("@")
    host, colon, port_text = rest.rpartition(":")
    if host.startswith("[") and host.endswith("]") and ":" in host:
        host = host[1:-1]
    elif ":" in host:
        shown = _in_brackets(rest)
        raise InvalidAddress(
            f"write an IPv6 address in brackets and its port behind, as {shown}, not {text!r:.200}"
        )
    odd = any(each in "[]" or each.isspace() for each in host)
    if not colon or not host or odd or not (port_text.isascii() and port_text.isdigit()):
        raise InvalidAddress(f"{text!r:.200} is no address: write HOST:PORT, as 127.0.0.1:8000")
    if needs_scope(host):
        raise scoped_address(host)
    port = int(port_text) if len(port_text) < 6 else 65536
    if not 0 < port < 65536:
        raise InvalidAddress(f"the port in {text!r:.200} must lie between 1 and 65535")
    return Address(host, port, _parse_key(key_text, text) if at else None)


def _in_brackets(rest: str) -> str:
    """How an IPv6 address should have been written.  Its last group may be meant as the port: a
    number that is longer than most groups, behind what is an address without it."""
    bare = rest.removeprefix("[").removesuffix("]")
    if "[" in bare or "]" in bare:
        return "[2001:db8::7]:8000"
    host, _, port_text = bare.rpartition(":")
    is_port = port_text.isascii() and port_text.isdigit() and 2 < len(port_text) < 6
    if is_port and int(port_text) < 65536 and ip_literal(host) is not None:
        return f"[{host}]:{port_text}"
    return f"[{bare}]:8000"


def _parse_key(key_text: str, text: str) -> bytes:
    digits = set("0123456789abcdefABCDEF")
    if len(key_text) != 2 * KEY_BYTES or not set(key_text) <= digits:
        raise InvalidAddress(f"the key in {text!r:.200} must be {2 * KEY_BYTES} hexadecimal digits")
    return bytes.fromhex(key_text)
