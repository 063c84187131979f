"""Martians, with the standard library's networks as the oracle."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.networks import EVERYBODY, LINK, MACHINE, SITE, is_public, scope_of
from kadtwisted.routing.reachable import Reach, may_contact, parse_prefixes, voters_of

QUICK = settings(max_examples=200, deadline=None, derandomize=True)

PUBLIC = Endpoint("203.0.113.7", 8000)
ELSEWHERE = Endpoint("198.51.100.9", 9)
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
    """The endpoint as the codec makes it, and as it would make those that it refuses."""
    return Endpoint(str(address), 8000)


class OracleTests(SynchronousTestCase):
    def check(self, address: Address) -> None:
        endpoint = endpoint_of(address)
        public = not inside(address, NOT_PUBLIC)
        never = inside(address, NEVER)
        self.assertEqual(is_public(endpoint.host), public, address)
        self.assertEqual(may_contact(endpoint, True), public, address)
        self.assertEqual(may_contact(endpoint, False), not never, address)
        everything = parse_prefixes(("0.0.0.0/0", "::/0"))
        self.assertEqual(may_contact(endpoint, True, everything), not never, address)
        self.assertEqual(scope_of(endpoint.host) == EVERYBODY, public, address)
        self.assertEqual(scope_of(endpoint.host) == MACHINE, address.is_loopback, address)
        self.assertEqual(scope_of(endpoint.host) == LINK, address.is_link_local, address)
        for giver in (MACHINE, LINK, SITE, EVERYBODY):
            good = not never and scope_of(endpoint.host) >= giver
            self.assertEqual(Reach().believes(giver, endpoint), good, address)

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
        for public in (False, True):
            self.assertFalse(may_contact(Endpoint("192.0.2.1", 0), public, everything))
            self.assertTrue(may_contact(Endpoint("192.0.2.1", 1), public))

    def test_a_scoped_address_means_nothing_elsewhere(self) -> None:
        for host in ("fe80::1%eth0", "2001:db8::1%eth0"):
            self.assertFalse(may_contact(Endpoint(host, 8000), False))
            everywhere = parse_prefixes(["::/0"])
            self.assertFalse(may_contact(Endpoint(host, 8000), True, everywhere))

    def test_what_is_allowed_is_contacted(self) -> None:
        allowed = parse_prefixes(["10.1.0.0/16", "fd00::/8", "192.168.1.1"])
        for host in ("10.1.2.3", "fd00::1", "192.168.1.1"):
            self.assertFalse(may_contact(Endpoint(host, 8000), True))
            self.assertTrue(may_contact(Endpoint(host, 8000), True, allowed))
        for host in ("10.2.2.3", "fe80::1", "192.168.1.2", "127.0.0.1", "::1"):
            self.assertFalse(may_contact(Endpoint(host, 8000), True, allowed))

    def test_bad_prefixes_are_told(self) -> None:
        for text in ("10.0.0.1/8", "10.0.0.0/33", "home", "", "10.0.0.0/8,fd00::/8"):
            error = self.assertRaises(ConfigurationError, parse_prefixes, [text])
            self.assertIn(repr(text), str(error))


class ReachTests(SynchronousTestCase):
    def tell(self, reach: Reach, own: Endpoint, *hosts: str, now: float = 0.0) -> list[bool]:
        return [reach.seen(Endpoint(each, 1), own, now) for each in hosts]

    def public(self, first: int, count: int) -> list[str]:
        """Public addresses of different providers."""
        return [f"{each}.1.2.3" for each in range(20 + first, 20 + first + count)]

    def test_until_we_are_told_all_but_the_impossible_is_admitted(self) -> None:
        for bound in ("0.0.0.0", "::", "10.1.2.3", "127.0.0.1"):
            reach = Reach(bound=bound)
            self.assertTrue(reach.admits(PRIVATE))
            self.assertFalse(reach.admits(Endpoint("224.0.0.1", 8000)))
            self.assertEqual((reach.own, reach.observers(0.0)), (None, 0))

    def test_three_providers_say_where_we_are(self) -> None:
        reach = Reach(["192.168.0.0/16"])
        self.assertEqual(self.tell(reach, PUBLIC, "20.1.2.3", "20.1.9.9", "21.1.2.3"), [False] * 3)
        self.assertTrue(reach.admits(PRIVATE))
        self.assertEqual(self.tell(reach, PUBLIC, "22.1.2.3"), [True])
        self.assertEqual((reach.own, reach.observers(0.0)), (PUBLIC, 3))
        self.assertFalse(reach.admits(PRIVATE))
        self.assertTrue(reach.admits(Endpoint("192.168.0.1", 1)))
        self.assertEqual(reach.changes, 1)

    def test_a_tenth_of_liars_changes_nothing(self) -> None:
        for true, lie in ((PUBLIC, PRIVATE), (PRIVATE, PUBLIC), (PUBLIC, ELSEWHERE)):
            reach = Reach()
            site = is_public(true.host)
            honest = self.public(0, 27) if site else [f"10.0.{each}.1" for each in range(27)]
            self.tell(reach, true, *honest)
            for now in range(100):
                self.assertFalse(any(self.tell(reach, lie, *self.public(50, 3), now=float(now))))
            self.assertEqual(reach.own, true)

    def test_an_address_bound_by_ourselves_needs_no_votes(self) -> None:
        reach = Reach(bound="203.0.113.7")
        self.assertFalse(reach.admits(PRIVATE))
        self.tell(reach, PRIVATE, *self.public(0, 30))
        self.assertIsNone(reach.own)
        self.assertFalse(reach.admits(PRIVATE))
        here = Endpoint("203.0.113.7", 8000)
        self.tell(reach, here, *self.public(0, 30))
        self.assertEqual((reach.own, reach.told_to_others), (here, here))
        self.tell(reach, Endpoint("198.51.100.1", 8000), *self.public(0, 60))
        self.assertEqual((reach.own, reach.told_to_others), (here, here))

    def test_neighbours_vote_one_by_one(self) -> None:
        """A site has one provider, and its nodes are none of them strangers."""
        reach = Reach()
        self.assertEqual(self.tell(reach, PRIVATE, "10.0.0.1", "10.0.0.1", "10.0.0.2"), [False] * 3)
        self.assertEqual(self.tell(reach, PRIVATE, "10.0.0.3"), [True])
        self.assertTrue(reach.admits(PRIVATE))
        for host, voter in (
            ("10.0.0.3", "0a000003"),
            ("203.0.113.3", "cb00"),
            ("2001:db8:7::1", "20010db8"),
            ("fd00::7", "fd" + "00" * 14 + "07"),
            ("127.0.0.1", "7f0000011f40"),
        ):
            self.assertEqual(voters_of(Endpoint(host, 8000))[0].hex(), voter)

    def test_the_port_is_another_question(self) -> None:
        """Behind some NATs each observer sees another port."""
        reach = Reach()
        for number, host in enumerate(self.public(0, 6)):
            self.tell(reach, PUBLIC._replace(port=1000 + number), host)
        self.assertEqual(reach.own, PUBLIC._replace(port=0))
        self.assertEqual(self.tell(reach, PUBLIC, *self.public(0, 4)), [False] * 3 + [True])
        self.assertEqual((reach.own, reach.observers(0.0)), (PUBLIC, 6))
        moved = ELSEWHERE._replace(port=PUBLIC.port)
        self.assertEqual(self.tell(reach, moved, *self.public(0, 4)), [False] * 3 + [True])
        self.assertEqual(reach.own, moved)

    def test_others_are_told_while_the_last_answer_agrees(self) -> None:
        """A node that has moved does not send others to where it was."""
        reach = Reach()
        self.tell(reach, PUBLIC, *self.public(0, 2))
        self.assertIsNone(reach.told_to_others)
        self.tell(reach, PUBLIC, *self.public(2, 1))
        self.assertEqual(reach.told_to_others, PUBLIC)
        self.tell(reach, ELSEWHERE, *self.public(3, 1))
        self.assertEqual((reach.told_to_others, reach.own), (None, PUBLIC))
        self.tell(reach, PUBLIC, *self.public(4, 1))
        self.assertEqual(reach.told_to_others, PUBLIC)
        self.tell(reach, PUBLIC._replace(port=7), *self.public(5, 1))
        self.assertEqual(reach.told_to_others, PUBLIC)
        reach.start_anew()
        self.assertIsNone(reach.told_to_others)

    def test_who_knows_nobody_any_more_starts_anew(self) -> None:
        reach = Reach()
        self.tell(reach, PUBLIC, *self.public(0, 5))
        reach.start_anew()
        self.assertIsNone(reach.own)
        self.assertTrue(reach.admits(PRIVATE))
        self.assertEqual(reach.changes, 2)

    def test_nobody_names_what_is_less_public_than_itself(self) -> None:
        reach = Reach(["192.168.7.0/24"])
        hosts = ("127.0.0.1", "169.254.1.1", "10.0.0.1", "203.0.113.1", "192.168.7.1", "224.0.0.1")
        for giver, believed in (
            ("127.0.0.1", hosts[:5]),
            ("169.254.9.9", hosts[1:5]),
            ("192.168.9.9", hosts[2:5]),
            ("203.0.113.9", hosts[3:5]),
        ):
            scope = scope_of(giver)
            found = [each for each in hosts if reach.believes(scope, Endpoint(each, 1))]
            self.assertEqual(found, list(believed))

    def test_bad_prefixes_are_told(self) -> None:
        self.assertRaises(ConfigurationError, Reach, ["home"])
