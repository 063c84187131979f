"""Real daemons whose wall clocks differ: who is wrong is told by how much."""

from __future__ import annotations

import os

from tests.integration.daemons import DaemonsTestCase, status_of


class ClockTests(DaemonsTestCase):
    async def test_a_machine_that_slept_says_so(self) -> None:
        """Its monotonic clock stood still: that is set back here while the daemon runs."""
        file = self.directory / "slept"
        file.write_text("0")
        (self.directory / "sitecustomize.py").write_text(
            f"import time\nreal = time.monotonic\n"
            f"time.monotonic = lambda: real() - float(open({str(file)!r}).read() or 0)\n"
        )
        self.environment["PYTHONPATH"] += os.pathsep + str(self.directory)
        program = await self.running("a")
        await program.says("the node is serving")
        file.write_text("300")
        await program.says("the machine slept for 300 s")
        status = await status_of(await self.client(self.directory / "a"))
        self.assertEqual(status["health"], "serving")
        self.assertGreater(status["uptime_seconds"], 0)
        await self.ends_well(program)
