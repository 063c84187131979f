"""bootstrap and join: full nodes that run until they are told to stop."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial import unittest

from kadtwisted.errors import BootstrapFailed, CannotListen, StorageError
from kadtwisted.model.contact import Endpoint
from tests.cli.harness import Kad, Meanwhile
from tests.daemon.fakes import KEY, FakeNode, a_status

ADDRESS = f"{KEY.public_key.hex()}@127.0.0.1:8000"
VIA = ("--bootstrap", "192.0.2.7:8000")
SILENT = BootstrapFailed("nobody answered")
BOUND = a_status(links=a_status().links[:1])
"""Every port is bound: a node that lacks one for a minute is ended."""


def stop_after(seconds: float) -> Meanwhile:
    """Ctrl-C after so many seconds."""

    def meanwhile(kad: Kad, running: Deferred[int]) -> None:
        kad.clock.pump([1.0] * int(seconds))
        running.cancel()

    return meanwhile


class BootstrapTests(unittest.SynchronousTestCase):
    def test_runs_until_it_is_stopped(self) -> None:
        kad = Kad(FakeNode(status=BOUND))
        self.assertEqual(kad("bootstrap", meanwhile=stop_after(60)), 0)
        self.assertEqual(kad.node.names(), ["start", "stop"])
        announced, elsewhere = kad.said.splitlines()
        self.assertEqual(announced, f"kad: running; others join with --bootstrap {ADDRESS}")
        self.assertIn("on another machine", elsewhere)
        (settings,) = kad.settings
        self.assertEqual((settings.node.port, settings.node.read_only), (8000, False))

    def test_a_port_that_is_lost_for_good(self) -> None:
        kad = Kad()  # its IPv6 port is not bound
        self.assertEqual(kad("bootstrap", meanwhile=stop_after(60)), 71)
        self.assertIn("the UDP port of IPv6 died", kad.said)
        self.assertEqual(kad.node.names(), ["start", "stop"])

    def test_an_address_of_its_own_is_good_everywhere(self) -> None:
        link = a_status().links[0]
        bound = a_status(links=(link._replace(listening=Endpoint("192.0.2.1", 8000)),))
        kad = Kad(FakeNode(status=bound))
        kad("bootstrap", "--interface", "192.0.2.1", meanwhile=stop_after(0))
        (announced,) = kad.said.splitlines()
        self.assertIn("@192.0.2.1:8000", announced)

    def test_json(self) -> None:
        kad = Kad()
        kad("--json", "bootstrap", meanwhile=stop_after(0))
        self.assertEqual(kad.json["addresses"], [ADDRESS])

    def test_may_join_others(self) -> None:
        kad = Kad()
        kad("bootstrap", *VIA, meanwhile=stop_after(0))
        self.assertEqual(kad.node.names(), ["start", "bootstrap", "stop"])

    def test_port_and_interface(self) -> None:
        kad = Kad()
        kad("bootstrap", "--port", "0", "--interface", "::1", meanwhile=stop_after(0))
        self.assertEqual(kad.settings[0].node.port, 0)
        self.assertEqual(kad.settings[0].node.interfaces, ("::1",))

    def test_storage(self) -> None:
        kad = Kad()
        kad("bootstrap", meanwhile=stop_after(0))
        kad("join", *VIA, "--storage", "sqlite:/x", meanwhile=stop_after(0))
        self.assertEqual([each.storage for each in kad.settings], ["memory", "sqlite:/x"])

    def test_a_state_directory_keeps_records(self) -> None:
        kad = Kad()
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        there = ("--state-dir", directory.name)
        kad("bootstrap", *there, meanwhile=stop_after(0))
        kad("join", *VIA, *there, meanwhile=stop_after(0))
        kad("join", *VIA, *there, "--storage", "memory", meanwhile=stop_after(0))
        self.assertEqual([each.storage for each in kad.settings], ["sqlite", "sqlite", "memory"])

    def test_a_port_in_use(self) -> None:
        kad = Kad(FakeNode(start=CannotListen("the port is taken")))
        self.assertEqual(kad("bootstrap"), 71)
        self.assertEqual(kad.said, "kad: the port is taken\n")

    def test_a_storage_that_fails_later(self) -> None:
        starting: Deferred[None] = Deferred()
        kad = Kad(FakeNode(start=starting))
        error = StorageError("the disk is full")
        code = kad("bootstrap", meanwhile=lambda k, running: starting.errback(error))
        self.assertEqual(code, 73)
        self.assertEqual(kad.node.names(), ["start", "stop"])


class JoinTests(unittest.SynchronousTestCase):
    def test_says_when_it_has_joined(self) -> None:
        answers = [SILENT, SILENT, FakeNode().answers["bootstrap"]]
        kad = Kad(FakeNode(bootstrap=answers, status=BOUND))
        self.assertEqual(kad("join", *VIA, meanwhile=stop_after(60)), 0)
        self.assertEqual(kad.node.names(), ["start", "bootstrap", "bootstrap", "bootstrap", "stop"])
        self.assertEqual(
            kad.said.splitlines()[-1],
            "kad: joined: 1 of 1 bootstrap addresses answered, 3 contacts known",
        )

    def test_json_prints_one_object_when_it_has_joined(self) -> None:
        kad = Kad()
        kad("join", "--json", *VIA, meanwhile=stop_after(0))
        self.assertEqual(kad.json["joined"]["contacts"], 3)
        self.assertEqual(kad.json["addresses"], [ADDRESS])

    def test_stopped_before_it_joined(self) -> None:
        kad = Kad(FakeNode(bootstrap=Deferred(), status=BOUND))
        self.assertEqual(kad("join", *VIA, meanwhile=stop_after(100)), 0)
        self.assertEqual(kad.node.names(), ["start", "bootstrap", "stop"])

    def test_interfaces_follow_from_the_addresses(self) -> None:
        kad = Kad()
        kad("join", "--bootstrap", "[::1]:8000", meanwhile=stop_after(0))
        self.assertEqual(kad.settings[0].node.interfaces, ("::",))

    def test_needs_an_address(self) -> None:
        self.assertEqual(Kad()("join"), 64)


class StateTests(unittest.SynchronousTestCase):
    def test_nothing_is_kept_unless_asked(self) -> None:
        kad = Kad()
        kad("bootstrap", meanwhile=stop_after(0))
        self.assertIsNone(kad.settings[0].state_dir)

    def test_a_state_directory_that_cannot_be_made(self) -> None:
        with tempfile.TemporaryDirectory(prefix="kad") as directory:
            (Path(directory) / "file").write_text("in the way")
            kad = Kad()
            self.assertEqual(kad("bootstrap", "--state-dir", f"{directory}/file/state"), 73)
        self.assertEqual(kad.node.calls, [])
