"""The service of ``twistd kademlia``: how it ends when it cannot start, and what SIGHUP does."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock
from twisted.trial import unittest

from kadtwisted.application.home import Randomness
from kadtwisted.daemon import tap
from kadtwisted.daemon.service import Supervision
from kadtwisted.daemon.tap import DaemonService, Options, end_with, make_daemon, node_maker
from kadtwisted.errors import CannotListen, ConfigurationProblems, StorageError
from kadtwisted.interfaces import INode
from kadtwisted.node.world import steady_seconds
from kadtwisted.plugins import builtin
from kadtwisted.settings.daemon_settings import DaemonSettings, LogSettings
from tests.daemon.fakes import KEY, FakeNode
from tests.daemon.supervision.test_reporter import RecordingNotifier


class ServiceTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.stderr = io.StringIO()
        self.patch(sys, "__stderr__", self.stderr)

    def test_a_real_node_is_made(self) -> None:
        node = node_maker(Clock(), DaemonSettings())(KEY)
        self.assertTrue(INode.providedBy(node))
        self.assertEqual(node.node_id, KEY.node_id)

    def test_the_storage_is_made_once(self) -> None:
        with mock.patch.object(builtin.sqlite, "make", wraps=builtin.sqlite.make) as make:
            options = Options()
            options.parseOptions(["--state-dir", "/nowhere"])
            maker = node_maker(Clock(), options.settings, plugins=options.plugins)
            make.assert_not_called()
            maker(KEY)
        make.assert_called_once()

    def test_make_service_gives_the_reactor_a_steady_clock(self) -> None:
        from twisted.internet import reactor

        self.patch(reactor, "seconds", reactor.seconds)  # type: ignore[attr-defined]
        self.patch(reactor, "stop", reactor.stop)  # type: ignore[attr-defined]
        options = Options()
        options.parseOptions(["--state-dir", "/nowhere"])
        self.assertTrue(IService.providedBy(tap.makeService(options)))
        self.assertIs(reactor.seconds, steady_seconds)  # type: ignore[attr-defined]

    def test_who_wants_an_end_twice_breaks_nothing(self) -> None:
        from twisted.internet import reactor

        stops: list[None] = []

        def stop() -> None:
            if stops:
                raise ReactorNotRunning("it stops already")
            stops.append(None)

        self.patch(reactor, "seconds", reactor.seconds)  # type: ignore[attr-defined]
        self.patch(reactor, "stop", stop)
        options = Options()
        options.parseOptions(["--state-dir", "/nowhere"])
        tap.makeService(options)
        for _ in range(2):
            reactor.stop()  # type: ignore[attr-defined]
        self.assertEqual(stops, [None])

    def test_failing_to_start_is_a_sentence_and_a_code(self) -> None:
        node = FakeNode(start=CannotListen("cannot bind UDP port 8000: in use"))
        service = DaemonService(
            Clock(), DaemonSettings(), lambda key: node, Randomness(bytes, lambda: 0.5)
        )
        leaving = self.assertRaises(SystemExit, service.privilegedStartService)
        self.assertEqual(leaving.code, 71)
        self.assertEqual(self.stderr.getvalue(), "kademlia: cannot bind UDP port 8000: in use\n")

    def test_failing_later_stops_in_order_and_then_leaves(self) -> None:
        reactor = RunningReactor()
        codes: list[int] = []
        self.patch(tap.os, "_exit", codes.append)
        pid_file = Path(self.mktemp())
        pid_file.touch()
        end_with(reactor, StorageError("the disk is full"), str(pid_file))
        self.assertEqual(reactor.stops, 1)
        self.assertEqual((codes, pid_file.exists()), ([], True))
        reactor.after_shutdown()
        self.assertEqual((codes, pid_file.exists()), ([73], False))
        self.assertIn("the disk is full", self.stderr.getvalue())

    def test_a_failed_daemon_ends_the_reactor(self) -> None:
        ended: list[Any] = []
        self.patch(tap, "end_with", lambda *arguments: ended.append(arguments))
        clock = Clock()
        error = StorageError("the disk is full")
        make_daemon(clock, DaemonSettings(), pid_file="twistd.pid")._failed(error)
        self.assertEqual(ended, [(clock, error, "twistd.pid")])


class HangUpTests(unittest.SynchronousTestCase):
    """SIGHUP, as a process gets it, and the other signals that are not about its end."""

    def setUp(self) -> None:
        self.node = FakeNode()
        self.before = signal.getsignal(signal.SIGHUP)
        self.addCleanup(signal.signal, signal.SIGHUP, self.before)
        self.reactor = ThreadsafeClock()
        self.reads: list[DaemonSettings | ConfigurationProblems] = []
        self.levels: list[str] = []
        self.notifier = RecordingNotifier()
        self.service = DaemonService(
            self.reactor,
            DaemonSettings(),
            lambda key: self.node,
            Randomness(bytes, lambda: 0.5),
            Supervision(notifier=self.notifier),
        )
        self.service.set_log_level = self.levels.append
        self.service.read_settings = self.read

    def read(self) -> DaemonSettings:
        result = self.reads.pop(0)
        if isinstance(result, ConfigurationProblems):
            raise result
        return result

    def hang_up(self) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        self.reactor.advance(0)

    def test_reads_again_and_applies(self) -> None:
        self.service.startService()
        self.reads.append(DaemonSettings(bootstrap=("b:2",), log=LogSettings(level="debug")))
        self.hang_up()
        self.assertIn(("bootstrap", ("b:2",)), self.node.calls)
        self.assertEqual(self.levels, ["debug"])
        self.successResultOf(self.service.stopService())

    def test_mistakes_change_nothing(self) -> None:
        self.service.startService()
        self.reads.append(ConfigurationProblems(("port: no",)))
        self.hang_up()
        self.assertEqual((self.reads, self.levels), ([], []))
        self.assertNotIn("bootstrap", self.node.names())
        self.successResultOf(self.service.stopService())

    def test_a_reading_that_breaks_does_not_leave_the_service_manager_waiting(self) -> None:
        self.service.startService()

        def broken() -> DaemonSettings:
            raise RuntimeError("a plugin's mistake")

        self.service.read_settings = broken
        self.assertRaises(RuntimeError, self.service.hang_up)
        self.assertEqual(self.notifier.sent[-1], "READY=1")
        self.assertTrue(self.notifier.sent[-2].startswith("RELOADING=1"))
        self.successResultOf(self.service.stopService())

    def test_is_heard_from_the_start_to_the_end_of_the_stop(self) -> None:
        self.service.privilegedStartService()
        os.kill(os.getpid(), signal.SIGHUP)  # heard, and answered once it runs
        self.assertEqual(self.node.names(), ["start"])
        self.service.startService()
        self.reads.append(DaemonSettings(bootstrap=("b:2",)))
        self.reactor.advance(0)
        self.assertIn("bootstrap", self.node.names())
        stopping: Deferred[None] = Deferred()
        self.node.answers["stop"] = stopping
        stopped = self.service.stopService()
        self.hang_up()  # would end the process, and reads nothing
        stopping.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(signal.getsignal(signal.SIGHUP), self.before)

    def test_the_node_waits_until_twistd_has_become_its_user(self) -> None:
        user = os.geteuid() + 1
        self.service.user = user
        self.service.privilegedStartService()
        self.assertEqual(self.node.names(), [])
        self.assertEqual(signal.getsignal(signal.SIGHUP), self.before)
        self.patch(os, "geteuid", lambda: user)
        self.service.startService()
        self.assertEqual(self.node.names()[0], "start")
        self.successResultOf(self.service.stopService())

    def test_a_start_that_fails_after_twistd_has_become_its_user(self) -> None:
        self.patch(sys, "__stderr__", io.StringIO())
        self.service.user = os.geteuid() + 1
        self.node.answers["start"] = CannotListen("cannot bind UDP port 8000: in use")
        self.service.privilegedStartService()
        self.assertRaises(SystemExit, self.service.startService)
        self.assertEqual(signal.getsignal(signal.SIGHUP), self.before)

    def test_a_log_that_cannot_be_rotated(self) -> None:
        for before, after in ((signal.SIG_DFL, signal.SIG_IGN), (print, print)):
            self.addCleanup(signal.signal, signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))
            signal.signal(signal.SIGUSR1, before)
            self.service.startService()
            self.assertEqual(signal.getsignal(signal.SIGUSR1), after)
            self.successResultOf(self.service.stopService())
            self.assertEqual(signal.getsignal(signal.SIGUSR1), before)

    def test_is_left_alone_after_a_start_that_failed(self) -> None:
        self.patch(sys, "__stderr__", io.StringIO())
        self.node.answers["start"] = CannotListen("cannot bind UDP port 8000: in use")
        self.assertRaises(SystemExit, self.service.privilegedStartService)
        self.assertEqual(signal.getsignal(signal.SIGHUP), self.before)

    def test_without_settings_to_read_it_is_left_alone(self) -> None:
        self.service.read_settings = None
        self.service.startService()
        self.assertEqual(signal.getsignal(signal.SIGHUP), self.before)
        self.successResultOf(self.service.stopService())

    def test_twistds_daemon_reads_its_sources(self) -> None:
        from twisted.internet import reactor

        self.patch(reactor, "seconds", reactor.seconds)  # type: ignore[attr-defined]
        self.patch(reactor, "stop", reactor.stop)  # type: ignore[attr-defined]
        path = Path(self.mktemp())
        path.write_text("agent = 'old'")
        options = Options()
        options.parseOptions(["--storage=memory", "--config", str(path)])
        daemon = tap.makeService(options)
        assert isinstance(daemon, DaemonService) and daemon.read_settings is not None
        path.write_text("agent = 'new'")
        self.assertEqual(daemon.read_settings().node.agent, "new")


class ThreadsafeClock(Clock):
    """A clock that takes calls from anywhere, as a reactor does."""

    def callFromThread(self, function: Any) -> None:
        self.callLater(0, function)


class RunningReactor:
    """A reactor that is running: what should be called when it runs is called at once."""

    def __init__(self) -> None:
        self.stops = 0

    def callWhenRunning(self, function: Any) -> None:
        function()

    def stop(self) -> None:
        self.stops += 1

    def addSystemEventTrigger(self, phase: str, event: str, function: Any) -> None:
        assert (phase, event) == ("after", "shutdown")
        self.after_shutdown = function
