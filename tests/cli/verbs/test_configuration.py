"""``kad config``: is a file right, and what can stand in it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.cli.verbs import configuration
from kadtwisted.settings import directories
from kadtwisted.settings.options import OPTIONS
from kadtwisted.settings.sample import sample
from tests.cli.harness import Kad


class ConfigTestCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.home = Path(directory.name)
        self.patch(directories, "SYSTEM_DIRECTORY", self.home / "etc")
        self.kad = Kad()
        self.kad.environ = {"HOME": str(self.home)}

    def written(self, text: str) -> str:
        path = self.home / "node.toml"
        path.write_text(text)
        return str(path)


class CheckTests(ConfigTestCase):
    def test_a_right_file_and_what_it_changes(self) -> None:
        file = self.written(
            "port = 9000\nnetwork = 'kad'\nbootstrap = ['a:1']\n[upkeep]\nhand_off_after = '3h'"
        )
        self.kad.environ["KADTWISTED_LOG_LEVEL"] = "debug"
        self.assertEqual(self.kad("config", "check", "--config", file), 0)
        self.assertEqual(
            self.kad.printed.decode().splitlines(),
            [
                f"{file} is right",
                f"  port = 9000  ({file})",
                f'  bootstrap = ["a:1"]  ({file})',
                f'  upkeep.hand_off_after = "3h"  ({file})',
                '  log.level = "debug"  (KADTWISTED_LOG_LEVEL)',
            ],
        )
        self.assertEqual((self.kad.said, self.kad.node.calls), ("", []))

    def test_json(self) -> None:
        file = self.written("port = 9000\nallow = ['10.0.0.0/8']\nstate_dir = '/s'")
        self.assertEqual(self.kad("--json", "config", "check", "--config", file), 0)
        self.assertEqual(
            self.kad.json,
            {
                "file": file,
                "settings": [
                    {"key": "port", "value": 9000, "from": file},
                    {"key": "allow", "value": ["10.0.0.0/8"], "from": file},
                    {"key": "state_dir", "value": "/s", "from": file},
                ],
                "warnings": [],
            },
        )

    def test_secrets_that_can_be_guessed(self) -> None:
        secret = self.home / "secret"
        file = self.written("network_secret_file = 'secret'")
        for text, warning in (
            ("abc", "one has 3 bytes"),
            ("correct horse battery staple\nold", "one has 3 bytes"),
            ("a" * 64, "one repeats few characters"),
            ("correct horse battery staple", ""),
            ("00112233445566778899aabbccddeeff", ""),
        ):
            secret.write_text(text)
            secret.chmod(0o600)
            self.kad.stderr.truncate(0)
            self.kad.stderr.seek(0)
            self.assertEqual(self.kad("config", "check", "--config", file), 0)
            self.assertEqual(bool(self.kad.said), bool(warning), text)
            self.assertIn(warning, self.kad.said)

    def test_root_is_told_what_the_service_cannot_read(self) -> None:
        system = Path("/etc/kademlia/node.toml")
        service = mock.Mock(st_uid=4242)
        loaded = mock.Mock(file=system, given={}, settings=mock.Mock(state_dir=Path("/s")))
        for euid, owner, readable, told in (
            (0, service, False, "4242"),
            (0, service, True, ""),
            (0, mock.Mock(st_uid=0), False, ""),
            (0, FileNotFoundError(), False, "a service with a user of its own"),
            (4242, service, False, ""),
        ):
            with (
                mock.patch("os.geteuid", return_value=euid),
                mock.patch("os.stat", side_effect=[owner]),
                mock.patch.object(configuration, "can_read", return_value=readable),
                mock.patch.object(directories, "SYSTEM_DIRECTORY", system.parent),
            ):
                found = list(configuration.closed_to_the_service(loaded))
            self.assertEqual(len(found), bool(told))
            self.assertIn(told, "".join(found))

    def test_without_a_file(self) -> None:
        self.assertEqual(self.kad("config", "check"), 0)
        self.assertEqual(
            self.kad.printed.decode(),
            f"there is no configuration file; looked for {self.home}/etc/node.toml, "
            f"{self.home}/.config/kademlia/node.toml\n",
        )

    def test_the_file_that_the_daemon_would_read(self) -> None:
        file = self.written("port = 9000")
        self.kad.environ["KADTWISTED_CONFIG"] = file
        self.assertEqual(self.kad("config", "check", "--json"), 0)
        self.assertEqual(self.kad.json["file"], file)

    def test_everything_that_is_wrong(self) -> None:
        file = self.written("prot = 1\nsealer = 'wax'")
        self.assertEqual(self.kad("config", "check", "--config", file), 78)
        self.assertEqual(
            self.kad.said.splitlines(),
            [
                f"kad: {file}: prot: there is no such option; did you mean port?",
                f"kad: {file}: sealer: expected one of box, plain, not 'wax'",
            ],
        )
        self.assertEqual(self.kad.printed, b"")

    def test_everything_that_is_wrong_as_json(self) -> None:
        file = self.written("prot = 1\nsealer = 'wax'")
        self.assertEqual(self.kad("config", "check", "--json", "--config", file), 78)
        error = self.kad.json["error"]
        self.assertEqual(error["type"], "ConfigurationError")
        self.assertEqual(len(error["problems"]), 2)
        self.assertIn("did you mean port?", error["problems"][0])

    def test_a_missing_file(self) -> None:
        self.assertEqual(self.kad("config", "check", "--config", "/nowhere.toml"), 78)
        self.assertEqual(
            self.kad.said,
            "kad: --config: cannot read /nowhere.toml: no such file or directory\n",
        )


class ShowTests(ConfigTestCase):
    def test_prints_the_sample(self) -> None:
        self.kad.environ["KADTWISTED_PORT"] = "1"  # and nothing of this user's world
        self.assertEqual(self.kad("config", "show"), 0)
        self.assertEqual(self.kad.printed.decode(), sample())

    def test_json(self) -> None:
        self.assertEqual(self.kad("config", "show", "--json"), 0)
        self.assertEqual([each["key"] for each in self.kad.json["options"]], list(OPTIONS))


class UsageTests(ConfigTestCase):
    def test_an_action_is_needed(self) -> None:
        self.patch(sys, "stderr", self.kad.stderr)
        self.assertEqual(self.kad("config"), 64)
        self.assertEqual(self.kad("config", "mend"), 64)
        self.assertIn("check", self.kad.said)
