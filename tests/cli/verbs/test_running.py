"""What goes to a running node through its control socket."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred, succeed
from twisted.trial import unittest

from kadtwisted.api.operations import Operations
from kadtwisted.cli import session
from tests.cli.harness import Kad
from tests.daemon.fakes import NAME_KEY, FakeNode


class FakeClient(Operations):
    """A connection to a running node."""

    closed = False

    def close(self) -> None:
        self.closed = True


class RunningTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.node = FakeNode()
        self.client = FakeClient(self.node)
        self.paths: list[Path] = []
        self.kad = Kad()

    def run_kad(self, *argv: str, **keywords: Any) -> int:
        def connect(reactor: object, path: Path) -> Deferred[FakeClient]:
            self.paths.append(path)
            return succeed(self.client)

        with mock.patch.object(session.control_client, "connect", connect):
            return self.kad(*argv, **keywords)

    def test_status_and_routing(self) -> None:
        self.assertEqual(self.run_kad("status", "--state-dir", str(self.path)), 0)
        self.assertEqual(self.run_kad("routing", "--state-dir", str(self.path)), 0)
        self.assertEqual(self.paths, [self.path / "control.sock"] * 2)
        self.assertIn(b"Serving: in its network", self.kad.printed)
        self.assertIn(b"2 contacts in 1 k-bucket", self.kad.printed)
        self.assertTrue(self.client.closed)
        self.assertEqual(self.kad.node.calls, [])

    def test_json(self) -> None:
        self.run_kad("--json", "status", "--state-dir", str(self.path))
        status = self.kad.json
        self.assertEqual(status["stored_records"], 1234)
        self.assertEqual(
            (status["health"], status["health_sentence"]),
            ("serving", "in its network, reading and writing"),
        )

    def test_by_port(self) -> None:
        self.kad.environ = {"XDG_STATE_HOME": "/x"}
        self.run_kad("--port", "9000", "status")
        self.run_kad("status")
        self.assertEqual(
            self.paths,
            [Path("/x/kademlia/9000/control.sock"), Path("/x/kademlia/8000/control.sock")],
        )

    def test_values_and_nodes_without_bootstrap_go_to_the_running_node(self) -> None:
        state = ("--state-dir", str(self.path))
        for argv in (
            ("store", "--key", "name", "--value", "value", *state),
            ("store", "--keep", "--key", "name", "--value", "value", *state),
            ("get", "--key", "name", *state),
            ("delete", "--key", "name", *state),
            ("find-node", "--key", "name", *state),
            ("ping", "192.0.2.7:8000", *state),
        ):
            self.client.closed = False
            self.assertEqual(self.run_kad(*argv), 0, argv)
            self.assertTrue(self.client.closed)
        self.assertEqual(
            self.node.calls,
            [
                ("put", "name", b"value", None),
                ("put", "name", b"value", None, "keep"),
                ("get", "name", "latest"),
                ("delete", "name"),
                ("find_node", NAME_KEY),
                ("ping", "192.0.2.7:8000"),
            ],
        )
        self.assertEqual(self.kad.node.calls, [])

    def test_with_bootstrap_they_do_not(self) -> None:
        self.run_kad(
            "get", "--key", "name", "--bootstrap", "192.0.2.7:1", "--state-dir", str(self.path)
        )
        self.assertEqual(self.paths, [])

    def test_a_running_node_that_takes_too_long_is_somebody(self) -> None:
        self.node.answers["get"] = Deferred()
        code = self.run_kad(
            "get", "--key", "name", "--state-dir", str(self.path),
            meanwhile=lambda kad, running: kad.clock.advance(10),
        )  # fmt: skip
        self.assertEqual(code, 75)
        self.assertTrue(self.client.closed)

    def test_nobody_runs_there(self) -> None:
        for argv in (("status",), ("get", "--key", "name")):
            kad = Kad()
            self.assertEqual(kad(*argv, "--state-dir", str(self.path)), 69)
            self.assertIn(f"no running node answers at {self.path}/control.sock", kad.said)
