"""What people write becomes checked settings, or one sentence."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import ConfigurationError, InvalidAddress, InvalidInput
from kadtwisted.settings import checks as config

KEY = "ab" * 32


class OptionTests(unittest.SynchronousTestCase):
    def assert_refused(self, function: object, *arguments: object) -> str:
        error = self.assertRaises(InvalidInput, function, *arguments)
        self.assertIsInstance(error, ConfigurationError | InvalidAddress)
        self.assertNotIn("\n", str(error))
        return str(error)

    def test_interfaces_at_most_one_in_a_family(self) -> None:
        self.assertEqual(config.check_interfaces(["[::0]", "0.0.0.0"]), ("0.0.0.0", "::"))
        self.assertEqual(config.check_interfaces(["::1", "0:0::1"]), ("::1",))
        self.assertIn("at most one", self.assert_refused(config.check_interfaces, ["::1", "::2"]))
        self.assertIn("needs an interface", self.assert_refused(config.check_interfaces, []))
        self.assertIn("'eth0'", self.assert_refused(config.check_interfaces, ["eth0"]))

    def test_bootstrap_addresses_each_once(self) -> None:
        given = ["127.0.0.1:8000", f"{KEY}@[::1]:8000", "host.example:1", "127.0.0.1:8000"]
        self.assertEqual(config.check_bootstrap(given), tuple(given[:3]))
        self.assert_refused(config.check_bootstrap, ["127.0.0.1"])

    def test_network_names(self) -> None:
        self.assertEqual(config.check_network("fleet 7"), "fleet 7")
        self.assertIn("reserved", self.assert_refused(config.check_network, "mainline"))
        for name in ("", "a\nb", "x" * 256):
            self.assertIn("1 to 255", self.assert_refused(config.check_network, name))

    def test_agents(self) -> None:
        self.assertEqual(config.check_agent("node 7 \u00fc"), "node 7 \u00fc")
        self.assertEqual(config.check_agent("x" * 64), "x" * 64)
        for text in ("x" * 65, "a\nb", "\u00fc" * 33):
            self.assertIn("64 bytes", self.assert_refused(config.check_agent, text))


class SecretFileTests(unittest.SynchronousTestCase):
    def written(self, data: bytes) -> Path:
        path = Path(self.mktemp())
        path.write_bytes(data)
        return path

    def test_one_a_line_newest_first(self) -> None:
        path = self.written(b"  new secret \r\n\n\xff\x00old\nnew secret")
        self.assertEqual(config.read_secrets(path), (b"new secret", b"\xff\x00old"))

    def test_refusals(self) -> None:
        error = self.assertRaises(ConfigurationError, config.read_secrets, "missing")
        self.assertIn("no such file", str(error))
        self.assertIsInstance(error.__cause__, FileNotFoundError)
        for data, words in ((b" \n", "holds no secret"), (b"x" * 65537, "larger than 64 KiB")):
            error = self.assertRaises(ConfigurationError, config.read_secrets, self.written(data))
            self.assertIn(words, str(error))


class StateDirTests(unittest.SynchronousTestCase):
    def test_systemd_then_xdg_then_home(self) -> None:
        for environ, expected in (
            ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "HOME": "/h"}, "/var/lib/a"),
            ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/kademlia/8000"),
            ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/kademlia/8000"),
        ):
            self.assertEqual(str(config.default_state_dir(environ, 8000)), expected)

    def test_without_any_environment(self) -> None:
        path = config.default_state_dir({}, 1)
        self.assertEqual(path, Path.home() / ".local" / "state" / "kademlia" / "1")

    def test_becomes_absolute(self) -> None:
        self.assertEqual(config.check_state_dir("here"), Path.cwd() / "here")

    def test_without_a_home(self) -> None:
        with (
            mock.patch.dict(os.environ, clear=True),
            mock.patch("pwd.getpwuid", side_effect=KeyError),
        ):
            path = config.default_state_dir({}, 1)
            error = self.assertRaises(ConfigurationError, config.check_state_dir, path)
        self.assertIn("no home directory", str(error))

    def test_room_for_the_control_socket(self) -> None:
        longest = "/" + "x" * (107 - len("//control.sock"))
        self.assertEqual(config.check_state_dir(longest), Path(longest))
        error = self.assertRaises(ConfigurationError, config.check_state_dir, longest + "x")
        self.assertIn("too long", str(error))


class FamilyTests(unittest.SynchronousTestCase):
    def towards(self, *addresses: str, ipv6: bool = True) -> tuple[str, ...]:
        with mock.patch.object(config, "ipv6_works", return_value=ipv6):
            return config.interfaces_towards(addresses)

    def test_follow_from_the_addresses(self) -> None:
        self.assertEqual(self.towards(), ("0.0.0.0",))
        self.assertEqual(self.towards("127.0.0.1:1"), ("0.0.0.0",))
        self.assertEqual(self.towards("[::1]:1"), ("::",))
        self.assertEqual(self.towards("host.example:1"), ("0.0.0.0", "::"))
        self.assertEqual(self.towards("[::1]:1", f"{KEY}@127.0.0.1:2"), ("0.0.0.0", "::"))

    def test_a_name_needs_no_ipv6_where_there_is_none(self) -> None:
        self.assertEqual(self.towards("host.example:1", ipv6=False), ("0.0.0.0",))
        self.assertEqual(self.towards("[::1]:1", ipv6=False), ("::",))

    def test_asks_the_system(self) -> None:
        with mock.patch.object(config.socket, "socket") as made:
            self.assertTrue(config.ipv6_works())
            made.return_value.__enter__.return_value.bind.assert_called_once_with(("::1", 0))
        with mock.patch.object(config.socket, "socket", side_effect=OSError(97, "no family")):
            self.assertFalse(config.ipv6_works())


class AllowTests(unittest.SynchronousTestCase):
    def test_prefixes_and_single_addresses(self) -> None:
        self.assertEqual(config.check_allow(["10.0.0.0/8", "fd00::/8"]), ("10.0.0.0/8", "fd00::/8"))
        self.assertEqual(config.check_allow(["192.168.1.1"]), ("192.168.1.1/32",))
        self.assertRaises(ConfigurationError, config.check_allow, ["10.0.0.1/8"])
        self.assertRaises(ConfigurationError, config.check_allow, ["home"])
