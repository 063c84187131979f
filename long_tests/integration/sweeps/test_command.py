"""``kad simulate sweep``: interrupted, gone on with, and at a scheduler of dask."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.integration.processes import KAD, ProcessTestCase, Program
from tests.integration.sweeps.test_command import FILE

ENDLESS = """
[[list]]
operations = 200_000
"""
"""Runs that take long enough for anything to happen before."""
DASK = (sys.executable, "-m", "distributed.cli.dask_scheduler")
WORKER = (sys.executable, "-m", "distributed.cli.dask_worker")
ON_LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard")


class SweepTests(ProcessTestCase):
    def setUp(self) -> None:
        super().setUp()
        (self.directory / "s.toml").write_text(FILE)

    def files(self, name: str) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in (self.directory / name).glob("*.json")}

    def workers_of(self, program: Program) -> list[Path]:
        """The directories in /proc of the processes that execute runs."""
        number = program.transport.pid  # type: ignore[union-attr]
        listed = (each.read_text() for each in Path(f"/proc/{number}/task").glob("*/children"))
        places = [Path(f"/proc/{child}") for text in listed for child in text.split()]
        return [each for each in places if b"spawn_main" in (each / "cmdline").read_bytes()]

    async def test_interrupted_and_gone_on_with(self) -> None:
        sweep = ("simulate", "sweep", "s.toml", "--directory", "d")
        short = FILE.replace("operations = 3\n", "") + "[[list]]\noperations = 3\n"
        (self.directory / "s.toml").write_text(short + ENDLESS)
        program = self.start(*KAD, *sweep, "--jobs", "2")
        await program.says("kad: 1 of 16 done")
        workers = self.workers_of(program)
        self.assertEqual(len(workers), 2)
        interrupted = await program.end("INT")
        self.assertEqual((interrupted.code, interrupted.out), (130, b""), interrupted)
        self.assertIn("what is done is kept in d;", interrupted.err)
        self.assertNotIn("Traceback", interrupted.err)
        self.assertEqual([each for each in workers if each.exists()], [])
        (self.directory / "s.toml").write_text(
            short + ENDLESS.partition("[[list]]\noperations = 2")[0]
        )
        resumed = await self.kad(*sweep, "--jobs", "1", "--json")
        self.assertEqual(resumed.code, 0, resumed)
        self.assertIn("the sweep has changed since d was last used: 8 of its 8 runs", resumed.err)
        self.assertRegex(resumed.err, r"running \d simulations, \d of 8 are there already")
        serial = await self.kad("simulate", "sweep", "s.toml", "--jobs", "1", "--json")
        self.assertEqual(resumed.out, serial.out)
        self.assertEqual(self.files("d"), self.files("s.results"))

    async def test_a_worker_of_a_scheduler_is_killed(self) -> None:
        scheduler = self.start(*DASK, *ON_LOOPBACK, "--port", "0")
        await scheduler.says("Scheduler at:")
        (address,) = re.findall(r"Scheduler at: +(tcp://[\d.:]+)", scheduler.output.decode())
        workers = [await self.worker(address, f"w{number}") for number in range(2)]
        program = self.start(
            *KAD, "simulate", "sweep", "s.toml", "--directory", "d", "--scheduler", address
        )
        await program.says("kad: 1 of 8 done")
        await workers[0].end("KILL")
        result = await program.ended
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("Traceback", result.err)
        serial = await self.kad("simulate", "sweep", "s.toml", "--jobs", "1")
        self.assertEqual(result.out, serial.out)
        self.assertEqual(self.files("d"), self.files("s.results"))

    async def worker(self, address: str, name: str) -> Program:
        worker = self.start(
            *WORKER, address, *ON_LOOPBACK, "--no-nanny", "--nthreads", "1",
            "--memory-limit", "0", "--local-directory", name,
        )  # fmt: skip
        await worker.says("Registered to")
        return worker
