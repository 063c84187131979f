"""Real daemons whose wall clocks differ: who is wrong is told by how much."""

from __future__ import annotations

import os

from tests.integration.daemons import DaemonsTestCase, put, status_of
from tests.integration.processes import KAD

CLOCK = """
import time
real = time.time
time.time = lambda: real() + {ahead}
"""


class ClockTests(DaemonsTestCase):
    async def test_a_node_whose_clock_is_wrong(self) -> None:
        seeds = []
        for each in (1, 2, 3):
            through = ("--bootstrap", seeds[0]) if seeds else ()
            name = f"seed{each}"
            await self.running(name, "--interface", f"127.0.0.{each}", *through)
            status = await status_of(await self.client(self.directory / name))
            seeds.append(status["addresses"][0])
        path = self.environment["PYTHONPATH"]
        for name, ahead, words in (
            ("ahead", 3600, "its clock is 3,600 s ahead of the network's"),
            ("behind", -7200, "its clock is 7,200 s behind the network's"),
        ):
            site = self.directory / f"site-{name}"
            site.mkdir()
            (site / "sitecustomize.py").write_text(CLOCK.format(ahead=ahead))
            self.environment["PYTHONPATH"] = os.pathsep.join((path, str(site)))
            options = [word for seed in seeds for word in ("--bootstrap", seed)]
            program = await self.running(name, *options)
            self.environment["PYTHONPATH"] = path
            await program.says(words)
            client = await self.client(self.directory / name)
            status = await status_of(client)
            self.assertLess(abs(status["clock_ahead_seconds"] - ahead), 60)
            shown = await self.run_to_end(*KAD, "status", "--state-dir", str(self.directory / name))
            self.assertIn(words[4:], shown.out.decode())
            receipt = await put(client, name, b"value")
            self.assertGreaterEqual(receipt["remote_acks"], 3)
