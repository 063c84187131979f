"""Martians, with the standard library's networks as the oracle."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Endpoint, endpoint_from_compact
from kadtwisted.routing.reachable import Reach, is_public, may_contact, parse_prefixes

QUICK = settings(max_examples=200, deadline=None, derandomize=True)

PUBLIC = Endpoint("203.0.113.7", 8000)
PUBLIC_IPV6 = Endpoint("2001:db8::7", 8000)
PRIVATE = Endpoint("10.1.2.3", 8000)

NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("224.0.0.0/4", "240.0.0.0/4"),
            *("::/3", "4000::/2", "8000::/1", "2001::/23"),
        ),
    )
)
NEVER = tuple(
    map(
        ipaddress.ip_network,
        ("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8", "::ffff:0:0/96"),
    )
)
DOCUMENTATION = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),
    )
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def inside(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in each for each in networks)


def edges(networks: tuple[Network, ...]) -> list[Address]:
    """The first and last address of each, and their neighbours outside."""
    found: list[Address] = []
    for each in networks:
        kind = type(each.network_address)
        for number in (int(each[0]) - 1, int(each[0]), int(each[-1]), int(each[-1]) + 1):
            if 0 <= number < 2**each.max_prefixlen:
                found.append(kind(number))
    return found


ADDRESSES = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    st.sampled_from(edges(NOT_PUBLIC + NEVER + DOCUMENTATION)),
    st.sampled_from(NOT_PUBLIC + NEVER + DOCUMENTATION).flatmap(
        lambda network: st.ip_addresses(network=network)
    ),
)


def endpoint_of(address: Address) -> Endpoint:
    """The endpoint as the codec makes it."""
    return endpoint_from_compact(address.packed + b"\x1f\x40")


class OracleTests(SynchronousTestCase):
    def check(self, address: Address) -> None:
        endpoint = endpoint_of(address)
        public = not inside(address, NOT_PUBLIC)
        never = inside(address, NEVER)
        self.assertEqual(is_public(endpoint.host), public, address)
        self.assertEqual(may_contact(endpoint, PUBLIC), public, address)
        for own in (None, PRIVATE):
            self.assertEqual(may_contact(endpoint, own), not never, address)
        everything = parse_prefixes(("0.0.0.0/0", "::/0"))
        self.assertEqual(may_contact(endpoint, PUBLIC, everything), not never, address)

    @QUICK
    @given(ADDRESSES)
    def test_any_address(self, address: Address) -> None:
        self.check(address)

    def test_every_edge(self) -> None:
        for each in edges(NOT_PUBLIC + NEVER + DOCUMENTATION):
            self.check(each)

    @QUICK
    @given(st.ip_addresses(v=4))
    def test_the_standard_library_agrees(self, address: ipaddress.IPv4Address) -> None:
        """But for documentation, multicast, and a /24 about which its versions differ."""
        if inside(address, (*DOCUMENTATION, ipaddress.ip_network("192.0.0.0/24"))):
            return
        expected = address.is_global and not address.is_multicast
        self.assertEqual(is_public(str(address)), expected)


class RuleTests(SynchronousTestCase):
    def test_documentation_is_public(self) -> None:
        for host in ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"):
            self.assertTrue(is_public(host))

    def test_port_0_is_nobodys(self) -> None:
        everything = parse_prefixes(("0.0.0.0/0",))
        for own in (None, PUBLIC, PRIVATE):
            self.assertFalse(may_contact(Endpoint("192.0.2.1", 0), own, everything))
            self.assertTrue(may_contact(Endpoint("192.0.2.1", 1), own))

    def test_a_scoped_address_means_nothing_elsewhere(self) -> None:
        for host in ("fe80::1%eth0", "2001:db8::1%eth0"):
            self.assertFalse(may_contact(Endpoint(host, 8000), None))
            everywhere = parse_prefixes(["::/0"])
            self.assertFalse(may_contact(Endpoint(host, 8000), PUBLIC_IPV6, everywhere))

    def test_what_is_allowed_is_contacted(self) -> None:
        allowed = parse_prefixes(["10.1.0.0/16", "fd00::/8", "192.168.1.1"])
        for host in ("10.1.2.3", "fd00::1", "192.168.1.1"):
            self.assertFalse(may_contact(Endpoint(host, 8000), PUBLIC))
            self.assertTrue(may_contact(Endpoint(host, 8000), PUBLIC, allowed))
        for host in ("10.2.2.3", "fe80::1", "192.168.1.2", "127.0.0.1", "::1"):
            self.assertFalse(may_contact(Endpoint(host, 8000), PUBLIC, allowed))

    def test_bad_prefixes_are_told(self) -> None:
        for text in ("10.0.0.1/8", "10.0.0.0/33", "home", "", "10.0.0.0/8,fd00::/8"):
            error = self.assertRaises(ConfigurationError, parse_prefixes, [text])
            self.assertIn(repr(text), str(error))


class ReachTests(SynchronousTestCase):
    def test_until_we_are_told_all_but_the_impossible_is_admitted(self) -> None:
        reach = Reach()
        self.assertTrue(reach.admits(PRIVATE))
        self.assertFalse(reach.admits(Endpoint("224.0.0.1", 8000)))

    def test_whoever_is_public_tells_us(self) -> None:
        reach = Reach(["192.168.0.0/16"])
        other = Endpoint("198.51.100.1", 1)
        self.assertTrue(reach.seen(other, PUBLIC))
        self.assertFalse(reach.admits(PRIVATE))
        self.assertTrue(reach.admits(Endpoint("192.168.0.1", 1)))
        for own in (PUBLIC, PUBLIC._replace(port=9), PRIVATE):
            self.assertFalse(reach.seen(other, own))
            self.assertEqual(reach.own, own)
        self.assertTrue(reach.admits(PRIVATE))
        self.assertTrue(reach.seen(other, PUBLIC))

    def test_neighbours_do_not(self) -> None:
        reach = Reach()
        for by in (PRIVATE, Endpoint("127.0.0.1", 1)):
            self.assertFalse(reach.seen(by, PUBLIC))
        self.assertIsNone(reach.own)

    def test_bad_prefixes_are_told(self) -> None:
        self.assertRaises(ConfigurationError, Reach, ["home"])
