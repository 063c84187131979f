"""The campaigns with real daemons, in sizes that take seconds: what is lost, and in what order."""

from __future__ import annotations

import os

from tests.integration.test_processes import ProcessesTestCase

NO_HURRY = "60"
"""Seconds that a start may take here: a machine that runs tests may be busy."""


class KillTests(ProcessesTestCase):
    def words(self, storage: str, *more: str) -> tuple[str, ...]:
        return ("kill", "--storage", storage, "--longest", "0.4", "--start", NO_HURRY, *more)

    async def test_sqlite_loses_nothing(self) -> None:
        await self.assert_kept(*self.words("sqlite", "--kills", "5", "--check-every", "3"))

    async def test_lmdb_loses_nothing(self) -> None:
        await self.assert_kept(*self.words("lmdb", "--kills", "5", "--check-every", "3"))

    async def test_memory_loses_everything(self) -> None:
        code, said = await self.play(*self.words("memory", "--kills", "2"))
        self.assertEqual(code, 1, said)
        missing = next(line for line in said.splitlines() if "records missing" in line)
        self.assertTrue(missing.endswith("MISSED"), missing)


class OrderTests(ProcessesTestCase):
    """Where a process may not be watched, the command says so and ends with 69."""

    SIZES = ("--singly", "20", "--grouped", "200")

    async def assert_in_order(self, storage: str) -> None:
        code, said = await self.play("order", "--storage", storage, *self.SIZES)
        if code == os.EX_UNAVAILABLE:
            self.assertIn("strace", said)
        else:
            self.assertEqual(code, 0, said)

    async def test_sqlite_acknowledges_what_is_safe(self) -> None:
        await self.assert_in_order("sqlite")

    async def test_lmdb_acknowledges_what_is_safe(self) -> None:
        await self.assert_in_order("lmdb")

    async def test_memory_is_never_safe(self) -> None:
        code, said = await self.play("order", "--storage", "memory", *self.SIZES)
        if code == os.EX_UNAVAILABLE:
            self.assertIn("strace", said)
        else:
            self.assertEqual(code, 1, said)
            self.assertIn("never safe", said)


class RestartTests(ProcessesTestCase):
    async def test_daemons_come_back_together(self) -> None:
        sizes = ("--daemons", "4", "--records", "400", "--within", "1")
        times = ("--watch", "1.5", "--alone", "1.4", "--spread", "0")  # minutes, of a busy machine
        await self.assert_kept("restart", *sizes, *times)
