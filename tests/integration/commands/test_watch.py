"""``kad watch`` as a process: at a running daemon, and with a node of its own, until Ctrl-C."""

from __future__ import annotations

import json

from kadtwisted.cli.exit_codes import INTERRUPTED
from tests.integration.daemons import DaemonsTestCase
from tests.integration.processes import KAD, Program, free_port


class WatchTests(DaemonsTestCase):
    async def set_up(self) -> tuple[str, str]:
        """A daemon; the options that choose it, and its address."""
        port = free_port()
        await self.running("d", port=port)
        return str(self.directory / "d"), f"127.0.0.1:{port}"

    async def follow(self, watching: Program, state: str) -> None:
        await watching.says("nothing is there\n")
        self.assertEqual((await self.kad("put", "k", "one", "--state-dir", state)).code, 0)
        await watching.says("one (for ")
        self.assertEqual((await self.kad("delete", "k", "--state-dir", state)).code, 0)
        await watching.says("deleted\n")

    async def test_at_a_daemon_until_it_is_interrupted(self) -> None:
        state, _ = await self.set_up()
        watching = self.start(*KAD, "watch", "k", "--state-dir", state)
        await self.follow(watching, state)
        result = await watching.end("INT")
        self.assertIn(result.code, (INTERRUPTED, -2))
        self.assertEqual(result.err, "")

    async def test_with_a_node_of_its_own(self) -> None:
        state, address = await self.set_up()
        watching = self.start(*KAD, "watch", "k", "--bootstrap", address)
        await self.follow(watching, state)
        result = await watching.end("INT")
        self.assertEqual((result.code, result.err), (INTERRUPTED, ""))

    async def test_as_json_so_many_times(self) -> None:
        state, _ = await self.set_up()
        await self.kad("put", "k", "one", "--state-dir", state)
        result = await self.kad("watch", "k", "--json", "--count", "1", "--state-dir", state)
        self.assertEqual((result.code, json.loads(result.out)["value"]), (0, "one"))

    async def test_a_daemon_that_stops_ends_it(self) -> None:
        daemon = await self.running("d")
        watching = self.start(*KAD, "watch", "k", "--state-dir", str(self.directory / "d"))
        await watching.says("nothing is there")
        await self.ends_well(daemon)
        result = await watching.ended
        self.assertEqual(result.code, 69, result)
        self.assertEqual(result.err.count("\n"), 1, result)
