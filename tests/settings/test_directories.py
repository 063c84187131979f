"""Where a daemon keeps its state."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import ConfigurationError
from kadtwisted.settings.directories import check_state_dir, default_state_dir


class StateDirTests(unittest.SynchronousTestCase):
    def test_systemd_then_xdg_then_home(self) -> None:
        for environ, expected in (
            ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "HOME": "/h"}, "/var/lib/a"),
            ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/kademlia/8000"),
            ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/kademlia/8000"),
        ):
            self.assertEqual(str(default_state_dir(environ, 8000)), expected)

    def test_without_any_environment(self) -> None:
        path = default_state_dir({}, 1)
        self.assertEqual(path, Path.home() / ".local" / "state" / "kademlia" / "1")

    def test_becomes_absolute(self) -> None:
        self.assertEqual(check_state_dir("here"), Path.cwd() / "here")

    def test_a_working_directory_that_was_removed(self) -> None:
        with mock.patch("os.getcwd", side_effect=FileNotFoundError(2, "No such file")):
            self.assertEqual(check_state_dir("/here"), Path("/here"))
            error = self.assertRaises(ConfigurationError, check_state_dir, "here")
        self.assertEqual(
            str(error), "the working directory cannot be used: no such file; cd to another one"
        )

    def test_without_a_home(self) -> None:
        with (
            mock.patch.dict(os.environ, clear=True),
            mock.patch("pwd.getpwuid", side_effect=KeyError),
        ):
            path = default_state_dir({}, 1)
            error = self.assertRaises(ConfigurationError, check_state_dir, path)
        self.assertIn("no home directory", str(error))

    def test_nothing_is_kept_where_the_kernel_shows_itself(self) -> None:
        link = Path(self.mktemp())
        link.symlink_to("/sys/kernel")
        for path in ("/proc/foo", "/proc", "/sys/x/y", "/tmp/../proc/sys/x", str(link)):
            error = self.assertRaises(ConfigurationError, check_state_dir, path)
            self.assertIn("file system is the kernel's", str(error))
        self.assertEqual(check_state_dir("/process"), Path("/process"))

    def test_room_for_the_control_socket(self) -> None:
        longest = "/" + "x" * (107 - len("//control.sock"))
        self.assertEqual(check_state_dir(longest), Path(longest))
        error = self.assertRaises(ConfigurationError, check_state_dir, longest + "x")
        self.assertIn("too long", str(error))
