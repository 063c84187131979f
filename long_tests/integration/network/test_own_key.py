"""Real daemons that meet their own key: a machine that was cloned."""

from __future__ import annotations

import shutil

from tests.integration.daemons import DaemonsTestCase
from tests.integration.processes import KAD, free_port


class OwnKeyTests(DaemonsTestCase):
    async def test_a_machine_that_was_cloned(self) -> None:
        first = await self.running("a")
        await self.ends_well(first)
        shutil.copytree(
            self.directory / "a", self.directory / "b", ignore=shutil.ignore_patterns("*.sock")
        )
        port = free_port()
        first = await self.running("a", port=port)
        second = await self.running("b", "--bootstrap", f"127.0.0.1:{port}")
        for each in (first, second):
            await each.says("another node has the key of this one and answers at 127.0.0.1:")
            await each.says("the node is doubled")
        self.assertIn(f"answers at 127.0.0.1:{port}:".encode(), second.output)
        state = ("--state-dir", str(self.directory / "a"))
        shown = await self.run_to_end(*KAD, "status", *state)
        self.assertTrue(shown.out.decode().startswith("Doubled: another node has the same key"))
        self.assertRegex(shown.out.decode(), r"Same key at +127\.0\.0\.1:")
        await self.ends_well(second)
        await self.ends_well(first)
