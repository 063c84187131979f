"""Kinds of record other than values are stored, offered and read by the same store and handlers."""

from __future__ import annotations

from kadtwisted.errors import (
    CasConflict,
    InvalidRecord,
    NotConditional,
    StorageFull,
    Superseded,
)
from kadtwisted.interfaces import IStorage
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    ErrorCode,
    FindValue,
    Have,
    HaveEntry,
    Records,
    Store,
    Stored,
)
from kadtwisted.model.record import StorageKey, StorageUsage
from kadtwisted.node.serving.pages import CONTACTS_BESIDE_RECORD
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.records.kinds import Sender
from kadtwisted.records.version import version_of
from kadtwisted.storage.memory import MemoryStorage
from tests.node.contexts import make_context
from tests.node.serving.test_handlers import HandlersCase
from tests.node.serving.test_record_store import StoreCase, record
from tests.records.toys import (
    COUNTER,
    LONGEST,
    NOTE,
    NOTES_A_KEY,
    Notary,
    Note,
    count,
    with_toys,
    write,
)

KEY, OTHER = NodeID(0x5EED), NodeID(0x5EEE)


def note(author: int, number: int = 1, text: bytes = b"text", key: NodeID = KEY) -> bytes:
    return write(Note(key, b"auth%04d" % author, number, text))


class ToysCase(StoreCase):
    def make(self, storage: IStorage) -> RecordStore:
        self.notary = Notary()
        return RecordStore(make_context(self.world, kinds=with_toys(self.notary)), storage)

    def store(self, data: bytes, remaining: float = 100, cas: int | None = None) -> int:
        return self.successResultOf(self.records.store(data, remaining, cas))

    def notes(self, key: NodeID = KEY) -> list[bytes]:
        return [each.data for each in self.successResultOf(self.records.find(NOTE, key))]


class ManyTests(ToysCase):
    def setUp(self) -> None:
        self.storage = MemoryStorage(1000, 1_000_000)
        super().setUp()

    def test_each_author_has_one_under_a_key(self) -> None:
        for each in (note(1), note(3), note(2), note(3, 2), note(1, key=OTHER)):
            self.store(each)
        self.assertEqual(self.notes(), [note(1), note(2), note(3, 2)])
        self.assertEqual(self.notes(OTHER), [note(1, key=OTHER)])
        self.failureResultOf(self.records.store(note(3, 1), 100), Superseded)

    def test_a_value_under_the_same_key_is_another_matter(self) -> None:
        for each in (note(1), record(b"value")):
            self.store(each)
        self.assertEqual((self.notes(), self.held()), ([note(1)], [record(b"value")]))

    def test_a_key_has_room_for_so_many_and_no_more(self) -> None:
        self.records = self.make(MemoryStorage(1000, 1_000_000))
        for author in range(NOTES_A_KEY):
            self.store(note(author))
        self.failureResultOf(self.records.store(note(99 + 1), 100), StorageFull)
        self.assertFalse(self.records.is_failing())
        self.store(note(7, 2))
        self.store(note(99 + 1, key=OTHER))
        self.assertEqual(len(self.notes()), NOTES_A_KEY)
        self.time += 100
        self.store(note(99 + 1))

    def test_a_kind_may_live_shorter_than_others(self) -> None:
        self.assertEqual(self.store(note(1), 1e9), LONGEST)
        self.assertEqual(self.store(note(1), 1e9), LONGEST)
        self.assertEqual(self.store(record(b"a"), 1e9), 172_800)

    def test_who_may_store_it_here_is_for_its_kind_to_say(self) -> None:
        wrong = note(1, text=b"not from 192.0.2.1")
        for host, refused in (("192.0.2.1", True), ("192.0.2.2", False)):
            storing = self.records.store(wrong, 100, None, Sender(Endpoint(host, 9), bytes(32)))
            if refused:
                self.failureResultOf(storing, InvalidRecord)
            else:
                self.successResultOf(storing)

    def test_each_signature_is_verified_when_it_comes_in_and_not_when_it_goes_out(self) -> None:
        self.store(note(1))
        self.notes()
        self.successResultOf(self.records.find_page(NOTE, KEY, b""))
        self.assertEqual(self.notary.verified[note(1)], 1)
        forged = note(1, 2)[:-1]
        self.failureResultOf(self.records.store(forged, 100), InvalidRecord)
        self.assertEqual(self.notes(), [note(1)])

    def test_offers_are_compared_by_version_one_by_one(self) -> None:
        for author in (1, 2, 4):
            self.store(note(author), 1000)
        offered = (note(1), note(2, 2), note(3), note(4), note(4, key=OTHER), b"\xc8no note")
        entries = [
            HaveEntry(NOTE, OTHER if each is offered[4] else KEY, version_of(each))
            for each in offered
        ]
        self.patch(self.records.neighbours, "known", lambda sender: NodeID(9))
        self.patch(self.records.neighbours, "is_near", lambda *_: True)
        bitmap = self.successResultOf(self.records.wanted(Have(tuple(entries))))
        self.assertEqual(bitmap, bytes((0b01101100,)))
        found = self.successResultOf(self.records.find(NOTE, KEY))
        left = [self.records.is_left_to_others(each, 1.0) for each in found]
        self.assertEqual(left, [True, False, True])

    def test_an_offer_of_many_reads_their_key_once(self) -> None:
        reads = []
        get = self.storage.get
        self.patch(self.storage, "get", lambda *a: reads.append(a[:2]) or get(*a))
        self.records = self.make(self.storage)
        entries = [HaveEntry(NOTE, KEY, version_of(note(author))) for author in range(32)]
        bitmap = self.successResultOf(self.records.wanted(Have(tuple(entries))))
        self.assertEqual((bitmap, reads), (b"\xff" * 4, [(NOTE, KEY)]))


class WholeStoreTests(ToysCase):
    def test_pages_usage_and_expiry_are_the_storages(self) -> None:
        for each in (note(1), count(KEY, 5), record(b"a")):
            self.store(each, 50)
        page = self.successResultOf(self.records.page(None, 2))
        self.assertEqual([each.where.kind for each in page], [1, NOTE])
        rest = self.successResultOf(self.records.page(page[-1].where, 2))
        self.assertEqual([each.where for each in rest], [StorageKey(COUNTER, KEY)])
        size = sum(map(len, (note(1), count(KEY, 5), record(b"a"))))
        self.assertEqual(self.successResultOf(self.records.usage()), StorageUsage(3, size))
        self.time += 50
        self.assertEqual(self.successResultOf(self.records.expire(2)), 2)
        self.assertEqual(self.successResultOf(self.records.expire(2)), 1)

    def test_reading_can_be_tried(self) -> None:
        self.assertEqual(self.successResultOf(self.records.check_reading()), [])


class ConditionalTests(ToysCase):
    def test_it_is_stored_only_in_place_of_the_sequence_number_named(self) -> None:
        self.store(count(KEY, 5))
        failure = self.failureResultOf(self.records.store(count(KEY, 7), 100, 6), CasConflict)
        self.assertIn("stored here is 5, not 6", str(failure.value))
        self.store(count(KEY, 7), cas=5)
        self.failureResultOf(self.records.store(count(KEY, 8), 100, 5), CasConflict)

    def test_what_would_lose_is_refused_all_the_same(self) -> None:
        self.store(count(KEY, 5))
        self.failureResultOf(self.records.store(count(KEY, 4), 100, 5), Superseded)

    def test_where_nothing_is_stored_no_condition_holds(self) -> None:
        self.failureResultOf(self.records.store(count(KEY, 7), 100, 6), CasConflict)
        self.store(count(KEY, 6), 10)
        self.time += 10
        self.failureResultOf(self.records.store(count(KEY, 7), 100, 6), CasConflict)

    def test_a_request_that_comes_twice_does_no_harm(self) -> None:
        self.store(count(KEY, 5))
        for _ in range(2):
            self.store(count(KEY, 6), cas=5)

    def test_each_author_has_numbers_of_his_own(self) -> None:
        self.store(note(1, 5))
        self.store(note(2, 9))
        self.store(note(1, 6), cas=5)
        self.failureResultOf(self.records.store(note(2, 10), 100, 6), CasConflict)

    def test_values_have_no_sequence_numbers(self) -> None:
        self.failureResultOf(self.records.store(record(b"a"), 100, 0), NotConditional)
        self.assertEqual(self.held(), [])


class AnsweringTests(HandlersCase):
    """What a node answers that admits other kinds, too."""

    def setUp(self) -> None:
        super().setUp()
        self.kinds = with_toys(Notary())
        self.use(MemoryStorage(1000, 1_000_000))
        self.near = tuple(self.closest(Family.IPV4, KEY, 20))

    def store(self, *records: bytes) -> None:
        for each in records:
            self.assertEqual(self.answer(Store(each, 100)), Stored(100))

    def find(self, cursor: bytes = b"") -> Records:
        answer = self.answer(FindValue(KEY, NOTE, b"", cursor), proven=False)
        assert isinstance(answer, Records)
        return answer

    def test_none_of_them_is_answered_with_contacts_alone(self) -> None:
        self.store(note(1, key=OTHER), record(b"value"))
        self.assertEqual(self.find(), Records((), self.near))

    def test_a_few_come_in_one_answer_with_contacts(self) -> None:
        self.store(note(2), note(1))
        answer = self.find()
        self.assertEqual([each.record for each in answer.items], [note(1), note(2)])
        self.assertEqual((answer.cursor, answer.unchanged), (b"", False))
        self.assertEqual(answer.contacts, self.near[:CONTACTS_BESIDE_RECORD])

    def test_a_version_known_already_makes_no_difference(self) -> None:
        self.store(note(1))
        answer = self.answer(FindValue(KEY, NOTE, version_of(note(1))))
        self.assertEqual([each.record for each in answer.items], [note(1)])

    def test_many_are_read_page_by_page(self) -> None:
        self.store(*(note(author, text=bytes(100)) for author in range(60)))
        answer = self.find()
        seen = [each.record for each in answer.items]
        self.assertEqual(answer.contacts, self.near[:CONTACTS_BESIDE_RECORD])
        pages = 1
        while answer.cursor:
            answer = self.find(answer.cursor)
            self.assertEqual(answer.contacts, ())
            seen += [each.record for each in answer.items]
            pages += 1
        self.assertEqual(seen, [note(author, text=bytes(100)) for author in range(60)])
        self.assertEqual(pages, 11)

    def test_a_cursor_of_somebody_elses_making_is_a_place_like_any_other(self) -> None:
        self.store(note(1), note(3))
        for cursor, authors in ((b"auth0002", [3]), (b"\xff" * 64, []), (b"\x00", [1, 3])):
            answer = self.find(cursor)
            self.assertEqual([each.record for each in answer.items], [note(a) for a in authors])
            self.assertEqual(answer.contacts, ())

    def test_conditional_stores_are_answered_with_typed_errors(self) -> None:
        self.store(count(KEY, 5))
        text = self.refused(self.answer(Store(count(KEY, 7), 9, 6)), ErrorCode.CAS_CONFLICT)
        self.assertIn("5, not 6", text)
        self.assertEqual(self.answer(Store(count(KEY, 7), 9, 5)), Stored(9))
        self.refused(self.answer(Store(record(b"value"), 9, 0)), ErrorCode.BAD_REQUEST)

    def test_the_sender_is_shown_to_the_kind(self) -> None:
        bad = note(1, text=b"not from 198.51.100.1")
        self.refused(self.answer(Store(bad, 100)), ErrorCode.INVALID_RECORD)
