"""Which addresses of this machine a node binds."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from types import MappingProxyType

from kadtwisted.errors import ConfigurationError, InvalidAddress
from kadtwisted.model.contact import Family, needs_scope, parse_address, scoped_address

ANY_ADDRESS = MappingProxyType({Family.IPV4: "0.0.0.0", Family.IPV6: "::"})


def check_interfaces(interfaces: Sequence[str]) -> tuple[str, ...]:
    """IP addresses to bind, at least one and at most one in each family, in their shortest form."""
    return one_in_each_family(tuple(map(check_interface, interfaces)))


def check_interface(text: str) -> str:
    """One IP address in its shortest form; an IPv6 address may stand in brackets."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if needs_scope(bare):
        raise scoped_address(bare)
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        raise InvalidAddress(
            f"an interface is an IP address such as 192.0.2.1 or ::, not {text!r}"
        ) from None


def one_in_each_family(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses in their shortest form, IPv4 first; one of a family may be repeated."""
    chosen: dict[Family, str] = {}
    for address in addresses:
        family = Family(ipaddress.ip_address(address).version)
        if chosen.setdefault(family, address) != address:
            raise ConfigurationError(
                f"the interfaces {chosen[family]} and {address} are of one address family; "
                "give at most one IPv4 and one IPv6 address"
            )
    if not chosen:
        raise ConfigurationError("a node needs an interface; 0.0.0.0 stands for all of IPv4")
    return tuple(chosen[family] for family in sorted(chosen))


def interfaces_towards(addresses: Iterable[str]) -> tuple[str, ...]:
    """The wildcard addresses from which a node can reach these ``HOST:PORT`` addresses.

    A host name may be of both families.  IPv4 if there are no addresses.  They were checked before.
    """
    families: set[Family] = set()
    for text in addresses:
        families |= _families_of(parse_address(text).host)
    if len(families) > 1 and not ipv6_works():
        families.discard(Family.IPV6)
    return tuple(ANY_ADDRESS[family] for family in sorted(families or {Family.IPV4}))


def _families_of(host: str) -> set[Family]:
    try:
        return {Family(ipaddress.ip_address(host).version)}
    except ValueError:
        return set(Family)


def ipv6_works() -> bool:
    """Whether this machine has IPv6 at all: a kernel without it cannot bind even ``::1``."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
