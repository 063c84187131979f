"""Networks of thousands of real nodes in one process, in simulated time, from one seed.

This is the public face of the room; ``docs/simulation.md`` shows it at work.  Each name is imported
when it is first asked for: ``draw`` needs matplotlib.
"""

from typing import TYPE_CHECKING

from kadtwisted.lazy import homes, lazy

if TYPE_CHECKING:
    from kadtwisted.simulation.experiments.registry import run
    from kadtwisted.simulation.monitor import Monitor, NullMonitor
    from kadtwisted.simulation.pictures.album import draw
    from kadtwisted.simulation.results.results import Outcome, document
    from kadtwisted.simulation.scenario.catalogue import scenario_of
    from kadtwisted.simulation.scenario.scenario import Scenario

_HOMES = homes(
    {
        "kadtwisted.simulation.experiments.registry": "run",
        "kadtwisted.simulation.pictures.album": "draw",
        "kadtwisted.simulation.results.results": "Outcome document",
        "kadtwisted.simulation.scenario.catalogue": "scenario_of",
        "kadtwisted.simulation.scenario.scenario": "Scenario",
        "kadtwisted.simulation.monitor": "Monitor NullMonitor",
    }
)
"""Each name's module.  Type checkers and editors read the imports above instead."""

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy(__name__, _HOMES)

__all__ = [
    "Monitor",
    "NullMonitor",
    "Outcome",
    "Scenario",
    "document",
    "draw",
    "run",
    "scenario_of",
]
