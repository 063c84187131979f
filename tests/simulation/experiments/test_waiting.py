"""What callers wait for among the dead."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import id_to_bytes
from kadtwisted.simulation.experiments import waiting
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.models.latency import LatencySettings
from kadtwisted.simulation.monitor import NullMonitor
from kadtwisted.simulation.scenario.experiment_settings import RecordSettings
from kadtwisted.simulation.scenario.scenario import Faults, Scenario
from tests.simulation.small import SMALL

FEW = Scenario(
    experiment="waiting",
    nodes=(24,),
    operations=8,
    dead=(0,),
    parameters=SMALL,
    records=RecordSettings(count=4),
)
ONE = replace(FEW, records=RecordSettings(count=1))
KINDS = ("first", "full", "missing", "latest", "receipt")


class WaitingTests(SynchronousTestCase):
    def test_what_fails_is_counted(self) -> None:
        (row,) = run(replace(FEW, operations=2, faults=Faults(loss=1.0))).rows
        self.assertEqual([row[f"{kind}_failed"] for kind in KINDS[2:]], [2, 2, 2])
        self.assertIsNone(row["share_percent"])

    def test_a_wrong_value_is_no_success(self) -> None:
        crowd = waiting._crowd(waiting.Case(ONE, 24, 0), True, NullMonitor())
        ((key, value),) = crowd.values.items()
        asker, waits = crowd.askers[0], waiting.Waits()
        crowd.population.wait(asker.node.put(id_to_bytes(key), value + b"?"))
        (failure,) = crowd.population.paced(
            1,
            1.0,
            lambda _: waiting.Deferred.fromCoroutine(
                waiting.OPERATIONS["latest"](crowd, asker, waits)
            ),
        )
        failure.trap(waiting.WrongValue)
        self.assertEqual(waits.seconds, [])

    def test_an_observer_counts_the_nearest_that_hold_a_record(self) -> None:
        # None is slow: else the record would go to another one, too, and a fifth would hold it.
        alike = replace(ONE, latency=LatencySettings(model="constant"))
        crowd = waiting._crowd(waiting.Case(alike, 24, 0), True, NullMonitor())
        (key,) = crowd.values
        self.assertEqual(crowd.share(key), 100)
        crowd.population.crash(crowd.population.nearest(key, 1)[0])
        self.assertEqual(crowd.share(key), 75)
        self.assertEqual(crowd.share(crowd.free_key()), 0)
