"""Where a running node is looked for: command line, environment, configuration file, defaults."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import ConfigurationError
from kadtwisted.settings import directories
from kadtwisted.settings.loading import Configuration
from kadtwisted.settings.reading import Argument
from kadtwisted.settings.whereabouts import MOST_NEIGHBOURS, neighbours, whereabouts

SYSTEM = Path("/var/lib/kademlia")


class WhereTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.patch(directories, "SYSTEM_DIRECTORY", self.path / "etc")
        self.environ = {"HOME": str(self.path)}
        self.default = self.path / ".local/state/kademlia"

    def write(self, text: str, name: str = ".config/kademlia/node.toml") -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
        return path

    def test_the_order(self) -> None:
        self.assertEqual(whereabouts(self.environ), ((self.default / "8000", SYSTEM), False))
        self.write('port = 9001\n[log]\nlevel = "warn"')
        self.assertEqual(whereabouts(self.environ), ((self.default / "9001",), False))
        self.environ["KADTWISTED_PORT"] = "9002"
        self.assertEqual(whereabouts(self.environ).directories, (self.default / "9002",))
        self.assertEqual(whereabouts(self.environ, port=9003).directories[0].name, "9003")
        self.write('state_dir = "state"')
        self.assertEqual(whereabouts(self.environ), ((self.path / ".config/kademlia/state",), True))
        self.environ["KADTWISTED_STATE_DIR"] = "/e"
        self.assertEqual(whereabouts(self.environ, port=1), ((Path("/e"),), True))
        self.assertEqual(whereabouts(self.environ, "/c", 1), ((Path("/c"),), True))

    def test_a_daemon_would_choose_the_same(self) -> None:
        named = self.write("port = 7", "other.toml")
        self.write('state_dir = "~/here"')
        for environ in (
            {},
            {"KADTWISTED_CONFIG": str(named)},
            {"KADTWISTED_CONFIG": str(named), "KADTWISTED_PORT": "8"},
            {"KADTWISTED_STATE_DIR": "relative/to/us"},
            {"KADTWISTED_STATE_DIR": "", "STATE_DIRECTORY": "/s:/t"},
            {"KADTWISTED_CONFIG": str(named), "STATE_DIRECTORY": "/s:/t"},
            {"KADTWISTED_CONFIG": str(named), "XDG_STATE_HOME": "/x"},
            {"XDG_CONFIG_HOME": "/nowhere", "KADTWISTED_PORT": "12"},
        ):
            for port in (None, 5):
                given = {**self.environ, **environ}
                arguments = () if port is None else (Argument("--port", "port", str(port)),)
                with mock.patch.dict(os.environ, {"HOME": str(self.path)}):
                    daemons = Configuration(given, arguments).load().settings.state_dir
                    found = whereabouts(given, port=port).directories
                self.assertEqual(found[0], daemons, (environ, port))

    def test_what_is_wrong_is_told_as_the_daemon_tells_it(self) -> None:
        for text in ("port = 70000", "port = true", "state_dir = 5", "state_dir =", "\udcff"):
            path = self.write("")
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
            with self.assertRaisesRegex(ConfigurationError, "node.toml"):
                whereabouts(self.environ)
        self.environ["KADTWISTED_CONFIG"] = str(self.path / "missing")
        with self.assertRaisesRegex(ConfigurationError, "KADTWISTED_CONFIG"):
            whereabouts(self.environ)

    def test_a_file_that_others_could_have_written_is_not_believed(self) -> None:
        self.write('state_dir = "/trap"').chmod(0o666)
        with self.assertRaisesRegex(ConfigurationError, "can be changed by other users"):
            whereabouts(self.environ)

    def test_root_finds_the_node_of_the_user_who_called_sudo(self) -> None:
        self.environ["SUDO_UID"] = "4242"
        home = mock.Mock(pw_dir="/home/alice")
        with (
            mock.patch("os.geteuid", return_value=0),
            mock.patch("pwd.getpwuid", return_value=home),
        ):
            found = whereabouts(self.environ).directories
        alice = Path("/home/alice/.local/state/kademlia/8000")
        self.assertEqual(found, (self.default / "8000", alice, SYSTEM))

    def test_others_cannot_say_that_they_were_called_by_sudo(self) -> None:
        self.environ["SUDO_UID"] = "0"
        with mock.patch("os.geteuid", return_value=4242):
            self.assertEqual(len(whereabouts(self.environ).directories), 2)

    def test_one_of_several_nodes_of_the_system_is_found_by_its_port(self) -> None:
        self.patch(directories, "SYSTEM_STATE", self.path / "lib/kademlia")
        one = self.path / "lib/kademlia-8001"
        self.assertNotIn(one, whereabouts(self.environ, port=8001).directories)
        one.parent.mkdir()
        one.symlink_to("private/kademlia-8001")  # as systemd makes it for a dynamic user
        found = whereabouts(self.environ, port=8001).directories
        self.assertEqual(found, (self.default / "8001", one))

    def test_a_byte_order_mark(self) -> None:
        self.write("\ufeffport = 9001")
        self.assertEqual(whereabouts(self.environ).directories[0], self.default / "9001")

    def test_nodes_beside_the_usual_ones(self) -> None:
        system = self.path / "lib/kademlia"
        self.patch(directories, "SYSTEM_STATE", system)
        found = whereabouts(self.environ)
        self.assertEqual(list(neighbours(found)), [])
        for name in ("9000", "8000", "0", "70000", "09", "tour", "8001.old"):
            (self.default / name).mkdir(parents=True)
        for name in ("kademlia", "kademlia-8002", "kademlia-x", "8003"):
            (self.path / "lib" / name).mkdir(parents=True)
        own = [(port, self.default / str(port)) for port in (0, 9000)]
        theirs = [(8002, self.path / "lib/kademlia-8002")]
        self.assertEqual(list(neighbours(found)), [*own, *theirs])
        for port in range(20000, 20100):
            (self.default / str(port)).mkdir()
        self.assertEqual(len(list(neighbours(found))), MOST_NEIGHBOURS - 1 + 1)
