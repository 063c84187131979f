"""Checks what a program hands to a node, so that a mistake is told where it was made.

Types and signs are checked here.  What a value means, whoever uses it checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from types import MappingProxyType
from typing import Any, NamedTuple

from zope.interface import Interface

from kadtwisted.constants import ID_BITS, NETWORK_NAME_BYTES
from kadtwisted.errors import ConfigurationError, InvalidAddress, InvalidInput
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INodeState, ISerializer, IStorage
from kadtwisted.lookup.records import MODES
from kadtwisted.model.contact import KEY_BYTES, Address, Contact, Family, parse_address
from kadtwisted.model.printable import described, printable, typed
from kadtwisted.model.publication import Keeping
from kadtwisted.model.record import StorageKey
from kadtwisted.model.results import WAITS
from kadtwisted.model.settings.fields import kind_of
from kadtwisted.model.settings.value_kinds import WholeNumber
from kadtwisted.node.world import World
from kadtwisted.parameters import (
    Bounds,
    LimitSettings,
    NodeSettings,
    Parameters,
    Timeouts,
    UpkeepSettings,
)
from kadtwisted.wire.layout import AGENT_BYTES


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


class Target(NamedTuple):
    """A node that is wanted: its public key, and perhaps where it is said to be."""

    key: bytes
    contact: Contact | None = None
    address: Address | None = None


def read_target(target: Any, own_key: bytes) -> Target:
    """Whom a caller wants: a contact, a public key of 32 bytes, its 64 hexadecimal digits, or
    ``KEY@HOST:PORT``.

    :class:`InvalidAddress` for anything else, and for the node itself.
    """
    found = _read_target(target)
    if found.key == own_key:
        raise InvalidAddress("this is the key of this node itself")
    return found


def _read_target(target: Any) -> Target:
    if isinstance(target, Contact):
        return Target(target.key, contact=target)
    if isinstance(target, bytes) and len(target) == KEY_BYTES:
        return Target(target)
    if isinstance(target, str) and "@" in target:
        address = parse_address(target)
        if address.key is not None:
            return Target(address.key, address=address)
    elif isinstance(target, str) and len(target) == 2 * KEY_BYTES:
        with suppress(ValueError):
            return Target(bytes.fromhex(target))
    shown = f"{target!r:.100}" if isinstance(target, str) else described(target)
    raise InvalidAddress(
        f"a node is given by its public key, 64 hexadecimal digits, or KEY@HOST:PORT, not {shown}"
    )


def check_settings(settings: Any) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` unless these are settings of a node,
    and each value has the type of its field."""
    _check_kind(NodeSettings, settings, "the settings of a node are")
    _check_fields(settings, "")
    agent, network = settings.agent, settings.network
    if not network or printable(network) != network or len(network.encode()) > NETWORK_NAME_BYTES:
        raise ConfigurationError(
            f"the setting network has 1 to {NETWORK_NAME_BYTES} bytes of printable text, "
            f"not {network!r:.80}"
        )
    if agent is not None and (printable(agent) != agent or len(agent.encode()) > AGENT_BYTES):
        raise ConfigurationError(
            f"the setting agent is at most {AGENT_BYTES} bytes of printable text, not {agent!r:.80}"
        )


def check_key(key: Any) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` unless this is a node's key."""
    _check_kind(NodeKey, key, "the key of a node is")


def check_world(world: Any) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` unless this is a node's world."""
    _check_kind(World, world, "the world of a node is")
    for name in ("now", "unix_time", "resolve", "secure_random"):
        value = getattr(world, name)
        if not callable(value):
            raise ConfigurationError(f"{name} of a World is a function, not {typed(value)}")


def check_sockets(sockets: Any) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` unless these are sockets by family."""
    fits = isinstance(sockets, Mapping) and all(isinstance(each, Family) for each in sockets)
    if not fits:
        raise ConfigurationError(
            f"the sockets of a node are a mapping of sockets by Family, not {described(sockets)}"
        )


# --- What an operation is given ------------------------------------------------------------------


def check_flag(name: str, value: Any) -> None:
    """Raise :class:`~kadtwisted.errors.InvalidInput` unless this is a truth value."""
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} is True or False, not {described(value)}")


def check_keeping(keep: Any, put_back: Any, pin: Any, k: int) -> Keeping:
    """What becomes of a record after it was stored; what is pinned is kept, too.

    :class:`~kadtwisted.errors.InvalidInput` unless it can be kept like this.
    """
    check_flag("keep", keep)
    check_flag("put_back", put_back)
    check_pin(pin, k, least=0)
    if put_back and not (keep or pin):
        raise InvalidInput("put_back says what becomes of a record that is kept: give keep, too")
    return Keeping(keep, put_back, pin)


def check_pin(pin: Any, k: int, *, least: int = 1) -> None:
    """Raise :class:`~kadtwisted.errors.InvalidInput` unless a record can have so many holders."""
    if not _is_whole(pin, least, k):
        raise InvalidInput(f"a pin is a number of holders, from 1 to {k} (k), not {described(pin)}")


def check_wait(wait: Any) -> None:
    """Raise :class:`~kadtwisted.errors.InvalidInput` unless a write can be waited for so long."""
    if wait not in WAITS:
        raise InvalidInput(f"a write waits for one of {', '.join(WAITS)}, not {described(wait)}")


def check_mode(mode: Any) -> None:
    """Raise :class:`~kadtwisted.errors.InvalidInput` unless a value can be read like this."""
    if mode is not None and mode not in MODES:
        raise InvalidInput(f"the mode is one of {', '.join(MODES)}, not {mode!r:.60}")


def check_kind(kind: Any) -> None:
    """Raise :class:`~kadtwisted.errors.InvalidInput` unless this can be the number of a kind."""
    if not _is_whole(kind, 0, 255):
        raise InvalidInput(f"a kind is a whole number from 0 to 255, not {described(kind)}")


def check_callback(callback: Any) -> None:
    """Raise :class:`~kadtwisted.errors.InvalidInput` unless this can be called, or is ``None``."""
    if callback is not None and not callable(callback):
        raise InvalidInput(f"a callback is a function of one argument, not {described(callback)}")


def check_record(record: Any, cas: Any) -> None:
    """Raise :class:`~kadtwisted.errors.InvalidInput` unless these can be a record and the sequence
    number that it is to replace."""
    if not isinstance(record, bytes):
        raise InvalidInput(f"a record is bytes, not {described(record)}")
    if cas is not None and not _is_whole(cas, 0, (1 << 63) - 1):
        raise InvalidInput(
            f"cas is a whole number of at least 0 and below 2^63, or None, not {described(cas)}"
        )


def check_page(after: Any, limit: Any) -> None:
    """Raise :class:`~kadtwisted.errors.InvalidInput` unless a page can begin and end there."""
    if not _is_whole(limit, 1, 1 << 31):
        raise InvalidInput(f"limit is a whole number of at least 1, not {described(limit)}")
    if after is not None and not _is_place(after):
        raise InvalidInput(f"after is a StorageKey or None, not {described(after)}")


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, StorageKey)
        and _is_whole(value.kind, 0, 255)
        and _is_whole(value.key, 0, (1 << ID_BITS) - 1)
        and isinstance(value.sub, bytes)
    )


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def check_provider(interface: type[Interface], value: Any, name: str) -> None:
    """Raise :class:`~kadtwisted.errors.ConfigurationError` unless an argument provides what it
    must."""
    if not interface.providedBy(value):
        raise ConfigurationError(
            f"the {name} must provide {interface.__name__}; {described(value)} does not"
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
            raise ConfigurationError(f"the setting {name} is {words}, not {described(value)}")
        kind = kind_of(each)
        if isinstance(kind, WholeNumber) and value < kind.low:
            raise ConfigurationError(
                f"the setting {prefix}{each.name} is at least {kind.low}, not {described(value)}"
            )


def _check_nested(name: str, kind: str, value: Any) -> None:
    default = _NESTED[kind]
    if value is default or value == default:
        return  # most nodes have all of the defaults, and there may be thousands of nodes
    _check_kind(type(default), value, f"the setting {name} is")
    _check_fields(value, f"{name}.")


def _check_kind(kind: type, value: Any, what: str) -> None:
    if not isinstance(value, kind):
        raise ConfigurationError(f"{what} a {kind.__name__}, not {described(value)}")
