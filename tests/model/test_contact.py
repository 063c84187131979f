"""Endpoints in network byte order, against the system's own functions; addresses as people write
them; contacts."""

from __future__ import annotations

import dataclasses
import ipaddress
import socket

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidAddress
from kadtwisted.model.contact import (
    Address,
    Contact,
    Endpoint,
    Family,
    compact,
    endpoint_from_compact,
    is_loopback,
    parse_address,
)
from kadtwisted.model.ids import NodeID
from kadtwisted.testing.strategies import endpoints, endpoints_v4, endpoints_v6

PROPERTY = settings(max_examples=200, deadline=None, derandomize=True, database=None)
KEY = bytes(range(32))


class EndpointTests(SynchronousTestCase):
    def test_is_twisteds_tuple(self) -> None:
        endpoint = Endpoint("192.0.2.1", 8000)
        self.assertEqual(endpoint, ("192.0.2.1", 8000))
        self.assertEqual({endpoint: 1}[("192.0.2.1", 8000)], 1)  # type: ignore[index]

    def test_family_and_text(self) -> None:
        four, six = Endpoint("192.0.2.1", 8000), Endpoint("2001:db8::1", 8000)
        self.assertEqual((four.family, six.family), (Family.IPV4, Family.IPV6))
        self.assertEqual(str(four), "192.0.2.1:8000")
        self.assertEqual(str(six), "[2001:db8::1]:8000")


class LoopbackTests(SynchronousTestCase):
    def test_addresses_of_this_machine(self) -> None:
        for host in ("127.0.0.1", "127.255.0.9", "::1"):
            self.assertTrue(is_loopback(host), host)
        for host in ("128.0.0.1", "12.7.0.1", "192.0.2.7", "::", "::1:1", "2001:db8::1"):
            self.assertFalse(is_loopback(host), host)


class CompactTests(SynchronousTestCase):
    @PROPERTY
    @given(endpoints_v4())
    @example(Endpoint("0.0.0.0", 0))
    @example(Endpoint("255.255.255.255", 65535))
    def test_ipv4_is_inet_pton_and_the_port(self, endpoint: Endpoint) -> None:
        raw = socket.inet_pton(socket.AF_INET, endpoint.host) + endpoint.port.to_bytes(2, "big")
        self.assertEqual(compact(endpoint), raw)

    @PROPERTY
    @given(endpoints_v6())
    @example(Endpoint("::", 0))
    @example(Endpoint("2001:db8:0:1:1:1:1:1", 1))
    @example(Endpoint("2001:0DB8:0:0:0:0:0:1", 1))
    def test_ipv6_is_inet_pton_and_the_port(self, endpoint: Endpoint) -> None:
        raw = socket.inet_pton(socket.AF_INET6, endpoint.host) + endpoint.port.to_bytes(2, "big")
        self.assertEqual(compact(endpoint), raw)

    @PROPERTY
    @given(st.binary(min_size=4, max_size=4), st.integers(0, 65535))
    def test_ipv4_bytes_are_read_as_inet_ntop_does(self, raw: bytes, port: int) -> None:
        found = endpoint_from_compact(raw + port.to_bytes(2, "big"))
        self.assertEqual(found, (socket.inet_ntop(socket.AF_INET, raw), port))

    @PROPERTY
    @given(st.lists(st.sampled_from((0, 0, 1, 0x0DB8, 0xFFFF)), min_size=8, max_size=8))
    def test_ipv6_bytes_are_read_as_inet_ntop_does(self, groups: list[int]) -> None:
        """What a peer is known by must be what ``recvfrom`` calls it."""
        assume(groups[:6] != [0, 0, 0, 0, 0, 0xFFFF])
        raw = b"".join(group.to_bytes(2, "big") for group in groups)
        host = endpoint_from_compact(raw + b"\x1f\x40").host
        self.assertEqual(socket.inet_pton(socket.AF_INET6, host), raw)
        if any(groups[:6]):
            # No socket of ours sees the others: IPv4 written as IPv6, as it was once.
            self.assertEqual(host, socket.inet_ntop(socket.AF_INET6, raw))

    @PROPERTY
    @given(endpoints())
    def test_leads_back(self, endpoint: Endpoint) -> None:
        self.assertEqual(endpoint_from_compact(compact(endpoint)), endpoint)

    @PROPERTY
    @given(st.binary(min_size=18, max_size=18) | st.binary(min_size=6, max_size=6))
    def test_leads_back_from_any_bytes(self, raw: bytes) -> None:
        self.assertEqual(compact(endpoint_from_compact(raw)), raw)

    def test_an_ipv4_address_written_as_ipv6_is_none(self) -> None:
        """It would be a second name of the same endpoint."""
        for host in ("::ffff:192.0.2.1", "::FFFF:0:0", "::ffff:255.255.255.255"):
            error = self.assertRaises(InvalidAddress, compact, Endpoint(host, 8000))
            self.assertIn("write it as IPv4", str(error))
            self.assertRaises(InvalidAddress, Contact.at, NodeID(1), Endpoint(host, 8000))
            raw = socket.inet_pton(socket.AF_INET6, host) + b"\x1f\x40"
            self.assertRaises(InvalidAddress, endpoint_from_compact, raw)
        for host in ("::fffe:192.0.2.1", "::1:ffff:0:0", "64:ff9b::192.0.2.1"):
            endpoint_from_compact(compact(Endpoint(host, 8000)))

    def test_other_lengths_are_no_endpoint(self) -> None:
        for length in (0, 4, 5, 7, 16, 17, 19, 36):
            error = self.assertRaises(InvalidAddress, endpoint_from_compact, bytes(length))
            self.assertIn(f"not {length}", str(error))

    def test_what_is_no_endpoint(self) -> None:
        for host, port in (
            ("", 1),
            ("localhost", 1),
            ("192.0.2", 1),
            ("192.0.2.256", 1),
            ("192.0.2.01", 1),
            ("192.0.2.1 ", 1),
            ("[::1]", 1),
            ("1::2::3", 1),
            ("192.0.2.1", -1),
            ("192.0.2.1", 65536),
        ):
            error = self.assertRaises(InvalidAddress, compact, Endpoint(host, port))
            self.assertIn("is no IP address and port", str(error))


class ContactTests(SynchronousTestCase):
    def test_keeps_its_compact_form(self) -> None:
        contact = Contact.at(NodeID(0xABC), Endpoint("192.0.2.1", 258), KEY)
        self.assertEqual(contact.compact, b"\xc0\x00\x02\x01\x01\x02")
        self.assertEqual((contact.key, contact.family), (KEY, Family.IPV4))
        self.assertEqual(str(contact), "0" * 37 + "abc at 192.0.2.1:258")

    def test_a_contact_is_a_value(self) -> None:
        one, same = (Contact.at(NodeID(1), Endpoint("::1", 1)) for _ in range(2))
        self.assertEqual((one, hash(one)), (same, hash(same)))
        self.assertEqual(one.family, Family.IPV6)
        self.assertEqual(one.key, b"")
        self.assertRaises(dataclasses.FrozenInstanceError, setattr, one, "key", KEY)

    def test_is_nowhere_but_at_an_address(self) -> None:
        self.assertRaises(InvalidAddress, Contact.at, NodeID(1), Endpoint("a.example", 1))


class AddressTests(SynchronousTestCase):
    def test_right_forms(self) -> None:
        for text, expected in (
            ("127.0.0.1:8000", Address("127.0.0.1", 8000)),
            ("node.example:1", Address("node.example", 1)),
            ("node.example:65535", Address("node.example", 65535)),
            ("[::1]:8000", Address("::1", 8000)),
            ("[2001:db8::1]:08000", Address("2001:db8::1", 8000)),
            (f"{KEY.hex()}@127.0.0.1:8000", Address("127.0.0.1", 8000, KEY)),
            (f"{KEY.hex().upper()}@[::1]:8000", Address("::1", 8000, KEY)),
        ):
            self.assertEqual(parse_address(text), expected)

    def test_wrong_forms(self) -> None:
        for text in (
            "",
            ":",
            "host",
            "host:",
            ":8000",
            "[]:8000",
            "host:port",
            "host:-1",
            "host:+1",
            "host: 1",
            "host:1 ",
            "host:0",
            "host:00000",
            "host:65536",
            "host:99999",
            "host:" + "1" * 5000,
            "host:\N{ARABIC-INDIC DIGIT ONE}",
            "host:1.5",
            "host:1_0",
            "::1:8000",
            "2001:db8::1",
            "[::1]",
            "[::1]8000",
            "[::1:8000",
            "host:1:2",
            "[[::1]]:8000",
            "[host]:8000",
            "[127.0.0.1]:8000",
            "[host:8000",
            "host]:8000",
            "ho st:8000",
            " host:8000",
            "[::1 ]:8000",
            "\nhost:8000",
            "@host:1",
            "00@host:1",
            f"{KEY.hex()}@",
            f"{KEY.hex()}00@host:1",
            f"{KEY.hex()[:-1]}g@host:1",
            f" {KEY.hex()[:-1]}@host:1",
            f"{KEY.hex()}@{KEY.hex()}@host:1",
        ):
            self.assertRaises(InvalidAddress, parse_address, text)

    def test_addresses_of_one_link_are_refused_with_a_reason(self) -> None:
        """With a scope or without: other nodes could not use them."""
        for host in ("fe80::1%eth0", "fe80::1", "FEBF::1:2", "2001:db8::1%2", "febf:0::%1"):
            error = self.assertRaises(InvalidAddress, parse_address, f"[{host}]:8000")
            self.assertIn(f"link-local addresses such as {host} are not supported", str(error))
        for host in ("fe80::1%eth0", "192.0.2.1%eth0"):
            error = self.assertRaises(InvalidAddress, compact, Endpoint(host, 1))
            self.assertIn("are not supported", str(error))
        for text in ("[fec0::1]:1", "[fd00::1]:1", "[fe::80]:1", "fe80:1", "feb.example:1"):
            self.assertIsNotNone(parse_address(text))

    def test_the_sentence_shows_the_right_form(self) -> None:
        for text, wanted in (
            ("host", "HOST:PORT"),
            ("host:0", "between 1 and 65535"),
            ("00@host:1", "64 hexadecimal digits"),
            ("2001:db8::1:8000", "as [2001:db8::1]:8000"),
            ("::1:8066", "as [::1]:8066"),
            ("::1", "as [::1]:8000"),
            ("2001:db8::7", "as [2001:db8::7]:8000"),
            ("2001:db8:1:2:3:4:5:6000", "as [2001:db8:1:2:3:4:5:6000]:8000"),
            ("2001:db8::70000", "in brackets"),
            ("::1:http", "as [::1:http]:8000"),
            ("[::1]", "as [::1]:8000"),
            ("[::1", "as [::1]:8000"),
            ("[::1:8066]", "as [::1]:8066"),
            ("[::1]8066", "as [2001:db8::7]:8000"),
        ):
            error = self.assertRaises(InvalidAddress, parse_address, text)
            self.assertIn(wanted, str(error))
            self.assertIn(text, str(error))

    @PROPERTY
    @given(endpoints(), st.none() | st.binary(min_size=32, max_size=32))
    def test_what_is_printed_can_be_read(self, endpoint: Endpoint, key: bytes | None) -> None:
        address = Address(endpoint.host, endpoint.port or 1, key)
        self.assertEqual(parse_address(str(address)), address)

    @PROPERTY
    @given(st.text(alphabet="0123456789abfg:.[]@%- \n", max_size=30) | st.text(max_size=20))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        try:
            address = parse_address(text)
        except InvalidAddress:
            return
        self.assertTrue(address.host)
        self.assertIn(address.port, range(1, 65536))
        self.assertIn(address.host, text)

    def test_an_endpoint_prints_as_an_address(self) -> None:
        for host in ("127.0.0.1", str(ipaddress.IPv6Address(1))):
            self.assertEqual(parse_address(str(Endpoint(host, 5))), Address(host, 5))
