"""A holder tells those that listen, and nobody else, and no more than they acknowledge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import LISTEN_LIMIT
from kadtwisted.dialects.dialect import Dialect
from kadtwisted.dialects.native import SHORT_ANSWER, native_dialect
from kadtwisted.errors import StorageError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.ids import NodeID, id_to_bytes, key_of_name
from kadtwisted.model.messages import (
    Changed,
    Error,
    ErrorCode,
    Listen,
    Listening,
    Noted,
    Reply,
)
from kadtwisted.model.record import Kind
from kadtwisted.node.node import Node
from kadtwisted.node.serving import telling
from kadtwisted.node.serving.telling import SWEEP_EVERY
from kadtwisted.parameters import NodeSettings
from kadtwisted.records.value import encode, value_of
from kadtwisted.records.version import version_of
from kadtwisted.testing.inspect import listeners_of, storage_of, table_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import EPOCH, PORT, seeded_key, simulated_world, wait_for
from kadtwisted.wire.layout import CHANGED_RECORD_BYTES
from tests.node.stranger import Stranger
from tests.records.toys import NOTE, Notary, Note, with_toys, write

NAME = "name"
KEY = key_of_name(NAME)
LISTEN = Listen(KEY, Kind.VALUE, b"", 300)


def with_notes(key: NodeKey, settings: NodeSettings, random: Callable[[int], bytes]) -> Dialect:
    return replace(native_dialect(key, settings, random), kinds=with_toys(Notary()))


def note(author: int, text: bytes = b"I was here.") -> bytes:
    return write(Note(KEY, b"auth%04d" % author, 1, text))


class Listener(Stranger):
    """Answers each CHANGED by ``noted``, if by anything."""

    noted: Noted | None = Noted(True)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        before = len(self.requests)
        super().datagramReceived(datagram, addr)
        for request, key, address in self.requests[before:]:
            if self.noted is not None and isinstance(request.body, Changed):
                self.answer(request, key, address, self.noted)

    def told(self) -> list[Changed]:
        bodies = [request.body for request, _, _ in self.requests]
        return [body for body in bodies if isinstance(body, Changed)]


class TellingCase(SynchronousTestCase):
    read_only = False

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        host = self.network.host("192.0.2.1")
        self.node = Node(
            host,
            NodeSettings(port=PORT, interfaces=host.addresses, read_only=self.read_only),
            seeded_key(1),
            world=simulated_world(host, 1),
            dialect=with_notes,
        )
        wait_for(self.clock, self.node.start())
        self.addCleanup(lambda: wait_for(self.clock, self.node.stop()))

    def listener(self, number: int = 1, port: int = 9000) -> Listener:
        return Listener(self.network.host(f"198.51.{number}.1"), number, port=port)

    def ask(self, listener: Listener, body: Listen = LISTEN, token: bytes | None = None) -> Any:
        if token is None:
            token = listener.token_of(self.node)
        listener.ask(self.node, body, token=token)
        self.clock.advance(0.1)
        reply: Reply = listener.replies.pop()
        return reply.body

    def put(self, value: bytes, lifetime: float = 3600.0) -> None:
        wait_for(self.clock, self.node.put(NAME, value, lifetime=lifetime))

    def put_notes(self, *notes: bytes) -> None:
        for each in notes:
            wait_for(self.clock, self.node.put_record(each, lifetime=3600.0))

    def values(self, listener: Listener) -> list[bytes]:
        return [each.record[30:] for each in listener.told()]


class ListenTests(TellingCase):
    def test_it_is_granted_for_five_minutes_at_most(self) -> None:
        listener = self.listener()
        self.assertEqual(self.ask(listener), Listening(300, b""))
        self.assertEqual(self.ask(listener, LISTEN._replace(seconds=1 << 31)), Listening(300))
        self.assertEqual(self.ask(listener, LISTEN._replace(seconds=7)), Listening(7))
        self.assertEqual(listeners_of(self.node), 1)

    def test_it_says_what_stands_there(self) -> None:
        self.put(b"one")
        answer = self.ask(self.listener())
        record = encode(value_of(KEY, b"one", int(EPOCH * 1_000_000)))
        self.assertEqual(answer.version, version_of(record))
        self.put_notes(note(1))
        self.assertEqual(self.ask(self.listener(2), LISTEN._replace(kind=NOTE)), Listening(300))

    def test_nobody_listens_who_has_not_proven_where_it_receives(self) -> None:
        listener = self.listener()
        token = listener.token_of(self.node)
        for wrong in (bytes(8), token[:-1] + bytes([token[-1] ^ 1])):
            answer = self.ask(listener, token=wrong)
            self.assertEqual(answer.code, ErrorCode.BAD_TOKEN)
        other = Listener(listener.host, 9, port=9001)
        other.ask(self.node, LISTEN, token=token)
        self.clock.advance(0.1)
        refused = other.replies.pop().body
        self.assertEqual(isinstance(refused, Error) and refused.code, ErrorCode.BAD_TOKEN)
        self.assertEqual(listeners_of(self.node), 0)

    def test_a_kind_that_is_not_known(self) -> None:
        answer = self.ask(self.listener(), LISTEN._replace(kind=199))
        self.assertEqual(answer.code, ErrorCode.UNKNOWN_KIND)

    def test_who_finds_no_room_is_told(self) -> None:
        with patch.object(self.node._parts.telling.listeners, "_most", 0):
            answer = self.ask(self.listener())
        self.assertEqual(answer.code, ErrorCode.STORAGE_FULL)
        self.assertEqual(self.node.counters.snapshot()["listeners.refused"], 1)

    def test_zero_seconds_end_it(self) -> None:
        listener = self.listener()
        self.ask(listener)
        self.assertEqual(self.ask(listener, LISTEN._replace(seconds=0)), Listening(0))
        self.put(b"one")
        self.clock.advance(2)
        self.assertEqual((listener.told(), listeners_of(self.node)), ([], 0))

    def test_nothing_is_told_and_nothing_kept_beyond_the_time(self) -> None:
        listener = self.listener()
        self.ask(listener)
        self.clock.advance(LISTEN_LIMIT)
        self.put(b"one")
        self.clock.advance(2)
        self.assertEqual(listener.told(), [])
        self.clock.advance(SWEEP_EVERY)
        self.assertEqual(listeners_of(self.node), 0)


class ReadOnlyTests(TellingCase):
    read_only = True

    def test_a_node_that_stores_nothing_tells_nothing(self) -> None:
        self.assertEqual(self.ask(self.listener()).code, ErrorCode.NOT_ACCEPTED)


class ToldTests(TellingCase):
    def setUp(self) -> None:
        super().setUp()
        self.one = self.listener()
        self.ask(self.one)

    def test_a_new_record_is_told_with_its_version(self) -> None:
        self.put(b"one")
        self.clock.advance(1)
        (told,) = self.one.told()
        self.assertEqual((told.key, told.kind, told.record[30:]), (KEY, 1, b"3:one"))
        self.assertEqual(told.version, version_of(told.record))
        self.assertIn(told.remaining, (3599, 3600))

    def test_the_first_one_is_padded_and_the_next_shows_a_token(self) -> None:
        tokens, sizes = [], []
        for value in (b"one", b"two"):
            self.put(value)
            self.clock.advance(2)
            datagram = self.one.received[-1]
            tokens.append(datagram[57:65])
            sizes.append(len(datagram))
        self.assertEqual(tokens, [bytes(8), bytes(range(8))])
        self.assertGreaterEqual(sizes[0], SHORT_ANSWER)
        self.assertLess(sizes[1], sizes[0])

    def test_a_deletion_is_told_too(self) -> None:
        self.put(b"one")
        self.clock.advance(2)
        wait_for(self.clock, self.node.delete(NAME))
        self.clock.advance(2)
        self.assertEqual([each.record[29] for each in self.one.told()], [0, 1])

    def test_what_is_stored_again_is_not(self) -> None:
        self.put(b"one")
        self.clock.advance(2)
        (told,) = self.one.told()
        self.put_notes(told.record, told.record)
        self.clock.advance(2)
        self.assertEqual(len(self.one.told()), 1)

    def test_only_those_that_listen_for_it_are_told(self) -> None:
        others = [self.listener(number) for number in (2, 3, 4)]
        wishes = (LISTEN._replace(key=NodeID(1)), LISTEN._replace(kind=NOTE), LISTEN)
        for other, wish in zip(others, wishes, strict=True):
            self.ask(other, wish)
        self.put(b"one")
        self.clock.advance(2)
        self.assertEqual([len(each.told()) for each in others], [0, 0, 1])

    def test_who_has_the_version_is_not_told_of_it(self) -> None:
        self.put(b"one")
        self.clock.advance(2)
        (told,) = self.one.told()
        late = self.listener(2)
        answer = self.ask(late, LISTEN._replace(known_version=told.version))
        self.assertEqual(answer.version, told.version)
        self.put(b"two")
        self.clock.advance(2)
        self.assertEqual(self.values(late), [b"3:two"])

    def test_many_writes_in_a_second_are_told_once_and_the_last_for_sure(self) -> None:
        for number in range(1000):
            data = encode(value_of(KEY, b"%d" % number, int(EPOCH * 1e6) + number))
            self.put_notes(data)
            self.clock.advance(0.001)
        self.clock.advance(3)
        values = self.values(self.one)
        self.assertEqual(values[-1], b"3:999")
        self.assertLessEqual(len(values), 4)

    def test_one_that_is_slow_is_told_the_newest_when_it_has_answered(self) -> None:
        self.one.noted = None
        self.put(b"one")
        self.clock.advance(0.1)
        (pending,) = [each for each in self.one.requests if isinstance(each[0].body, Changed)]
        self.put(b"two")
        self.put(b"three")
        self.clock.advance(1.0)
        self.assertEqual({*self.values(self.one)}, {b"3:one"})
        self.one.noted = Noted(True)
        self.one.answer(*pending, Noted(True))
        self.clock.advance(2)
        self.assertEqual(self.values(self.one)[-1], b"5:three")

    def test_one_that_is_silent_gets_two_datagrams_and_is_forgotten(self) -> None:
        same_place = LISTEN._replace(kind=NOTE)
        self.ask(self.one, same_place)
        self.one.noted = None
        self.put(b"one")
        self.clock.advance(10)
        self.assertEqual(len(self.one.told()), 2)
        self.assertEqual(listeners_of(self.node), 0)
        self.assertEqual(self.node.counters.snapshot()["listeners.lost"], 2)
        self.put(b"two")
        self.put_notes(note(1))
        self.clock.advance(10)
        self.assertEqual(len(self.one.told()), 2)

    def test_one_that_has_enough_is_forgotten(self) -> None:
        self.one.noted = Noted(False)
        self.put(b"one")
        self.clock.advance(2)
        self.put(b"two")
        self.clock.advance(2)
        self.assertEqual((len(self.one.told()), listeners_of(self.node)), (1, 0))

    def test_who_answers_nonsense_or_an_error_is_forgotten(self) -> None:
        for body, left in (
            (Listening(3), 0),
            (Error(ErrorCode.UNKNOWN_METHOD), 0),
            (Error(ErrorCode.BUSY, "", 1000), 1),
        ):
            self.setUp()
            self.one.noted = body  # type: ignore[assignment]
            self.put(b"one")
            self.clock.advance(2)
            self.assertEqual(listeners_of(self.node), left, body)

    def test_who_listens_enters_no_table_by_that(self) -> None:
        self.put(b"one")
        self.clock.advance(2)
        self.assertEqual(len(self.one.told()), 1)
        self.assertNotIn(self.one.contact.node_id, table_of(self.node))

    def test_all_together_are_sent_so_many_in_a_second(self) -> None:
        self.patch(telling, "RATE", 1.0)
        self.patch(telling, "BURST", 2.0)
        self.setUp()
        listeners = [self.one, *(self.listener(number) for number in range(2, 7))]
        for each in listeners[1:]:
            self.ask(each)
        self.put(b"one")
        counts = []
        for _ in range(8):
            self.clock.advance(0.9)
            counts.append(sum(len(each.told()) for each in listeners))
        self.assertEqual(counts[0], 3)
        steps = [after - before for before, after in pairwise(counts)]
        self.assertLessEqual(max(steps), 1)
        self.assertEqual(counts[-1], 6)

    def test_those_that_wait_are_told_the_newest(self) -> None:
        self.patch(telling, "RATE", 0.5)
        self.patch(telling, "BURST", 1.0)
        self.setUp()
        late = self.listener(2)
        self.ask(late)
        third = self.listener(3)
        self.ask(third)
        self.put(b"one")
        self.clock.advance(0.1)
        self.put(b"two")
        self.clock.advance(10)
        self.assertEqual(self.values(third), [b"3:two"])
        self.assertEqual(self.values(self.one)[-1], b"3:two")

    def test_a_storage_that_cannot_be_read_is_a_fault_and_no_end(self) -> None:
        storage = storage_of(self.node)
        found = storage.get

        def get(kind: int, key: NodeID, now: float) -> Any:
            broken = broken_now and kind == Kind.VALUE
            return fail(StorageError("broken")) if broken else found(kind, key, now)

        broken_now = False
        self.put(b"one")
        self.clock.advance(2)
        with patch.object(storage, "get", get):
            self.put(b"two")
            broken_now = True
            self.clock.advance(2)
            broken_now = False
        self.put(b"three")
        self.clock.advance(2)
        self.assertEqual(self.values(self.one)[-1], b"5:three")
        self.assertEqual(len(self.flushLoggedErrors(StorageError)), 1)


class ManyTests(TellingCase):
    def setUp(self) -> None:
        super().setUp()
        self.one = self.listener()
        self.ask(self.one, LISTEN._replace(kind=NOTE))

    def test_the_one_that_changed_is_told(self) -> None:
        self.put_notes(note(1))
        self.clock.advance(2)
        self.put_notes(note(2))
        self.clock.advance(2)
        self.assertEqual([each.record for each in self.one.told()], [note(1), note(2)])

    def test_of_several_it_is_told_that_they_changed(self) -> None:
        self.put_notes(note(1))
        self.clock.advance(0.1)
        self.put_notes(note(2), note(3))
        self.clock.advance(2)
        self.assertEqual(self.one.told()[1:], [Changed(KEY, NOTE)])

    def test_one_that_was_slow_is_told_of_all_that_it_has_missed(self) -> None:
        self.one.noted = None
        self.put_notes(note(1))
        self.clock.advance(0.1)
        (pending,) = [each for each in self.one.requests if isinstance(each[0].body, Changed)]
        for author in (2, 3):
            self.put_notes(note(author))
            self.clock.advance(1.1)
        self.one.noted = Noted(True)
        self.one.answer(*pending, Noted(True))
        self.clock.advance(2)
        self.assertEqual(self.one.told()[-1], Changed(KEY, NOTE))

    def test_one_that_waits_for_its_turn_is_too(self) -> None:
        self.patch(telling, "RATE", 0.2)
        self.patch(telling, "BURST", 1.0)
        self.setUp()
        others = [self.listener(number) for number in (2, 3)]
        for each in others:
            self.ask(each, LISTEN._replace(kind=NOTE))
        for author in (1, 2):
            self.put_notes(note(author))
            self.clock.advance(1.5)
        self.clock.advance(60)
        self.assertEqual(others[-1].told(), [Changed(KEY, NOTE)])

    def test_one_that_does_not_fit_is_named(self) -> None:
        large = note(1, bytes(CHANGED_RECORD_BYTES))
        self.put_notes(large)
        self.clock.advance(2)
        (told,) = self.one.told()
        self.assertEqual((told.record, told.version), (b"", version_of(large)))
        self.assertEqual(id_to_bytes(told.key), id_to_bytes(KEY))
