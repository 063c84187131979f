"""A service whose socket unit is enabled does not listen elsewhere."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.daemon.supervision.socket_unit import check_no_socket_is_missing
from kadtwisted.errors import CannotListen


class SocketUnitTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.units = Path(directory.name) / "system"
        self.cgroup = Path(directory.name) / "cgroup"
        self.of_service("kademlia.service")

    def of_service(self, name: str) -> None:
        self.cgroup.write_text(f"1:name=x:/\n0::/system.slice/system-k.slice/{name}\n")

    def enable(self, name: str, by: str = "sockets.target.wants") -> None:
        (self.units / by).mkdir(parents=True, exist_ok=True)
        # What it leads to is no matter: systemd reads the name.
        (self.units / by / name).symlink_to("/nowhere")

    def check(self, **environ: str) -> None:
        check_no_socket_is_missing(environ, self.cgroup, (self.units / "none", self.units))

    def refusal(self) -> str:
        return str(self.assertRaises(CannotListen, self.check, INVOCATION_ID="1"))

    def test_it_is_refused_with_one_sentence(self) -> None:
        self.check(INVOCATION_ID="1")
        self.enable("kademlia.socket")
        self.assertIn("kademlia.socket is enabled but has handed over no socket", self.refusal())
        self.assertNotIn("\n", self.refusal())

    def test_one_of_several_nodes(self) -> None:
        self.of_service("kademlia@8001.service")
        self.enable("kademlia@8002.socket")
        self.enable("kademlia.socket")
        self.check(INVOCATION_ID="1")
        self.enable("kademlia@8001.socket", by="kademlia@8001.service.wants")
        self.assertIn("kademlia@8001.socket is enabled", self.refusal())

    def test_without_systemd_nothing_is_asked(self) -> None:
        self.enable("kademlia.socket")
        self.check()
        self.of_service("session-1.scope")
        self.check(INVOCATION_ID="1")
        self.cgroup.unlink()
        self.check(INVOCATION_ID="1")
