"""The one table of a daemon's options: their names, kinds, and where they go.

Each option has a TOML key (``upkeep.rate``), an environment variable (``KADTWISTED_UPKEEP_RATE``)
and, if it is among the everyday ones, an argument of ``twistd kademlia``; all others are given
there by ``--set KEY=VALUE``.  Defaults stand in the settings' classes alone.  The tables
``[parameters]`` to ``[upkeep]`` are the fields of the classes of those settings, with their help
under the fields; only the ranges that differ from their kind's are told here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from kadtwisted.parameters import (
    HOUR,
    ID_BITS,
    MINUTE,
    Bounds,
    LimitSettings,
    NodeSettings,
    Parameters,
    Timeouts,
    UpkeepSettings,
)
from kadtwisted.settings import checks as config
from kadtwisted.settings.checks import DaemonSettings
from kadtwisted.settings.kinds import (
    Choice,
    Duration,
    FilePath,
    Kind,
    Number,
    Text,
    TextList,
    WholeNumber,
)

PREFIX = "KADTWISTED_"
"""How the names of our environment variables begin."""
FILE_VARIABLE = PREFIX + "CONFIG"
"""Names the configuration file; no option, since it cannot stand in that file."""

DEFAULTS = DaemonSettings(
    node=NodeSettings(port=config.DEFAULT_PORT), storage=config.DEFAULT_STORAGE
)
"""The settings of a daemon that is told nothing, but for its state directory."""

DAY = 24 * HOUR
LONGEST = 365 * DAY
MOST = 1_000_000_000
"""MAGIC: what no node needs; whatever is above is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    ``path`` leads to its value in :class:`DaemonSettings`.  ``help`` is empty where it stands under
    the field that the path ends in.  ``argument`` and ``letter`` are its names on the command line.
    ``example`` stands for the default where that cannot be written.  ``reloadable``: a running
    daemon can change it.
    """

    key: str
    path: tuple[str, ...]
    kind: Kind
    help: str = ""
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
        """The value of a daemon that is told none; ``None`` for none, or one that depends."""
        return self.of(DEFAULTS)

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


def _put(target: Any, path: Sequence[str], value: Any) -> Any:
    name, *rest = path
    return replace(target, **{name: _put(getattr(target, name), rest, value) if rest else value})


# --- The options of their own ----------------------------------------------------------------

_EVERYDAY = (
    Option(
        "port", ("node", "port"), WholeNumber(0, 65535), argument="port", letter="p",
        help="UDP port to serve; 0 lets the system choose.",
    ),
    Option(
        "interfaces", ("node", "interfaces"),
        TextList("an array of IP addresses", config.check_interfaces),
        argument="interface", letter="i",
        help="IP addresses to bind, at most one in each address family.",
    ),
    Option(
        "bootstrap", ("bootstrap",),
        TextList("an array of addresses [KEY@]HOST:PORT", config.check_bootstrap),
        argument="bootstrap", letter="b", reloadable=True,
        help="Addresses [KEY@]HOST:PORT of nodes to join through.",
    ),
    Option(
        "network", ("node", "network"), Text("a network's name", config.check_network),
        argument="network", letter="n", help="Name of the network.",
    ),
    Option(
        "network_secret_file", ("node", "network_secrets"), FilePath("the path of a file"),
        argument="network-secret-file", example="/etc/kademlia/network.secret",
        help="File with the secrets of a private network, one a line, the newest first.",
    ),
    Option(
        "allow", ("node", "allow"),
        TextList("an array of prefixes as 10.0.0.0/8", config.check_allow), argument="allow",
        help="Prefixes of private addresses to contact though ours is public.",
    ),
    Option(
        "storage", ("storage",), Text("NAME or NAME:ARGUMENT"), argument="storage",
        help="Storage for records, as sqlite, sqlite:PATH or memory.",
    ),
    Option(
        "serializer", ("serializer",), Text("a serializer's name"), argument="serializer",
        help="Serializer of messages.",
    ),
    Option(
        "sealer", ("node", "sealer"), Choice(config.SEALERS), argument="sealer",
        help="box seals every datagram; plain is for tests.",
    ),
    Option(
        "state_dir", ("state_dir",), FilePath("the path of a directory"),
        argument="state-dir", letter="d", example="/var/lib/kademlia",
        help="Directory for identity, records, lock and control socket; if not given, "
        "$STATE_DIRECTORY, else ~/.local/state/kademlia/PORT.",
    ),
    Option(
        "agent", ("node", "agent"), Text("a text", config.check_agent), example="my node",
        help="Text that others are told when they ping the node.",
    ),
    Option(
        "log.level", ("log", "level"), Choice(config.LOG_LEVELS), argument="log-level",
        reloadable=True, help="The least important messages that are logged.",
    ),
    Option(
        "log.format", ("log", "format"), Choice(config.LOG_FORMATS), argument="log-format",
        help="How the log is written; auto is journal under systemd, text elsewhere.",
    ),
)  # fmt: skip

# --- The tables ------------------------------------------------------------------------------

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

_DURATIONS: Mapping[str, Duration] = MappingProxyType(
    {
        "parameters": Duration(1.0, LONGEST),
        "timeouts": Duration(0.001, 10 * MINUTE),
        "upkeep": Duration(0.1, LONGEST),
    }
)
"""Times of a table.  None is zero: what is done again after no time at all is all that is done."""

_RANGES: Mapping[str, Kind] = MappingProxyType(
    {
        "parameters.id_bits": WholeNumber(ID_BITS, ID_BITS),
        "parameters.k": WholeNumber(1, 256),
        "parameters.alpha": WholeNumber(1, 64),
        "parameters.disjoint_paths": WholeNumber(1, 64),
        "parameters.replacement_cache": WholeNumber(1, 1000),
        "parameters.max_remaining": Duration(MINUTE, LONGEST),
        "parameters.token_rotation": Duration(10.0, DAY),
        "parameters.drop_after_failures": WholeNumber(1, 100),
        "timeouts.samples": WholeNumber(1, 65536),
        "timeouts.unknown_factor": Number(1, 100),
        "timeouts.hard_factor": Number(1, 100),
        "limits.proven_burst": Number(1, MOST),
        "limits.stranger_burst": Number(1, MOST),
        "limits.strangers_total_burst": Number(1, MOST),
        "bounds.stored_bytes": WholeNumber(1, 1 << 50),
        "bounds.datagrams_per_read": WholeNumber(1, 65536),
        "bounds.receive_buffer": WholeNumber(1 << 16, 1 << 30),
        "upkeep.burst": Number(1, MOST),
    }
)
"""Ranges that are narrower or wider than their kind's."""

NOT_ABOVE = (
    ("parameters.default_lifetime", "parameters.max_remaining"),
    ("timeouts.floor", "timeouts.ceiling"),
    ("upkeep.rejoin_first", "upkeep.rejoin_last"),
)
"""Pairs of which the first must not be above the second: else every put without a lifetime would
fail, no patience would fit, and pauses would shrink."""


def _kind(table: str, field: Field[Any]) -> Kind:
    special = _RANGES.get(f"{table}.{field.name}")
    if special is not None:
        return special
    if field.type == "int":
        return WholeNumber(1, MOST)
    if field.name.endswith(("rate", "burst")):
        return Number(0.001, MOST)
    return _DURATIONS[table]


def _in_tables() -> Iterator[Option]:
    for table, settings in TABLES.items():
        for field in fields(settings):
            yield Option(f"{table}.{field.name}", ("node", table, field.name), _kind(table, field))


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {option.key: option for option in (*_EVERYDAY, *_in_tables())}
)
"""All options by their keys, in the order in which they are shown."""


def contradictions(settings: DaemonSettings) -> Iterator[tuple[tuple[str, str], str]]:
    """The keys of options that do not go together, and a sentence that says so."""
    for pair in NOT_ABOVE:
        (low, at_least), (high, at_most) = (_shown(OPTIONS[key], settings) for key in pair)
        if low > high:
            yield pair, f"{pair[0]} ({at_least}) must not be above {pair[1]} ({at_most})"


def _shown(option: Option, settings: DaemonSettings) -> tuple[float, str]:
    value = option.of(settings)
    return value, option.kind.to_toml(value)
