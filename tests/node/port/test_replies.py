"""Replies that end a request without a result, and those of a node that is busy."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from kadtwisted.constants import NO_TOKEN
from kadtwisted.errors import ErrorReply, KadtwistedError, RequestTimedOut
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Nodes,
    Ping,
    Pong,
    Records,
    Reply,
    Store,
    Stored,
)
from kadtwisted.sealing.forms import Form
from kadtwisted.testing.inspect import table_of
from kadtwisted.testing.nodes import wait_for
from tests.node.port.test_protocol import DoorCase

PONG = Pong(b"\x01", 0, 0)


class ReplyCase(DoorCase):
    def asked(self, body: Any) -> Any:
        """The node pings the stranger, who answers this; what comes of it."""
        outcome: list[Any] = []
        self.node.ping(self.stranger.contact).addBoth(outcome.append)
        self.clock.advance(0.02)
        request, key, addr = self.stranger.requests.pop()
        self.stranger.answer(request, key, addr, body)
        self.clock.advance(0.02)
        self.assertEqual(len(outcome), 1)
        return getattr(outcome[0], "value", outcome[0])

    def is_known(self) -> bool:
        return self.stranger.contact.node_id in table_of(self.node)


class WrongReplyTests(ReplyCase):
    """Such a node is as good as one that does not answer, and enters no table."""

    def test_of_another_method(self) -> None:
        for body in (Nodes(()), Stored(5)):
            error = self.asked(body)
            self.assertIsInstance(error, RequestTimedOut)
            self.assertIn("to a Ping", str(error))
        self.assertFalse(self.is_known())
        self.assertEqual(self.node.status().counters["replies.wrong"], 2)

    def test_who_does_not_know_values_is_no_node(self) -> None:
        """Every node serves them: who says otherwise would only make searches look farther."""
        self.asked(PONG)
        outcome: list[Any] = []
        self.node.get("name").addBoth(outcome.append)
        self.clock.advance(0.02)
        request, key, addr = self.stranger.requests.pop()
        self.assertIsInstance(request.body, FindValue)
        contacts = (self.stranger.contact,)
        self.stranger.answer(request, key, addr, Error(ErrorCode.UNKNOWN_KIND, "", 0, contacts))
        self.clock.advance(30.0)
        self.assertEqual(self.node.status().counters["replies.wrong"], 1)
        self.assertEqual(len(outcome), 1)

    def test_it_counts_against_a_contact(self) -> None:
        self.asked(PONG)
        self.assertTrue(self.is_known())
        for _ in range(3):
            self.asked(Nodes(()))
            self.clock.advance(40.0)
        self.assertFalse(self.is_known())

    def test_a_pong_without_our_format(self) -> None:
        for formats in (b"", b"\x02", b"\x00\x02\x03"):
            error = self.asked(Pong(formats, 0, 0))
            self.assertIsInstance(error, RequestTimedOut)
            self.assertIn("formats", str(error))
        self.assertFalse(self.is_known())

    def test_a_pong_with_ours_among_others(self) -> None:
        result = self.asked(Pong(b"\x03\x01", 1 << 63, 0, "new", b"\xff" * 32, b"\xff" * 32))
        self.assertEqual(result.agent, "new")
        self.assertTrue(self.is_known())


class GreetingTests(ReplyCase):
    def greeted(self, body: Any) -> KadtwistedError:
        """The node says hello, and is answered this; why it fails, and that it is not tried
        again."""
        outcome: list[Any] = []
        self.node.ping(str(self.stranger.endpoint)).addBoth(outcome.append)
        self.clock.advance(0.02)
        request, key, addr = self.stranger.requests.pop()
        reply = Reply(request.transaction_id, body, bytes(range(8)), None)
        data = self.stranger.dialect.serializer.encode_reply(reply, 1100)
        seal = self.stranger.dialect.sealer.seal
        self.network.send(
            seal(Form.HELLO_ANSWER, data, key, NO_TOKEN, 0), self.stranger.endpoint, addr
        )
        self.clock.advance(0.5)
        self.assertEqual(self.stranger.requests, [])
        self.assertFalse(self.is_known())
        error = outcome[0].value
        assert isinstance(error, KadtwistedError)
        return error

    def test_anything_but_a_pong_ends_the_greeting(self) -> None:
        for code in (ErrorCode.BAD_TOKEN, ErrorCode.BUSY, 99):
            self.assertIn(f"(code {code:d})", str(self.greeted(Error(code, "no", 1000))))
        self.assertIn("Nodes to a Ping", str(self.greeted(Nodes(()))))
        self.assertIn("other formats", str(self.greeted(Pong(b"\x02", 0, 0))))


class BusyTests(ReplyCase):
    """A single request is sent once more after the time that a busy node names."""

    def begin(self, retry_after: int) -> list[Any]:
        outcome: list[Any] = []
        self.node.ping(self.stranger.contact).addBoth(outcome.append)
        self.clock.advance(0.02)
        self.reply(Error(ErrorCode.BUSY, "", retry_after))
        return outcome

    def reply(self, body: Any) -> None:
        request, key, addr = self.stranger.requests.pop()
        self.assertEqual(request.body, Ping())
        self.stranger.answer(request, key, addr, body)
        self.clock.advance(0.02)

    def test_after_that_time(self) -> None:
        outcome = self.begin(1000)
        self.clock.advance(0.9)
        self.assertEqual((outcome, self.stranger.requests), ([], []))
        self.clock.advance(0.1)
        self.reply(PONG)
        self.assertEqual(outcome[0].contact, self.stranger.contact)

    def test_once(self) -> None:
        outcome = self.begin(1000)
        self.clock.advance(1.0)
        self.reply(Error(ErrorCode.BUSY, "", 1000))
        error = outcome[0].value
        assert isinstance(error, ErrorReply)
        self.assertEqual(error.code, ErrorCode.BUSY)
        self.assertEqual(self.node.status().counters["busy.waited"], 1)

    def test_not_if_no_time_or_too_long_a_time_is_named(self) -> None:
        for retry_after in (0, 5001, 2**32 - 1):
            self.assertIsInstance(self.begin(retry_after)[0].value, ErrorReply)

    def test_so_is_a_write(self) -> None:
        self.asked(PONG)
        outcome: list[Any] = []
        self.node.put("name", b"value").addBoth(outcome.append)
        busy = [Error(ErrorCode.BUSY, "", 1000), Stored(600)]
        stored: list[float] = []
        for _ in range(300):
            self.clock.advance(0.01)
            while self.stranger.requests:
                request, key, addr = self.stranger.requests.pop()
                answers = {FindValue: Records((), ()), FindNode: Nodes(()), Ping: PONG}
                if type(request.body) is Store:
                    stored.append(self.clock.seconds())
                    answers[Store] = busy[len(stored) - 1]
                self.stranger.answer(request, key, addr, answers[type(request.body)])
        self.assertEqual(outcome[0].remote_acks, 1)
        self.assertEqual(outcome[0].failures, {})
        self.assertEqual(len(stored), 2)
        self.assertGreater(stored[1] - stored[0], 1.0)

    def test_a_stop_ends_the_waiting(self) -> None:
        outcome = self.begin(4000)
        wait_for(self.clock, self.node.stop())
        self.assertEqual(len(outcome), 1)
        self.clock.advance(5.0)
        self.assertEqual(self.stranger.requests, [])


class LostStoreTests(ReplyCase):
    """When to send a STORE again and when to give it up are two moments."""

    def begin(self) -> list[Any]:
        self.asked(PONG)
        outcome: list[Any] = []
        self.node.put("name", b"value").addBoth(outcome.append)
        return outcome

    def stores_within(self, seconds: float, *, answered: bool) -> list[float]:
        """The moments at which the stranger got a STORE, from the first one on."""
        moments: list[float] = []
        for _ in range(int(seconds * 100)):
            self.clock.advance(0.01)
            while self.stranger.requests:
                request, key, addr = self.stranger.requests.pop()
                if type(request.body) is not Store:
                    body = Records((), ()) if type(request.body) is FindValue else PONG
                    self.stranger.answer(request, key, addr, body)
                    continue
                moments.append(self.clock.seconds())
                if answered and len(moments) > 1:
                    self.stranger.answer(request, key, addr, Stored(600))
        return [each - moments[0] for each in moments]

    def test_one_that_was_lost_is_sent_again_soon(self) -> None:
        outcome = self.begin()
        first, again = self.stores_within(1.0, answered=True)
        self.assertEqual(first, 0.0)
        self.assertLess(again, 0.3)
        self.assertEqual((outcome[0].remote_acks, outcome[0].failures), (1, {}))

    def test_a_slow_disk_is_waited_for_as_long_as_ever(self) -> None:
        outcome = self.begin()
        moments = self.stores_within(5.9, answered=False)
        self.assertEqual(len(moments), 4)
        gaps = [after - before for before, after in pairwise(moments)]
        for gap, wider in pairwise(gaps):
            self.assertApproximates(wider / gap, 2.0, 0.3)
        self.assertEqual(outcome, [])
        self.clock.advance(0.5)
        self.assertEqual(len(outcome), 1)
