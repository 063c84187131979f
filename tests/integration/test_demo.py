"""``kad demo`` as a newcomer runs it: one process, real sockets."""

from __future__ import annotations

import json

from tests.integration.processes import KAD, ProcessTestCase


class DemoTests(ProcessTestCase):
    async def test_nothing_is_lost(self) -> None:
        result = await self.kad("demo", "--nodes", "6", "--json")
        self.assertEqual(result.code, 0, result)
        outcome = json.loads(result.out)
        self.assertEqual((outcome["killed"], outcome["values"], outcome["kept"]), (2, 100, 100))
        self.assertEqual(outcome["stored"]["copies"]["fewest"], 6)
        self.assertEqual(outcome["failures"], {})
        self.assertNotIn("\x1b", result.err)

    async def test_interrupted(self) -> None:
        program = self.start(*KAD, "demo", "--nodes", "6")
        await program.says("kad: storing 100 values")
        result = await program.end("INT")
        self.assertEqual((result.code, result.out), (130, b""), result)
        self.assertEqual(
            [line[:4] for line in result.err.splitlines()], ["kad:"] * result.err.count("\n")
        )
