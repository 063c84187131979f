"""How many of the records under a key go into one answer, and where the next page begins."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.native import answer_length
from kadtwisted.identity.keys import node_id_of
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import FindValue, Records, Reply, StoredItem
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.node.serving.pages import (
    CONTACTS_BESIDE_RECORD,
    FIRST_ROOM,
    ITEM_BYTES,
    ROOM,
    page_of,
)
from kadtwisted.wire.cbor import CBORSerializer
from kadtwisted.wire.layout import CURSOR_BYTES, RECORDS_LIMIT

KIND, KEY, NOW = 200, NodeID(77), 500.0
FIRST = FindValue(KEY, KIND)
LATER = FindValue(KEY, KIND, cursor=b"1")


def stored(number: int, size: int = 100, left: float = 60.0, key: NodeID = KEY) -> StoredRecord:
    where = StorageKey(KIND, key, b"sub %02d" % number)
    return StoredRecord(where, bytes([number]) * size, NOW + left, NOW)


def numbers(items: tuple[StoredItem, ...]) -> list[int]:
    return [each.record[0] for each in items]


class PageTests(SynchronousTestCase):
    def test_nothing_stored_is_an_empty_page(self) -> None:
        self.assertEqual(page_of([], FIRST, NOW), ((), b""))

    def test_the_last_page_has_no_cursor(self) -> None:
        items, cursor = page_of([stored(1), stored(2, left=9.5)], FIRST, NOW)
        self.assertEqual(items, (StoredItem(b"\1" * 100, 60), StoredItem(b"\2" * 100, 9)))
        self.assertEqual(cursor, b"")

    def test_a_full_page_ends_behind_the_last_record_that_fits(self) -> None:
        size = FIRST_ROOM // 4 - ITEM_BYTES
        found = [stored(number, size) for number in range(9)]
        items, cursor = page_of(found, FIRST, NOW)
        self.assertEqual((numbers(items), cursor), ([0, 1, 2, 3], b"sub 03"))

    def test_later_pages_have_more_room(self) -> None:
        size = ROOM // 6 - ITEM_BYTES
        found = [stored(number, size) for number in range(9)]
        items, cursor = page_of(found, LATER, NOW)
        self.assertEqual((numbers(items), cursor), ([0, 1, 2, 3, 4, 5], b"sub 05"))

    def test_a_record_that_is_larger_than_a_page_comes_alone(self) -> None:
        items, cursor = page_of([stored(1, 1151), stored(2, 1)], FIRST, NOW)
        self.assertEqual((numbers(items), cursor), ([1], b"sub 01"))

    def test_the_records_of_other_keys_end_it(self) -> None:
        found = [stored(number) for number in range(3)] + [stored(9, key=NodeID(78))]
        items, cursor = page_of(found, FIRST, NOW)
        self.assertEqual((numbers(items), cursor), ([0, 1, 2], b""))
        other = found[0]._replace(where=found[0].where._replace(kind=201))
        self.assertEqual(page_of([other], FIRST, NOW), ((), b""))

    def test_what_has_less_than_a_second_left_is_passed_over(self) -> None:
        found = [stored(1, left=0.9), stored(2), stored(3, left=-5.0)]
        items, cursor = page_of(found, FIRST, NOW)
        self.assertEqual((numbers(items), cursor), ([2], b""))

    def test_as_many_as_were_read_may_not_be_all(self) -> None:
        found = [stored(number, size=1) for number in range(RECORDS_LIMIT)]
        items, cursor = page_of(found, FIRST, NOW)
        self.assertEqual((len(items), cursor), (RECORDS_LIMIT, b"sub 31"))
        expired = [stored(number, left=0.0) for number in range(RECORDS_LIMIT)]
        self.assertEqual(page_of(expired, FIRST, NOW), ((), b"sub 31"))

    def test_page_after_page_shows_each_record_once(self) -> None:
        every = [stored(number, size=40 + 7 * number) for number in range(40)]
        seen: list[int] = []
        asked, pages = FIRST, 0
        while asked.cursor or not pages:
            behind = [each for each in every if each.where.sub > asked.cursor][:RECORDS_LIMIT]
            items, cursor = page_of(behind, asked, NOW)
            seen += numbers(items)
            asked, pages = asked._replace(cursor=cursor), pages + 1
        self.assertEqual(seen, list(range(40)))
        self.assertLess(pages, 12)


class SizeTests(SynchronousTestCase):
    """A page of any records fits into one datagram, the first one with its contacts."""

    def contacts(self) -> tuple[Contact, ...]:
        keys = [bytes([number]) * 32 for number in range(CONTACTS_BESIDE_RECORD)]
        return tuple(
            Contact.at(node_id_of(key), Endpoint("2001:db8::1", 8000), key) for key in keys
        )

    def encoded(self, asked: FindValue, sizes: list[int], contacts: tuple[Contact, ...]) -> Records:
        """What arrives of a page of records of these sizes that may live the longest time."""
        found = [stored(number, size, 2.0**32 - 1) for number, size in enumerate(sizes)]
        items, _ = page_of(found, asked, NOW)
        body = Records(items, contacts, b"c" * CURSOR_BYTES)
        reply = Reply(b"t" * 8, body, b"k" * 8, Endpoint("2001:db8::2", 65535))
        codec = CBORSerializer(node_id_of)
        data = codec.encode_reply(reply, answer_length(asked) - 41)
        arrived = codec.decode(data)
        assert isinstance(arrived.body, Records)
        self.assertEqual(arrived.body.items, items)
        return arrived.body

    def test_the_first_page_keeps_its_contacts(self) -> None:
        for size in (1, 40, 150, 300, FIRST_ROOM - ITEM_BYTES):
            body = self.encoded(FIRST, [size] * RECORDS_LIMIT, self.contacts())
            self.assertEqual(len(body.contacts), CONTACTS_BESIDE_RECORD)

    def test_later_pages_are_full(self) -> None:
        for size in (1, 24, 40, 150, 256, 300, ROOM - ITEM_BYTES):
            body = self.encoded(LATER, [size] * RECORDS_LIMIT, ())
            filled = sum(ITEM_BYTES + len(each.record) for each in body.items)
            self.assertTrue(len(body.items) == RECORDS_LIMIT or filled > ROOM - size - ITEM_BYTES)
