"""The contacts file: legible, bounded, and every damage is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import StorageError, UnsupportedVersion
from kadtwisted.identity.keys import node_id_of
from kadtwisted.model.contact import Contact, Endpoint, endpoint_from_compact
from kadtwisted.model.ids import NodeID
from kadtwisted.state.contacts import (
    MAX_BYTES,
    MAX_CONTACTS,
    DamagedContacts,
    SavedContacts,
    decode_contacts,
    encode_contacts,
)
from kadtwisted.testing.contracts.node_state import known

NOW = 1_790_000_000
SMALL = settings(max_examples=100, deadline=None, derandomize=True)

CONTACTS = (known(1, "192.0.2.7"), known(2, "2001:db8::7"), known(3, "203.0.113.1"))
GOOD = encode_contacts(CONTACTS, NOW + 0.75)

compacts = st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))
ports = st.integers(1, 65535).map(lambda port: port.to_bytes(2, "big"))
endpoints = st.builds(lambda host, port: endpoint_from_compact(host + port), compacts, ports)
keys = st.binary(min_size=32, max_size=32)
contacts = st.builds(lambda key, at: Contact.at(node_id_of(key), at, key), keys, endpoints)


def again(some: Sequence[Contact], unix_time: float) -> SavedContacts:
    """What comes back of these contacts."""
    return decode_contacts(encode_contacts(some, unix_time), node_id_of)


def with_checksum(body: bytes) -> bytes:
    """What somebody makes who knows the format as well as we do."""
    digest = blake2b(body, digest_size=16, person=b"kad/1 contacts").hexdigest()
    return body + b"blake2b " + digest.encode() + b"\n"


class GoodTests(SynchronousTestCase):
    def test_people_can_read_it(self) -> None:
        lines = GOOD.decode("ascii").splitlines()
        self.assertEqual(lines[0], "kad-contacts-1")
        self.assertEqual(lines[1], "written 1790000000")
        self.assertEqual(lines[2], f"{CONTACTS[0].key.hex()}@192.0.2.7:2")
        self.assertEqual(lines[3], f"{CONTACTS[1].key.hex()}@[2001:db8::7]:3")
        self.assertEqual(len(lines), 6)
        self.assertRegex(lines[5], "^blake2b [0-9a-f]{32}$")

    def test_as_the_format_says(self) -> None:
        self.assertEqual(with_checksum(GOOD[: GOOD.rindex(b"blake2b")]), GOOD)

    def test_back_again(self) -> None:
        self.assertEqual(decode_contacts(GOOD, node_id_of), SavedContacts(CONTACTS, NOW))

    def test_no_contacts(self) -> None:
        self.assertEqual(again((), NOW), SavedContacts((), NOW))

    def test_ids_are_those_that_the_keys_imply(self) -> None:
        def everybody(key: bytes) -> NodeID:
            return NodeID(key[0])

        found = decode_contacts(GOOD, everybody).contacts
        self.assertEqual([each.node_id for each in found], [each.key[0] for each in CONTACTS])

    @SMALL
    @given(st.lists(contacts, max_size=20), st.integers(0, 2**33))
    def test_any_contacts_come_back_in_order(self, some: list[Contact], unix_time: int) -> None:
        self.assertEqual(
            again(some, unix_time),
            SavedContacts(tuple(some), unix_time),
        )

    def test_contacts_whose_key_is_unknown_are_left_out(self) -> None:
        unknown = Contact.at(NodeID(5), Endpoint("192.0.2.5", 5))
        found = again((CONTACTS[0], unknown, CONTACTS[1]), NOW)
        self.assertEqual(found.contacts, CONTACTS[:2])

    def test_bounded_and_the_latest_heard_are_kept(self) -> None:
        longest = "abcd:abcd:abcd:abcd:abcd:abcd:abcd:abcd"
        many = [known(60_000 + number, longest) for number in range(MAX_CONTACTS + 5)]
        data = encode_contacts(many, NOW)
        self.assertLess(len(data), MAX_BYTES)
        self.assertEqual(decode_contacts(data, node_id_of).contacts, tuple(many[:MAX_CONTACTS]))

    def test_clocks_beyond_reason(self) -> None:
        for unix_time, written in ((-5.0, 0), (1e30, 10**12 - 1)):
            self.assertEqual(again((), unix_time).written, written)


class DamagedTests(SynchronousTestCase):
    def assert_damaged(self, data: bytes) -> str:
        error = self.assertRaises(DamagedContacts, decode_contacts, data, node_id_of)
        self.assertIsInstance(error, StorageError)
        return str(error)

    def test_every_truncation_is_noticed(self) -> None:
        for length in range(len(GOOD)):
            self.assert_damaged(GOOD[:length])

    def test_every_flipped_bit_is_noticed(self) -> None:
        for position in range(len(GOOD)):
            for bit in range(8):
                data = bytearray(GOOD)
                data[position] ^= 1 << bit
                self.assertRaises(
                    (DamagedContacts, UnsupportedVersion), decode_contacts, bytes(data), node_id_of
                )

    def test_only_the_version_can_be_taken_for_a_newer_one(self) -> None:
        for position in range(len(GOOD)):
            if position != len("kad-contacts-"):
                data = bytearray(GOOD)
                data[position] ^= 0x03
                self.assert_damaged(bytes(data))

    def test_more_behind_the_end_is_noticed(self) -> None:
        for more in (b"\n", b"x", GOOD):
            self.assert_damaged(GOOD + more)

    def test_lines_in_another_order_are_noticed(self) -> None:
        lines = GOOD.splitlines(keepends=True)
        lines[2], lines[3] = lines[3], lines[2]
        self.assert_damaged(b"".join(lines))

    @SMALL
    @given(st.binary(max_size=300))
    def test_any_bytes(self, data: bytes) -> None:
        self.assert_damaged(data)
        self.assert_damaged(GOOD[:15] + data)

    @SMALL
    @given(st.binary(max_size=300))
    def test_any_bytes_with_the_right_checksum(self, data: bytes) -> None:
        self.assert_damaged(with_checksum(data))
        if data:
            self.assert_damaged(with_checksum(b"kad-contacts-1\nwritten 1\n" + data))

    def test_lines_with_the_right_checksum_that_are_no_contacts(self) -> None:
        key = "ab" * 32
        for line in (
            "192.0.2.1:8000",
            f"{key}@example.org:80",
            f"{key}@192.0.2.1:0",
            f"{key}@",
            "",
        ):
            body = f"kad-contacts-1\nwritten 1\n{line}\n".encode()
            self.assertIn("no contact", self.assert_damaged(with_checksum(body)))

    def test_too_many_contacts(self) -> None:
        line = f"{'ab' * 32}@192.0.2.1:8000\n" * (MAX_CONTACTS + 1)
        body = f"kad-contacts-1\nwritten 1\n{line}".encode()
        self.assertIn("more than", self.assert_damaged(with_checksum(body)))

    def test_too_long_to_be_looked_at(self) -> None:
        self.assertIn("bytes", self.assert_damaged(bytes(MAX_BYTES + 1)))


class NewerTests(SynchronousTestCase):
    def test_is_told_apart_from_damage(self) -> None:
        for data in (b"kad-contacts-2\n", b"kad-contacts-10\nanything", b"kad-contacts-2\n\xff\0"):
            self.assertRaises(UnsupportedVersion, decode_contacts, data, node_id_of)

    def test_what_is_no_number_is_damage(self) -> None:
        for data in (b"kad-contacts-0\n", b"kad-contacts-x\n", b"kad-contacts-2", b"kad-peers-2\n"):
            self.assertRaises(DamagedContacts, decode_contacts, data, node_id_of)
