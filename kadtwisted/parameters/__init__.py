"""Settings: the only place where a default stands.

Options, configuration files, manual pages and scenarios are made from the classes below: each field
says its default, which values are good, and what it means.  Durations are in seconds.
"""

from __future__ import annotations

from kadtwisted.parameters.budgets import Bounds, LimitSettings
from kadtwisted.parameters.network import Parameters
from kadtwisted.parameters.node import NodeSettings
from kadtwisted.parameters.upkeep import UpkeepSettings
from kadtwisted.parameters.waiting import Timeouts

__all__ = (
    "Bounds",
    "LimitSettings",
    "NodeSettings",
    "Parameters",
    "Timeouts",
    "UpkeepSettings",
)
