"""init, secret and completion."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.cli.arguments import make_parser
from kadtwisted.settings.loading import Configuration
from kadtwisted.state.directory import StateDirectory
from tests.cli.harness import Kad


class PreparingTestCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.there = self.path / "new/there"


class InitTests(PreparingTestCase):
    def test_all_in_one_go(self) -> None:
        kad = Kad()
        options = ("--port", "9", "--network", "fleet", "--bootstrap", "192.0.2.7:8000")
        self.assertEqual(kad("init", str(self.there), *options), 0, kad.said)
        loaded = Configuration({}, file=str(self.there / "node.toml")).load()
        settings = loaded.settings
        self.assertEqual((settings.node.port, settings.node.network), (9, "fleet"))
        self.assertEqual(settings.bootstrap, ("192.0.2.7:8000",))
        self.assertEqual(settings.node.network_secrets, (b"00" * 32,))
        self.assertEqual(settings.state_dir, self.there / "state")
        state = StateDirectory(self.there / "state")
        state.open()  # nobody holds it
        self.addCleanup(state.close)
        for each in ("node.toml", "network.secret", "state/identity.key"):
            self.assertEqual(stat.S_IMODE((self.there / each).stat().st_mode), 0o600, each)
        self.assertIn(f"--config {self.there}/node.toml", kad.said)

    def test_nothing_that_exists_is_changed(self) -> None:
        for each in ("node.toml", "network.secret", "state"):
            there = self.path / each.replace(".", "-")
            there.mkdir(mode=0o700)
            (there / each).symlink_to("nowhere")
            kad = Kad()
            self.assertEqual(kad("init", str(there)), 73)
            self.assertIn(f"{there / each} exists already; nothing was made", kad.said)
            self.assertEqual(os.listdir(there), [each])

    def test_what_is_wrong_is_told_before_anything_is_made(self) -> None:
        for options, code in (
            (("--network", "mainline"), 78),
            (("--interface", "eth0"), 64),
            (("--bootstrap", "nowhere"), 64),
            (("--network-secret-file", "/nowhere/secret"), 78),
            (("--state-dir", "/x"), 64),
        ):
            self.assertEqual(Kad()("init", str(self.there), *options), code, options)
            self.assertFalse(self.there.exists())

    def test_where_the_daemon_looks(self) -> None:
        kad = Kad()
        kad.environ = {"XDG_CONFIG_HOME": str(self.path)}
        self.assertEqual(kad("init", "--open"), 0)
        loaded = Configuration(kad.environ).load()
        self.assertEqual(loaded.file, self.path / "kademlia/node.toml")
        self.assertEqual(loaded.settings.node.network_secrets, ())
        self.assertNotIn("--config", kad.said)

    def test_the_secret_of_a_network_that_exists(self) -> None:
        secret = self.path / "secret"
        self.assertEqual(Kad()("secret", "new", str(secret)), 0)
        before = secret.read_bytes()
        kad = Kad()
        code = kad("init", str(self.there), "--network-secret-file", str(secret))
        self.assertEqual(code, 0, kad.said)
        loaded = Configuration({}, file=str(self.there / "node.toml")).load()
        self.assertEqual(loaded.settings.node.network_secrets, (before.strip(),))


class SecretTests(PreparingTestCase):
    def test_on_standard_output_or_in_a_file(self) -> None:
        kad = Kad()
        self.assertEqual(kad("secret", "new"), 0)
        self.assertEqual(kad.printed, b"00" * 32 + b"\n")
        file = self.path / "secret"
        self.assertEqual(kad("secret", "new", str(file)), 0)
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        file.write_text("mine")
        self.assertEqual(kad("secret", "new", str(file)), 73)
        self.assertEqual(file.read_text(), "mine")
        self.assertEqual(kad("secret", "new", "/nowhere/secret"), 73)


class CompletionTests(PreparingTestCase):
    def script(self, shell: str) -> Path:
        kad = Kad()
        self.assertEqual(kad("completion", shell), 0, kad.said)
        path = self.path / f"kad.{shell}"
        path.write_bytes(kad.printed)
        return path

    def completed(self, shell: str, command: str) -> list[str]:
        done = subprocess.run(
            [shell, *(("--norc",) if shell == "bash" else ()), "-c", command],
            capture_output=True, text=True, check=False, env={"HOME": str(self.path), **PATHS},
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout.split()

    def test_bash_offers_verbs_and_options(self) -> None:
        script = self.script("bash")
        for typed, wanted in (
            ("kad sta", ["status"]),
            ("kad get --fir", ["--first"]),
            ("kad export --stor", ["--storage"]),
            ("kad completion z", ["zsh"]),
        ):
            words = typed.split()
            command = (
                f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; "
                f"_shtab_kad kad {words[-1]} {words[-2]}; printf '%s\n' \"${{COMPREPLY[@]}}\""
            )
            self.assertEqual(self.completed("bash", command), wanted, typed)

    def test_every_verb_is_in_every_script(self) -> None:
        for shell in ("bash", "zsh", "fish"):
            text = self.script(shell).read_text()
            for verb in make_parser().verbs:
                self.assertIn(verb, text, (shell, verb))

    def test_other_shells_read_their_scripts(self) -> None:
        for shell in filter(shutil.which, ("zsh", "fish")):
            done = subprocess.run(
                [shell, "-n", str(self.script(shell))], capture_output=True, text=True, check=False
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""), shell)

    def test_without_the_library(self) -> None:
        kad = Kad()
        with mock.patch.dict(sys.modules, {"shtab": None}):
            self.assertEqual(kad("completion", "bash"), 78)
        self.assertIn("pip install 'shtab>=1.13'", kad.said)


PATHS = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
