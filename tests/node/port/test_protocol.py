"""The door: what is let in, what is dropped and counted, who is believed, what it may cost."""

from __future__ import annotations

import errno
import gc
import os
import random
import weakref
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.errors import ErrorReply, NodeStopped, RequestTimedOut, SendFailed
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import key_of_name
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
    Reply,
    Request,
    Store,
    Stored,
    UnknownRequest,
    Wanted,
)
from kadtwisted.model.record import Kind
from kadtwisted.node.node import Node
from kadtwisted.parameters import Bounds, LimitSettings, NodeSettings
from kadtwisted.records.value import encode, value_of
from kadtwisted.sealing.forms import Form
from kadtwisted.testing.inspect import records_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import EPOCH, Swarm, simulated_node, wait_for
from kadtwisted.testing.strategies import hostile_cbor
from tests.node.storages import LateStorage
from tests.node.stranger import Stranger
from tests.thoroughness import sized

COOKIE_LENGTH = 65
SUPERSEDED = ErrorCode.SUPERSEDED
PONG = Pong(b"\x01", 0, 0)
RECORD = encode(value_of(key_of_name("k"), b"v", int(EPOCH) * 1_000_000))


def record(name: str, version: int = 0) -> bytes:
    """A version of the record under a name."""
    return encode(value_of(key_of_name(name), b"v", int(EPOCH) * 1_000_000 + version))


class DoorCase(SynchronousTestCase):
    """A node at 192.0.2.1 and a stranger at 192.0.2.9."""

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.host = self.network.host("192.0.2.1")
        self.node = simulated_node(self.host, 1)
        wait_for(self.clock, self.node.start())
        self.stranger = Stranger(self.network.host("192.0.2.9"), 9)
        self.addCleanup(lambda: wait_for(self.clock, self.node.stop()))

    def dropped(self) -> dict[str, int]:
        """What the node dropped, by reason."""
        counters = self.node.status().counters
        return {k[8:]: n for k, n in counters.items() if k.startswith("dropped.")}


class InTests(DoorCase):
    def test_what_is_no_datagram_of_ours_is_dropped_and_counted(self) -> None:
        good = self.stranger.seal(self.node, Ping(), length=300)
        bad = [b"", b"d1:ad2:id20:", good[:40], good[:-1], good + b"\0", os.urandom(200)]
        bad += [good + bytes(DATAGRAM_LIMIT + 1 - len(good))]
        for datagram in bad:
            self.stranger.send(datagram, self.node)
        self.clock.advance(1)
        self.assertEqual(sum(self.dropped().values()), len(bad))
        self.assertEqual(self.dropped()["oversized"], 1)
        self.assertEqual(self.stranger.received, [])

    def test_datagrams_of_another_network_get_no_answer(self) -> None:
        other = Stranger(self.network.host("192.0.2.8"), 8, NodeSettings(network="other"))
        other.ask(self.node, Ping(), length=300)
        other.ask(self.node, Ping(), length=300, form=Form.HELLO)
        self.clock.advance(1)
        self.assertEqual(other.received, [])
        self.assertEqual(sum(self.dropped().values()), 2)

    def test_a_flipped_bit_anywhere_is_noticed(self) -> None:
        good = self.stranger.seal(self.node, Ping(), length=250)
        for at in range(len(good)):
            broken = good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :]
            self.stranger.send(broken, self.node)
        self.clock.advance(30)
        self.assertEqual(self.stranger.received, [])
        self.assertEqual(sum(self.dropped().values()), len(good))

    def test_our_own_key_in_a_request_is_a_reflection(self) -> None:
        twin = simulated_node(self.network.host("192.0.2.7"), 1)  # the same seed, the same key
        wait_for(self.clock, twin.start())
        there = Contact.at(self.node.node_id, Endpoint("192.0.2.1", 8000), self.node.public_key)
        self.assertRaises(RequestTimedOut, wait_for, self.clock, twin.ping(there))
        self.assertEqual(self.dropped(), {"own-key": 2})
        wait_for(self.clock, twin.stop())

    def test_a_hello_may_carry_only_a_ping(self) -> None:
        self.stranger.ask(self.node, FindNode(self.node.node_id), length=1232, form=Form.HELLO)
        self.clock.advance(1)
        self.assertEqual(self.dropped(), {"hello-not-ping": 1})

    def test_a_reply_sealed_as_a_request_is_dropped(self) -> None:
        serializer = self.stranger.dialect.serializer
        data = serializer.encode_reply(Reply(bytes(8), PONG), 1000)
        self.stranger.send(self.stranger.seal_bytes(self.node, data), self.node)
        self.clock.advance(1)
        self.assertEqual(self.dropped(), {"reply-as-request": 1})

    def test_an_unknown_method_gets_a_typed_error(self) -> None:
        self.stranger.ask(self.node, UnknownRequest(250), length=300)
        self.clock.advance(1)
        self.assertEqual(self.stranger.replies[0].body[0], ErrorCode.UNKNOWN_METHOD)

    def test_a_stranger_over_budget_is_dropped_before_it_costs_anything(self) -> None:
        for _ in range(300):
            self.stranger.send(self.stranger.seal(self.node, Ping(), length=300), self.node)
        self.clock.advance(0.02)
        answers = [each for each in self.stranger.received if len(each) > COOKIE_LENGTH]
        self.assertEqual(len(answers) + self.dropped()["stranger-over-budget"], 300)
        self.assertLessEqual(len(answers), 202)
        self.assertEqual({len(each) for each in self.stranger.received} - {len(answers[0])}, {65})

    def test_a_fault_of_ours_is_told_once_in_ten_seconds(self) -> None:
        def break_down(*_: object) -> None:
            raise ZeroDivisionError("deliberate")

        self.patch(self.node._links[4].protocol.door._tokens, "examine", break_down)
        for _ in range(50):
            self.stranger.ask(self.node, Ping(), length=300)
        self.clock.advance(5)
        self.assertEqual(self.dropped(), {"fault": 50})
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class AmplificationTests(DoorCase):
    """Nobody who has not proven where it receives gets more bytes than it brought."""

    def test_no_request_of_any_kind_draws_more_than_it_brought(self) -> None:
        crowd = Swarm(30, network=Network(self.clock, 5, latency=0.01))
        node = crowd.nodes[0]
        crowd.wait(crowd.nodes[1].put("k", b"v" * 990))
        bodies = [
            Ping(),
            FindNode(node.node_id),
            FindValue(key_of_name("k"), 1),
            Store(RECORD, 60),
            Have((HaveEntry(1, key_of_name("k"), bytes(8)),)),
            UnknownRequest(77),
        ]
        asked: list[tuple[Stranger, bytes, object]] = []
        for number, body in enumerate(bodies):
            for length in (0, 150, 400, 1232):
                for form in (Form.REQUEST, Form.HELLO):
                    for token in (bytes(8), b"\1" * 8):
                        host = crowd.network.host(f"198.51.{number}.{length // 10 + 1}")
                        stranger = Stranger(host, number, port=9000 + 2 * form + token[0])
                        datagram = stranger.seal(node, body, length=length, form=form, token=token)
                        stranger.send(datagram, node)
                        self.clock.advance(1)
                        asked.append((stranger, datagram, (body, length, form, token)))
        # Long enough for any verification that might be tried later.
        self.clock.advance(100)
        for stranger, datagram, case in asked:
            answered = sum(len(each) for each in stranger.received)
            self.assertLessEqual(answered, len(datagram), case)
        crowd.stop()

    def test_a_padded_request_gets_the_whole_answer(self) -> None:
        crowd = Swarm(30, network=Network(self.clock, 5, latency=0.01))
        stranger = Stranger(crowd.network.host("198.51.100.1"), 3)
        stranger.ask(crowd.nodes[0], FindNode(crowd.nodes[0].node_id), length=1232)
        self.clock.advance(1)
        self.assertEqual(len(stranger.replies[0].body.contacts), 20)
        crowd.stop()

    def test_who_shows_a_token_that_is_not_valid_any_more_is_told(self) -> None:
        self.stranger.ask(self.node, FindNode(self.node.node_id), token=b"\1" * 8)
        self.clock.advance(1)
        self.assertEqual(self.stranger.replies[0].body[0], ErrorCode.BAD_TOKEN)


class OverloadTests(DoorCase):
    """Over budget is not dead: strangers get a cookie, proven senders are told to come back."""

    def overloaded(self, **limits: float) -> Node:
        """A node at 192.0.2.3 with next to no budget."""
        settings = NodeSettings(
            port=8000, interfaces=("192.0.2.3",), limits=LimitSettings(**limits)
        )
        node = simulated_node(self.network.host("192.0.2.3"), 3, settings)
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        return node

    def test_a_cookie_lets_an_honest_stranger_through(self) -> None:
        busy = self.overloaded(strangers_total_rate=0.001, strangers_total_burst=1)
        self.stranger.ask(busy, Ping(), length=300)  # the whole budget
        self.clock.advance(1)
        contact = Contact.at(busy.node_id, Endpoint("192.0.2.3", 8000), busy.public_key)
        began = self.clock.seconds()
        wait_for(self.clock, self.node.ping(contact))
        self.assertLess(self.clock.seconds() - began, 0.2)
        wait_for(self.clock, self.node.ping("192.0.2.3:8000"))
        wait_for(self.clock, self.node.find_node(busy.node_id))
        self.assertGreaterEqual(busy.status().counters["cookies.out"], 2)

    def test_a_cookie_is_taken_once_and_only_for_what_was_sent(self) -> None:
        outcome: list[object] = []
        self.node.ping(self.stranger.contact).addBoth(outcome.append)
        self.clock.advance(0.02)
        request = self.stranger.received[0]
        sent = self.network.sent
        for nonce in (bytes(16), request[1:17], request[1:17]):
            cookie = self.stranger.dialect.sealer.seal(
                Form.COOKIE, nonce + b"12345678", b"", bytes(8), 0
            )
            self.stranger.transport.write(cookie, ("192.0.2.1", 8000))
            self.network.send(cookie, ("192.0.2.77", 9000), ("192.0.2.1", 8000))
        self.clock.advance(0.03)
        self.assertEqual(self.network.sent - sent, 6 + 1)
        self.assertEqual(len(self.stranger.requests), 2)
        self.assertEqual(self.dropped(), {"unexpected-cookie": 5})
        self.stranger.answer(*self.stranger.requests[1], PONG)
        self.clock.advance(1)
        self.assertEqual(outcome[0].contact, self.stranger.contact)

    def test_cookies_have_a_budget_too(self) -> None:
        busy = self.overloaded(strangers_total_rate=0.001, strangers_total_burst=1, cookies_rate=20)
        for _ in range(200):
            self.stranger.send(self.stranger.seal(busy, Ping(), length=300), busy)
        self.clock.advance(0.05)
        self.assertLessEqual(len(self.stranger.received), 1 + 21)

    def test_a_proven_sender_over_its_budget_is_told_once_a_second(self) -> None:
        busy = self.overloaded(proven_rate=1, proven_burst=2)
        token = self.stranger.token_of(busy)
        self.stranger.replies.clear()
        for _ in range(30):
            self.stranger.ask(busy, Ping(), token=token)
        self.clock.advance(0.5)
        codes = [reply.body for reply in self.stranger.replies]
        told = [body for body in codes if isinstance(body, Error)]
        self.assertEqual([(body.code, body.retry_after) for body in told], [(ErrorCode.BUSY, 1000)])
        self.assertLessEqual(len(codes), 4)

    def overwhelmed(self, storage: LateStorage, waiting: int = 3) -> Node:
        """A node at which as many requests wait for this storage as may."""
        bounds = Bounds(pending_answers=waiting)
        settings = NodeSettings(port=8000, interfaces=("192.0.2.3",), bounds=bounds)
        host = self.network.host("192.0.2.3")
        node = simulated_node(host, 3, settings, storage=storage)
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        self.addCleanup(storage.release_all)
        return node

    def test_a_write_that_cannot_wait_is_refused_before_it_is_begun(self) -> None:
        storage = LateStorage()
        busy = self.overwhelmed(storage)
        token = self.stranger.token_of(busy)
        self.stranger.replies.clear()
        for name in "abcd":
            self.stranger.ask(busy, Store(record(name), 100), token=token)
        self.stranger.ask(busy, Ping(), token=token)
        self.stranger.ask(busy, FindNode(key_of_name("e")), token=token)
        self.clock.advance(1)
        told = [reply.body for reply in self.stranger.replies]
        self.assertEqual([type(each) for each in told], [Error, Pong, Nodes])
        self.assertEqual(told[0], Error(ErrorCode.BUSY, "busy", 1000))
        storage.release_all()
        self.clock.advance(1)
        self.assertEqual([r.body for r in self.stranger.replies[3:]], [Stored(100)] * 3)
        held = self.successResultOf(storage.page(None, 9))
        self.assertEqual({each.data for each in held}, {record(name) for name in "abc"})

    def test_reads_are_answered_while_writes_wait(self) -> None:
        storage = LateStorage()
        busy = self.overwhelmed(storage)
        token = self.stranger.token_of(busy)
        self.stranger.replies.clear()
        for name in "abcd":
            self.stranger.ask(busy, Store(record(name), 100), token=token)
        for _ in range(5):
            self.stranger.ask(busy, FindValue(key_of_name("z"), Kind.VALUE), token=token)
        self.clock.advance(1)
        told = [reply.body for reply in self.stranger.replies]
        self.assertEqual(told, [Error(ErrorCode.BUSY, "busy", 1000)] * 3)  # a write, two reads
        storage.release_all()
        self.clock.advance(1)
        answers = [type(reply.body) for reply in self.stranger.replies[3:]]
        self.assertEqual(
            sorted(each.__name__ for each in answers), ["Records"] * 3 + ["Stored"] * 3
        )

    def test_a_flood_of_versions_of_one_record_leaves_one_that_waits(self) -> None:
        storage = LateStorage()
        busy = self.overwhelmed(storage, waiting=1000)
        token = self.stranger.token_of(busy)
        self.stranger.replies.clear()
        for version in range(300):
            self.stranger.ask(busy, Store(record("a", version), 100), token=token)
        self.clock.advance(1)
        self.assertEqual({reply.body.code for reply in self.stranger.replies}, {SUPERSEDED})
        self.assertEqual(len(self.stranger.replies), 298)
        storage.release_all()
        self.clock.advance(1)
        self.assertEqual([r.body for r in self.stranger.replies[298:]], [Stored(100)] * 2)

    def test_costly_requests_are_charged_by_their_cost(self) -> None:
        busy = self.overloaded(proven_rate=0.001, proven_burst=10)
        token = self.stranger.token_of(busy)
        self.stranger.replies.clear()
        entries = tuple(HaveEntry(1, key_of_name(str(n)), bytes(8)) for n in range(32))
        for _ in range(2):
            self.stranger.ask(busy, Have(entries), token=token)
        self.clock.advance(0.5)
        self.assertEqual([type(each.body) for each in self.stranger.replies], [Wanted, Error])
        self.assertEqual(busy.status().counters["in.Have"], 1)

    def test_a_store_over_the_budget_of_writes_stores_nothing(self) -> None:
        busy = self.overloaded(writes_rate=0.001, writes_burst=1)
        token = self.stranger.token_of(busy)
        self.stranger.replies.clear()
        for name in ("one", "other"):
            record = encode(value_of(key_of_name(name), b"v", int(EPOCH) * 1_000_000))
            self.stranger.ask(busy, Store(record, 600), token=token)
        self.clock.advance(0.5)
        codes = [getattr(each.body, "code", None) for each in self.stranger.replies]
        self.assertEqual(codes, [None, ErrorCode.BUSY])
        self.assertEqual([each.where.key for each in records_of(busy)], [key_of_name("one")])

    def test_bad_boxes_of_a_proven_sender_cost_it_a_strangers_budget(self) -> None:
        busy = self.overloaded(stranger_rate=0.001, stranger_burst=5)
        token = self.stranger.token_of(busy)  # the first of the five
        for _ in range(20):
            sealed = bytearray(self.stranger.seal(busy, Ping(), token=token))
            sealed[-1] ^= 1
            self.stranger.send(bytes(sealed), busy)
        self.clock.advance(0.5)
        dropped = busy.status().counters
        self.assertEqual(dropped["dropped.bad-box"], 4)
        self.assertEqual(dropped["dropped.secrets-over-budget"], 16)

    def test_being_busy_is_no_failure(self) -> None:
        outcome: list[object] = []
        self.node.ping(self.stranger.contact).addBoth(outcome.append)
        self.clock.advance(0.02)
        request, key, addr = self.stranger.requests[0]
        self.stranger.answer(request, key, addr, Error(ErrorCode.BUSY, "", 1000))
        self.clock.advance(1)
        contacts = [c for b in self.node.routing().buckets for c in b.contacts]
        self.assertEqual(
            [(c.node_id, c.failures) for c in contacts], [(self.stranger.contact.node_id, 0)]
        )


class BelievedTests(DoorCase):
    """A reply is believed from the endpoint asked, under its key, with the ID in flight; once."""

    def ask(self) -> list[object]:
        """Let the node ping the stranger; what comes of it is collected."""
        outcome: list[object] = []
        self.node.ping(self.stranger.contact).addBoth(outcome.append)
        self.clock.advance(0.02)
        self.assertEqual(len(self.stranger.requests), 1)
        return outcome

    def test_the_right_reply_is_believed_once(self) -> None:
        outcome = self.ask()
        request, key, addr = self.stranger.requests[0]
        for _ in range(3):
            self.stranger.answer(request, key, addr, PONG)
        self.clock.advance(1)
        self.assertEqual(len(outcome), 1)
        self.assertEqual(outcome[0].contact, self.stranger.contact)
        self.assertEqual(self.dropped(), {"unexpected-reply": 2})

    def test_replies_from_elsewhere_are_not(self) -> None:
        outcome = self.ask()
        request, key, addr = self.stranger.requests[0]
        datagram = self.stranger.seal_reply(request, key, PONG)
        for source in (("192.0.2.9", 9001), ("192.0.2.10", 9000)):
            self.network.send(datagram, source, addr)
        self.clock.advance(0.1)
        self.assertEqual(outcome, [])
        self.assertEqual(self.dropped(), {"unexpected-reply": 2})

    def test_replies_under_another_key_are_not(self) -> None:
        outcome = self.ask()
        request, key, addr = self.stranger.requests[0]
        liar = Stranger(self.network.host("192.0.2.10"), 10)
        self.network.send(liar.seal_reply(request, key, PONG), self.stranger.endpoint, addr)
        self.clock.advance(0.1)
        self.assertEqual(outcome, [])
        self.assertEqual(sum(self.dropped().values()), 1)

    def test_replies_with_another_transaction_id_are_not(self) -> None:
        outcome = self.ask()
        request, key, addr = self.stranger.requests[0]
        self.stranger.answer(request._replace(transaction_id=bytes(8)), key, addr, PONG)
        self.clock.advance(0.1)
        self.assertEqual(outcome, [])
        self.assertEqual(self.dropped(), {"unmatched-reply": 1})

    def test_late_replies_are_not(self) -> None:
        outcome = self.ask()
        request, key, addr = self.stranger.requests[0]
        self.clock.advance(30)
        self.assertTrue(outcome[0].check(RequestTimedOut))
        self.stranger.answer(request, key, addr, PONG)
        self.clock.advance(1)
        self.assertEqual(len(outcome), 1)
        self.assertEqual(self.dropped(), {"unexpected-reply": 1})

    def test_a_request_in_the_place_of_a_reply_is_not(self) -> None:
        outcome = self.ask()
        _, key, addr = self.stranger.requests[0]
        data = self.stranger.dialect.serializer.encode_request(Request(bytes(8), Ping()))
        sealed = self.stranger.dialect.sealer.seal(Form.REPLY, data, key, bytes(8), 0)
        self.stranger.transport.write(sealed, addr)
        self.clock.advance(0.1)
        self.assertEqual(outcome, [])
        self.assertEqual(self.dropped(), {"request-as-reply": 1})

    def test_a_pinned_hello_believes_that_key_only(self) -> None:
        wrong = self.stranger.key.public_key.hex()
        other = simulated_node(self.network.host("192.0.2.2"), 2)
        wait_for(self.clock, other.start())
        asking = self.node.ping(f"{wrong}@192.0.2.2:8000")
        self.assertRaises(RequestTimedOut, wait_for, self.clock, asking)
        right = other.public_key.hex()
        pong = wait_for(self.clock, self.node.ping(f"{right}@192.0.2.2:8000"))
        self.assertEqual(pong.contact.node_id, other.node_id)
        wait_for(self.clock, other.stop())

    def test_an_error_is_a_failure_with_its_code(self) -> None:
        outcome = self.ask()
        request, key, addr = self.stranger.requests[0]
        self.stranger.answer(request, key, addr, Error(ErrorCode.BUSY, "later", 60_000))
        self.clock.advance(0.1)
        failure = outcome[0]
        self.assertTrue(failure.check(ErrorReply))
        self.assertEqual((failure.value.code, failure.value.retry_after), (ErrorCode.BUSY, 60.0))

    def test_bad_token_is_tried_once_more_with_the_token_it_brought(self) -> None:
        outcome = self.ask()
        request, key, addr = self.stranger.requests[0]
        self.stranger.answer(request, key, addr, Error(ErrorCode.BAD_TOKEN))
        self.clock.advance(0.02)
        again, key, addr = self.stranger.requests[1]
        self.assertNotEqual(again.transaction_id, request.transaction_id)
        self.stranger.answer(again, key, addr, Error(ErrorCode.BAD_TOKEN))
        self.clock.advance(0.1)
        self.assertEqual(len(self.stranger.requests), 2)
        self.assertEqual(outcome[0].value.code, ErrorCode.BAD_TOKEN)


class OutTests(DoorCase):
    def test_a_silent_endpoint_gets_one_retransmission_and_no_timer_stays(self) -> None:
        asking = self.node.ping("192.0.2.77:9000")
        self.assertRaises(RequestTimedOut, wait_for, self.clock, asking)
        self.assertEqual(self.node.status().counters["datagrams.out"], 2)
        self.assertEqual(self.clock.pending(), 1)  # the upkeep's own

    def test_what_the_system_refuses_to_send_fails_that_request_only(self) -> None:
        for number in (errno.ENETUNREACH, errno.EPERM, errno.EMSGSIZE):
            self.host.fail_writes(OSError(number, os.strerror(number)))
            asking = self.node.ping(self.stranger.contact)
            self.assertRaises(SendFailed, wait_for, self.clock, asking)
        self.host.fail_writes(OSError(errno.ECONNREFUSED, "refused"))
        self.assertRaises(
            RequestTimedOut, wait_for, self.clock, self.node.ping(self.stranger.contact)
        )
        self.host.fail_writes(BlockingIOError(errno.EAGAIN, "full"))
        self.assertRaises(
            RequestTimedOut, wait_for, self.clock, self.node.ping(self.stranger.contact)
        )
        self.host.fail_writes(None)
        outcome: list[object] = []
        self.node.ping(self.stranger.contact).addBoth(outcome.append)
        self.clock.advance(0.05)
        self.stranger.answer(*self.stranger.requests[-1], PONG)
        self.clock.advance(0.05)
        self.assertEqual(outcome[0].contact, self.stranger.contact)
        self.clock.advance(30)
        self.assertEqual(self.clock.pending(), 1)  # the upkeep's own
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_port_zero_is_a_failed_send(self) -> None:
        contact = self.stranger.contact
        nowhere = Contact.at(contact.node_id, Endpoint("192.0.2.9", 0), contact.key)
        self.assertRaises(SendFailed, wait_for, self.clock, self.node.ping(nowhere))

    def test_cancelling_forgets_the_request(self) -> None:
        asking = self.node.ping(self.stranger.contact)
        asking.addErrback(lambda _: None)
        asking.cancel()
        self.assertEqual(self.node.status().links[0].requests_in_flight, 0)

    def test_stop_fails_what_is_in_flight(self) -> None:
        outcome: list[object] = []
        self.node.ping(self.stranger.contact).addBoth(outcome.append)
        protocol = self.node._links[4].protocol
        protocol.requests.request(self.stranger.contact, Ping()).addBoth(outcome.append)
        wait_for(self.clock, self.node.stop())
        self.assertTrue(all(each.check(NodeStopped) for each in outcome))
        self.assertEqual(len(outcome), 2)
        protocol.requests.request(self.stranger.contact, Ping()).addBoth(outcome.append)
        self.assertTrue(outcome[2].check(NodeStopped))

    def test_a_secret_can_be_rotated(self) -> None:
        """Old-only, both, new-only: whoever shares a secret understands each other."""
        old, new = b"old secret", b"new secret"
        secrets = {1: (old,), 2: (new, old), 3: (new,)}
        nodes = {}
        for number, chosen in secrets.items():
            address = f"192.0.2.{100 + number}"
            nodes[number] = simulated_node(
                self.network.host(address),
                number + 50,
                NodeSettings(port=8000, interfaces=(address,), network_secrets=chosen),
            )
            wait_for(self.clock, nodes[number].start())
        for one, other, understood in ((2, 1, True), (1, 2, True), (2, 3, True), (1, 3, False)):
            asking = nodes[one].ping(f"192.0.2.{100 + other}:8000")
            if understood:
                wait_for(self.clock, asking)
            else:
                self.assertRaises(RequestTimedOut, wait_for, self.clock, asking)
        for node in nodes.values():
            wait_for(self.clock, node.stop())

    def test_a_request_that_has_ended_leaves_nothing_to_collect(self) -> None:
        requests = self.node._links[4].protocol.requests

        def answer() -> None:
            self.clock.advance(0.02)
            self.stranger.answer(*self.stranger.requests[-1], PONG)
            self.clock.advance(0.02)

        def is_left(end: Callable[[], object]) -> bool:
            """Ask, let the request end, and see whether it is still there."""
            asking = requests.request(self.stranger.contact, Ping())
            asking.addErrback(lambda _: None)
            waiting = weakref.ref(asking)
            del asking
            end()
            return waiting() is not None

        gc.disable()
        self.addCleanup(gc.enable)
        self.assertTrue(is_left(lambda: None))
        for end in (answer, lambda: self.clock.advance(60), requests.shut):
            self.assertFalse(is_left(end), end)


class HostileTests(SynchronousTestCase):
    """Whatever a participant seals: nothing escapes, nothing is amplified, no timer is left.

    Each example is one hostile message and 24 random damages of it.
    """

    VARIANTS = 25

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.001)
        self.node = simulated_node(self.network.host("192.0.2.1"), 1)
        wait_for(self.clock, self.node.start())
        self.stranger = Stranger(self.network.host("192.0.2.9"), 9)
        self.token = self.stranger.token_of(self.node)
        self.random = random.Random(11)

    def test_hostile_messages(self) -> None:
        examples = sized(100, 8000)

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
        )
        @given(hostile_cbor())
        def attack(data: bytes) -> None:
            self.attack(data, self.token)
            for _ in range(self.VARIANTS - 1):
                self.attack(self.damaged(data), self.random.choice((self.token, bytes(8))))

        attack()
        self.clock.advance(60)
        self.assertEqual(self.clock.pending(), 1)  # the upkeep's own
        counters = self.node.status().counters
        self.assertNotIn("dropped.fault", counters)
        self.assertGreaterEqual(counters["datagrams.in"], 0.9 * examples * self.VARIANTS)
        wait_for(self.clock, self.node.stop())
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def attack(self, data: bytes, token: bytes) -> None:
        self.stranger.received.clear()
        self.stranger.replies.clear()
        self.stranger.requests.clear()
        datagram = self.stranger.seal_bytes(self.node, data, token)
        self.network.send(datagram, self.stranger.endpoint, ("192.0.2.1", 8000))
        self.clock.advance(0.05)
        if token == bytes(8):
            self.assertLessEqual(sum(map(len, self.stranger.received)), len(datagram))

    def damaged(self, data: bytes) -> bytes:
        """The data with one to three bytes changed, left out or put in."""
        damaged = bytearray(data)
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randrange(len(damaged) + 1)
            kind = self.random.randrange(3)
            damaged[at : at + (kind != 0)] = self.random.randbytes(kind != 1)
        return bytes(damaged)
