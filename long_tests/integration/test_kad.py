"""``kad`` at a running daemon: what its standard streams may be."""

from __future__ import annotations

import shlex
import sys

from twisted.internet import reactor

from tests.integration.daemons import DaemonsTestCase, answers
from tests.integration.processes import KAD, PATIENCE, TWISTD, Result

SILENT = {
    "pipe": "os.pipe()",
    "fifo": "(os.path.exists('fifo') or os.mkfifo('fifo'), os.open('fifo', os.O_RDWR))[1:] * 2",
    "socket": "[each.detach() for each in socket.socketpair()]",
    "terminal": "reversed(pty.openpty())",
}
"""Kinds of standard input, and what makes one: the end to read from, the end that says nothing."""
SILENCE = f"""
import os, pty, socket, sys
ours, other = eval({SILENT!r}[sys.argv[1]])
os.dup2(ours, 0)
os.set_inheritable(other, True)
os.execv(sys.argv[2], sys.argv[2:])
"""


class StreamTests(DaemonsTestCase):
    async def set_up(self) -> None:
        await self.running("d")
        self.environment["KADTWISTED_STATE_DIR"] = str(self.directory / "d")

    async def shell(self, words: str, streams: str) -> Result:
        """Run kad with its streams as the shell makes them."""
        script = f"exec {shlex.join(KAD)} {words} {streams}"
        return await self.run_to_end("/bin/sh", "-c", script)

    async def test_silent_input(self) -> None:
        await self.set_up()
        silent = [(kind, "2", ("--timeout", "2", "put", "k", "-")) for kind in SILENT]
        silent.append(("pipe", "8", ("--timeout", "8", "import", "--storage", "sqlite:x", "-")))
        silent.append(("pipe", "10", ("put", "k", "-")))  # what counts if nothing is said
        programs = [
            self.start(sys.executable, "-c", SILENCE, kind, *KAD, *words)
            for kind, _, words in silent
        ]
        for (kind, limit, words), program in zip(silent, programs, strict=True):
            result = await program.ended.addTimeout(PATIENCE, reactor)
            self.assertEqual(result.code, 75, (kind, words, result))
            said = f"kad: standard input has not ended within {limit} s\n"
            self.assertEqual(result.err, said, kind)

    async def test_closed_streams(self) -> None:
        await self.set_up()
        for streams, code, said in (
            ("<&-", 0, ""),
            ("2>&-", 0, ""),
            ("<&- 2>&-", 0, ""),
            (">&-", 74, "kad: cannot write to standard output: it is closed\n"),
            ("<&- >&-", 74, "kad: cannot write to standard output: it is closed\n"),
            ("<&- >&- 2>&-", 74, ""),
        ):
            stored = await self.shell("put k v", streams)
            self.assertEqual(stored.code, 0, (streams, stored))
            found = await self.shell("get k", streams)
            self.assertEqual((found.code, found.err), (code, said), streams)
            self.assertEqual(found.out, b"v" if code == 0 else b"")
        result = await self.shell("put k -", "<&-")
        self.assertEqual(result.code, 64, result)
        self.assertEqual(result.err, "kad: cannot read standard input: it is closed\n")
        self.assertEqual((await self.shell("--help", ">&-")).code, 74)

    async def test_a_full_disk(self) -> None:
        await self.set_up()
        await self.kad("put", "k", "v")
        full = "kad: cannot write to standard output: no space left on device\n"
        for words in ("get k", "status", "export", "config show", "--help", "--version",
                      "get nothing --json", "fly --json"):  # fmt: skip
            result = await self.shell(words, ">/dev/full")
            self.assertEqual(result.code, 74, (words, result))
            self.assertEqual(result.err.splitlines(True)[-1], full, words)
        stored = await self.shell("put k2 v --json", ">/dev/full")
        self.assertEqual(stored.code, 74)
        self.assertIn("it was stored, but the receipt is lost: cannot write", stored.err)
        self.assertEqual((await self.kad("get", "k2")).out, b"v")
        self.assertEqual((await self.shell("put k3 v", "2>/dev/full")).code, 0)
        exported = await self.shell("export /dev/full", "")
        self.assertEqual(exported.code, 71, exported)
        self.assertIn("no space left on device", exported.err)

    async def test_a_daemon_without_any(self) -> None:
        command = shlex.join((*TWISTD, "--port", "0", "--interface", "127.0.0.1"))
        for number, streams in enumerate(("<&-", ">&-", "2>&-", "<&- >&- 2>&-")):
            state = self.directory / f"d{number}"
            script = f"exec {command} --state-dir {state} {streams}"
            program = self.start("/bin/sh", "-c", script)
            await answers(program, state)
            result = await program.end()
            self.assertEqual(result.code, -15, (streams, result))
