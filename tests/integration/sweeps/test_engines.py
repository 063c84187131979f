"""Runs in processes of their own: the same bytes, and none is lost with its process."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.monitor import NullMonitor
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.simulation.sweeps.engines import Attempt, Here, Processes
from kadtwisted.simulation.sweeps.running import Engine, Harvest, Sweep
from kadtwisted.simulation.sweeps.shelf import Shelf
from kadtwisted.simulation.sweeps.work import Answer, attempt, this_program
from tests.simulation.sweeps.small import planned

MARK = "TESTED_SWEEP"
"""The environment variable that names a file which says that a process has died."""


def dies_once(scenario: Scenario, program: str) -> Answer:
    """The first run of all with k = 5 kills its process."""
    mark = Path(os.environ[MARK])
    if scenario.parameters.k == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return attempt(scenario, program)


class SweptTestCase(SynchronousTestCase):
    """Tests that play a small sweep."""

    def setUp(self) -> None:
        self.told: list[str] = []

    def swept(self, engine: Engine) -> tuple[Harvest, dict[str, bytes]]:
        place, plan = Path(self.mktemp()), planned()
        kept = Shelf(place, plan, this_program())
        harvest = Sweep(plan, kept, NullMonitor(), self.told.append).run(lambda: engine)
        return harvest, {each.name: each.read_bytes() for each in place.glob("*.json")}

    def with_work(self, work: Attempt) -> tuple[Harvest, dict[str, bytes]]:
        return self.swept(Processes(2, work))


class ProcessesTests(SweptTestCase):
    def test_one_dies_midway(self) -> None:
        _, serial = self.swept(Here(NullMonitor()))
        with patch.dict(os.environ, {MARK: str(Path(self.mktemp()).absolute())}):
            harvest, found = self.with_work(dies_once)
        self.assertEqual(harvest.troubles, {})
        self.assertEqual(found, serial)
        (said,) = self.told
        self.assertIn("its process died", said)
        self.assertIn("it is tried again", said)
