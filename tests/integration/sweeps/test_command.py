"""``kad simulate sweep``: interrupted, gone on with, and at a scheduler of dask."""

from __future__ import annotations

from tests.integration.processes import ProcessTestCase

FILE = """
scenario = "hops"
seeds = 4
[set]
nodes = 30
operations = 3
[grid]
parameters.k = [4, 8]
"""


class SweepTests(ProcessTestCase):
    def setUp(self) -> None:
        super().setUp()
        (self.directory / "s.toml").write_text(FILE)

    async def test_no_scheduler(self) -> None:
        result = await self.kad(
            "simulate", "sweep", "s.toml", "--scheduler", "tcp://127.0.0.1:1", "--timeout", "10"
        )
        self.assertNotEqual(result.code, 0)
        self.assertIn("no scheduler of dask answers at tcp://127.0.0.1:1", result.err)
