"""The options of ``twistd kademlia``."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.daemon.command_line import Mistaken, Options
from kadtwisted.parameters import LimitSettings, NodeSettings, UpkeepSettings
from kadtwisted.settings import directories
from kadtwisted.settings.daemon_settings import DaemonSettings, HttpSettings, LogSettings
from kadtwisted.settings.options import OPTIONS
from tests.daemon.fakes import KEY


def parsed(*arguments: str) -> DaemonSettings:
    options = Options()
    options.parseOptions(list(arguments))
    return options.settings


class OptionTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", {"XDG_STATE_HOME": "/x", "XDG_CONFIG_HOME": "/nowhere"})
        self.patch(directories, "SYSTEM_DIRECTORY", Path("/nowhere"))

    def test_defaults(self) -> None:
        self.assertEqual(
            parsed(),
            DaemonSettings(
                node=NodeSettings(port=8000, portmap="needed"),
                storage="sqlite",
                state_dir=Path("/x/kademlia/8000"),
            ),
        )

    def test_everything(self) -> None:
        secret = Path(self.mktemp())
        secret.write_bytes(b"new\nold\n")
        secret.chmod(0o600)
        settings = parsed(
            "--port", "9000", "--interface", "127.0.0.1", "-i", "::1",
            "--bootstrap", "192.0.2.7:8000", "-b", f"{KEY.public_key.hex()}@host:1",
            "--network", "fleet", "--network-secret-file", str(secret), "--storage", "memory",
            "--serializer", "cbor", "--sealer", "plain", "--state-dir", "/s",
            "--allow", "10.0.0.0/8", "--portmap", "natpmp", "--reachability", "assume",
            "--log-level", "debug", "--log-format=json",
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
                    allow=("10.0.0.0/8",),
                    portmap="natpmp",
                    reachability="assume",
                ),
                bootstrap=("192.0.2.7:8000", f"{KEY.public_key.hex()}@host:1"),
                storage="memory",
                state_dir=Path("/s"),
                log=LogSettings("debug", "json"),
            ),
        )

    def test_http(self) -> None:
        places = ("tcp:8480:interface=127.0.0.1", "unix:/run/x.sock")
        settings = parsed("--http", places[0], "--http", places[1], "--http-tokens", "/tokens")
        self.assertEqual(settings.http, HttpSettings(places, Path("/tokens")))
        self.assertEqual(parsed().http, HttpSettings())

    def test_short_names(self) -> None:
        settings = parsed("-p", "1", "-n", "fleet", "-d", "/s")
        self.assertEqual(
            (settings.node.port, settings.node.network, settings.state_dir),
            (1, "fleet", Path("/s")),
        )

    def test_any_option_can_be_set(self) -> None:
        settings = parsed(
            "--set", "upkeep.rate=50", "--set", "limits.max_sources = 7", "--set=agent=a=b",
            "--set", "bootstrap=a:1", "--bootstrap", "b:2",
        )  # fmt: skip
        self.assertEqual(settings.node.upkeep, UpkeepSettings(rate=50.0))
        self.assertEqual(settings.node.limits, LimitSettings(max_sources=7))
        self.assertEqual(settings.node.agent, "a=b")
        self.assertEqual(settings.bootstrap, ("a:1", "b:2"))

    def test_a_file(self) -> None:
        path = Path(self.mktemp()).absolute()
        path.write_text("port = 9000")
        settings = parsed("--config", str(path), "--network", "fleet")
        self.assertEqual((settings.node.port, settings.node.network), (9000, "fleet"))
        self.assertEqual(settings.config_file, path)

    def test_the_configuration_can_be_read_again(self) -> None:
        path = Path(self.mktemp())
        path.write_text("port = 9000\nagent = 'old'")
        options = Options()
        options.parseOptions(["--config", str(path), "--port", "1"])
        path.write_text("port = 9001\nagent = 'new'")
        assert options.configuration is not None
        again = options.configuration.load().settings
        self.assertEqual((again.node.port, again.node.agent), (1, "new"))

    def test_what_cannot_be_used_is_one_sentence(self) -> None:
        for arguments, words in (
            (("--port", "70000"), "--port: expected a whole number from 0 to 65535"),
            (("--interface", "eth0"), "IP address"),
            (("--bootstrap", "nowhere"), "HOST:PORT"),
            (("--network", "mainline"), "reserved"),
            (("--network-secret-file", "missing"), "no such file"),
            (("--storage", "tape"), "no storage called 'tape'"),
            (("--storage", "memory:7"), "takes no argument"),
            (("--serializer", "xml"), "no serializer called 'xml'"),
            (("--sealer", "wax"), "'wax'"),
            (("--state-dir", "/" + "x" * 200), "too long"),
            (("--config", "/nowhere/node.toml"), "--config: cannot read /nowhere/node.toml"),
            (("--set", "upkeep.rats=1"), "--set upkeep.rats: there is no such option"),
            (("--set", "port"), "--set port: expected a whole number"),
            (("surplus",), "arguments"),
        ):
            error = self.assertRaises(Mistaken, parsed, *arguments)
            self.assertIn(words, str(error))
            self.assertNotIn("\n", str(error))

    def test_a_working_directory_that_was_removed(self) -> None:
        with mock.patch("os.getcwd", side_effect=FileNotFoundError(2, "No such file")):
            error = self.assertRaises(Mistaken, parsed, "--port", "1")
        self.assertIn("the working directory cannot be used: no such file", str(error))

    def test_several_are_told_in_one_go(self) -> None:
        path = Path(self.mktemp())
        path.write_text("prot = 1")
        os.environ["KADTWISTED_LOG_LEVEL"] = "loud"
        error = self.assertRaises(
            Mistaken, parsed, "--port", "x", "--sealer=wax", "--config", str(path)
        )
        lines = str(error).splitlines()
        self.assertEqual(len(lines), 4, lines)
        for words in ("--port: ", "--sealer: ", "KADTWISTED_LOG_LEVEL: ", "did you mean port?"):
            self.assertIn(words, str(error))

    def test_help_names_every_option(self) -> None:
        text = " ".join(str(Options()).split())
        arguments = [each.argument for each in OPTIONS.values() if each.argument]
        for argument in (*arguments, "config", "set"):
            self.assertIn(f"--{argument}=", text)
        for letter, argument in (("p", "port"), ("n", "network"), ("d", "state-dir"),
                                 ("i", "interface"), ("b", "bootstrap")):  # fmt: skip
            self.assertIn(f"-{letter}, --{argument}=", text)
        for words in ("[default: 8000]", "[default: sqlite]", "[default: 0.0.0.0]", "several"):
            self.assertIn(words, text)
