"""Tables of settings as frozen dataclasses, and how they are read: from TOML, and from texts.

A field made by :func:`setting` carries its kind and its help, so a class says all there is to say
about a table, and nothing is said twice.  A field whose type is another such class is a sub-table
of its own; one that is ``None`` by default is a sub-table that may be absent.

All mistakes are told in one :class:`~kadtwisted.settings.problems.ConfigurationProblems`, by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kadtwisted.settings.kinds import Choice, Kind
from kadtwisted.settings.options import OPTIONS
from kadtwisted.settings.problems import Problems

Changes = Mapping[str, str]
"""Values as texts, by their keys with dots between: what a command line says."""

Tables = Mapping[str, type[Any]]
"""The classes of sub-tables, by their names."""


class YesOrNo(Choice):
    """A truth value: TOML's own, or the words ``true`` and ``false``."""

    def __init__(self) -> None:
        super().__init__(("true", "false"))

    def of_toml(self, value: object, base: Path) -> Any:
        """TOML's booleans."""
        if isinstance(value, bool):
            return value
        return super().of_toml(value, base) == "true"

    def to_toml(self, value: Any) -> str:
        """As TOML writes it."""
        return "true" if value else "false"


def setting(default: Any, kind: Kind, text: str) -> Any:
    """A field of a table: its default, what values are good, and one sentence for people."""
    return field(default=default, metadata={"kind": kind, "help": text})


def kind_of(table: str, each: Field[Any]) -> Kind | None:
    """What values are good for a field; ``None`` for a sub-table.

    Tables that a daemon has as well (``parameters``, ``timeouts``) have its kinds.
    """
    option = OPTIONS.get(f"{table}.{each.name}")
    kind: Kind | None = each.metadata.get("kind", option.kind if option is not None else None)
    return kind


def read(
    made: type[Any], tables: Tables, document: Mapping[str, Any], base: Path, changes: Changes
) -> Any:
    """A ``made`` of a TOML document, with ``changes`` on top; relative paths start at ``base``.

    ``tables`` are the classes of its sub-tables.  Raises
    :class:`~kadtwisted.settings.problems.ConfigurationProblems`.
    """
    problems = Problems()
    known = dict(_keys(made, tables))
    values: dict[str, Any] = {}
    for key, raw in _flat(document, tables):
        _take(values, known, key, problems, lambda kind, raw=raw: kind.of_toml(raw, base))
    here = Path.cwd()
    for key, text in changes.items():
        _take(values, known, key, problems, lambda kind, text=text: kind.of_text(text, here))
    problems.tell()
    return _build(made, tables, values, [name for name in document if name in tables])


def _keys(made: type[Any], tables: Tables) -> Iterator[tuple[str, Kind]]:
    for each in fields(made):
        kind = kind_of("", each)
        if kind is not None:
            yield each.name, kind
        for inner in fields(tables[each.name]) if each.name in tables else ():
            kind = kind_of(each.name, inner)
            if kind is not None:
                yield f"{each.name}.{inner.name}", kind


def _flat(document: Mapping[str, Any], tables: Tables) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if name in tables and isinstance(value, Mapping):
            for inner, each in value.items():
                yield f"{name}.{inner}", each
        else:
            yield name, value


def _take(
    values: dict[str, Any], known: Mapping[str, Kind], key: str, problems: Problems, reading: Any
) -> None:
    kind = known.get(key)
    if kind is None:
        problems.add(key, _unknown(key, known))
        return
    value = problems.of(key, lambda: reading(kind))
    if value is not None:
        values[key] = value


def _unknown(key: str, known: Mapping[str, Kind]) -> str:
    last = key.rpartition(".")[2]
    alike = [each for each in known if each.rpartition(".")[2] == last]
    alike += get_close_matches(key, known, 1)
    return "there is no such setting" + (f"; did you mean {alike[0]}?" if alike else "")


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
