"""What a sweep is to run: read from its TOML file, and checked as a whole before anything runs.

A sweep varies settings of one scenario.  A *point* is one choice of them; each point is run once
for each seed.  Points are all combinations of a grid, each with every table of a list.

Rules: all mistakes are told at once.  The runs and their order follow from the file alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from kadtwisted.errors import ConfigurationError, ConfigurationProblems
from kadtwisted.settings.problems import Problems
from kadtwisted.settings.reading import parsed, text_of, unknown
from kadtwisted.simulation.experiments.registry import experiment_of
from kadtwisted.simulation.scenario.catalogue import scenario_of
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.simulation.scenario.settings import Changes

MOST_RUNS = 10_000
"""MAGIC: weeks of work for a large machine, so a longer sweep is a slip of the pen."""
MOST_MEASURES = 6
"""Panels that a printed page has room for."""

_KEYS = ("name", "about", "scenario", "seeds", "measures", "x", "set", "grid", "list")
_TOP = (*_KEYS[:6], "[set]", "[grid]", "[[list]]")
_EXAMPLE = "example"
_ENDING = ".toml"

Settings = Mapping[str, Any]
"""Values as TOML has them, by their keys with dots between."""


class Run(NamedTuple):
    """One simulation: the scenario of a point with one seed.  ``number`` counts from 0."""

    number: int
    point: int
    seed: int
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep, from a file whose name without its ending is ``stem``.

    ``points`` are the settings that differ, in order; all have the same keys, but a setting that
    only some tables of a list name is ``None`` elsewhere.  ``measures`` are the figures that people
    are shown, ``x`` is the horizontal axis of pictures; both may be empty.
    """

    stem: str
    name: str
    about: str
    points: tuple[Settings, ...]
    seeds: tuple[int, ...]
    scenarios: tuple[Scenario, ...]
    measures: tuple[str, ...]
    x: str

    def runs(self) -> list[Run]:
        """All runs, the first seed of all points first: so a sweep that is ended early has
        something of every point."""
        order = product(self.seeds, range(len(self.points)))
        return [
            Run(number, point, seed, replace(self.scenarios[point], seed=seed))
            for number, (seed, point) in enumerate(order)
        ]

    def said(self, run: Run) -> str:
        """A run as people are told of it."""
        parts = [f"{key}={value}" for key, value in self.points[run.point].items()]
        return ", ".join([*parts, f"seed={run.seed}"])


def plan_of(named: str, changes: Changes) -> Plan:
    """The sweep in a file, or the example that comes with the program, with ``changes`` (texts by
    key) in every run.

    :class:`~kadtwisted.errors.ConfigurationError` if there is none, or if anything in it is wrong.
    """
    if named == _EXAMPLE:
        path = Path(__file__).with_name(_EXAMPLE + _ENDING)
    elif named.endswith(_ENDING):
        path = Path(named)
    else:
        raise ConfigurationError(
            f"a sweep is a file that ends in {_ENDING}, or {_EXAMPLE!r}; not {named!r}"
        )
    try:
        document = parsed(text_of(path))
    except ConfigurationError as error:
        raise ConfigurationError(f"{named}: {error}") from None
    return read_plan(document, path.absolute().parent, path.stem, changes)


def read_plan(document: Mapping[str, Any], base: Path, stem: str, changes: Changes) -> Plan:
    """The sweep of a TOML document; scenarios that it names are looked for at ``base``.

    Its name is ``stem`` unless it says otherwise.
    """
    problems = Problems()
    for key in document:
        if key not in _KEYS:
            problems.add(key, unknown("setting of a sweep", key, _TOP))
    read = _Reading(document, problems)
    seeds, grid, rows = read.seeds(), read.grid(), read.rows()
    common = {**_texts(read.table("set")), **changes}
    keys = list(dict.fromkeys([*grid, *(key for row in rows for key in row)]))
    if "seed" in (*keys, *common):
        problems.add("seed", "a sweep has seeds of its own: set seeds = 10, or a list of them")
    for key in keys:
        if key in common:
            problems.add(key, "it is varied and set at once; leave one out")
        if key in grid and any(key in row for row in rows):
            problems.add(key, "it stands in the grid and in the list; leave one out")
    name, about, x = read.text("name", stem), read.text("about"), read.text("x")
    scenario, measures = read.text("scenario", "hops"), read.texts("measures")
    count = len(seeds) * prod(map(len, grid.values())) * max(1, len(rows))
    if count > MOST_RUNS:
        problems.add("seeds", f"these would be {count:,} runs; at most {MOST_RUNS:,} are possible")
    problems.tell()
    points = [dict.fromkeys(keys) | point for point in _points(grid, rows)]
    where = str(base / scenario) if scenario.endswith(_ENDING) else scenario
    scenarios = _scenarios(where, common, points)
    return Plan(stem, name, about, tuple(points), seeds, scenarios, measures, x)


def _points(grid: Mapping[str, list[Any]], rows: Sequence[Settings]) -> Iterator[dict[str, Any]]:
    for values in product(*grid.values()):
        for row in rows or [{}]:
            yield {**dict(zip(grid, values, strict=True)), **row}


def _scenarios(named: str, common: Changes, points: Sequence[Settings]) -> tuple[Scenario, ...]:
    """The scenario of each point; every mistake is told once, however many points have it."""
    made: list[Scenario] = []
    wrong: dict[str, None] = {}
    for point in points:
        own = {key: value for key, value in point.items() if value is not None}
        try:
            made.append(scenario_of(named, {**common, **_texts(own)}))
            experiment_of(made[-1])
        except ConfigurationProblems as several:
            wrong |= dict.fromkeys(several.problems)
    if wrong:
        raise ConfigurationProblems(list(wrong))
    return tuple(made)


def _texts(settings: Settings) -> dict[str, str]:
    return {key: _text(value) for key, value in settings.items()}


def _text(value: Any) -> str:
    """A value of TOML as the command line would have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``parameters.k = 8``, ``"parameters.k" = 8`` and a table in a table are all the same."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


class _Reading:
    """The parts of a document; what is wrong is collected."""

    def __init__(self, document: Mapping[str, Any], problems: Problems) -> None:
        self._document = document
        self._problems = problems

    def text(self, key: str, default: str = "") -> str:
        value = self._document.get(key, default)
        if isinstance(value, str):
            return value
        self._problems.add(key, f"expected a text, not {value!r:.60}")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._document.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self._problems.add(key, f"expected an array of names of figures, not {value!r:.60}")
            return ()
        if len(value) > MOST_MEASURES:
            self._problems.add(key, f"at most {MOST_MEASURES} figures can be shown")
        return tuple(dict.fromkeys(value))

    def table(self, key: str) -> Settings:
        value = self._document.get(key, {})
        if isinstance(value, dict):
            return dict(_flat(value))
        self._problems.add(key, f"expected a table, not {value!r:.60}")
        return {}

    def grid(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for key, value in self.table("grid").items():
            if isinstance(value, list) and value:
                # The same value twice would be the same runs twice.
                found[key] = [each for n, each in enumerate(value) if each not in value[:n]]
            else:
                self._problems.add(
                    f"grid.{key}", f"expected an array of values to try, not {value!r:.60}"
                )
        return found

    def rows(self) -> list[Settings]:
        value = self._document.get("list", [])
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            return [dict(_flat(each)) for each in value]
        self._problems.add("list", "expected tables, each written under [[list]]")
        return []

    def seeds(self) -> tuple[int, ...]:
        value = self._document.get("seeds", 1)
        given = value if isinstance(value, list) else range(1, value + 1) if _whole(value) else []
        if isinstance(value, int) and value > MOST_RUNS:
            given = range(1, MOST_RUNS + 2)  # counted as too many runs
        if not given or not all(map(_whole, given)):
            self._problems.add(
                "seeds", f"expected how many, or an array of them, not {value!r:.60}"
            )
            return (1,)
        return tuple(dict.fromkeys(given))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
