"""Scenarios that come with the program, and those in files of users.

A preset is a file ``presets/NAME.toml`` of this package.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from kadtwisted.errors import ConfigurationError
from kadtwisted.settings.reading import parsed, text_of
from kadtwisted.simulation.scenario.scenario import Scenario, read_scenario
from kadtwisted.simulation.scenario.settings import Changes

_ENDING = ".toml"
_NO_PLACE = Path()


def presets() -> list[str]:
    """The names of the scenarios that come with the program, sorted."""
    found = (each.name for each in _shelf().iterdir())
    return sorted(each.removesuffix(_ENDING) for each in found if each.endswith(_ENDING))


def _shelf() -> Any:
    return files("kadtwisted.simulation") / "presets"


def scenario_of(named: str, changes: Changes) -> Scenario:
    """The scenario of a preset's name, or of the path of a TOML file, with ``changes`` on top.

    :class:`~kadtwisted.errors.ConfigurationError` if there is none, or if anything in it is wrong.
    """
    if named in presets():
        text = (_shelf() / f"{named}{_ENDING}").read_text(encoding="utf-8")
        return read_scenario(_parsed(text, named), _NO_PLACE, changes)
    if not named.endswith(_ENDING):
        raise ConfigurationError(
            f"there is no scenario {named!r}; choose one of {', '.join(presets())}, "
            f"or a file that ends in {_ENDING}"
        )
    path = Path(named)
    return read_scenario(_parsed(text_of(path), named), path.absolute().parent, changes)


def _parsed(text: str, named: str) -> dict[str, Any]:
    try:
        return parsed(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{named}: {error}") from None
