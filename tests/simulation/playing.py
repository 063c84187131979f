"""The presets on a dozen nodes, for tests of the form of results, not of their figures."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.results.results import document, to_json
from kadtwisted.simulation.scenario.catalogue import scenario_of

_TINY = MappingProxyType({"nodes": "12", "operations": "4", "parameters.k": "4", "duration": "0"})
_VALUES = MappingProxyType({"records.count": "2", "records.age": "0"})
_OWN = MappingProxyType(
    {
        "churn": {**_VALUES, "churn.sessions": "5m,2m", "churn.lasts": "4m"},
        "crash": {**_VALUES, "dead": "30,50", "parameters.replication_period": "10m"},
        "partition": {"partition.lasts": "2m", "partition.watched": "2m", "partition.keys": "2"},
        "sybil": {**_VALUES, "shares": "10,20"},
        "eclipse": {"hoard.ids": "5", "hoard.lasts": "2m"},
        "nat": {**_VALUES, "shares": "0,30"},
        "nat-mix": {**_VALUES, "shares": "60"},
        "latency": {"dead": "0,10"},
        "waiting": {"records.count": "2", "dead": "0,10"},
    }
)


def played(preset: str) -> dict[str, Any]:
    """The document of a preset on a few nodes, as after saving and reading it."""
    scenario = scenario_of(preset, _TINY | _OWN.get(preset, {}))
    return dict(json.loads(to_json(document(scenario, run(scenario)))))
