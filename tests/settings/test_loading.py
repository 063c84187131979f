"""Where options come from, which source wins, and how mistakes are told."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.interfaces import ISerializer
from kadtwisted.parameters import NodeSettings, Parameters, UpkeepSettings
from kadtwisted.plugins import builtin
from kadtwisted.settings import directories
from kadtwisted.settings.daemon_settings import DEFAULTS, DaemonSettings
from kadtwisted.settings.loading import Configuration, Loaded
from kadtwisted.settings.options import OPTIONS
from kadtwisted.settings.reading import Argument
from kadtwisted.storage import guard


class SourcesTestCase(unittest.SynchronousTestCase):
    """Sources in a world of their own: an empty system directory and an empty home."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.home = Path(directory.name)
        self.system = self.home / "etc"
        self.patch(directories, "SYSTEM_DIRECTORY", self.system)

    def written(self, text: str, path: str = "node.toml") -> Path:
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)
        return file

    def configuration(
        self, *arguments: tuple[str, str], file: Path | str | None = None, **environ: str
    ) -> Configuration:
        return Configuration(
            {"HOME": str(self.home), "XDG_STATE_HOME": "/x", **environ},
            [Argument(f"--{key}", key, text) for key, text in arguments],
            None if file is None else str(file),
        )

    def load(
        self, *arguments: tuple[str, str], file: Path | str | None = None, **environ: str
    ) -> Loaded:
        return self.configuration(*arguments, file=file, **environ).load()

    def problems(
        self, *arguments: tuple[str, str], file: Path | str | None = None, **environ: str
    ) -> tuple[str, ...]:
        loading = self.configuration(*arguments, file=file, **environ).load
        return self.assertRaises(ConfigurationProblems, loading).problems

    def problem(
        self, *arguments: tuple[str, str], file: Path | str | None = None, **environ: str
    ) -> str:
        (problem,) = self.problems(*arguments, file=file, **environ)
        self.assertNotIn("\n", problem)
        return problem


class PrecedenceTests(SourcesTestCase):
    def test_nothing_said(self) -> None:
        loaded = self.load()
        self.assertEqual(loaded.settings.state_dir, Path("/x/kademlia/8000"))
        self.assertEqual(
            OPTIONS["state_dir"].put(loaded.settings, None),
            DaemonSettings(node=NodeSettings(port=8000, portmap="needed"), storage="sqlite"),
        )
        self.assertEqual((dict(loaded.given), loaded.file), ({}, None))

    def test_command_line_over_environment_over_file_over_default(self) -> None:
        file = self.written("port = 1\nnetwork = 'file'\nagent = 'file'\n[upkeep]\nrate = 1\n")
        loaded = self.load(
            ("port", "3"),
            ("upkeep.rate", "3"),
            file=file,
            KADTWISTED_PORT="2",
            KADTWISTED_NETWORK="environment",
        )
        self.assertEqual(
            loaded.settings,
            DaemonSettings(
                node=NodeSettings(
                    port=3,
                    network="environment",
                    portmap="needed",
                    agent="file",
                    upkeep=UpkeepSettings(rate=3.0),
                ),
                storage="sqlite",
                state_dir=Path("/x/kademlia/3"),
                config_file=file,
            ),
        )
        self.assertEqual(
            {key: given.place for key, given in loaded.given.items()},
            {
                "port": "--port",
                "network": "KADTWISTED_NETWORK",
                "agent": f"{file}: agent",
                "upkeep.rate": "--upkeep.rate",
            },
        )
        self.assertEqual(loaded.given["agent"].source, str(file))
        self.assertEqual(loaded.given["port"].source, "--port")

    def test_lists_take_the_place_of_each_other(self) -> None:
        file = self.written("bootstrap = ['a:1', 'b:2']\nallow = ['10.0.0.0/8']")
        loaded = self.load(("bootstrap", "c:3"), ("bootstrap", "d:4,e:5"), file=file)
        self.assertEqual(loaded.settings.bootstrap, ("c:3", "d:4", "e:5"))
        self.assertEqual(loaded.settings.node.allow, ("10.0.0.0/8",))

    def test_of_one_value_the_last_counts(self) -> None:
        self.assertEqual(self.load(("port", "1"), ("port", "2")).settings.node.port, 2)

    def test_times(self) -> None:
        file = self.written("[parameters]\nrefresh_period = '90m'\nreplication_period = 60")
        loaded = self.load(file=file, KADTWISTED_PARAMETERS_DEFAULT_LIFETIME="2h")
        self.assertEqual(
            loaded.settings.node.parameters,
            Parameters(refresh_period=5400.0, replication_period=60.0, default_lifetime=7200.0),
        )

    def test_empty_variables_say_nothing(self) -> None:
        self.assertEqual(dict(self.load(KADTWISTED_PORT="", KADTWISTED_CONFIG="").given), {})

    def test_the_file_is_read_anew_each_time(self) -> None:
        file = self.written("port = 1")
        source = self.configuration(file=file)
        self.assertEqual(source.load().settings.node.port, 1)
        file.write_text("port = 2")
        self.assertEqual(source.load().settings.node.port, 2)
        file.write_text("port =")
        self.assertRaises(ConfigurationProblems, source.load)
        file.write_text("port = 4")
        self.assertEqual(source.load().settings.node.port, 4)

    def test_the_working_directory_may_change_afterwards(self) -> None:
        self.addCleanup(os.chdir, Path.cwd())
        file = self.written("state_dir = 'of-file'", "conf/node.toml")
        os.chdir(self.home)
        relative = self.configuration(("state_dir", "here"), file="conf/node.toml")
        in_file = self.configuration(file="conf/node.toml")
        os.chdir("/")
        self.assertEqual(relative.load().settings.state_dir, self.home / "here")
        self.assertEqual(relative.load().file, file)
        self.assertEqual(in_file.load().settings.state_dir, file.parent / "of-file")


class FileTests(SourcesTestCase):
    def test_the_first_that_exists(self) -> None:
        environ = {"CONFIGURATION_DIRECTORY": f"{self.home}/systemd:/other"}
        order = ("systemd/node.toml", "etc/node.toml", ".config/kademlia/node.toml")
        self.assertEqual(
            self.configuration(**environ).files, tuple(self.home / each for each in order)
        )
        for port, path in reversed(list(enumerate(order))):
            file = self.written(f"port = {port}", path)
            loaded = self.load(**environ)
            self.assertEqual((loaded.settings.node.port, loaded.file), (port, file))
            self.assertEqual(loaded.settings.config_file, file)

    def test_xdg(self) -> None:
        self.assertEqual(
            self.configuration(XDG_CONFIG_HOME="/c").files[-1], Path("/c/kademlia/node.toml")
        )

    def test_one_that_is_named_hides_the_usual_ones_and_must_exist(self) -> None:
        self.written("port = 1", "etc/node.toml")
        named = self.written("port = 2", "mine.toml")
        other = self.written("port = 3", "other.toml")
        self.assertEqual(self.load(KADTWISTED_CONFIG=str(named)).settings.node.port, 2)
        self.assertEqual(self.load(file=other, KADTWISTED_CONFIG=str(named)).settings.node.port, 3)
        missing = self.home / "missing.toml"
        self.assertEqual(
            self.problem(file=missing),
            f"--config: cannot read {missing}: no such file or directory",
        )
        self.assertTrue(
            self.problem(KADTWISTED_CONFIG=f"{named}/x").startswith("KADTWISTED_CONFIG: cannot")
        )

    def test_one_that_is_there_must_be_readable(self) -> None:
        (self.system / "node.toml").mkdir(parents=True)
        self.written("port = 1", ".config/kademlia/node.toml")
        self.assertIn("node.toml: is a directory", self.problem())
        self.assertIn("is a directory", self.problem(file=self.system))

    def test_one_that_other_users_can_change(self) -> None:
        usual = self.written("port = 8001", ".config/kademlia/node.toml")
        for file in (None, self.written("port = 8001")):
            path = file or usual
            for mode in (0o664, 0o646, 0o666):
                path.chmod(mode)
                self.assertEqual(
                    self.problem(file=file),
                    f"{path}: it can be changed by other users; run: chmod go-w {path}",
                )
            path.chmod(0o644)
            self.assertEqual(self.load(file=file).settings.node.port, 8001)
            usual.unlink(missing_ok=True)

    def test_one_of_another_user(self) -> None:
        file = self.written("port = 8001")
        self.patch(guard.os, "geteuid", lambda: 4242)
        self.patch(guard, "ROOT", 4243)
        self.assertIn(f"{file}: it belongs to ", self.problem(file=file))

    def test_what_is_no_file(self) -> None:
        pipe = self.home / "pipe"
        os.mkfifo(pipe)
        for place, said in (
            (pipe, "it is a named pipe, not a file"),
            (self.home, "is a directory"),
            ("/dev/zero", "it is a device, not a file"),
        ):
            self.assertEqual(self.problem(file=place), f"--config: cannot read {place}: {said}")

    def test_no_toml(self) -> None:
        for text, words in (
            ("port = 1\nnetwork = kad", "not valid TOML: invalid value (at line 2, column 11)"),
            ("port = 1\nport = 2", "not valid TOML: cannot overwrite a value"),
            ("[log\n", "not valid TOML: expected ']'"),
        ):
            file = self.written(text)
            problem = self.problem(file=file)
            self.assertTrue(problem.startswith(f"{file}: "))
            self.assertIn(words, problem)

    def test_a_byte_order_mark(self) -> None:
        file = self.written("\ufeffport = 1\r\n")
        self.assertEqual(self.load(file=file).settings.node.port, 1)

    def test_no_text(self) -> None:
        file = self.written("")
        file.write_bytes(b"port = 1\nagent = '\xff'")
        self.assertEqual(self.problem(file=file), f"{file}: line 2 is not UTF-8")
        file.write_bytes(b"#" * (1024 * 1024 + 1))
        self.assertIn("larger than 1 MiB", self.problem(file=file))


class MistakeTests(SourcesTestCase):
    def test_all_in_one_go(self) -> None:
        file = self.written(
            "port = 70000\nnetwrok = 'x'\nbootstrap = ['nowhere', 'a:1']\nlimits = 7\n"
            "[parameters]\nalpha = 'many'\n[upkeeep]\nrate = 1\n"
        )
        problems = self.problems(
            ("sealer", "wax"),
            file=file,
            KADTWISTED_PROT="1",
            KADTWISTED_LOG_LEVEL="loud",
            KADTWISTED_STORAGE="tape",
        )
        places = (
            "KADTWISTED_LOG_LEVEL: expected",
            "KADTWISTED_PROT: there is no",
            "--sealer: expected",
            f"{file}: port: expected",
            f"{file}: netwrok: there is no",
            f"{file}: bootstrap: 'nowhere' is no",
            f"{file}: limits: expected a table",
            f"{file}: parameters.alpha: expected",
            f"{file}: upkeeep: there is no",
            "KADTWISTED_STORAGE: there is no",
        )
        self.assertEqual(len(problems), len(places), problems)
        for problem, place in zip(problems, places, strict=True):
            self.assertTrue(problem.startswith(place), problem)

    def test_what_was_meant(self) -> None:
        for text, words in (
            ("netwrok = 'x'", "netwrok: there is no such option; did you mean network?"),
            ("k = 8", "k: there is no such option; did you mean parameters.k?"),
            ("upkeep.rats = 1", "upkeep.rats: there is no such option; did you mean upkeep.rate?"),
            ("[upkeeep]\nrate = 1", "upkeeep: there is no such table; did you mean upkeep?"),
            ("zzz = 1", "zzz: there is no such option"),
        ):
            file = self.written(text)
            self.assertEqual(self.problem(file=file), f"{file}: {words}")
        self.assertEqual(
            self.problem(KADTWISTED_PROT="1"),
            "KADTWISTED_PROT: there is no such environment variable; did you mean KADTWISTED_PORT?",
        )
        self.assertEqual(
            self.problem(("limits.max_source", "1")),
            "--limits.max_source: there is no such option; did you mean limits.max_sources?",
        )

    def test_wrong_types(self) -> None:
        for text, words in (
            ("port = '8000'", "port: expected a whole number from 0 to 65535, not '8000'"),
            ("port = {a = 1}", "port: expected a whole number"),
            ("network = 7", "network: expected a network's name, not 7"),
            ("bootstrap = 'a:1'", "bootstrap: expected an array of addresses"),
            ("upkeep = 7", "upkeep: expected a table, not 7"),
            ("[upkeep]\nburst = true", "upkeep.burst: expected a number of datagrams from 1 to"),
        ):
            self.assertIn(f": {words}", self.problem(file=self.written(text)))

    def test_a_bad_value_is_told_though_another_one_wins(self) -> None:
        file = self.written("port = -1")
        self.assertIn("port: expected", self.problem(("port", "1"), file=file))

    def test_what_does_not_go_together(self) -> None:
        file = self.written("[parameters]\nmax_remaining = '1h'")
        self.assertEqual(
            self.problem(file=file),
            f'{file}: parameters.max_remaining: parameters.default_lifetime ("1d") must not be '
            'above parameters.max_remaining ("1h")',
        )
        self.assertTrue(
            self.problem(KADTWISTED_TIMEOUTS_FLOOR="3").startswith("KADTWISTED_TIMEOUTS_FLOOR: ")
        )

    def test_secrets(self) -> None:
        secret = self.written("new\nold\n", "conf/secret")
        file = self.written("network_secret_file = 'secret'", "conf/node.toml")
        loaded = self.load(file=file)
        self.assertEqual(loaded.settings.node.network_secrets, (b"new", b"old"))
        self.assertEqual(loaded.given["network_secret_file"].value, secret)
        secret.write_bytes(b"\xef\xbb\xbfnew\r\nold\r\n")  # by an editor on Windows
        self.assertEqual(self.load(file=file).settings.node.network_secrets, (b"new", b"old"))
        secret.unlink()
        self.assertIn(
            "network_secret_file: cannot read the network secret file", self.problem(file=file)
        )

    def test_the_plugins_are_handed_on(self) -> None:
        with mock.patch.object(builtin.sqlite, "make") as make:
            plugins = self.load(KADTWISTED_STORAGE="sqlite:/srv/records").plugins
        make.assert_not_called()
        self.assertIs(plugins.storage.factory, builtin.sqlite)
        self.assertEqual(plugins.storage.argument, "/srv/records")
        self.assertTrue(ISerializer.providedBy(plugins.serializer))

    def test_plugins(self) -> None:
        self.assertIn("no storage called 'tape'", self.problem(KADTWISTED_STORAGE="tape"))
        self.assertIn("takes no argument", self.problem(("storage", "memory:7")))
        self.assertIn("no serializer called 'xml'", self.problem(("serializer", "xml")))

    def test_state_directories(self) -> None:
        self.assertIn("--state_dir: the path", self.problem(("state_dir", "/" + "x" * 200)))
        self.assertTrue(
            self.problem(STATE_DIRECTORY="/" + "x" * 200).startswith("the default of state_dir: ")
        )
        self.assertEqual(DEFAULTS.state_dir, None)
