"""Daemons with a state directory, asked through their control socket without a process for it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.control_client import ControlClient, connect
from tests.integration.processes import TWISTD, ProcessTestCase, Program, Result


class DaemonsTestCase(ProcessTestCase):
    """Tests with daemons: each has a name, which is also that of its state directory."""

    def command(self, name: str, *options: str, port: int = 0) -> tuple[str, ...]:
        if "--interface" not in options:
            options = ("--interface", "127.0.0.1", *options)
        state = ("--state-dir", str(self.directory / name))
        return *TWISTD, *state, "--port", str(port), *options

    async def running(
        self, name: str, *options: str, port: int = 0, through: tuple[str, ...] = ()
    ) -> Program:
        """A daemon that listens; ``through`` stands before its command."""
        program = self.start(*through, *self.command(name, *options, port=port))
        await program.says("serves the network")
        return program

    async def refused(
        self, name: str, *options: str, code: int, words: str, through: tuple[str, ...] = ()
    ) -> Result:
        """A daemon that does not start, and why: one sentence, in the log, too."""
        result = await self.run_to_end(*through, *self.command(name, *options))
        self.assertEqual(result.code, code, result)
        self.assertEqual(result.err.count("\n"), 1, result.err)
        self.assertTrue(result.err.startswith("kademlia: "), result.err)
        self.assertIn(words, result.err)
        self.assertNotIn("Traceback", result.out.decode(), result.out.decode())
        self.assertIn(result.err.removeprefix("kademlia: ").strip(), result.out.decode())
        return result

    async def ends_well(self, program: Program) -> None:
        """As it is told to, in time, with nothing to complain of."""
        result = await program.end()
        self.assertEqual(result.code, -15, result)
        for words in ("Traceback", "Unhandled", "leaving at once"):
            self.assertNotIn(words, result.out.decode() + result.err)

    async def client(self, state: Path) -> ControlClient:
        """What asks the daemon with this state directory."""
        client = await connect(reactor, state / "control.sock")

        def hang_up() -> None:
            client.close()

        self.addCleanup(hang_up)
        return client


async def answers(program: Program, state: Path) -> None:
    """Wait until a daemon that can say nothing answers at its control socket."""
    while not program.ended.called:
        try:
            client = await connect(reactor, state / "control.sock")
        except ControlUnavailable:
            await deferLater(reactor, 0.05, lambda: None)
        else:
            await status_of(client)
            client.close()
            return
    raise AssertionError(f"it has ended: {await program.ended}")


async def status_of(client: ControlClient) -> dict[str, Any]:
    """How a daemon is."""
    return await client.perform("status", {})


async def put(client: ControlClient, key: str, value: bytes, **more: object) -> dict[str, Any]:
    """The receipt."""
    arguments = {"key": key, "value_base64": b64encode(value).decode(), **more}
    return await client.perform("put", arguments)


async def get(client: ControlClient, key: str, mode: str = "first") -> bytes:
    """The value."""
    found = await client.perform("get", {"key": key, "mode": mode})
    return b64decode(found["value_base64"])


async def together(doings: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """The results of all of these, side by side; the first error ends the waiting."""
    begun: list[Deferred[Any]] = [Deferred.fromCoroutine(each) for each in doings]
    try:
        return await gatherResults(begun, consumeErrors=True)
    except Exception as error:
        # What gatherResults raises hides what went wrong.
        failure = getattr(error, "subFailure", None)
        if isinstance(failure, Failure):
            failure.raiseException()
        raise
