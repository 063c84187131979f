"""The options of ``twistd kademlia``, and how it ends when it cannot start."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.internet.task import Clock
from twisted.python import usage
from twisted.trial import unittest

from kadtwisted.daemon import tap
from kadtwisted.daemon.config import DaemonSettings
from kadtwisted.daemon.tap import DaemonService, Options, end_with, make_daemon, node_maker
from kadtwisted.errors import CannotListen, StorageError
from kadtwisted.interfaces import INode
from kadtwisted.parameters import NodeSettings
from tests.daemon.fakes import KEY, FakeNode


def parsed(*arguments: str) -> DaemonSettings:
    options = Options()
    options.parseOptions(list(arguments))
    return options.settings


class OptionTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(tap.os, "environ", {"XDG_STATE_HOME": "/x"})

    def test_defaults(self) -> None:
        self.assertEqual(
            parsed(),
            DaemonSettings(node=NodeSettings(port=8000), state_dir=Path("/x/kademlia/8000")),
        )

    def test_everything(self) -> None:
        secret = Path(self.mktemp())
        secret.write_bytes(b"new\nold\n")
        settings = parsed(
            "--port", "9000", "--interface", "127.0.0.1", "--interface", "::1",
            "--bootstrap", "192.0.2.7:8000", "--bootstrap", f"{KEY.public_key.hex()}@host:1",
            "--network", "fleet", "--network-secret-file", str(secret), "--storage", "memory",
            "--serializer", "cbor", "--sealer", "plain", "--state-dir", "/s",
        )  # fmt: skip
        self.assertEqual(
            settings,
            DaemonSettings(
                node=NodeSettings(
                    port=9000,
                    interfaces=("127.0.0.1", "::1"),
                    network="fleet",
                    network_secrets=(b"new", b"old"),
                    sealer="plain",
                ),
                bootstrap=("192.0.2.7:8000", f"{KEY.public_key.hex()}@host:1"),
                state_dir=Path("/s"),
            ),
        )

    def test_what_cannot_be_used_is_one_sentence(self) -> None:
        for arguments, words in (
            (("--port", "70000"), "0 to 65535"),
            (("--interface", "eth0"), "IP address"),
            (("--bootstrap", "nowhere"), "HOST:PORT"),
            (("--network", "mainline"), "reserved"),
            (("--network-secret-file", "missing"), "no such file"),
            (("--storage", "tape"), "no storage called 'tape'"),
            (("--storage", "memory:7"), "takes no argument"),
            (("--serializer", "xml"), "no serializer called 'xml'"),
            (("--sealer", "wax"), "'wax'"),
            (("--state-dir", "x" * 200), "too long"),
            (("surplus",), "arguments"),
        ):
            error = self.assertRaises(usage.UsageError, parsed, *arguments)
            self.assertIn(words, str(error))
            self.assertNotIn("\n", str(error))

    def test_help_names_every_option(self) -> None:
        text = str(Options())
        for option in ("port", "interface", "bootstrap", "network", "network-secret-file",
                       "storage", "serializer", "sealer", "state-dir"):  # fmt: skip
            self.assertIn(f"--{option}=", text)


class ServiceTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.stderr = io.StringIO()
        self.patch(sys, "__stderr__", self.stderr)

    def test_a_real_node_is_made(self) -> None:
        node = node_maker(Clock(), DaemonSettings())(KEY)
        self.assertTrue(INode.providedBy(node))
        self.assertEqual(node.node_id, KEY.node_id)

    def test_make_service_gives_the_reactor_a_steady_clock(self) -> None:
        from twisted.internet import reactor

        self.patch(reactor, "seconds", reactor.seconds)  # type: ignore[attr-defined]
        options = Options()
        options.parseOptions(["--state-dir", "/nowhere"])
        self.assertTrue(IService.providedBy(tap.makeService(options)))
        self.assertIs(reactor.seconds, time.monotonic)  # type: ignore[attr-defined]

    def test_failing_to_start_is_a_sentence_and_a_code(self) -> None:
        node = FakeNode(start=CannotListen("cannot bind UDP port 8000: in use"))
        service = DaemonService(
            Clock(), DaemonSettings(), lambda key: node, secure_random=bytes, random=lambda: 0.5
        )
        leaving = self.assertRaises(SystemExit, service.privilegedStartService)
        self.assertEqual(leaving.code, 71)
        self.assertEqual(self.stderr.getvalue(), "kademlia: cannot bind UDP port 8000: in use\n")

    def test_failing_later_stops_in_order_and_then_leaves(self) -> None:
        reactor = RunningReactor()
        codes: list[int] = []
        self.patch(tap.os, "_exit", codes.append)
        end_with(reactor, StorageError("the disk is full"))
        self.assertEqual(reactor.stops, 1)
        self.assertEqual(codes, [])
        reactor.after_shutdown()
        self.assertEqual(codes, [73])
        self.assertIn("the disk is full", self.stderr.getvalue())

    def test_a_failed_daemon_ends_the_reactor(self) -> None:
        ended: list[Any] = []
        self.patch(tap, "end_with", lambda reactor, error: ended.append((reactor, error)))
        clock = Clock()
        error = StorageError("the disk is full")
        make_daemon(clock, DaemonSettings())._failed(error)
        self.assertEqual(ended, [(clock, error)])


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
