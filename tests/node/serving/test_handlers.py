"""What a node answers to each request, asked directly."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import HOUR
from kadtwisted.dialects.door import BUSY_RETRY_MS, Received
from kadtwisted.errors import StorageBusy, StorageError, StorageFull
from kadtwisted.identity.keys import node_id_of
from kadtwisted.interfaces import IStorage
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID, distance, random_id
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Have,
    HaveEntry,
    Nodes,
    Ping,
    Pong,
    Records,
    RequestBody,
    Store,
    Stored,
    StoredItem,
    UnknownRequest,
    Want,
    Wanted,
)
from kadtwisted.model.record import Kind
from kadtwisted.node.serving import handlers
from kadtwisted.node.serving.handlers import (
    CONTACTS_OF_EACH,
    NO_ROOM,
    Handlers,
)
from kadtwisted.node.serving.pages import CONTACTS_BESIDE_RECORD
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.node.world import World
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records.kinds import NATIVE_KINDS
from kadtwisted.records.value import encode, value_of
from kadtwisted.records.version import version_of as version
from kadtwisted.routing.reachable import Reach
from kadtwisted.routing.table import RoutingTable
from kadtwisted.rpc.bitmaps import bitmap_of
from kadtwisted.storage.memory import MemoryStorage
from tests.node.contexts import make_context
from tests.node.storages import FailingStorage, LateStorage

UNIX_NOW = 1_800_000_000.75
KEY = NodeID(0x5EED)
K = 20
KINDS = bitmap_of(each.number for each in NATIVE_KINDS)


def record(value: bytes, published: float = 0.0, key: NodeID = KEY) -> bytes:
    """A record published so many seconds after :data:`UNIX_NOW`."""
    return encode(value_of(key, value, int((UNIX_NOW + published) * 1_000_000)))


class HandlersCase(SynchronousTestCase):
    """The handlers of the IPv4 port of a node with both families, and 60 contacts in each."""

    kinds = NATIVE_KINDS

    def setUp(self) -> None:
        self.time = 500.0
        self.random = random.Random(1)
        self.world = World(
            now=lambda: self.time,
            unix_time=lambda: UNIX_NOW,
            resolve=lambda host: fail(AssertionError(host)),
            secure_random=self.random.randbytes,
            random=self.random,
        )
        self.tables = {family: self.make_table(family, 60) for family in Family}
        self.patch(handlers, "FEATURES", 0b101)
        self.use(MemoryStorage(100, 100_000))

    def make_table(self, family: Family, contacts: int) -> RoutingTable:
        table = RoutingTable(random_id(self.random), k=K)
        prefix = "192.0.2." if family is Family.IPV4 else "2001:db8::"
        for number in range(contacts):
            key = self.random.randbytes(32)
            contact = Contact.at(node_id_of(key), Endpoint(f"{prefix}{number}", 8000), key)
            table.answered(contact, 0.0)
        return table

    def use(
        self,
        storage: IStorage,
        *,
        read_only: bool = False,
        family: Family = Family.IPV4,
        k: int = K,
    ) -> None:
        settings = NodeSettings(agent="agent/1", read_only=read_only, parameters=Parameters(k=k))
        context = make_context(self.world, settings, self.kinds)
        self.context, self.counters = context, context.counters
        self.records = RecordStore(context, storage)
        self.reach = Reach()
        self.handlers = Handlers(context, family, self.tables, self.records, self.reach)

    def handle(self, body: RequestBody, *, proven: bool = True) -> Any:
        received = Received(body, Endpoint("198.51.100.1", 9), bytes(32), proven=proven)
        return self.handlers.handle(received)

    def answer(self, body: RequestBody, *, proven: bool = True) -> Any:
        """The answer to a request, a Deferred's result if it is one."""
        answer = self.handle(body, proven=proven)
        return self.successResultOf(answer) if isinstance(answer, Deferred) else answer

    def closest(self, family: Family, target: NodeID, count: int) -> list[Contact]:
        """The oracle: all contacts of a family, sorted."""
        everybody = self.tables[family].contacts()
        return sorted(everybody, key=lambda each: distance(each.node_id, target))[:count]

    def refused(self, answer: object, code: ErrorCode, retry_after: int = 0) -> str:
        assert isinstance(answer, Error), answer
        self.assertEqual((answer.code, answer.retry_after), (code, retry_after))
        return answer.text


class ReadTests(HandlersCase):
    def test_ping(self) -> None:
        for proven in (True, False):
            expected = Pong(b"\x01", 0b101, 1_800_000_000, "agent/1", b"\x7f\xb0", KINDS)
            self.assertEqual(self.answer(Ping(), proven=proven), expected)

    def test_ping_tells_where_others_see_us_and_what_time_it_is_now(self) -> None:
        own = Endpoint("203.0.113.7", 8000)
        for told in (None, own, own._replace(port=0), None):
            self.reach.told_to_others = told
            for _ in range(2):
                self.assertEqual(self.answer(Ping()).own, told)
        self.patch(self.handlers, "_unix_time", lambda: UNIX_NOW + 1)
        self.assertEqual(self.answer(Ping()).unix_time, int(UNIX_NOW) + 1)

    def test_a_method_that_is_not_known(self) -> None:
        for proven in (True, False):
            answer = self.answer(UnknownRequest(240), proven=proven)
            self.refused(answer, ErrorCode.UNKNOWN_METHOD)

    def test_find_node_gives_the_closest_of_the_familys_own(self) -> None:
        for family, own in ((Family.IPV4, Want.IPV4), (Family.IPV6, Want.IPV6)):
            self.use(MemoryStorage(1, 1000), family=family)
            for want in (Want.SAME, own):
                for _ in range(20):
                    target = random_id(self.random)
                    answer = self.answer(FindNode(target, want), proven=False)
                    self.assertEqual(type(answer), Nodes)
                    self.assertEqual(list(answer.contacts), self.closest(family, target, K))

    def test_find_node_gives_the_other_family_if_wanted(self) -> None:
        target = random_id(self.random)
        answer = self.answer(FindNode(target, Want.IPV6))
        self.assertEqual(list(answer.contacts), self.closest(Family.IPV6, target, K))

    def test_find_node_gives_twelve_of_each_family_if_both_are_wanted(self) -> None:
        target = random_id(self.random)
        self.assertEqual(CONTACTS_OF_EACH, 12)
        expected = self.closest(Family.IPV4, target, 12) + self.closest(Family.IPV6, target, 12)
        for family in Family:
            self.use(MemoryStorage(1, 1000), family=family)
            answer = self.answer(FindNode(target, Want.BOTH))
            self.assertEqual(list(answer.contacts), expected)

    def test_a_node_of_one_family_has_none_of_the_other(self) -> None:
        del self.tables[Family.IPV6]
        self.assertEqual(self.answer(FindNode(KEY, Want.IPV6)), Nodes(()))
        both = self.answer(FindNode(KEY, Want.BOTH))
        self.assertEqual(list(both.contacts), self.closest(Family.IPV4, KEY, 12))

    def test_an_empty_table_gives_nobody(self) -> None:
        self.tables[Family.IPV4] = self.make_table(Family.IPV4, 0)
        self.use(MemoryStorage(1, 1000))
        self.assertEqual(self.answer(FindNode(KEY)), Nodes(()))
        self.assertEqual(self.answer(FindValue(KEY, Kind.VALUE)), Records((), ()))

    def test_requests_are_counted_by_name(self) -> None:
        for body in (Ping(), Ping(), FindNode(KEY), FindValue(KEY, 1), UnknownRequest(240)):
            self.answer(body)
        self.answer(Store(b"x", 1), proven=False)
        self.assertEqual(
            self.counters.snapshot(),
            {"in.FindNode": 1, "in.FindValue": 1, "in.Ping": 2, "in.Store": 1},
        )


class FindValueTests(HandlersCase):
    def setUp(self) -> None:
        super().setUp()
        self.assertEqual(self.answer(Store(record(b"value"), 100)), Stored(100))
        self.near = tuple(self.closest(Family.IPV4, KEY, K))

    def find(self, **what: Any) -> Any:
        return self.answer(FindValue(**{"key": KEY, "kind": Kind.VALUE, **what}), proven=False)

    def test_what_is_here_comes_with_its_time_left_and_contacts(self) -> None:
        self.time += 30.5
        closest = self.near[:CONTACTS_BESIDE_RECORD]
        expected = Records((StoredItem(record(b"value"), 69),), closest)
        self.assertEqual(self.find(), expected)

    def test_a_record_that_is_wanted_alone_comes_without_contacts(self) -> None:
        self.patch(self.handlers, "_nearest", self.fail)  # nor are any looked for
        answer = self.find(alone=True)
        self.assertEqual(answer, Records((StoredItem(record(b"value"), 100),), ()))

    def test_contacts_come_where_no_record_is_sent(self) -> None:
        other = NodeID(KEY ^ (1 << 159))
        near = tuple(self.closest(Family.IPV4, other, K))
        self.assertEqual(self.find(key=other, alone=True), Records((), near))
        known = self.find(known_version=version(record(b"value")), alone=True)
        self.assertEqual(known, Records((), self.near, b"", True))
        self.assertEqual(self.find(kind=9, alone=True).contacts, self.near)

    def test_a_version_known_already_is_not_sent_again(self) -> None:
        answer = self.find(known_version=version(record(b"value")))
        self.assertEqual(answer, Records((), self.near, b"", True))

    def test_another_version_is_sent(self) -> None:
        answer = self.find(known_version=version(record(b"other")))
        self.assertEqual([each.record for each in answer.items], [record(b"value")])
        self.assertFalse(answer.unchanged)

    def test_what_is_not_here_is_answered_with_contacts(self) -> None:
        other = NodeID(KEY ^ (1 << 159))
        near = tuple(self.closest(Family.IPV4, other, K))
        self.assertEqual(self.find(key=other), Records((), near))
        self.assertEqual(self.find(key=other, known_version=bytes(8)), Records((), near))

    def test_a_kind_that_is_not_known_here_is_refused_with_contacts(self) -> None:
        for kind in (0, 9, 255):
            answer = self.find(kind=kind)
            self.refused(answer, ErrorCode.UNKNOWN_KIND)
            self.assertEqual(answer.contacts, self.near)
        both = self.find(kind=9, want=Want.BOTH).contacts
        self.assertEqual(both, self.answer(FindNode(KEY, Want.BOTH)).contacts)

    def test_what_has_expired_is_not_here(self) -> None:
        self.time += 100
        self.assertEqual(self.find(), Records((), self.near))

    def test_contacts_come_in_the_families_wanted(self) -> None:
        for stored, each in ((KEY, CONTACTS_BESIDE_RECORD), (NodeID(KEY + 1), 12)):
            both = [*self.closest(Family.IPV4, stored, each)]
            both += self.closest(Family.IPV6, stored, each)
            self.assertEqual(list(self.find(key=stored, want=Want.BOTH).contacts), both)

    def test_a_small_k_bounds_the_contacts_beside_a_record(self) -> None:
        self.use(self.handlers._records._storage, k=3)
        self.assertEqual(self.find().contacts, self.near[:3])

    def test_a_storage_that_cannot_read_is_a_fault_of_ours(self) -> None:
        storage = MemoryStorage(1, 1000)
        self.patch(storage, "get", lambda *_: fail(StorageError("broken")))
        self.use(storage)
        self.failureResultOf(self.handle(FindValue(KEY, Kind.VALUE)), StorageError)


class StoreTests(HandlersCase):
    def held(self) -> list[bytes]:
        return [each.record for each in self.answer(FindValue(KEY, Kind.VALUE)).items]

    def test_tells_how_long_it_will_be_kept(self) -> None:
        self.assertEqual(self.answer(Store(record(b"a"), 100)), Stored(100))
        self.assertEqual(self.answer(Store(record(b"b", 1), 2**32 - 1)), Stored(int(48 * HOUR)))
        self.assertEqual(self.held(), [record(b"b", 1)])

    def test_who_has_no_valid_token_stores_nothing(self) -> None:
        answer = self.handle(Store(record(b"a"), 100), proven=False)
        self.assertIn("token", self.refused(answer, ErrorCode.BAD_TOKEN))
        self.assertEqual(self.held(), [])

    def test_a_read_only_node_stores_nothing(self) -> None:
        storage = LateStorage()
        self.use(storage, read_only=True)
        answer = self.handle(Store(record(b"a"), 100))
        self.assertIn("read-only", self.refused(answer, ErrorCode.NOT_ACCEPTED))
        self.refused(self.handle(Store(record(b"a"), 1), proven=False), ErrorCode.BAD_TOKEN)
        self.assertEqual(storage.waiting, [])

    def test_what_is_no_record(self) -> None:
        for bad in (b"\x01", record(b"a")[:-1], record(b"a") + b"x"):
            text = self.refused(self.answer(Store(bad, 100)), ErrorCode.INVALID_RECORD)
            self.assertIn("not a valid record: ", text)
        self.assertEqual(self.held(), [])

    def test_a_record_of_a_kind_that_is_not_known(self) -> None:
        for kind in (0, 9, 255):
            answer = self.answer(Store(bytes([kind]) + record(b"a")[1:], 100))
            self.assertIn("kind", self.refused(answer, ErrorCode.UNKNOWN_KIND))
        self.assertEqual(self.held(), [])

    def test_a_record_from_the_future(self) -> None:
        text = self.refused(self.answer(Store(record(b"a", 3600), 100)), ErrorCode.CLOCK_SKEW)
        self.assertIn("3600 s in the future", text)
        self.assertEqual(self.held(), [])

    def test_a_record_that_loses(self) -> None:
        self.answer(Store(record(b"new", 1), 100))
        self.refused(self.answer(Store(record(b"old"), 100)), ErrorCode.SUPERSEDED)
        self.assertEqual(self.held(), [record(b"new", 1)])

    def test_a_full_storage(self) -> None:
        self.use(MemoryStorage(1, 100_000))
        self.assertEqual(self.answer(Store(record(b"a", 0, NodeID(1)), 100)), Stored(100))
        answer = self.answer(Store(record(b"a", 0, NodeID(2)), 100))
        self.assertIn("no room", self.refused(answer, ErrorCode.STORAGE_FULL))

    def test_a_storage_that_is_full_or_busy_says_so_and_reads_go_on(self) -> None:
        for error, code, retry_after, words in (
            (StorageFull("no room for /home/me"), ErrorCode.STORAGE_FULL, 0, NO_ROOM),
            (StorageBusy("too much is queued"), ErrorCode.BUSY, 1000, "too much is queued"),
        ):
            self.use(FailingStorage(error))
            text = self.refused(self.answer(Store(record(b"a"), 100)), code, retry_after)
            self.assertEqual(text, words)
            self.assertEqual(self.held(), [])

    def test_any_other_failure_is_a_fault_of_ours(self) -> None:
        for error in (StorageError("broken"), OSError(5, "Input/output error"), ValueError()):
            self.use(FailingStorage(error))
            failure = self.failureResultOf(self.handle(Store(record(b"a"), 100)))
            self.assertIs(failure.value, error)

    def test_a_record_without_time_left_makes_no_sense(self) -> None:
        self.refused(self.answer(Store(record(b"a"), 0)), ErrorCode.BAD_REQUEST)

    def test_a_long_reason_is_cut(self) -> None:
        self.use(FailingStorage(StorageBusy("x" * 5000)))
        text = self.refused(self.answer(Store(record(b"a"), 100)), ErrorCode.BUSY, 1000)
        self.assertEqual(text, "x" * 120)

    def test_of_concurrent_writes_of_one_key_the_newest_stays(self) -> None:
        late = LateStorage()
        self.use(late)
        bodies = [Store(record(b"%d" % number, number), 10 + number) for number in (1, 3, 2, 4)]
        answers: dict[int, object] = {}
        for index, body in enumerate(bodies):
            self.handle(body).addCallback(lambda answer, i: answers.update({i: answer}), index)
        for refused in (2, 1):  # both lose to one that waits, and never touch the storage
            self.refused(answers.pop(refused), ErrorCode.SUPERSEDED)
        self.assertEqual((answers, late.waiting), ({}, [("get", KEY)]))
        late.release_all()
        self.assertEqual(answers, {0: Stored(11), 3: Stored(14)})
        stored = self.successResultOf(late.page(None, 10))
        self.assertEqual([each.data for each in stored], [record(b"4", 4)])

    def test_a_write_that_finds_no_place_to_wait_is_told_so_and_not_begun(self) -> None:
        late = LateStorage()
        self.use(late)
        waiting = [self.handle(Store(record(b"a"), 100)) for _ in range(9)]
        answer = self.answer(Store(record(b"a"), 100))
        self.refused(answer, ErrorCode.BUSY, BUSY_RETRY_MS)
        late.release_all()
        self.assertEqual([self.successResultOf(each) for each in waiting], [Stored(100)] * 9)

    def test_an_acknowledgement_waits_for_the_storage(self) -> None:
        late = LateStorage()
        self.use(late)
        answer = self.handle(Store(record(b"a"), 100))
        late.release()
        self.assertNoResult(answer)
        self.assertEqual(late.waiting, [("put", KEY)])
        late.release()
        self.assertEqual(self.successResultOf(answer), Stored(100))


class HaveTests(HandlersCase):
    def test_the_bitmap_names_what_is_wanted(self) -> None:
        held = [NodeID(number) for number in (1, 4, 9)]
        for key in held:
            self.answer(Store(record(b"a", 0, key), 100))
        entries = tuple(
            HaveEntry(Kind.VALUE, NodeID(n), version(record(b"a", 0, NodeID(n)))) for n in range(10)
        )
        self.assertEqual(self.answer(Have(entries)), Wanted(bytes((0b1011_0111, 0b1000_0000))))

    def test_a_kind_that_is_not_admitted_is_not_wanted(self) -> None:
        entries = tuple(HaveEntry(kind, KEY, bytes(8)) for kind in (0, 1, 9, 255))
        self.assertEqual(self.answer(Have(entries)), Wanted(b"\x40"))

    def test_who_may_not_store_is_not_asked_for_anything(self) -> None:
        body = Have((HaveEntry(Kind.VALUE, KEY, bytes(8)),))
        self.refused(self.handle(body, proven=False), ErrorCode.BAD_TOKEN)
        self.use(MemoryStorage(1, 1000), read_only=True)
        self.refused(self.handle(body), ErrorCode.NOT_ACCEPTED)


class DialectTests(SynchronousTestCase):
    """The dialect says which requests there are, and for which of them a sender needs a token."""

    def handlers(self, **changes: Any) -> Handlers:
        source = random.Random(1)
        world = World(lambda: 500.0, lambda: UNIX_NOW, fail, source.randbytes, source)
        context = make_context(world)
        context = replace(context, dialect=replace(context.dialect, **changes))
        tables = {Family.IPV4: RoutingTable(random_id(source), k=K)}
        records = RecordStore(context, MemoryStorage(100, 100_000))
        return Handlers(context, Family.IPV4, tables, records)

    def answer(self, handlers: Handlers, body: Any, *, proven: bool = False) -> Any:
        sender = Endpoint("198.51.100.1", 9)
        return handlers.handle(Received(body, sender, bytes(32), proven=proven))

    def test_requests_that_a_network_has_not(self) -> None:
        for answers in (Nodes, lambda _: None):
            unknown = answers(())
            handlers = self.handlers(
                messages=frozenset((Ping,)), answer_unknown=lambda _, a=answers: a(())
            )
            self.assertIsInstance(self.answer(handlers, Ping()), Pong)
            for body in (FindNode(KEY), Have(()), UnknownRequest(9)):
                self.assertEqual(self.answer(handlers, body, proven=True), unknown)

    def test_a_network_without_tokens(self) -> None:
        body = Store(record(b"a"), 10)
        self.assertEqual(self.answer(self.handlers(), body).code, ErrorCode.BAD_TOKEN)
        storing = self.answer(self.handlers(proven_only=frozenset()), body)
        self.assertEqual(self.successResultOf(storing), Stored(10))

    def test_answers_from_outside(self) -> None:
        handlers = self.handlers(messages=frozenset((Ping, UnknownRequest)))
        handlers.serve(UnknownRequest, lambda body: Error(body.method))
        handlers.serve(FindNode, lambda body: Error(1))  # which this network has not
        self.assertEqual(self.answer(handlers, UnknownRequest(240)), Error(240))
        self.assertEqual(self.answer(handlers, FindNode(KEY)).code, ErrorCode.UNKNOWN_METHOD)
        handlers.serve(
            UnknownRequest, lambda received: Error(1, received.endpoint.host), writes=True
        )
        self.assertEqual(self.answer(handlers, UnknownRequest(240)).text, "198.51.100.1")
