"""The HTTP door of a daemon: what it opens, and when it reads its tokens."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, capturedLogs
from twisted.trial import unittest

from kadtwisted.daemon.web_door import TOKENS_FILE, WebDoor
from kadtwisted.errors import CannotListen, ConfigurationError
from kadtwisted.settings.daemon_settings import DaemonSettings, HttpSettings
from kadtwisted.web import gateway
from kadtwisted.web.access import Role
from tests.daemon.fakes import FakeNode


class OpenedPort:
    def __init__(self, opened: list[Any], interface: str) -> None:
        self._opened = opened
        self._host = interface or "127.0.0.1"

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", self._host, 8480)

    def stopListening(self) -> Deferred[None]:
        self._opened.remove(self)
        return succeed(None)


class ListeningReactor(Clock):
    """Gives every port but one."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Any] = []

    def listenTCP(self, port: int, *_: object, interface: str = "", **__: object) -> OpenedPort:
        if port == 1:
            raise CannotListen("taken")
        opened = OpenedPort(self.opened, interface)
        self.opened.append(opened)
        return opened


class Late:
    """An endpoint that takes its time."""

    def __init__(self, opening: Deferred[Any]) -> None:
        self._opening = opening

    def listen(self, _: object) -> Deferred[Any]:
        return self._opening


class WebDoorTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.reactor = ListeningReactor()
        self.failed: list[BaseException] = []

    def door(self, *listen: str, state: bool = True, tokens: Path | None = None) -> WebDoor:
        settings = DaemonSettings(
            state_dir=self.path if state else None, http=HttpSettings(listen, tokens)
        )
        return WebDoor(self.reactor, settings, bytes, self.failed.append)

    def test_it_is_open_for_as_long_as_the_node_runs(self) -> None:
        door = self.door("tcp:8480", "tcp:8481")
        with capturedLogs() as told:
            door.open(FakeNode())
        self.assertEqual(len(self.reactor.opened), 2)
        self.assertIn("127.0.0.1:8480", str(self.said(told)[0]["where"]))
        self.assertEqual((self.path / TOKENS_FILE).stat().st_mode & 0o777, 0o600)
        self.successResultOf(door.close())
        self.successResultOf(door.close())
        self.assertEqual((self.reactor.opened, self.reactor.getDelayedCalls()), ([], []))

    def test_a_place_where_tokens_can_be_heard_is_warned_of(self) -> None:
        warned = {}
        for place in ("tcp:8480:interface=127.0.0.1", "tcp:8480:interface=0.0.0.0"):
            door = self.door(place)
            with capturedLogs() as told:
                door.open(FakeNode())
            warned[place] = [each for each in told if each["log_level"] is LogLevel.warn]
            self.successResultOf(door.close())
        near, far = warned.values()
        self.assertEqual((len(near), len(far)), (0, 1))
        self.assertIn("0.0.0.0", far[0]["description"])

    def said(self, events: list[LogEvent]) -> list[LogEvent]:
        return [each for each in events if "where" in each]

    def test_without_a_place_nothing_is_opened_and_made(self) -> None:
        door = self.door()
        door.open(FakeNode())
        door.reload()
        self.successResultOf(door.close())
        self.assertEqual(list(self.path.iterdir()), [])

    def test_a_place_that_is_not_to_be_had_is_raised(self) -> None:
        door = self.door("tcp:8480", "tcp:1")
        self.assertRaises(CannotListen, door.open, FakeNode())
        self.successResultOf(door.close())
        self.assertEqual(self.reactor.opened, [])
        self.assertRaises(ConfigurationError, self.door("bogus:1").open, FakeNode())

    def test_a_place_that_turns_out_later_not_to_be_had_is_told(self) -> None:
        opening: Deferred[Any] = Deferred()
        self.patch(gateway, "serverFromString", lambda *_: Late(opening))
        door = self.door("slow:8480")
        door.open(FakeNode())
        opening.errback(OSError(98, "Address already in use"))
        (error,) = self.failed
        self.assertIn("cannot listen for HTTP at slow:8480", str(error))
        self.successResultOf(door.close())

    def test_tokens_are_read_again_and_a_mistake_changes_nothing(self) -> None:
        door = self.door("tcp:8480")
        door.open(FakeNode())
        path = self.path / TOKENS_FILE
        path.write_text("read a-new-token-of-28-letters\n")
        with capturedLogs() as told:
            door.reload()
        self.assertEqual([each["count"] for each in told], [1])
        self.assertEqual(door.role_of("a-new-token-of-28-letters"), Role.READ)
        path.write_text("read short\n")
        with capturedLogs() as told:
            door.reload()
        self.assertIn("line 1", str(told[0]["error"]))
        self.assertEqual(door.role_of("a-new-token-of-28-letters"), Role.READ)
        self.successResultOf(door.close())

    def test_a_file_of_tokens_elsewhere_must_be_there(self) -> None:
        door = self.door("tcp:8480", tokens=self.path / "none")
        self.assertRaises(ConfigurationError, door.open, FakeNode())
        self.assertEqual(self.reactor.opened, [])

    def test_without_a_state_directory_nobody_has_a_token(self) -> None:
        door = self.door("tcp:8480", state=False)
        door.open(FakeNode())
        self.assertEqual(door.role_of("anything"), Role.NONE)
        self.successResultOf(door.close())
