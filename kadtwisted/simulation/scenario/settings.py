"""How tables of a scenario are read, from TOML and from texts, and written down again.

A table is a frozen dataclass whose fields say their kind and help
(:mod:`kadtwisted.model.settings.fields`).
Sub-tables are fields of their own; one that is ``None`` by default may be absent.

All mistakes are told in one :class:`~kadtwisted.errors.ConfigurationProblems`, by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kadtwisted.model.settings.fields import kind_of
from kadtwisted.model.settings.value_kinds import ValueKind
from kadtwisted.settings.directories import working_directory
from kadtwisted.settings.problems import Problems
from kadtwisted.settings.reading import Argument, Vocabulary, of_arguments, of_document, read

Changes = Mapping[str, str]
"""Values as texts, by their keys with dots between: what a command line says."""

Tables = Mapping[str, type[Any]]
"""The classes of sub-tables, by their names."""


def read_table(
    made: type[Any], tables: Tables, document: Mapping[str, Any], base: Path, changes: Changes
) -> Any:
    """A ``made`` of a TOML document, with ``changes`` on top; relative paths start at ``base``.

    ``tables`` are the classes of its sub-tables.  Raises
    :class:`~kadtwisted.errors.ConfigurationProblems`.
    """
    problems = Problems()
    known = Vocabulary("setting", MappingProxyType(dict(_kinds(made, tables))), tuple(tables))
    arguments = (Argument(key, key, text) for key, text in changes.items())
    raws = chain(
        of_document(document, "", base, known, problems),
        of_arguments(arguments, working_directory(), known, problems),
    )
    given = read(raws, known, problems)
    problems.tell()
    values = {key: each.value for key, each in given.items()}
    return _build(made, tables, values, [name for name in document if name in tables])


def _kinds(made: type[Any], tables: Tables) -> Iterator[tuple[str, ValueKind]]:
    """The kinds of a table's values and of its sub-tables' ones, by their keys."""
    for each in fields(made):
        kind = kind_of(each)
        if kind is not None:
            yield each.name, kind
        elif each.name in tables:
            for name, inner in _kinds(tables[each.name], {}):
                yield f"{each.name}.{name}", inner


def _build(made: type[Any], tables: Tables, values: Mapping[str, Any], named: list[str]) -> Any:
    own: dict[str, Any] = {key: value for key, value in values.items() if "." not in key}
    for name, inner in tables.items():
        given = {
            key.partition(".")[2]: value
            for key, value in values.items()
            if key.partition(".")[0] == name and "." in key
        }
        if given or name in named:
            own[name] = inner(**given)
    return made(**own)


def described(table: Any) -> dict[str, Any]:
    """A table as a dictionary of plain values, sub-tables within; absent ones are left out."""
    found: dict[str, Any] = {}
    for each in fields(table):
        value = getattr(table, each.name)
        if is_dataclass(value) and not isinstance(value, type):
            found[each.name] = described(value)
        elif isinstance(value, tuple):
            found[each.name] = list(value)
        elif isinstance(value, Path):
            found[each.name] = value.name
        elif value is not None:
            found[each.name] = value
    return found
