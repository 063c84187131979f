"""Tokens in files, hosts and origins."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.errors import ConfigurationError
from kadtwisted.web.access import (
    TOKENS_BYTES,
    Role,
    is_our_host,
    is_our_origin,
    load_tokens,
    make_tokens_file,
)

GOOD = "a-secret-of-20-chars"


class TokensTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "tokens"

    def write(self, text: str, mode: int = 0o600) -> None:
        self.path.write_text(text)
        self.path.chmod(mode)

    def refused(self, words: str) -> None:
        with self.assertRaises(ConfigurationError) as caught:
            load_tokens(self.path)
        self.assertIn(words, str(caught.exception))

    def test_a_file_that_is_made_lets_an_admin_in(self) -> None:
        make_tokens_file(self.path, b"\xab" * 24)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(load_tokens(self.path).role_of("ab" * 24), Role.ADMIN)
        make_tokens_file(self.path, b"\xcd" * 24)
        self.assertEqual(load_tokens(self.path).role_of("cd" * 24), Role.NONE)

    def test_a_file_that_people_write(self) -> None:
        self.write(f"# ours\n\nread {GOOD}r for the monitor\n  write {GOOD}w\n")
        tokens = load_tokens(self.path)
        self.assertEqual(len(tokens), 2)
        self.assertEqual(tokens.role_of(f"{GOOD}r"), Role.READ)
        self.assertEqual(tokens.role_of(f"{GOOD}w"), Role.WRITE)
        for wrong in ("", GOOD, f"{GOOD}R", "\udcff", f"{GOOD}r "):
            self.assertEqual(tokens.role_of(wrong), Role.NONE)

    def test_what_is_no_token_is_told_by_its_line(self) -> None:
        for line in ("read short", f"root {GOOD}", "read", f"none {GOOD}"):
            self.write(f"admin {GOOD}\n{line}\n")
            self.refused("line 2 of")

    def test_a_file_that_is_too_long_is_not_cut(self) -> None:
        self.write(f"admin {GOOD}\n# {'x' * TOKENS_BYTES}\n")
        self.refused("more than 64 KiB")

    def test_a_token_has_one_role(self) -> None:
        self.write(f"write {GOOD}\nread {GOOD}\n")
        self.refused("line 2 of")
        self.write(f"write {GOOD}\nwrite {GOOD} again\n")
        self.assertEqual(load_tokens(self.path).role_of(GOOD), Role.WRITE)

    def test_a_file_that_others_can_read_is_refused(self) -> None:
        self.write(f"admin {GOOD}\n", 0o644)
        self.refused("chmod")

    def test_no_file_and_no_text(self) -> None:
        self.refused("no such file")
        self.path.write_bytes(b"\xff")
        self.path.chmod(0o600)
        self.refused("no text")


class NameTests(unittest.SynchronousTestCase):
    def test_hosts(self) -> None:
        for host in ("localhost", "LocalHost:80", "127.0.0.1:8480", "[::1]", "[::1]:8480", "Me:1"):
            self.assertTrue(is_our_host(host, ("me",)), host)
        for host in ("", "me.example", "127.0.0.1.example", "::1", "localhost:", "localhost:x"):
            self.assertFalse(is_our_host(host, ("me",)), host)

    def test_origins(self) -> None:
        ours = ("https://app.example",)
        for origin in ("http://localhost:8480", "https://localhost:8480", "https://app.example"):
            self.assertTrue(is_our_origin(origin, "localhost:8480", ours), origin)
        for origin in ("null", "http://localhost", "http://app.example", "https://app.example:1"):
            self.assertFalse(is_our_origin(origin, "localhost:8480", ours), origin)
