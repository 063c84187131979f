"""The native door by itself: bytes and moments in, meanings and bytes out."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.dialects.door import Drop, Event, Exchange, IDoor, Matched, Received, Send
from kadtwisted.dialects.native import NativeDialect, native_dialect
from kadtwisted.dialects.native.door import NativeDoor
from kadtwisted.errors import SendFailed, TooManyRequests
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    FindNode,
    Nodes,
    Ping,
    Pong,
    RequestBody,
    UnknownRequest,
)
from kadtwisted.parameters import Bounds, LimitSettings, NodeSettings
from kadtwisted.rpc.endpoints import Patience

PATIENCE = Patience(1.0, 3.0)
PONG = Pong(b"\1", 0, 0)

T = TypeVar("T", bound=Event)


class Side:
    """A node's dialect and one door, at an endpoint."""

    def __init__(self, number: int, settings: NodeSettings) -> None:
        self.key = NodeKey.from_seed(bytes([number]) * 32)
        self.dialect: NativeDialect = native_dialect(
            self.key, settings, random.Random(number).randbytes
        )
        (door,) = self.dialect.doors(1, lambda: 0.0)
        assert isinstance(door, NativeDoor)
        self.door = door
        self.endpoint = Endpoint(f"192.0.2.{number}", 8000)
        self.contact = Contact.at(self.key.node_id, self.endpoint, self.key.public_key)

    def asks(self, other: Side, body: RequestBody) -> Exchange:
        """A request to the other side, not begun yet."""
        return Exchange(other.contact, body, False, None, None, None)

    def greets(self, other: Side, pinned: bytes | None = None) -> Exchange:
        """The question who is at the other side's endpoint."""
        nobody = Contact.at(NodeID(0), other.endpoint, b"")
        return Exchange(nobody, Ping(), True, pinned, None, None)


class DoorCase(SynchronousTestCase):
    """Alice asks, Bob answers; ``now`` is the time of both."""

    SETTINGS = NodeSettings()

    def setUp(self) -> None:
        self.now = 100.0
        self.alice, self.bob = Side(1, NodeSettings()), Side(2, self.SETTINGS)

    def begun(self, exchange: Exchange) -> bytes:
        return self.alice.door.request(exchange, PATIENCE, self.now)

    def heard(self, kind: type[T], datagram: bytes) -> T:
        """What Bob makes of a datagram of Alice's."""
        return self.of(kind, self.bob.door.receive(datagram, self.alice.endpoint, self.now))

    def back(self, kind: type[T], datagram: bytes) -> T:
        """What Alice makes of a datagram of Bob's."""
        return self.of(kind, self.alice.door.receive(datagram, self.bob.endpoint, self.now))

    def of(self, kind: type[T], event: Event) -> T:
        self.assertIsInstance(event, kind, event)
        assert isinstance(event, kind)
        return event

    def prove(self) -> None:
        """Alice gets a token."""
        received = self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))
        self.back(Matched, self.bob.door.reply(received, PONG))


class RequestTests(DoorCase):
    def test_provides_what_it_says(self) -> None:
        self.assertTrue(verifyObject(IDoor, self.bob.door))

    def test_a_request_and_its_reply(self) -> None:
        exchange = self.alice.asks(self.bob, Ping())
        received = self.heard(Received, self.begun(exchange))
        self.assertEqual(received.body, Ping())
        self.assertEqual(received.endpoint, self.alice.endpoint)
        self.assertEqual(received.key, self.alice.key.public_key)
        self.assertIsNone(received.refusal)
        matched = self.back(Matched, self.bob.door.reply(received, PONG))
        self.assertIs(matched.transaction, exchange.transaction)
        self.assertEqual(matched.reply.body, PONG)
        self.assertEqual(matched.reply.observed, self.alice.endpoint)
        self.assertEqual(matched.key, self.bob.key.public_key)
        self.assertEqual(len(self.alice.door.transactions), 0)

    def test_a_reply_counts_once(self) -> None:
        received = self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))
        reply = self.bob.door.reply(received, PONG)
        self.back(Matched, reply)
        self.assertEqual(self.back(Drop, reply), Drop("unexpected-reply"))

    def test_who_has_a_token_is_proven(self) -> None:
        first = self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))
        self.assertEqual((first.proven, first.introduces), (False, False))
        self.back(Matched, self.bob.door.reply(first, PONG))
        second = self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))
        self.assertEqual((second.proven, second.introduces), (True, True))

    def test_a_stranger_gets_no_more_than_it_brought(self) -> None:
        contacts = tuple(
            Contact.at(NodeID(number), Endpoint("192.0.2.7", number), bytes([number]) * 32)
            for number in range(1, 40)
        )
        datagram = self.begun(self.alice.asks(self.bob, FindNode(NodeID(7))))
        reply = self.bob.door.reply(self.heard(Received, datagram), Nodes(contacts))
        self.assertLessEqual(len(reply), len(datagram))
        self.assertLessEqual(len(reply), DATAGRAM_LIMIT)
        matched = self.back(Matched, reply)
        self.assertIsInstance(matched.reply.body, Nodes)

    def test_our_own_key_is_no_request(self) -> None:
        datagram = self.begun(self.alice.asks(self.alice, Ping()))
        there = self.bob.endpoint
        self.assertEqual(self.alice.door.receive(datagram, there, self.now), Drop("own-key"))
        check = self.alice.door.receive(datagram, self.alice.endpoint, self.now)
        self.assertFalse(self.of(Received, check).introduces)

    def test_unknown_methods_are_requests_too(self) -> None:
        received = self.heard(Received, self.begun(self.alice.asks(self.bob, UnknownRequest(77))))
        self.assertEqual(received.body, UnknownRequest(77))

    def test_once_more(self) -> None:
        exchange = self.alice.asks(self.bob, Ping())
        first = self.begun(exchange)
        again = self.alice.door.again(exchange, self.now + 1.0)
        self.assertNotEqual(first, again)
        one, other = self.heard(Received, first), self.heard(Received, again)
        self.assertEqual(one.transaction_id, other.transaction_id)
        matched = self.back(Matched, self.bob.door.reply(other, PONG))
        self.assertIsNone(matched.transaction.rtt(self.now))

    def test_a_key_that_is_none_cannot_be_asked(self) -> None:
        nobody = replace(self.bob.contact, key=b"\xff" * 32)
        exchange = Exchange(nobody, Ping(), False, None, None, None)
        self.assertRaises(SendFailed, self.begun, exchange)

    def test_not_too_many_at_once(self) -> None:
        settings = NodeSettings(bounds=Bounds(pending_requests=1))
        door = Side(3, settings).door
        door.request(self.alice.asks(self.bob, Ping()), PATIENCE, self.now)
        more = self.alice.asks(self.bob, Ping())
        self.assertRaises(TooManyRequests, door.request, more, PATIENCE, self.now)


class GreetingTests(DoorCase):
    def test_who_is_there(self) -> None:
        received = self.heard(Received, self.begun(self.alice.greets(self.bob)))
        self.assertEqual(received.key, self.alice.key.public_key)
        self.assertFalse(received.proven or received.introduces or received.read_only)
        matched = self.back(Matched, self.bob.door.reply(received, PONG))
        self.assertEqual(matched.key, self.bob.key.public_key)

    def test_somebody_else_than_expected(self) -> None:
        anybody = self.alice.greets(self.bob)
        received = self.heard(Received, self.begun(anybody))
        self.alice.door.transactions.cancel(anybody.transaction)
        exchange = self.alice.greets(self.bob, pinned=self.alice.key.public_key)
        self.assertEqual(self.heard(Drop, self.begun(exchange)), Drop("not-for-me"))
        assert exchange.transaction is not None
        lie = received._replace(transaction_id=exchange.transaction.transaction_id)
        reply = self.bob.door.reply(lie, PONG)
        self.assertEqual(self.back(Drop, reply), Drop("unmatched-reply"))

    def test_a_guest_says_that_it_is_one(self) -> None:
        self.alice = Side(1, NodeSettings(read_only=True))
        received = self.heard(Received, self.begun(self.alice.greets(self.bob)))
        self.assertTrue(received.read_only)


class TokenTests(DoorCase):
    def test_a_token_that_has_expired_is_renewed_once(self) -> None:
        self.prove()  # at 100: Bob's secret rotates at 400 and 700
        self.now = 399.0
        self.prove()
        self.now = 401.0
        self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))
        self.now = 701.0
        exchange = self.alice.asks(self.bob, FindNode(NodeID(7)))
        received = self.heard(Received, self.begun(exchange))
        assert received.refusal is not None
        self.assertEqual(received.refusal.code, ErrorCode.BAD_TOKEN)
        matched = self.back(Matched, self.bob.door.reply(received, received.refusal))
        error = matched.reply.body
        assert isinstance(error, Error)
        self.assertTrue(self.alice.door.renews(exchange, error))
        fresh = self.heard(Received, self.begun(exchange))
        self.assertTrue(fresh.proven)
        self.assertFalse(self.alice.door.renews(exchange, error))

    def test_other_errors_renew_nothing(self) -> None:
        exchange = self.alice.asks(self.bob, Ping())
        self.begun(exchange)
        self.assertFalse(self.alice.door.renews(exchange, Error(ErrorCode.BUSY)))


class OverloadTests(DoorCase):
    SETTINGS = NodeSettings(
        limits=LimitSettings(strangers_total_rate=0.001, strangers_total_burst=1)
    )

    def test_a_stranger_over_budget_gets_a_cookie_and_proves_itself(self) -> None:
        self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))  # the whole budget
        exchange = self.alice.asks(self.bob, Ping())
        datagram = self.begun(exchange)
        drop = self.heard(Drop, datagram)
        self.assertEqual((drop.reason, drop.counter), ("stranger-over-budget", "cookies.out"))
        self.assertLess(len(drop.instead), len(datagram))
        again = self.back(Send, drop.instead).datagram
        received = self.heard(Received, again)
        self.assertTrue(received.proven)
        self.back(Matched, self.bob.door.reply(received, PONG))

    def test_a_cookie_is_taken_once(self) -> None:
        self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))
        exchange = self.alice.asks(self.bob, Ping())
        drop = self.heard(Drop, self.begun(exchange))
        self.back(Send, drop.instead)
        self.assertEqual(self.back(Drop, drop.instead), Drop("unexpected-cookie"))

    def test_nobody_asked_for_a_cookie(self) -> None:
        self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))
        drop = self.heard(Drop, self.begun(self.alice.asks(self.bob, Ping())))
        self.alice.door.transactions.drain()
        self.assertEqual(self.back(Drop, drop.instead), Drop("unexpected-cookie"))


class BusyTests(DoorCase):
    SETTINGS = NodeSettings(limits=LimitSettings(proven_rate=0.1, proven_burst=1))

    def test_a_proven_sender_over_budget_is_told_once_a_second(self) -> None:
        self.prove()
        self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))  # the whole budget
        told = self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))
        assert told.refusal is not None
        self.assertEqual(told.refusal.code, ErrorCode.BUSY)
        silent = self.heard(Drop, self.begun(self.alice.asks(self.bob, Ping())))
        self.assertEqual(silent, Drop("over-budget"))

    def test_what_was_refused_is_not_remembered_as_answered(self) -> None:
        """Or whoever floods a node would make it forget what it has answered."""
        self.prove()
        self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))  # the whole budget
        refused = self.begun(self.alice.asks(self.bob, FindNode(NodeID(1))))
        told = self.heard(Received, refused)
        self.assertIsNotNone(told.refusal)
        self.assertFalse(told.introduces)  # it may be an old one
        self.now += 20.0
        self.assertIsNone(self.heard(Received, refused).refusal)
        self.now += 20.0
        self.assertEqual(self.heard(Drop, refused), Drop("replayed"))


class SilencedTests(DoorCase):
    SETTINGS = NodeSettings(limits=LimitSettings(proven_host_rate=0.1, proven_host_burst=1))

    def test_a_host_that_was_told_is_not_looked_at(self) -> None:
        self.prove()
        self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))  # the whole budget
        told = self.heard(Received, self.begun(self.alice.asks(self.bob, Ping())))
        self.assertIsNotNone(told.refusal)
        self.patch(self.bob.door, "_tokens", None)
        silent = self.heard(Drop, self.begun(self.alice.asks(self.bob, Ping())))
        self.assertEqual(silent, Drop("over-budget"))


class WrongBytesTests(DoorCase):
    def test_reasons(self) -> None:
        good = self.begun(self.alice.asks(self.bob, Ping()))
        for datagram, reason in (
            (b"", "too-short"),
            (b"d1:ad2:id20:", "unknown-form"),
            (good[:40], "too-short"),
            (good[:-1] + bytes([good[-1] ^ 1]), "bad-box"),
            (good[:5] + bytes([good[5] ^ 1]) + good[6:], "wrong-tag"),
            (good + bytes(DATAGRAM_LIMIT), "oversized"),
        ):
            self.assertEqual(self.heard(Drop, datagram), Drop(reason))

    def test_a_flipped_bit_anywhere(self) -> None:
        good = self.begun(self.alice.asks(self.bob, Ping()))
        for at in range(len(good)):
            self.heard(Drop, good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])


class AnyBytesTests(SynchronousTestCase):
    @given(st.binary(max_size=1300), st.sampled_from([b"", *(bytes([0x88 | n]) for n in range(5))]))
    def test_never_raises(self, data: bytes, first: bytes) -> None:
        side = Side(1, NodeSettings())
        event = side.door.receive(first + data, Endpoint("192.0.2.9", 9), 0.0)
        self.assertIsInstance(event, Drop)
