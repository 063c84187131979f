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

from kadtwisted.cli.arguments import read_command_line

ETC = Path(__file__).resolve().parents[3] / "etc"
ANALYZE = shutil.which("systemd-analyze")
EXPOSURE = 1.5
"""The highest exposure that is accepted, as ``systemd-analyze security`` counts it."""

OF_ROOT = 3.5
"""The highest exposure of what must run as root, since it asks another user's node."""
KINDS = (".service", ".socket")

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
            ("TimeoutStartSec", "15min"),
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

    def test_their_exposure(self) -> None:
        if ANALYZE is None:
            return
        for unit in sorted(ETC.glob("*.service")):
            done = subprocess.run(
                [ANALYZE, "security", "--offline=true", "--no-pager", unit],
                capture_output=True,
                text=True,
                check=True,
            )
            found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
            assert found is not None, done.stdout[-300:]
            most = OF_ROOT if "wait-online" in unit.name else EXPOSURE
            self.assertLessEqual(float(found[1]), most, unit.name)


class InstanceTests(unittest.SynchronousTestCase):
    """One of several nodes is as the only one, but for what has its name: the port."""

    def test_they_differ_where_they_must(self) -> None:
        for name in ("kademlia.service", "kademlia.socket", "kademlia-wait-online.service"):
            one, several = directives(name), directives(name.replace(".", "@."))
            self.assertEqual(one.keys(), several.keys())
            differing = {key for key, value in one.items() if several[key] != value}
            self.assertEqual({key for key in differing if "%i" in several[key]}, differing)
            for key in differing - {"Description", "ExecStart"}:
                plain = re.sub(r"kademlia([-/@])%i", "kademlia", several[key])
                self.assertEqual(plain.replace(":%i", ":8000"), one[key], key)

    def test_port_state_and_settings_are_its_own(self) -> None:
        unit = directives("kademlia@.service")
        for name, value in (
            ("StateDirectory", "kademlia-%i"),
            ("ConfigurationDirectory", "kademlia/%i"),
            ("WorkingDirectory", "%S/kademlia-%i"),
        ):
            self.assertEqual(unit[name], value)
        self.assertTrue(
            unit["ExecStart"].endswith(" --port %i --state-dir %S/kademlia-%i"), unit["ExecStart"]
        )

    def test_nobody_waits_for_a_network_who_does_not_ask_for_it(self) -> None:
        unit = directives("kademlia-wait-online.service")
        self.assertNotIn("WantedBy", unit)
        self.assertEqual((unit["Type"], unit["RemainAfterExit"]), ("oneshot", "yes"))
        verb = unit["ExecStart"].split(" ", 1)[1].replace("%S", "/var/lib")
        given = read_command_line(verb.split())
        self.assertEqual((given.verb, given.verdicts), ("wait", ("serving", "degraded")))
        self.assertLess(given.timeout, 180)
        self.assertEqual(unit["TimeoutStartSec"], "3min")


class SocketTests(unittest.SynchronousTestCase):
    def test_one_address_in_each_family(self) -> None:
        unit = directives("kademlia.socket")
        self.assertEqual(unit["ListenDatagram"], "0.0.0.0:8000 [::]:8000")
        self.assertEqual(unit["BindIPv6Only"], "ipv6-only")
        self.assertEqual(unit["ReceiveBuffer"], "4M")
        self.assertEqual(unit["FileDescriptorName"], "kademlia")

    def test_an_address_may_come_later_and_a_failed_socket_is_tried_again(self) -> None:
        unit = directives("kademlia.socket")
        self.assertEqual(unit["FreeBind"], "yes")
        self.assertEqual(unit["WantedBy"], "sockets.target kademlia.service")


class BothTests(unittest.SynchronousTestCase):
    def test_systemd_understands_every_line(self) -> None:
        """Where the program and the manual page are installed; so another program stands in."""
        if ANALYZE is None:
            return
        with tempfile.TemporaryDirectory() as directory:
            names = sorted(each.name for each in ETC.iterdir() if each.suffix in KINDS)
            units = [Path(directory) / name.replace("@", "@8001") for name in names]
            self.assertEqual(len(units), 6)
            for unit in units:
                text = (ETC / unit.name.replace("@8001", "@")).read_text("utf-8")
                text = re.sub(r"/opt/kademlia/bin/(twistd|kad)\b", sys.executable, text)
                unit.write_text(text.replace("Documentation=man:kademlia(8)\n", ""))
            done = subprocess.run(
                [ANALYZE, "verify", *units], capture_output=True, text=True, check=False
            )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
