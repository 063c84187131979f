"""``twistd kademlia`` under a service manager: what is handed over, and whose log it is."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from twisted.application.service import Application
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock
from twisted.logger import ILogObserver
from twisted.python.usage import Options as ParentOptions
from twisted.trial import unittest

from kadtwisted.daemon import tap
from kadtwisted.daemon.supervision import systemd
from kadtwisted.daemon.supervision.systemd import Notifier, ServiceManager
from kadtwisted.daemon.tap import DaemonService, Options, end_with, make_daemon, node_maker
from kadtwisted.errors import LocalError
from kadtwisted.model.contact import Family
from kadtwisted.settings.daemon_settings import DaemonSettings
from tests.daemon.fakes import KEY
from tests.integration.sockets import loopback_socket

ROOT = Path(__file__).resolve().parents[2]


class MakingTests(unittest.TestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.patch(reactor, "seconds", time.monotonic)
        self.patch(reactor, "stop", reactor.stop)  # type: ignore[attr-defined]
        self.stderr = io.StringIO()
        self.patch(sys, "__stderr__", self.stderr)

    def made(self, *arguments: str, **twistd: Any) -> DaemonService:
        options = Options()
        options.parseOptions(["--state-dir", "/nowhere", "--storage", "memory", *arguments])
        if twistd:
            options.parent = ParentOptions()
            others = {"syslog": False, "nodaemon": True, "logfile": "-", "pidfile": ""}
            options.parent.update({"logger": None, **others, **twistd})
        service = tap.makeService(options)
        assert isinstance(service, DaemonService)
        return service

    def test_twistd_is_given_our_log(self) -> None:
        service = self.made(nodaemon=True)
        application: Any = Application("kademlia")
        service.setServiceParent(application)
        self.assertIs(application.getComponent(ILogObserver), service.output)
        self.assertIsNotNone(service.output)
        assert service.output is not None
        self.assertEqual(service.set_log_level, service.output.set_level)

    def test_a_logger_that_was_asked_for_wins(self) -> None:
        service = self.made(logger=lambda: None)
        application: Any = Application("kademlia")
        service.setServiceParent(application)
        self.assertIsNone(application.getComponent(ILogObserver, None))

    def test_without_twistd_the_log_is_somebody_elses(self) -> None:
        self.assertIsNone(self.made().output)

    def test_the_manager_is_asked_for_what_it_gives(self) -> None:
        self.patch(tap.os, "environ", {**os.environ, "WATCHDOG_USEC": "3000000"})
        service = self.made()
        self.assertEqual(service._watchdog_period, 3.0)

    def test_what_cannot_be_served_is_a_sentence_and_a_code(self) -> None:
        handed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "500"}
        self.patch(systemd, "FIRST_DESCRIPTOR", 60000)
        self.patch(tap.os, "environ", {**os.environ, **handed})
        leaving = self.assertRaises(SystemExit, self.made)
        self.assertEqual(leaving.code, os.EX_CONFIG)
        self.assertEqual(
            self.stderr.getvalue(),
            "kademlia: descriptor 60000 (unknown), handed over by the service manager, "
            "is no socket\n",
        )

    def test_importing_this_leaves_the_variables_alone(self) -> None:
        """Importing ``twisted.internet.endpoints`` takes them, and is slow."""
        program = (
            "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid());"
            "os.environ['LISTEN_FDS'] = '1'; import kadtwisted.daemon.tap;"
            "print('twisted.internet.endpoints' in sys.modules, os.environ.get('LISTEN_FDS'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
        )
        self.assertEqual(done.stdout, "False 1\n")


class AdoptionTests(unittest.TestCase):
    async def test_the_node_serves_the_sockets(self) -> None:
        from twisted.internet import reactor

        ready = loopback_socket(self)
        manager = ServiceManager(Notifier(), None, {Family.IPV4: ready})
        node = node_maker(reactor, DaemonSettings(), manager)(KEY)
        self.addCleanup(node.stop)
        await node.start()
        (link,) = node.status().links
        self.assertEqual(link.listening, ready.getsockname())


class EndingTests(unittest.SynchronousTestCase):
    def test_a_stop_that_hangs_ends_the_process_with_a_code(self) -> None:
        self.patch(sys, "__stderr__", io.StringIO())
        codes: list[int] = []
        self.patch(tap.os, "_exit", codes.append)
        reactor = StoppingReactor()
        end_with(reactor, LocalError("stopping takes too long"))
        reactor.after_shutdown()
        self.assertEqual(codes, [71])

    def test_a_daemon_for_no_manager_at_all(self) -> None:
        daemon = make_daemon(Clock(), DaemonSettings())
        self.assertIsNone(daemon._watchdog_period)
        self.assertFalse(daemon._notifier.ready())


class StoppingReactor:
    """A reactor in the middle of its shutdown."""

    after_shutdown: Any

    def callWhenRunning(self, function: Any) -> None:
        function()

    def stop(self) -> None:
        raise ReactorNotRunning("Can't stop reactor that isn't running.")

    def addSystemEventTrigger(self, phase: str, event: str, function: Any) -> None:
        self.after_shutdown = function
