"""What operators install for systemd: the units say what they must, and systemd finds them safe.

Where ``systemd-analyze`` is missing the directives alone are looked at, which is never skipped.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial import unittest

ETC = Path(__file__).resolve().parents[3] / "etc"
ANALYZE = shutil.which("systemd-analyze")
EXPOSURE = 1.5
"""The highest exposure that is accepted, as ``systemd-analyze security`` counts it."""

SANDBOX = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "PrivateUsers": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "MemoryDenyWriteExecute": "yes",
    "LockPersonality": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service ~@privileged @resources",
    "UMask": "0077",
}


def directives(unit: str) -> dict[str, str]:
    """The directives of a unit; one that is given several times has its values joined."""
    found: dict[str, str] = {}
    for line in (ETC / unit).read_text("utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name] = f"{found[name]} {value}" if name in found else value
    return found


class ServiceTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.unit = directives("kademlia.service")

    def test_the_sandbox(self) -> None:
        self.assertEqual({name: self.unit.get(name) for name in SANDBOX}, SANDBOX)

    def test_its_life(self) -> None:
        for name, value in (
            ("Type", "notify"),
            ("NotifyAccess", "main"),
            ("TimeoutStartSec", "infinity"),
            ("Restart", "on-failure"),
            ("ExecReload", "kill -HUP $MAINPID"),
            ("StateDirectory", "kademlia"),
            ("ConfigurationDirectory", "kademlia"),
        ):
            self.assertEqual(self.unit.get(name), value, name)
        self.assertIn(" --nodaemon --pidfile= kademlia", self.unit["ExecStart"])
        self.assertGreater(int(self.unit["WatchdogSec"]), 3)
        self.assertGreater(int(self.unit["TimeoutStopSec"]), 2)
        self.assertEqual(self.unit["RestartPreventExitStatus"], "1 77 78")

    def test_its_exposure(self) -> None:
        if ANALYZE is None:
            return
        done = subprocess.run(
            [ANALYZE, "security", "--offline=true", "--no-pager", ETC / "kademlia.service"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = re.search(r"exposure level for kademlia.service: ([0-9.]+)", done.stdout)
        assert found is not None, done.stdout[-300:]
        self.assertLessEqual(float(found[1]), EXPOSURE)


class SocketTests(unittest.SynchronousTestCase):
    def test_one_address_in_each_family(self) -> None:
        unit = directives("kademlia.socket")
        self.assertEqual(unit["ListenDatagram"], "0.0.0.0:8000 [::]:8000")
        self.assertEqual(unit["BindIPv6Only"], "ipv6-only")
        self.assertEqual(unit["ReceiveBuffer"], "4M")
        self.assertEqual(unit["FileDescriptorName"], "kademlia")


class BothTests(unittest.SynchronousTestCase):
    def test_systemd_understands_every_line(self) -> None:
        """Where the program and the manual page are installed; so another program stands in."""
        if ANALYZE is None:
            return
        with tempfile.TemporaryDirectory() as directory:
            units = [Path(directory) / f"kademlia.{kind}" for kind in ("service", "socket")]
            for unit in units:
                text = (ETC / unit.name).read_text("utf-8")
                text = text.replace("/opt/kademlia/bin/twistd", sys.executable)
                unit.write_text(text.replace("Documentation=man:kad(1)\n", ""))
            done = subprocess.run(
                [ANALYZE, "verify", *units], capture_output=True, text=True, check=False
            )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
