"""The one table of a daemon's options: their names, and where their values go.

Each option has a TOML key (``upkeep.rate``), an environment variable (``KADTWISTED_UPKEEP_RATE``)
and, if it is among the everyday ones, an argument of ``twistd kademlia``; all others are given
there as ``--set KEY=VALUE``.  An option is a field of the settings' classes.  The field says its
default, its kind and its help (:mod:`kadtwisted.model.settings.fields`); this table says its names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from kadtwisted.model.settings.fields import field_named, help_of, kind_of
from kadtwisted.model.settings.value_kinds import ValueKind
from kadtwisted.parameters import (
    Bounds,
    LimitSettings,
    NodeSettings,
    Parameters,
    Timeouts,
    UpkeepSettings,
)
from kadtwisted.settings import checks, interfaces
from kadtwisted.settings.daemon_settings import DEFAULTS, DaemonSettings, HttpSettings, LogSettings
from kadtwisted.settings.directories import PREFIX
from kadtwisted.settings.kinds import FilePath


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    ``path`` leads to its value in :class:`DaemonSettings`.  ``argument`` and ``letter`` are its
    names on the command line.  ``example`` is shown where there is no fixed default.
    ``reloadable``: a running daemon can change it.
    """

    key: str
    path: tuple[str, ...]
    kind: ValueKind
    help: str
    argument: str = ""
    letter: str = ""
    example: Any = None
    reloadable: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.key.replace(".", "_").upper()

    @property
    def default(self) -> Any:
        """The value of a daemon that is told none; ``None`` if there is none, or if it depends."""
        return self.of(DEFAULTS)

    @property
    def shown(self) -> str:
        """The default as TOML writes it; the example where there is no fixed default."""
        return self.kind.to_toml(self.default if self.example is None else self.example)

    def of(self, settings: DaemonSettings) -> Any:
        """The option's value in these settings."""
        value: Any = settings
        for name in self.path:
            value = getattr(value, name)
        return value

    def put(self, settings: DaemonSettings, value: Any) -> DaemonSettings:
        """These settings with another value of the option."""
        changed: DaemonSettings = _put(settings, self.path, value)
        return changed


def _put(target: Any, path: tuple[str, ...], value: Any) -> Any:
    name, *rest = path
    inner = _put(getattr(target, name), tuple(rest), value) if rest else value
    return replace(target, **{name: inner})


# --- The rows --------------------------------------------------------------------------------

Checks = Mapping[str, Callable[..., Any]]
"""Checks that a field's kind gets here, by the names that the kind gives them."""

_NO_CHECKS: Checks = MappingProxyType({})


def _of(made: type[Any], name: str, checked: Checks = _NO_CHECKS, **names: Any) -> Option:
    """The option of one field.

    A field of :class:`NodeSettings` stands on the lowest floor and cannot name the rules for its
    texts.  So ``checked`` adds them here.
    """
    field = field_named(made, name)
    kind = kind_of(field)
    if kind is None:
        raise LookupError(f"{made.__name__}.{name} does not say which values are good")
    path = (*_PLACES[made], name)
    key = ".".join(path[1:] if path[0] == "node" else path)
    return Option(key, path, replace(kind, **checked), help_of(field), **names)  # type: ignore[type-var]


TABLES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "parameters": Parameters,
        "timeouts": Timeouts,
        "limits": LimitSettings,
        "bounds": Bounds,
        "upkeep": UpkeepSettings,
    }
)
"""The tables that are fields of :class:`NodeSettings`, of the same name."""

_PLACES: Mapping[type[Any], tuple[str, ...]] = MappingProxyType(
    {
        DaemonSettings: (),
        LogSettings: ("log",),
        HttpSettings: ("http",),
        NodeSettings: ("node",),
        **{made: ("node", table) for table, made in TABLES.items()},
    }
)
"""Where each class of settings stands in :class:`DaemonSettings`."""

_EVERYDAY = (
    _of(NodeSettings, "port", argument="port", letter="p"),
    _of(
        NodeSettings, "interfaces",
        {"check": interfaces.check_interface, "together": interfaces.one_in_each_family},
        argument="interface", letter="i",
    ),
    _of(
        DaemonSettings, "bootstrap",
        {"check": checks.check_address, "together": checks.each_once},
        argument="bootstrap", letter="b", reloadable=True,
    ),
    _of(
        NodeSettings, "network", {"check": checks.check_network}, argument="network", letter="n"
    ),
    Option(  # the field holds the secrets, the option names their file
        "network_secret_file", ("node", "network_secrets"), FilePath("the path of a file"),
        "File with the secrets of a private network, one on each line, the newest first. Nodes "
        "that know none of them get no answer.",
        argument="network-secret-file", example="/etc/kademlia/network.secret",
    ),
    _of(NodeSettings, "allow", {"check": checks.check_prefix}, argument="allow"),
    _of(NodeSettings, "portmap", argument="portmap"),
    _of(NodeSettings, "reachability", argument="reachability"),
    _of(DaemonSettings, "storage", argument="storage"),
    _of(DaemonSettings, "serializer", argument="serializer"),
    _of(NodeSettings, "sealer", argument="sealer"),
    _of(
        DaemonSettings, "state_dir", argument="state-dir", letter="d", example="/var/lib/kademlia"
    ),
    _of(NodeSettings, "agent", {"check": checks.check_agent}, example="my node"),
    _of(LogSettings, "level", argument="log-level", reloadable=True),
    _of(LogSettings, "format", argument="log-format"),
    _of(
        HttpSettings, "listen",
        {"check": checks.check_endpoint, "together": checks.each_once}, argument="http",
    ),
    _of(HttpSettings, "tokens", argument="http-tokens", example="/etc/kademlia/http-tokens"),
    _of(HttpSettings, "hosts", {"check": checks.check_host}),
    _of(HttpSettings, "origins", {"check": checks.check_origin}),
)  # fmt: skip


def _in_tables() -> Iterator[Option]:
    for made in TABLES.values():
        for each in fields(made):
            yield _of(made, each.name)


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {option.key: option for option in (*_EVERYDAY, *_in_tables())}
)
"""All options by their keys, in the order in which they are shown."""
