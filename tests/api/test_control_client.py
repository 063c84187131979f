"""The client of the control socket, and both sides over real sockets."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial import unittest

from kadtwisted.api import answers
from kadtwisted.api.answers import ControlUnavailable, InvalidRequest, error_from
from kadtwisted.api.control import ControlFactory, listen
from kadtwisted.api.control_client import (
    ControlClient,
    connect,
)
from kadtwisted.api.operations import Operations
from kadtwisted.api.peers import ControlRefused, peer_user
from kadtwisted.errors import (
    BootstrapFailed,
    CannotListen,
    ErrorReply,
    InvalidRecord,
    KadtwistedError,
    NodeStopped,
    NotFound,
)
from kadtwisted.storage.guard import UnsafeFile
from tests.daemon.fakes import FakeNode

ALICE, BOB = 4242, 4343


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
        self.patch(answers, "MAX_REPLY", 10)
        self.client.dataReceived(b"x" * 11)
        self.assertTrue(self.transport.disconnected)

    def test_what_is_said_of_the_whole_connection(self) -> None:
        waiting = self.client.perform("status", {})
        self.reply(id=None, error={"type": "ControlRefused", "message": "not you"})
        self.assertEqual(self.failureResultOf(waiting, ControlRefused).getErrorMessage(), "not you")
        self.client.connectionLost()
        self.failureResultOf(self.client.perform("status", {}), ControlRefused)

    def test_after_the_connection_is_lost(self) -> None:
        waiting = self.client.perform("status", {})
        self.client.connectionLost()
        self.failureResultOf(waiting, ControlUnavailable)
        self.failureResultOf(self.client.perform("status", {}), ControlUnavailable)


class RevivalTests(unittest.SynchronousTestCase):
    def test_types(self) -> None:
        for name, kind in (
            ("NotFound", NotFound),
            ("ErrorReply", ErrorReply),
            ("InvalidRecord", InvalidRecord),
            ("InvalidRequest", InvalidRequest),
            ("CancelledError", NodeStopped),
            ("ControlRefused", ControlRefused),
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
        self.factory = ControlFactory(Operations(self.node), Clock())

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

    async def refused(self, kind: type[KadtwistedError], words: str, **how: Any) -> None:
        with self.assertRaises(kind) as caught:
            await connect(reactor, self.path, **how)
        self.assertIn(words, str(caught.exception))
        self.assertEqual(self.node.calls, [])

    async def test_the_kernel_says_who_is_there(self) -> None:
        self.listen()
        client = await connect(reactor, self.path)
        await client.perform("status", {})
        (served,) = self.factory.connections
        for transport in (client.transport, served.transport):
            self.assertEqual(peer_user(transport), os.geteuid())
        await self.closed(client)

    async def test_a_program_of_another_user_that_listens_there(self) -> None:
        self.listen()
        if not os.geteuid():  # in a directory of root it could only be root's program
            os.chown(self.path.parent, BOB, BOB)
        words = "runs as 4242, not as"
        await self.refused(ControlRefused, words, peer=lambda _: ALICE)
        await deferLater(reactor, 0, lambda: None)

    async def test_a_program_of_the_directorys_owner_or_where_nobody_can_tell(self) -> None:
        self.listen()
        for user in (os.geteuid(), 0, None):
            client = await connect(reactor, self.path, lambda _, user=user: user)
            await self.closed(client)

    async def test_a_directory_that_others_can_change(self) -> None:
        self.listen()
        for mode in (0o777, 0o1777, 0o770, 0o702):
            self.path.parent.chmod(mode)
            await self.refused(UnsafeFile, f"run: chmod 700 {self.path.parent}")
        self.path.parent.chmod(0o700)

    async def test_a_socket_that_others_can_change(self) -> None:
        self.listen()
        self.path.chmod(0o666)
        await self.refused(UnsafeFile, f"run: chmod 600 {self.path}")

    async def test_the_system_says_no(self) -> None:
        class Reactor:
            def connectUNIX(self, path: str, factory: Any, **options: object) -> None:
                factory.clientConnectionFailed(None, Failure(ConnectError(osError=errno.EACCES)))

        with self.assertRaises(ControlRefused) as caught:
            await connect(Reactor(), self.path)
        self.assertIn("run kad with sudo", str(caught.exception))

    async def test_lines_of_a_client_that_does_not_read_its_answers(self) -> None:
        """The transport takes 64 KiB of answers, the kernel some more; the rest is not begun."""
        self.listen()
        lines = 3000
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.path))
            client.setblocking(False)
            request = b'{"verb":"get","key":"name"}\n'
            client.send(request * lines)
            for _ in range(20):
                await deferLater(reactor, 0, lambda: None)
            self.assertGreater(len(self.node.calls), 0)
            self.assertLess(len(self.node.calls), lines // 2)
        while self.factory.connections:
            await deferLater(reactor, 0.01, lambda: None)

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

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.done.callback(self.received)


async def _ask_and_close(path: Path, request: bytes) -> bytes:
    from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol

    protocol = _Raw(request)
    await connectProtocol(UNIXClientEndpoint(reactor, str(path)), protocol)
    return await protocol.done
