"""The control socket: JSON lines, bounded, for this user alone."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial import unittest
from zope.interface.verify import verifyObject

from kadtwisted.api import control
from kadtwisted.api.control import (
    MAX_CONNECTIONS,
    MAX_IN_FLIGHT,
    MAX_LINE,
    ControlFactory,
    ControlProtocol,
    listen,
)
from kadtwisted.api.control_client import (
    ControlClient,
    ControlUnavailable,
    connect,
    error_from,
)
from kadtwisted.api.operations import InvalidRequest, Operations
from kadtwisted.errors import (
    BootstrapFailed,
    CannotListen,
    ErrorReply,
    InvalidRecord,
    KadtwistedError,
    NodeStopped,
    NotFound,
)
from tests.daemon.fakes import FakeNode


class ServerTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.node = FakeNode()
        self.factory = ControlFactory(Operations(self.node))
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

    def test_an_answer_carries_its_requests_id(self) -> None:
        for identifier in (7, "seven", None, [7]):
            answer = self.ask(id=identifier, verb="get", key="name")
            self.assertEqual(answer["id"], identifier)
            self.assertEqual(answer["result"]["value"], "value")

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

    def test_connections_are_bounded(self) -> None:
        others = [self.connected()[0] for _ in range(MAX_CONNECTIONS - 1)]
        self.assertIsNone(self.factory.buildProtocol(None))
        others[0].connectionLost(Failure(ConnectionDone()))
        self.assertIsNotNone(self.factory.buildProtocol(None))

    def test_requests_of_a_lost_connection_are_cancelled(self) -> None:
        cancelled: list[object] = []
        self.node.answers["get"] = Deferred(cancelled.append)
        self.protocol.dataReceived(b'{"verb":"get","key":"name"}\n')
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(cancelled), 1)

    def test_a_client_that_does_not_read_is_not_read_from(self) -> None:
        self.assertIs(self.transport.producer, self.transport)
        self.assertTrue(self.transport.streaming)

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


class ClientTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.client = ControlClient()
        self.transport = StringTransport()
        self.client.makeConnection(self.transport)

    def reply(self, **answer: Any) -> None:
        self.client.dataReceived(json.dumps(answer).encode() + b"\n")

    def test_request_line(self) -> None:
        self.client.perform("get", {"key": "name"})
        self.assertEqual(
            json.loads(self.transport.value()), {"id": 1, "verb": "get", "key": "name"}
        )

    def test_answers_find_their_requests(self) -> None:
        first = self.client.perform("status", {})
        second = self.client.perform("status", {})
        self.reply(id=2, result={"n": 2})
        self.reply(id=1, result={"n": 1})
        self.assertEqual(self.successResultOf(first), {"n": 1})
        self.assertEqual(self.successResultOf(second), {"n": 2})

    def test_an_answer_in_pieces(self) -> None:
        waiting = self.client.perform("status", {})
        self.client.dataReceived(b'{"id":1,"res')
        self.assertNoResult(waiting)
        self.client.dataReceived(b'ult":{}}\n')
        self.assertEqual(self.successResultOf(waiting), {})

    def test_errors_come_back_as_themselves(self) -> None:
        waiting = self.client.perform("get", {"key": "name"})
        self.reply(id=1, error={"type": "NotFound", "message": "gone"})
        self.assertEqual(self.failureResultOf(waiting, NotFound).getErrorMessage(), "gone")

    def test_a_late_answer_is_dropped(self) -> None:
        waiting = self.client.perform("status", {})
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        self.reply(id=1, result={})
        self.assertFalse(self.transport.disconnecting)

    def test_what_is_no_answer_ends_the_connection(self) -> None:
        for data in (b"{\n", b"[]\n", b"7\n", b'{"id":1}\n', b'{"id":[],"result":{}}\n',
                     b'{"id":1,"error":{}}\n', b'{"id":1,"error":7}\n'):  # fmt: skip
            self.setUp()
            waiting = self.client.perform("status", {})
            self.client.dataReceived(data)
            self.assertTrue(self.transport.disconnected, data)
            self.client.connectionLost()
            self.failureResultOf(waiting, ControlUnavailable)

    def test_an_endless_answer_ends_the_connection(self) -> None:
        self.patch(control_client_module(), "MAX_REPLY", 10)
        self.client.dataReceived(b"x" * 11)
        self.assertTrue(self.transport.disconnected)

    def test_after_the_connection_is_lost(self) -> None:
        waiting = self.client.perform("status", {})
        self.client.connectionLost()
        self.failureResultOf(waiting, ControlUnavailable)
        self.failureResultOf(self.client.perform("status", {}), ControlUnavailable)


def control_client_module() -> Any:
    from kadtwisted.api import control_client

    return control_client


class RevivalTests(unittest.SynchronousTestCase):
    def test_types(self) -> None:
        for name, kind in (
            ("NotFound", NotFound),
            ("ErrorReply", ErrorReply),
            ("InvalidRecord", InvalidRecord),
            ("InvalidRequest", InvalidRequest),
            ("CancelledError", NodeStopped),
            ("InternalError", KadtwistedError),
            ("Mapping", KadtwistedError),
        ):
            error = error_from({"type": name, "message": "the sentence"})
            self.assertIs(type(error), kind)
            self.assertEqual(str(error), "the sentence")

    def test_reasons(self) -> None:
        error = error_from(
            {"type": "BootstrapFailed", "message": "x", "reasons": {"a:1": "silent"}}
        )
        assert isinstance(error, BootstrapFailed)
        self.assertEqual(error.reasons, {"a:1": "silent"})
        bare = error_from({"type": "BootstrapFailed", "message": "x"})
        assert isinstance(bare, BootstrapFailed)
        self.assertEqual(bare.reasons, {})


class SocketTests(unittest.TestCase):
    """A real Unix socket and the real reactor."""

    def setUp(self) -> None:
        # Not mktemp(): trial's paths may be longer than the path of a socket can be.
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "control.sock"
        self.node = FakeNode()
        self.factory = ControlFactory(Operations(self.node))

    def listen(self) -> Any:
        port = listen(reactor, self.path, self.factory)
        self.addCleanup(port.stopListening)
        return port

    async def closed(self, client: ControlClient) -> None:
        gone: Deferred[None] = Deferred()
        lost = client.connectionLost

        def connection_lost(reason: Failure) -> None:
            lost(reason)
            gone.callback(None)

        client.connectionLost = connection_lost  # type: ignore[assignment]
        client.close()
        await gone

    async def test_conversation(self) -> None:
        self.listen()
        client = await connect(reactor, self.path)
        found = await client.perform("get", {"key": "name"})
        self.assertEqual(found["value"], "value")
        with self.assertRaises(InvalidRequest):
            await client.perform("get", {})
        await self.closed(client)

    def test_mode_and_removal(self) -> Any:
        port = self.listen()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

        def stopped(_: object) -> None:
            self.assertFalse(self.path.exists())

        return port.stopListening().addCallback(stopped)

    async def test_the_socket_of_a_dead_node_is_replaced(self) -> None:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(self.path))
        with self.assertRaises(ControlUnavailable):
            await connect(reactor, self.path)
        self.listen()
        client = await connect(reactor, self.path)
        await self.closed(client)

    def test_another_file_is_not_replaced(self) -> None:
        self.path.write_text("precious")
        error = self.assertRaises(CannotListen, self.listen)
        self.assertIn("control socket", str(error))
        self.assertEqual(self.path.read_text(), "precious")

    def test_a_directory_that_is_gone(self) -> None:
        os.rmdir(self.path.parent)
        self.assertRaises(CannotListen, self.listen)
        self.path.parent.mkdir()

    async def test_nobody_there(self) -> None:
        with self.assertRaises(ControlUnavailable) as caught:
            await connect(reactor, self.path)
        self.assertIn(str(self.path), str(caught.exception))

    async def test_a_client_of_another_language_closes_its_side_at_once(self) -> None:
        self.listen()
        received = await _ask_and_close(self.path, b'{"verb":"status"}\n')
        self.assertEqual(json.loads(received)["result"]["network"], "kad")


class _Raw(Protocol):
    def __init__(self, request: bytes) -> None:
        self.request = request
        self.received = b""
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self.request)
        transport.loseWriteConnection()

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = control.connectionDone) -> None:
        self.done.callback(self.received)


async def _ask_and_close(path: Path, request: bytes) -> bytes:
    from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol

    protocol = _Raw(request)
    await connectProtocol(UNIXClientEndpoint(reactor, str(path)), protocol)
    return await protocol.done
