"""The server of the control socket: JSON lines, bounded, for root and the node's user."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial import unittest
from zope.interface.verify import verifyObject

from kadtwisted.api.control import (
    IDLE_SECONDS,
    LEAVE_SECONDS,
    MAX_CONNECTIONS,
    MAX_ID,
    MAX_IN_FLIGHT,
    MAX_LINE,
    TELL_EVERY,
    ControlFactory,
    ControlProtocol,
    listen,
)
from kadtwisted.api.operations import Operations
from kadtwisted.api.peers import HOUR
from kadtwisted.errors import CannotListen, NotFound
from tests.daemon.fakes import FakeNode

US = os.geteuid()
ALICE, BOB = 4242, 4343


class ControlTestCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.node = FakeNode()
        self.clock = Clock()
        self.user: int | None = US
        self.factory = ControlFactory(Operations(self.node), self.clock, lambda _: self.user)
        self.protocol, self.transport = self.connected()

    def connected(self) -> tuple[ControlProtocol, StringTransport]:
        protocol = self.factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def answers(self) -> list[dict[str, Any]]:
        lines = self.transport.value().splitlines()
        self.transport.clear()
        return [json.loads(line) for line in lines]

    def ask(self, **request: Any) -> dict[str, Any]:
        self.protocol.dataReceived(json.dumps(request).encode() + b"\n")
        (answer,) = self.answers()
        return answer

    def error_of(self, line: bytes) -> dict[str, Any]:
        self.protocol.dataReceived(line)
        (answer,) = self.answers()
        return answer["error"]


class ServerTests(ControlTestCase):
    def test_an_answer_carries_its_requests_id(self) -> None:
        for identifier in (7, -1, 1.5, "seven", None, True, "x" * MAX_ID):
            answer = self.ask(id=identifier, verb="get", key="name")
            self.assertEqual(answer["id"], identifier)
            self.assertEqual(answer["result"]["value"], "value")

    def test_an_id_is_short_and_can_be_said_again(self) -> None:
        for written in ("[7]", "{}", "1" * 40, "1e999", "NaN", "-Infinity", f'"{"x" * 129}"'):
            line = f'{{"id":{written},"verb":"status"}}\n'.encode()
            self.assertEqual(self.error_of(line)["type"], "InvalidRequest", written)

    def test_answers_come_in_the_order_in_which_requests_end(self) -> None:
        first: Deferred[Any] = Deferred()
        self.node.answers["get"] = first
        self.protocol.dataReceived(b'{"id":1,"verb":"get","key":"a"}\n{"id":2,"verb":"status"}\n')
        self.assertEqual([each["id"] for each in self.answers()], [2])
        first.errback(NotFound("gone"))
        self.assertEqual(
            self.answers(), [{"id": 1, "error": {"type": "NotFound", "message": "gone"}}]
        )

    def test_what_is_no_request(self) -> None:
        for line in (
            b"{\n",
            b"[]\n",
            b'{"id":1}\n',
            b'{"verb":1}\n',
            b"\xff\n",
            b"[" * 9999 + b"\n",
            b'{"id":' + b"[" * 900 + b"]" * 900 + b',"verb":"status"}\n',
            b'{"verb":"put","key":"k","value_base64":"","lifetime":NaN}\n',
            b'{"verb":"status","verb":"status"}\n',
            b'{"verb":"put","key":"k","value_base64":"","lifetime":' + b"9" * 5000 + b"}\n",
        ):
            self.assertEqual(self.error_of(line)["type"], "InvalidRequest")
        self.assertEqual(self.error_of(b'{"verb":"reboot"}\n')["type"], "InvalidRequest")
        self.assertFalse(self.transport.disconnecting)

    def test_a_fault_of_ours_is_logged_and_told(self) -> None:
        self.node.answers["get"] = RuntimeError("a fault")
        error = self.ask(verb="get", key="name")["error"]
        self.assertEqual(error["type"], "InternalError")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_a_long_line_ends_the_connection(self) -> None:
        self.assertIn(str(MAX_LINE), self.error_of(b"x" * (MAX_LINE + 1))["message"])
        self.assertTrue(self.transport.disconnecting)

    def test_requests_in_flight_are_bounded(self) -> None:
        self.node.answers["get"] = [Deferred() for _ in range(MAX_IN_FLIGHT)]
        for number in range(MAX_IN_FLIGHT):
            request = {"id": number, "verb": "get", "key": "name"}
            self.protocol.dataReceived(json.dumps(request).encode() + b"\n")
        self.assertEqual(self.answers(), [])
        self.assertEqual(self.ask(id=99, verb="status")["error"]["type"], "TooManyRequests")

    def test_requests_of_a_lost_connection_are_cancelled(self) -> None:
        cancelled: list[object] = []
        self.node.answers["get"] = Deferred(cancelled.append)
        self.protocol.dataReceived(b'{"verb":"get","key":"name"}\n')
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(cancelled), 1)

    def test_a_client_that_does_not_read_is_not_read_from(self) -> None:
        self.assertIs(self.transport.producer, self.protocol)
        self.assertTrue(self.transport.streaming)

    def test_lines_that_have_come_wait_while_answers_are_not_read(self) -> None:
        self.protocol.pauseProducing()  # as the transport does when it has enough to write
        self.protocol.dataReceived(b'{"verb":"status"}\n' * 3)
        self.protocol.readConnectionLost()
        self.assertEqual(self.answers(), [])
        self.assertFalse(self.transport.disconnecting)
        self.protocol.resumeProducing()
        self.assertEqual(len(self.answers()), 3)
        self.assertTrue(self.transport.disconnecting)

    def test_after_a_line_that_is_too_long_nothing_is_heard(self) -> None:
        self.protocol.dataReceived(b"x" * (MAX_LINE + 1))
        self.answers()
        self.protocol.dataReceived(b'\n{"verb":"get","key":"name"}\n' + b"x" * (MAX_LINE + 1))
        self.assertEqual((self.answers(), self.node.calls), ([], []))

    def test_a_client_may_close_its_side_before_the_answer(self) -> None:
        verifyObject(IHalfCloseableProtocol, self.protocol)
        waiting: Deferred[Any] = Deferred()
        self.node.answers["get"] = waiting
        self.protocol.dataReceived(b'{"verb":"get","key":"name"}\n')
        self.protocol.readConnectionLost()
        self.assertFalse(self.transport.disconnecting)
        waiting.errback(NotFound("gone"))
        self.assertEqual(len(self.answers()), 1)
        self.assertTrue(self.transport.disconnecting)

    def test_an_idle_client_that_closes_one_side_is_done(self) -> None:
        for name in ("readConnectionLost", "writeConnectionLost"):
            protocol, transport = self.connected()
            getattr(protocol, name)()
            self.assertTrue(transport.disconnecting)
            self.assertIsNone(transport.producer)

    def test_close_hangs_up_on_everybody(self) -> None:
        _, other = self.connected()
        self.factory.close()
        self.assertTrue(self.transport.disconnecting and other.disconnecting)


class ListenTests(unittest.SynchronousTestCase):
    def test_why_not_is_told_in_the_words_of_all_other_errors(self) -> None:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        for error in (full, CannotListenError(None, "control.sock", full)):
            reactor = mock.Mock(listenUNIX=mock.Mock(side_effect=error))
            with self.assertRaises(CannotListen) as raised:
                listen(reactor, Path("/nowhere/control.sock"), mock.Mock())
            self.assertEqual(
                str(raised.exception),
                "cannot make the control socket /nowhere/control.sock: no space left on device",
            )


class PlaceTests(ControlTestCase):
    """Who has a place, and for how long."""

    def all_places(self) -> list[tuple[ControlProtocol, StringTransport]]:
        """One a second, the first of which has been there for longest."""
        others = []
        for _ in range(MAX_CONNECTIONS - 1):
            self.clock.advance(1)
            others.append(self.connected())
        return [(self.protocol, self.transport), *others]

    def said(self, transport: StringTransport) -> dict[str, Any]:
        (line,) = transport.value().splitlines()
        answer: dict[str, Any] = json.loads(line)
        self.assertIsNone(answer["id"])
        return answer["error"]

    def test_who_idles_is_hung_up_on(self) -> None:
        with capturedLogs() as logged:
            self.clock.advance(IDLE_SECONDS - 1)
            self.ask(verb="status")
            self.clock.advance(IDLE_SECONDS - 1)
            self.assertFalse(self.transport.disconnected)
            self.assertEqual(logged, [])
            self.clock.advance(1)
        self.assertTrue(self.transport.disconnected)
        (event,) = logged
        self.assertIn("idle for 60 s", formatEvent(event))
        self.assertEqual(self.factory.connections, set())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_half_a_line_is_no_request(self) -> None:
        for _ in range(round(IDLE_SECONDS)):
            self.protocol.dataReceived(b" ")
            self.clock.advance(1)
        self.assertTrue(self.transport.disconnected)

    def test_who_waits_for_an_answer_does_not_idle(self) -> None:
        waiting: Deferred[Any] = Deferred()
        self.node.answers["get"] = waiting
        self.protocol.dataReceived(b'{"verb":"get","key":"name"}\n')
        self.clock.advance(100 * IDLE_SECONDS)
        self.assertFalse(self.transport.disconnected)
        waiting.errback(NotFound("gone"))
        self.assertEqual(len(self.answers()), 1)
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(self.transport.disconnected)

    def test_last_answers_that_nobody_reads_are_given_up(self) -> None:
        self.protocol.close()
        self.assertFalse(self.transport.disconnected)
        self.clock.advance(LEAVE_SECONDS)
        self.assertTrue(self.transport.disconnected)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_idle_connections_lock_nobody_out(self) -> None:
        everybody = self.all_places()
        (busy, _), (idle, idle_transport), *_ = everybody
        self.node.answers["get"] = Deferred()
        busy.dataReceived(b'{"verb":"get","key":"name"}\n')
        with capturedLogs() as logged:
            self.protocol, self.transport = self.connected()
        self.assertIn("idle for longest", formatEvent(logged[0]))
        self.assertTrue(idle_transport.disconnected)
        self.assertNotIn(idle, self.factory.connections)
        self.assertIn(busy, self.factory.connections)
        self.assertEqual(self.ask(verb="status")["result"]["network"], "kad")
        self.assertEqual(len(self.factory.connections), MAX_CONNECTIONS)

    def test_a_script_that_never_hangs_up_fills_no_log(self) -> None:
        self.all_places()
        with capturedLogs() as logged:
            for _ in range(100):
                self.connected()
            self.clock.advance(TELL_EVERY)
            self.all_places()
            self.connected()
        self.assertEqual(len(logged), 2)
        self.assertEqual({each["log_level"] for each in logged}, {LogLevel.warn})
        self.assertIn("connections more since the last such line", formatEvent(logged[1]))

    def test_busy_connections_are_bounded(self) -> None:
        everybody = self.all_places()
        self.node.answers["get"] = [Deferred() for _ in everybody]
        for protocol, _ in everybody:
            protocol.dataReceived(b'{"verb":"get","key":"name"}\n')
        with capturedLogs() as logged:
            _, transport = self.connected()
        self.assertEqual(self.said(transport)["type"], "TooManyRequests")
        self.assertIn("turned a client away", formatEvent(logged[0]))
        self.clock.advance(LEAVE_SECONDS)
        self.assertTrue(transport.disconnected)
        everybody[0][0].connectionLost(Failure(ConnectionDone()))
        _, transport = self.connected()
        self.assertFalse(transport.disconnecting)

    def test_root_our_user_and_where_nobody_can_tell(self) -> None:
        for self.user in (0, US, None):
            self.protocol, self.transport = self.connected()
            self.assertIn("result", self.ask(verb="status"))

    def test_other_users_are_refused(self) -> None:
        there = len(self.factory.connections)
        self.user = ALICE
        self.protocol, self.transport = self.connected()
        error = self.said(self.transport)
        self.assertEqual(error["type"], "ControlRefused")
        self.assertIn("and root, not 4242; run kad with sudo, or as", error["message"])
        self.assertFalse(self.transport.disconnecting)  # or a client that writes reads no answer
        self.protocol.dataReceived(b'{"verb":"put","key":"k","value_base64":""}\n')
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.node.calls, [])
        self.assertEqual(len(self.factory.connections), there)

    def test_other_users_take_no_places(self) -> None:
        everybody = self.all_places()
        self.user = ALICE
        refused = [self.connected() for _ in range(2 * MAX_CONNECTIONS)]
        self.assertEqual(len(self.factory.connections), len(everybody))
        at_once = [transport.disconnecting for _, transport in refused]
        self.assertEqual(at_once, [False] * MAX_CONNECTIONS + [True] * MAX_CONNECTIONS)
        self.factory.close()
        self.assertTrue(all(transport.disconnecting for _, transport in refused))

    def test_a_refusal_is_logged_once_in_an_hour_for_each_user(self) -> None:
        def refusals() -> list[str]:
            return [said for each in logged if "refused" in (said := formatEvent(each) or "")]

        with capturedLogs() as logged:
            for self.user in (ALICE, BOB, ALICE, BOB):
                self.connected()
            self.clock.advance(HOUR - LEAVE_SECONDS)
            self.connected()
            self.assertEqual(len(refusals()), 2)
            self.clock.advance(LEAVE_SECONDS)
            self.connected()
        self.assertEqual(len(refusals()), 3)
        self.assertIn("refused 4242 at the control socket", refusals()[0])
