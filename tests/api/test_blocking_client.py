"""The client without a reactor: what a node answers, and what somebody else in its place does."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.trial import unittest

from kadtwisted.api import answers
from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.blocking_client import BlockingClient, connect
from kadtwisted.api.peers import ControlRefused
from kadtwisted.cli.session import drive
from kadtwisted.errors import NotFound, TooManyRequests
from kadtwisted.storage.guard import UnsafeFile

GONE = "closed the connection before it answered"


class PairTestCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.client = BlockingClient(ours)
        self.addCleanup(self.client.close)
        self.addCleanup(self.theirs.close)
        self.theirs.settimeout(60)

    def answer(self, *lines: bytes, then_close: bool = False) -> None:
        self.theirs.sendall(b"".join(lines))
        if then_close:
            self.theirs.close()

    def perform(self) -> Any:
        return drive(self.client.perform("get", {"key": "k"}))


class AnswerTests(PairTestCase):
    def test_a_request_and_its_answer(self) -> None:
        self.answer(b'{"id": 1, "result": {"a": 1}}\n')
        self.assertEqual(self.perform(), {"a": 1})
        request = json.loads(self.theirs.recv(1000))
        self.assertEqual(request, {"key": "k", "verb": "get", "id": 1})

    def test_one_after_the_other(self) -> None:
        self.answer(b'{"id": 1, "result": {}}\n{"id": 2, "result": {"b": 2}}\n')
        self.perform()
        self.assertEqual(self.perform(), {"b": 2})

    def test_in_pieces(self) -> None:
        line = b'{"id": 1, "result": {"text": "%s"}}\n' % (b"x" * 300_000)
        sending = threading.Thread(target=self.answer, args=(line,))
        sending.start()
        self.addCleanup(sending.join)
        self.assertEqual(len(self.perform()["text"]), 300_000)

    def test_answers_that_nobody_waits_for_are_passed_over(self) -> None:
        self.answer(b'{"id": 7, "result": {"a": 0}}\n{"id": 1, "result": {"a": 1}}\n')
        self.assertEqual(self.perform(), {"a": 1})

    def test_errors_keep_their_types(self) -> None:
        self.answer(b'{"id": 1, "error": {"type": "NotFound", "message": "gone"}}\n')
        self.assertEqual(str(self.assertRaises(NotFound, self.perform)), "gone")

    def test_a_node_that_turns_us_away_is_heard(self) -> None:
        said = b'{"id": null, "error": {"type": "TooManyRequests", "message": "full"}}\n'
        self.answer(said, then_close=True)
        self.assertRaises(TooManyRequests, self.perform)

    def test_what_no_node_says_ends_the_connection(self) -> None:
        for line in (b"\xff\n", b"[]\n", b"{}\n", b"[" * 100_000 + b"\n", b'{"id": 1}\n',
                     b'{"id": 1, "error": 3}\n', b'{"id": 1, "error": {}}\n'):  # fmt: skip
            self.setUp()
            self.answer(line)
            self.assertIn(GONE, str(self.assertRaises(ControlUnavailable, self.perform)), line)
            self.assertEqual(self.theirs.recv(1000)[:1], b"{")
            self.assertEqual(self.theirs.recv(1000), b"")

    def test_a_node_that_goes_away(self) -> None:
        self.answer(b'{"id": 1, "resu', then_close=True)
        self.assertIn(GONE, str(self.assertRaises(ControlUnavailable, self.perform)))

    def test_an_answer_without_end(self) -> None:
        self.patch(answers, "MAX_REPLY", 1000)
        self.answer(b"x" * 100_000)
        self.assertRaises(ControlUnavailable, self.perform)


class ConnectTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "control.sock"

    def listen(self) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind(str(self.path))
        self.path.chmod(0o600)
        listening.listen()
        listening.settimeout(60)
        return listening

    def refused(self, kind: type[Exception], *peer: Callable[[socket.socket], int]) -> str:
        return str(self.assertRaises(kind, connect, self.path, *peer))

    def test_a_node(self) -> None:
        listening = self.listen()
        connect(self.path).close()
        self.assertEqual(listening.accept()[0].recv(10), b"")

    def test_nobody_listens(self) -> None:
        self.assertIn("no running node answers at", self.refused(ControlUnavailable))
        self.listen().close()
        self.assertIn("no running node answers at", self.refused(ControlUnavailable))
        self.path.unlink()
        self.path.write_bytes(b"")
        self.path.chmod(0o600)
        self.refused(ControlUnavailable)

    def test_a_program_of_somebody_else(self) -> None:
        listening = self.listen()
        # root may talk to whoever listens where only root could have put a socket.
        with mock.patch("os.geteuid", return_value=os.geteuid() or 4242):
            said = self.refused(ControlRefused, lambda _: 4343)
        self.assertIn("nothing was sent to it", said)
        self.assertEqual(listening.accept()[0].recv(10), b"")

    def test_a_directory_that_others_can_change(self) -> None:
        self.path.parent.chmod(0o777)
        self.listen()
        self.assertIn("can be changed by other users", self.refused(UnsafeFile))
