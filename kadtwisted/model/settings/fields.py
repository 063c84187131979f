"""How a field of a settings class says what it is.

A settings class is a frozen dataclass whose fields are made by :func:`setting`.  Each field then
carries its default, the kind of its values (:mod:`~kadtwisted.model.settings.value_kinds`) and its
help.
Options, configuration files, manual pages and scenarios read that here, so nothing is said twice.
"""

from __future__ import annotations

from dataclasses import Field, field, fields
from typing import Any, TypeVar

from kadtwisted.model.settings.value_kinds import ValueKind

T = TypeVar("T")

_KIND = "kind"
_HELP = "help"


def setting(default: T, kind: ValueKind, text: str) -> T:
    """A field of a settings class.

    ``kind`` says which values are good, and their unit; ``text`` is the help that users read: one
    sentence or a few.  The annotation says ``T``, as that of :func:`dataclasses.field` does: the
    class decorator replaces the field by its default.
    """
    return field(default=default, metadata={_KIND: kind, _HELP: text})


def kind_of(each: Field[Any]) -> ValueKind | None:
    """The kind of a field's values; ``None`` for a field that was not made by :func:`setting`."""
    kind: ValueKind | None = each.metadata.get(_KIND)
    return kind


def help_of(each: Field[Any]) -> str:
    """The help of a field; empty for a field that was not made by :func:`setting`."""
    return str(each.metadata.get(_HELP, ""))


def brief(settings: Any) -> str:
    """What ``repr`` says of settings: the fields that differ from their defaults; of a field whose
    ``repr`` is off only that it is given."""
    default = type(settings)()
    told = [
        f"{each.name}={getattr(settings, each.name)!r}" if each.repr else f"{each.name}=<hidden>"
        for each in fields(settings)
        if getattr(settings, each.name) != getattr(default, each.name)
    ]
    return f"{type(settings).__name__}({', '.join(told)})"


def field_named(made: type[Any], name: str) -> Field[Any]:
    """The field of that name of a settings class; :class:`LookupError` if there is none."""
    for each in fields(made):
        if each.name == name:
            return each
    raise LookupError(f"{made.__name__} has no field {name!r}")
