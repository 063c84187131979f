"""``kad`` at a running daemon: what it imports, and what its standard streams may be."""

from __future__ import annotations

import signal
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready

from tests.integration.daemons import DaemonsTestCase
from tests.integration.processes import KAD, PATIENCE, Program, Result

CHEAP = {"dataclasses", "kadtwisted.parameters"}
HEAVY = ("twisted", "cbor2", "nacl", "sqlite3", "asyncio", "dataclasses", "kadtwisted.parameters")
IMPORTS = (
    "import sys; old = {*sys.modules}; "
    "from kadtwisted.cli.main import main; code = main(sys.argv[1:]); "
    f"print(*({{*{HEAVY!r}}} & {{*sys.modules}} - old), file=sys.stderr); sys.exit(code)"
)
"""Ends with a line of the heavy modules that it has imported; a tool that measures coverage has
imported some before it."""


class TerminalTests(DaemonsTestCase):
    """A terminal that is closed sends SIGHUP, and can be written no more."""

    def in_terminal(self, *argv: str) -> Program:
        program = Program()
        process = reactor.spawnProcess(  # type: ignore[attr-defined]
            program,
            argv[0],
            argv,
            env=self.environment,
            path=str(self.directory),
            usePTY=True,
        )

        def kill() -> Deferred[Result] | None:
            try:
                process.signalProcess("KILL")
            except ProcessExitedAlready:
                return None
            return program.ended

        self.addCleanup(kill)
        return program

    async def test_a_node_of_kad_stops_in_order(self) -> None:
        state = ("--state-dir", str(self.directory / "state"))
        serve = ("bootstrap", "--port", "0", "--interface", "127.0.0.1", *state)
        node = self.in_terminal(*KAD, *serve)
        await node.says("kad: running")
        self.assertEqual((await self.kad("put", "k", "v", *state)).code, 0)
        node.transport.loseConnection()
        self.assertEqual((await node.ended.addTimeout(PATIENCE, reactor)).code, 0)
        # SQLite leaves no log behind where it was closed.
        self.assertFalse((self.directory / "state/records.sqlite-wal").exists())

    async def test_it_stays_under_nohup(self) -> None:
        state = ("--state-dir", str(self.directory / "state"))
        serve = ("bootstrap", "--port", "0", "--interface", "127.0.0.1", *state)
        node = self.start("nohup", *KAD, *serve)
        await node.says("kad: running")
        node.transport.signalProcess("HUP")
        self.assertEqual((await self.kad("status", *state)).code, 0)
        self.assertEqual((await node.end()).code, 0)

    async def test_a_daemon_in_the_foreground_stays(self) -> None:
        """It hears SIGHUP as it always does: as a wish to read its settings again."""
        daemon = self.in_terminal(*self.command("d"))
        await daemon.says("serves the network")
        daemon.transport.loseConnection()
        state = ("--state-dir", str(self.directory / "d"))
        for _ in range(3):  # the log has nowhere to go
            stored = await self.kad("put", "k", "v", *state)
            self.assertEqual(stored.code, 0, stored.err)
        self.assertEqual((await daemon.end()).code, -signal.SIGTERM)


GONE = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'


class GoneTests(DaemonsTestCase):
    """A working directory that was removed."""

    async def test_what_needs_it_says_so_and_all_else_works(self) -> None:
        await self.running("d")
        there = ("sh", "-c", GONE, "sh")
        words = "the working directory cannot be used: no such file or directory"
        for argv, code in (
            (("status", "--state-dir", str(self.directory / "d")), 0),
            (("status",), 69),
            (("status", "--state-dir", "d"), 78),
            (("get", "k", "--bootstrap", "127.0.0.1:9"), 78),
            (("config", "check"), 78),
            (("init", "x"), 78),
        ):
            result = await self.run_to_end(*there, *KAD, *argv)
            self.assertEqual(result.code, code, (argv, result))
            self.assertEqual(words in result.err, code == 78, (argv, result))


class QuickTests(DaemonsTestCase):
    async def test_a_running_node_needs_no_reactor(self) -> None:
        await self.running("d")
        self.environment["KADTWISTED_STATE_DIR"] = str(self.directory / "d")
        for argv, code, out in (
            (("put", "k", "v"), 0, b""),
            (("get", "k"), 0, b"v"),
            (("get", "k", "--json"), 0, None),
            (("status",), 0, None),
            (("get", "nothing"), 1, b""),
        ):
            result = await self.run_to_end(sys.executable, "-c", IMPORTS, *argv)
            self.assertEqual(result.code, code, result)
            self.assertIn(out, (None, result.out))
            # Health has its sentences, and the key of a name its hash, at a small price.
            allowed = set() if argv[0] != "status" and not code else CHEAP
            self.assertLessEqual({*result.err.splitlines()[-1].split()}, allowed, (argv, result))

    async def test_where_it_is_found(self) -> None:
        await self.running("xdg/kademlia/8000")  # the default of this HOME
        self.assertEqual((await self.kad("set", "k", "of the default")).code, 0)
        await self.running("other")
        (self.directory / "config/kademlia").mkdir(parents=True)
        file = self.directory / "config/kademlia/node.toml"
        file.write_text(f'state_dir = "{self.directory}/other"')
        self.assertEqual((await self.kad("get", "k")).code, 1)
        self.assertEqual((await self.kad("set", "k", "of the file")).code, 0)
        default = str(self.directory / "xdg/kademlia/8000")
        self.environment["KADTWISTED_STATE_DIR"] = default
        self.assertEqual((await self.kad("get", "k")).out, b"of the default")
        state = ("--state-dir", str(self.directory / "other"))
        self.assertEqual((await self.kad("get", "k", *state)).out, b"of the file")
        wrong = await self.kad("get", "k", *state, "--network", "fleet")
        self.assertEqual((wrong.code, wrong.out), (64, b""))


class StreamTests(DaemonsTestCase):
    async def set_up(self) -> None:
        await self.running("d")
        self.environment["KADTWISTED_STATE_DIR"] = str(self.directory / "d")

    async def test_silent_input_is_interrupted(self) -> None:
        await self.set_up()
        for name, number in (("INT", signal.SIGINT), ("TERM", signal.SIGTERM)):
            for words in (("put", "k", "-"), ("import", "--storage", "sqlite:x", "-")):
                command = (
                    "import sys; from kadtwisted.cli import main, streams; there = streams.pieces\n"
                    "def told(stream):\n    print('reads', flush=True)\n    return there(stream)\n"
                    "streams.pieces = told\nfrom kadtwisted.cli.verbs.records import importing\n"
                    "importing.pieces = told; sys.exit(main.main(sys.argv[1:]))"
                )
                program = self.start(sys.executable, "-c", command, *words)
                await program.says("reads")
                result = await program.end(name)
                self.assertEqual((result.code, result.err), (128 + number, ""), words)
