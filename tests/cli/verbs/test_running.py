"""What goes to a running node through its control socket."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial import unittest

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.peers import ControlRefused
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import Audit, OwnRecord
from kadtwisted.model.record import RecordsPage, StorageKey
from tests.cli.harness import FakeClient, Kad
from tests.daemon.fakes import NAME_KEY, FakeNode


class RunningTestCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.node = FakeNode()
        self.client = FakeClient(self.node)
        self.paths: list[Path] = []
        self.kad = Kad()

    def run_kad(self, *argv: str, **keywords: Any) -> int:
        def connect(path: Path) -> FakeClient:
            self.paths.append(path)
            return self.client

        self.kad.connect = connect
        return self.kad(*argv, **keywords)


class RunningTests(RunningTestCase):
    def test_status_and_routing(self) -> None:
        self.assertEqual(self.run_kad("status", "--state-dir", str(self.path)), 0)
        self.assertEqual(self.run_kad("routing", "--state-dir", str(self.path)), 0)
        self.assertEqual(self.paths, [self.path / "control.sock"] * 2)
        self.assertIn(b"Serving: in its network", self.kad.printed)
        self.assertIn(b"2 contacts in 1 k-bucket", self.kad.printed)
        self.assertTrue(self.client.closed)
        self.assertEqual(self.kad.node.calls, [])

    def test_what_is_kept_published(self) -> None:
        self.node.answers["own_records"] = (
            OwnRecord(StorageKey(1, NAME_KEY), b"r", 7200.0, 1_003_600.0, "kept"),
            OwnRecord(StorageKey(1, NodeID(2)), b"r", 600.0, None, "lost"),
        )
        state = ("--state-dir", str(self.path))
        self.assertEqual(self.run_kad("own", *state), 0)
        head, first, second = self.kad.printed.decode().splitlines()
        self.assertEqual(head.split()[:5], ["NAME", "OR", "REFERENCE", "KEY", "STATE"])
        self.assertEqual(first.split(), ["-", f"{NAME_KEY:040x}", "kept", "2", "h", "1", "h", "-"])
        self.assertEqual(second.split(), ["-", f"{2:040x}", "lost", "10", "min", "-", "-"])
        for argv, code, names in ((("name",), 0, ["name"]), (("other",), 1, []), ((), 0, None)):
            self.kad.stdout = io.BytesIO()
            self.assertEqual(self.run_kad("own", "--json", *argv, *state), code)
            found = [each["name"] for each in self.kad.json["own"]]
            self.assertEqual(found, [None, None] if names is None else names)

    def test_what_is_pinned(self) -> None:
        pinned = OwnRecord(StorageKey(1, NAME_KEY), b"r", 7200.0, 1_003_600.0, "kept", 6)
        for audit, told in ((None, "? of 6"), (Audit(999_940.0, 3, 5), "5 of 6, 1 min ago")):
            self.node.answers["own_records"] = (pinned._replace(audit=audit),)
            self.kad.stdout = io.BytesIO()
            self.run_kad("own", "--state-dir", str(self.path))
            self.assertTrue(self.kad.printed.decode().strip().endswith(told), self.kad.printed)

    def test_what_is_kept_published_comes_page_by_page(self) -> None:
        places = [StorageKey(1, NodeID(number)) for number in range(40)]
        own = [OwnRecord(each, b"r", 60.0, None, "lost") for each in places]

        def page(after: StorageKey | None, limit: int) -> tuple[OwnRecord, ...]:
            return tuple(each for each in own if after is None or each.where > after)[:limit]

        self.patch(self.node, "own_records", page)
        self.run_kad("own", "--json", "--state-dir", str(self.path))
        self.assertEqual(len(self.kad.json["own"]), 40)

    def test_nothing_is_kept_published(self) -> None:
        self.run_kad("own", "--state-dir", str(self.path))
        self.assertEqual(self.kad.printed, b"nothing is kept published\n")

    def test_json(self) -> None:
        self.run_kad("--json", "status", "--state-dir", str(self.path))
        status = self.kad.json
        self.assertEqual(status["stored_records"], 1234)
        self.assertEqual(
            (status["health"], status["health_sentence"]),
            ("serving", "in its network, reading and writing"),
        )

    def test_every_verb_finds_the_daemon_as_it_found_its_directory(self) -> None:
        config = self.path / "node.toml"
        config.write_text(f'state_dir = "{self.path}/of-file"')
        self.kad.environ = {"KADTWISTED_CONFIG": str(config), "XDG_STATE_HOME": "/x"}
        for argv in (
            ("get", "k"), ("put", "k", "v"), ("rm", "k"), ("find-node", "--key", "k"),
            ("ping", "192.0.2.7:8000"), ("status",), ("routing",), ("export",),
        ):  # fmt: skip
            self.paths.clear()
            self.node.answers["records"] = [RecordsPage((), None)]
            self.assertEqual(self.run_kad(*argv), 0, (argv, self.kad.said))
            self.assertEqual(self.paths, [self.path / "of-file/control.sock"], argv)
        self.kad.environ["KADTWISTED_STATE_DIR"] = "/of-environment"
        self.run_kad("get", "k")
        self.run_kad("get", "k", "--state-dir", "/of-argument")
        self.assertEqual(
            self.paths[1:],
            [Path("/of-environment/control.sock"), Path("/of-argument/control.sock")],
        )

    def test_a_closed_directory_is_told_apart_from_no_node(self) -> None:
        def connect(path: Path) -> FakeClient:
            if path.parent == Path("/var/lib/kademlia"):
                raise ControlRefused("the state directory belongs to kademlia; run kad with sudo")
            raise ControlUnavailable(f"no running node answers at {path}")

        self.kad.connect = connect
        for argv in (("status",), ("get", "k"), ("put", "k", "v")):
            self.kad.stderr.truncate(0)
            self.assertEqual(self.kad(*argv), 77)
            self.assertIn("belongs to kademlia", self.kad.said)
        self.assertEqual(self.kad("status", "--port", "8001"), 69)
        self.assertIn("no running node answers", self.kad.said)

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
                ("get", "name", None),
                ("delete", "name"),
                ("find_node", NAME_KEY),
                ("ping", "192.0.2.7:8000"),
            ],
        )
        self.assertEqual(self.kad.node.calls, [])

    def test_with_bootstrap_they_do_not(self) -> None:
        self.assertEqual(self.run_kad("get", "--key", "name", "--bootstrap", "192.0.2.7:1"), 0)
        self.assertEqual(self.paths, [])
        self.assertEqual(self.kad.node.names(), ["start", "bootstrap", "get", "stop"])

    def test_a_running_node_is_not_passed_by_in_its_own_directory(self) -> None:
        code = self.run_kad("get", "k", "--bootstrap", "192.0.2.7:1", "--state-dir", str(self.path))
        self.assertEqual((code, self.kad.node.calls, self.client.closed), (64, [], True))
        self.assertIn("leave out --bootstrap to use it", self.kad.said)

    def test_what_cannot_change_a_running_node_is_an_error(self) -> None:
        state = ("--state-dir", str(self.path))
        for options in (
            ("--network", "fleet", *state),
            ("--network", "fleet"),
            ("--network-secret-file", "f"),
            ("--interface", "127.0.0.1"),
            ("--allow", "10.0.0.0/8"),
            ("--port", "4", *state),
        ):
            self.setUp()
            self.assertEqual(self.run_kad("get", "name", *options), 64, options)
            self.assertEqual((self.node.names().count("get"), self.client.closed), (0, True))
            self.assertIn("leave ", self.kad.said)
            self.assertIn(options[0], self.kad.said)

    def test_its_own_network_and_port_are_no_contradiction(self) -> None:
        status = self.node.status()
        listening = next(each.listening for each in status.links if each.listening is not None)
        options = ("--network", status.network, "--port", str(listening.port))
        code = self.run_kad("get", "name", *options, "--state-dir", str(self.path))
        self.assertEqual((code, self.kad.printed), (0, b"value"))

    def test_a_ping_with_a_network_of_its_own_needs_no_running_node(self) -> None:
        self.assertEqual(self.run_kad("ping", "192.0.2.7:8000", "--network", "fleet"), 0)
        self.assertEqual(self.paths, [])
        self.assertEqual(self.kad.settings[0].node.network, "fleet")

    def test_a_running_node_that_takes_too_long_is_somebody(self) -> None:
        self.node.answers["get"] = Deferred()
        code = self.run_kad(
            "get", "--key", "name", "--state-dir", str(self.path),
        )  # fmt: skip
        self.assertEqual(code, 75)
        self.assertTrue(self.client.closed)

    def test_nobody_runs_there(self) -> None:
        for argv in (("status",), ("get", "--key", "name")):
            kad = Kad()
            self.assertEqual(kad(*argv, "--state-dir", str(self.path)), 69)
            self.assertIn(f"no running node answers at {self.path}/control.sock", kad.said)

    def test_a_node_with_another_port_is_named_and_not_used(self) -> None:
        answering, asked = {"9000"}, []

        def connect(path: Path) -> FakeClient:
            asked.append(path.parent.name)
            if path.parent.name == "9002":
                raise ControlRefused("the state directory belongs to alice")
            if path.parent.name not in answering:
                raise ControlUnavailable(f"no running node answers at {path}")
            return self.client

        self.kad.connect = connect
        self.kad.environ = {"XDG_STATE_HOME": str(self.path)}
        for port in ("8000", "9000", "9001"):
            (self.path / "kademlia" / port).mkdir(parents=True)
        for argv in (("status",), ("get", "k"), ("put", "k", "v")):
            self.kad.stderr.truncate(0)
            self.assertEqual(self.kad(*argv), 69)
            self.assertIn("one was started with --port 9000: add that\n", self.kad.said)
            self.assertTrue(self.client.closed)
        self.assertEqual((self.node.calls, self.kad.node.calls), ([], []))
        (self.path / "kademlia/9002").mkdir()
        self.kad("status")
        self.assertIn("others were started with --port 9000 or 9002: add that", self.kad.said)
        asked.clear()
        self.kad("status", "--state-dir", str(self.path / "kademlia/9001"))
        self.assertEqual(asked, ["9001"])


class WaitTests(RunningTestCase):
    """Waiting for a verdict: the node may come, go and change meanwhile."""

    def test_it_ends_with_the_first_verdict_that_is_waited_for(self) -> None:
        self.assertEqual(self.run_kad("wait"), 0)
        self.assertEqual(self.run_kad("wait", "--for", "isolated,serving"), 0)
        self.assertEqual(self.run_kad("--json", "wait", "--for", "serving"), 0)
        self.assertEqual(self.kad.json, {"health": "serving"})
        self.assertEqual((self.kad.pauses, len(self.paths)), (0, 3))

    def test_not_in_time(self) -> None:
        self.assertEqual(self.run_kad("wait", "--for", "isolated", "--timeout", "7"), 75)
        self.assertIn("the node is serving; it did not become isolated within 7 s", self.kad.said)
        self.assertEqual(len(self.paths), 1)

    def test_what_is_wrong_is_said(self) -> None:
        self.node.answers["status"] = self.node.status()._replace(health="blocked")
        self.assertEqual(self.run_kad("wait", "--timeout", "7"), 75)
        self.assertIn("the node is blocked (not one node answers", self.kad.said)
        self.assertIn("it tries again); it did not become serving within 7 s", self.kad.said)

    def test_no_node(self) -> None:
        self.assertEqual(self.kad("wait", "--timeout", "7"), 69)
        self.assertEqual(self.kad.said, "kad: nobody answered within 7 s\n")

    def test_a_node_that_is_started_anew_meanwhile(self) -> None:
        answers: list[Any] = [ControlUnavailable("not yet"), FakeClient(self.node)]

        def connect(path: Path) -> FakeClient:
            found = answers.pop(0)
            if isinstance(found, ControlUnavailable):
                raise found
            return found

        self.kad.connect = connect
        self.assertEqual(self.kad("wait", "--state-dir", "/x"), 0)
        self.assertEqual(self.kad.pauses, 1)

    def test_a_mistake_is_told(self) -> None:
        self.assertEqual(self.run_kad("wait", "--for", "serving,"), 64)

    def test_a_directory_that_is_closed_to_us_ends_it(self) -> None:
        def connect(path: Path) -> FakeClient:
            raise ControlRefused("run kad with sudo")

        self.kad.connect = connect
        self.assertEqual(self.kad("wait"), 77)
        self.assertEqual(self.kad.pauses, 0)
