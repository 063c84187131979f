"""Checks what a program hands to a node, so that a mistake is told where it was made.

Types and signs are checked here.  What a value means, whoever uses it checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from zope.interface import Interface

from kadtwisted.errors import ConfigurationError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INodeState, ISerializer, IStorage
from kadtwisted.node.world import World
from kadtwisted.parameters import (
    Bounds,
    LimitSettings,
    NodeSettings,
    Parameters,
    Timeouts,
    UpkeepSettings,
)


def _is_series_of(kind: type) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, tuple | list) and all(isinstance(each, kind) for each in value)
    )


def _is_number(value: Any) -> bool:
    """Not a truth value; no NaN, which is not at least 0 either."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


_CHECKS: MappingProxyType[str, tuple[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "int": (
            "a whole number of at least 0",
            lambda value: isinstance(value, int) and _is_number(value),
        ),
        "float": ("a number of at least 0", _is_number),
        "bool": ("True or False", lambda value: isinstance(value, bool)),
        "str": ("a str", lambda value: isinstance(value, str)),
        "str | None": ("a str or None", lambda value: value is None or isinstance(value, str)),
        "tuple[str, ...]": ("a tuple of str", _is_series_of(str)),
        "tuple[bytes, ...]": ("a tuple of bytes", _is_series_of(bytes)),
    }
)
"""What a field of settings takes, by its annotation: in words, and as a test."""
_NESTED = MappingProxyType(
    {
        kind.__name__: kind()
        for kind in (Bounds, LimitSettings, Parameters, Timeouts, UpkeepSettings)
    }
)
"""The classes of settings that stand in fields of others, by name, with their defaults."""


PART_NAMES = MappingProxyType(
    {IStorage: "storage", ISerializer: "serializer", INodeState: "node state"}
)
"""What the parts of a node that a program may give it are called."""


def check_settings(settings: Any) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` unless these are settings of a node,
    and each value has the type of its field."""
    _check_kind(NodeSettings, settings, "the settings of a node are")
    _check_fields(settings, "")
    at_once = settings.bounds.concurrent_operations
    if at_once < 1:
        raise ConfigurationError(
            f"the setting bounds.concurrent_operations is at least 1, not {at_once}"
        )


def check_key(key: Any) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` unless this is a node's key."""
    _check_kind(NodeKey, key, "the key of a node is")


def check_world(world: Any) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` unless this is a node's world."""
    _check_kind(World, world, "the world of a node is")


def check_provider(interface: type[Interface], value: Any, name: str) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` unless an argument provides what it
    must."""
    if not interface.providedBy(value):
        raise ConfigurationError(
            f"the {name} must provide {interface.__name__}; {_shown(value)} does not"
        )


def check_parts(parts: Mapping[type[Interface], Any]) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` if a part that is given does not provide
    its interface; ``None`` stands for a part that is not given."""
    for interface, part in parts.items():
        if part is not None:
            check_provider(interface, part, PART_NAMES[interface])


def _check_fields(settings: Any, prefix: str) -> None:
    for each in fields(settings):
        value, annotation = getattr(settings, each.name), str(each.type)
        if annotation not in _CHECKS:
            _check_nested(each.name, annotation, value)
            continue
        words, fits = _CHECKS[annotation]
        if not fits(value):
            name = f"{prefix}{each.name}"
            raise ConfigurationError(f"the setting {name} is {words}, not {_shown(value)}")


def _check_nested(name: str, kind: str, value: Any) -> None:
    default = _NESTED[kind]
    if value is default or value == default:
        return  # most nodes have all of the defaults, and there may be thousands of nodes
    _check_kind(type(default), value, f"the setting {name} is")
    _check_fields(value, f"{name}.")


def _check_kind(kind: type, value: Any, what: str) -> None:
    if not isinstance(value, kind):
        raise ConfigurationError(f"{what} a {kind.__name__}, not {_shown(value)}")


def _shown(value: Any) -> str:
    """A value in an error's text: what may be a secret is shown by its type alone."""
    if value is None or isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list) and value:
        return f"{_typed(value)} of {type(value[0]).__name__}"
    return _typed(value)


def _typed(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
