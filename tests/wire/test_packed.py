"""Byte strings that hold many small values."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.contact import Contact, Endpoint, compact
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import HaveEntry
from kadtwisted.testing.strategies import contacts, endpoints, identify_by_prefix
from kadtwisted.wire.packed import (
    pack_contacts,
    pack_endpoint,
    pack_entries,
    unpack_contact,
    unpack_contacts,
    unpack_endpoint,
    unpack_entries,
)

FOUR = Contact.at(NodeID(4), Endpoint("192.0.2.4", 4000), b"4" * 32)
SIX = Contact.at(NodeID(6), Endpoint("2001:db8::6", 6000), b"6" * 32)


def unpack(packed: bytes) -> Contact:
    return unpack_contact(packed, identify_by_prefix)


class ContactTests(SynchronousTestCase):
    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(st.lists(contacts(), max_size=12))
    def test_round_trip_puts_ipv4_first(self, mixed: list[Contact]) -> None:
        unpacked = unpack_contacts(*pack_contacts(mixed), unpack)
        self.assertEqual(list(unpacked), sorted(mixed, key=lambda each: each.family))

    def test_layout(self) -> None:
        four = b"4" * 32 + bytes((192, 0, 2, 4, 0x0F, 0xA0))
        six = b"6" * 32 + bytes.fromhex("20010db8000000000000000000000006") + b"\x17\x70"
        self.assertEqual(pack_contacts([SIX, FOUR, FOUR]), (four + four, six))
        self.assertEqual(pack_contacts([FOUR]), (four, b""))
        self.assertEqual(pack_contacts([SIX]), (b"", six))
        self.assertEqual(pack_contacts([]), (b"", b""))

    def test_identify_gets_the_key(self) -> None:
        seen: list[bytes] = []

        def identify(key: bytes) -> NodeID:
            seen.append(key)
            return NodeID(7)

        (contact,) = unpack_contacts(
            *pack_contacts([FOUR]), lambda packed: unpack_contact(packed, identify)
        )
        self.assertEqual(seen, [FOUR.key])
        self.assertEqual(contact, Contact.at(NodeID(7), FOUR.endpoint, FOUR.key))

    def test_every_entry_is_kept(self) -> None:
        martian = Contact.at(NodeID(0), Endpoint("0.0.0.0", 0), bytes(32))
        unpacked = unpack_contacts(*pack_contacts([martian, martian]), unpack)
        self.assertEqual(unpacked, (martian, martian))

    def test_partial_contacts_are_refused(self) -> None:
        for four, six in (
            (b"x" * 37, b""),
            (b"x" * 39, b""),
            (b"x" * 50, b""),
            (b"", b"x" * 38),
            (b"", b"x" * 49),
            ("x" * 38, b""),
            (b"", None),
            ([], b""),
        ):
            with self.assertRaises(MalformedDatagram) as caught:
                unpack_contacts(four, six, unpack)
            self.assertEqual(caught.exception.reason, "contacts")


class EntryTests(SynchronousTestCase):
    def test_layout(self) -> None:
        entries = (HaveEntry(1, NodeID(2), b"version1"), HaveEntry(255, NodeID(3), b"version2"))
        packed = pack_entries(entries)
        self.assertEqual(
            packed,
            b"\x01" + bytes(19) + b"\x02version1" + b"\xff" + bytes(19) + b"\x03version2",
        )
        self.assertEqual(unpack_entries(packed), entries)

    def test_one_to_thirty_two(self) -> None:
        self.assertEqual(len(unpack_entries(bytes(29 * 32))), 32)
        for wrong in (b"", bytes(28), bytes(30), bytes(29 * 33), "x" * 29, None, 29):
            with self.assertRaises(MalformedDatagram) as caught:
                unpack_entries(wrong)
            self.assertEqual(caught.exception.reason, "entries")


class EndpointTests(SynchronousTestCase):
    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(endpoints())
    def test_round_trip(self, endpoint: Endpoint) -> None:
        packed = pack_endpoint(endpoint)
        self.assertEqual(packed, compact(endpoint))
        self.assertEqual(unpack_endpoint(packed, "own"), endpoint)

    def test_nothing_to_tell(self) -> None:
        self.assertEqual(pack_endpoint(None), b"")
        self.assertIsNone(unpack_endpoint(b"", "own"))

    def test_what_means_nothing_elsewhere_is_not_told(self) -> None:
        for host in ("fe80::1%eth0", "node.example", "1.2.3", "1.2.3.4.5", "1.2.3.256"):
            self.assertEqual(pack_endpoint(Endpoint(host, 4000)), b"", host)
        self.assertEqual(pack_endpoint(Endpoint("192.0.2.1", 65536)), b"")

    def test_other_lengths_and_types(self) -> None:
        for wrong in (b"12345", b"1234567", b"x" * 17, b"x" * 19, "123456", None, 6):
            with self.assertRaises(MalformedDatagram) as caught:
                unpack_endpoint(wrong, "own")
            self.assertEqual(caught.exception.reason, "own")
