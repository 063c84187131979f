"""What people write becomes checked settings, or one sentence."""

from __future__ import annotations

import os
from pathlib import Path

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

    def test_bootstrap_addresses_each_once(self) -> None:
        given = ["127.0.0.1:8000", f"{KEY}@[::1]:8000", "host.example:1", "127.0.0.1:8000"]
        self.assertEqual(config.check_bootstrap(given), tuple(given[:3]))
        self.assert_refused(config.check_bootstrap, ["127.0.0.1"])

    def test_where_http_is_answered(self) -> None:
        for good in ("tcp:8480:interface=127.0.0.1", "unix:/run/x", "ssl:8443:privateKey=k.pem"):
            self.assertEqual(config.check_endpoint(good), good)
        for bad in ("", "8480", "http://localhost", "localhost:8480"):
            self.assert_refused(config.check_endpoint, bad)

    def test_hosts_that_never_come_are_refused(self) -> None:
        for good in ("node.example", "my_node", "192.0.2.7", "[2001:db8::7]"):
            self.assertEqual(config.check_host(good), good)
        self.assertEqual(config.check_host("Node.Example"), "node.example")
        for bad in ("", "node.example:8480", "http://node.example", "2001:db8::7", "*", "a b"):
            self.assertIn("no host name", self.assert_refused(config.check_host, bad))

    def test_origins_that_never_come_are_refused_and_those_that_anybody_has(self) -> None:
        for good in ("https://app.example", "http://localhost:3000", "moz-extension://ab-1"):
            self.assertEqual(config.check_origin(good), good)
        self.assertEqual(config.check_origin("HTTPS://App.Example/"), "https://app.example")
        for bad in ("", "null", "*", "app.example", "https://a.example/b", "https://*.example"):
            self.assertIn("no origin", self.assert_refused(config.check_origin, bad))

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
        path.chmod(0o600)
        return path

    def test_open_to_other_users(self) -> None:
        path = self.written(b"secret")
        for mode in (0o604, 0o644, 0o602, 0o660):
            path.chmod(mode)
            error = self.assertRaises(ConfigurationError, config.read_secrets, path)
            self.assertIn(f"{path} is open to other users; run: chmod 600 {path}", str(error))
            self.assertNotIn("secret'", str(error))

    def test_as_a_secret_volume_hands_it_over(self) -> None:
        """Kubernetes: links through a directory that is replaced as a whole."""
        path = self.written(b"secret")
        volume = Path(self.mktemp())
        (volume / "..2026").mkdir(parents=True)
        path.replace(volume / "..2026" / "network-secret")
        (volume / "..data").symlink_to("..2026")
        (volume / "network-secret").symlink_to("..data/network-secret")
        self.assertEqual(config.read_secrets(volume / "network-secret"), (b"secret",))

    def test_what_is_no_file(self) -> None:
        path = Path(self.mktemp())
        os.mkfifo(path)
        for place, said in ((path, "it is a named pipe, not a file"), ("/", "is a directory")):
            error = self.assertRaises(ConfigurationError, config.read_secrets, place)
            self.assertIn(f"cannot read the network secret file {place}: {said}", str(error))

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


class AllowTests(unittest.SynchronousTestCase):
    def test_prefixes_and_single_addresses(self) -> None:
        self.assertEqual(config.check_allow(["10.0.0.0/8", "fd00::/8"]), ("10.0.0.0/8", "fd00::/8"))
        self.assertEqual(config.check_allow(["192.168.1.1"]), ("192.168.1.1/32",))
        self.assertRaises(ConfigurationError, config.check_allow, ["10.0.0.1/8"])
        self.assertRaises(ConfigurationError, config.check_allow, ["home"])
