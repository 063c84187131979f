"""From what people write (options, environment) to checked settings.

Used by ``twistd kademlia`` and by ``kad``.  Every refusal is a :class:`ConfigurationError`, or an
:class:`InvalidAddress`, whose message is one sentence.  Nothing is created and nothing is bound
here; secret files are read.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from kadtwisted.dialects.native import RESERVED_NETWORKS
from kadtwisted.errors import ConfigurationError, InvalidAddress, reason_of
from kadtwisted.model.contact import Family, parse_address
from kadtwisted.parameters import NodeSettings
from kadtwisted.routing.reachable import parse_prefixes
from kadtwisted.wire.layout import AGENT_BYTES

DEFAULT_PORT = 8000
"""The UDP port of a daemon that is told none."""
DEFAULT_STORAGE = "sqlite"
"""The storage of a daemon that is told none.  A short-lived node, which keeps no state, has that
of :class:`DaemonSettings`."""
SEALERS = ("box", "plain")
LOG_LEVELS = ("debug", "info", "warn", "error", "critical")
"""The levels of :mod:`twisted.logger`."""
LOG_FORMATS = ("auto", "text", "journal", "json")

NETWORK_NAME_BYTES = 255
"""MAGIC: long enough for any name; what is hashed has no limit of its own."""
SECRET_FILE_BYTES = 65536
"""MAGIC: a secret file is a few lines; a larger file is a mistake (a wrong path)."""
SOCKET_PATH_BYTES = 107
"""``sun_path`` holds 108 bytes with its terminator (Linux, unix(7))."""
ANY_ADDRESS = MappingProxyType({Family.IPV4: "0.0.0.0", Family.IPV6: "::"})


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the log tells, and how it is written: ``auto`` is ``journal`` under systemd."""

    level: str = "info"
    format: str = "auto"


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """All that a daemon is told.

    ``state_dir`` is ``None`` for a node that keeps no state, ``config_file`` for one whose settings
    come from no file.
    """

    node: NodeSettings = field(default_factory=NodeSettings)
    bootstrap: tuple[str, ...] = ()
    storage: str = "memory"
    serializer: str = "cbor"
    state_dir: Path | None = None
    log: LogSettings = field(default_factory=LogSettings)
    config_file: Path | None = None


def check_interfaces(interfaces: Sequence[str]) -> tuple[str, ...]:
    """IP addresses to bind, at least one and at most one in each family, in their shortest form."""
    chosen: dict[Family, str] = {}
    for text in interfaces:
        family, address = _parse_interface(text)
        if chosen.setdefault(family, address) != address:
            raise ConfigurationError(
                f"the interfaces {chosen[family]} and {address} are of one address family; "
                "give at most one IPv4 and one IPv6 address"
            )
    if not chosen:
        raise ConfigurationError("a node needs an interface; 0.0.0.0 stands for all of IPv4")
    return tuple(chosen[family] for family in sorted(chosen))


def _parse_interface(text: str) -> tuple[Family, str]:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise InvalidAddress(
            f"an interface is given by its IP address, as 192.0.2.1 or ::, not {text!r}"
        ) from None
    return Family(address.version), str(address)


def check_allow(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Prefixes whose private addresses may be contacted though our own address is public."""
    return tuple(str(prefix) for prefix in parse_prefixes(prefixes))


def check_bootstrap(addresses: Iterable[str]) -> tuple[str, ...]:
    """Bootstrap addresses, each once, in their normal form."""
    return tuple(dict.fromkeys(str(parse_address(text)) for text in addresses))


def check_network(name: str) -> str:
    """The name of a network."""
    if name in RESERVED_NETWORKS:
        raise ConfigurationError(f"the network name {name!r} is reserved; choose another one")
    if not name or not name.isprintable() or len(name.encode()) > NETWORK_NAME_BYTES:
        raise ConfigurationError(
            f"a network's name has 1 to {NETWORK_NAME_BYTES} bytes of printable text, "
            f"not {name[:40]!r}"
        )
    return name


def check_agent(text: str) -> str:
    """What a node says of itself."""
    if not text.isprintable() or len(text.encode()) > AGENT_BYTES:
        raise ConfigurationError(
            f"an agent is at most {AGENT_BYTES} bytes of printable text, not {text[:40]!r}"
        )
    return text


def read_secrets(path: str | Path) -> tuple[bytes, ...]:
    """The secrets in a file, one a line, the newest first; blanks around them do not count.

    :class:`ConfigurationError` if it cannot be read or holds none.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(SECRET_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the network secret file {path}: {reason_of(error)}"
        ) from error
    if len(text) > SECRET_FILE_BYTES:
        raise ConfigurationError(f"the network secret file {path} is larger than 64 KiB")
    secrets = tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not secrets:
        raise ConfigurationError(
            f"the network secret file {path} holds no secret; write one a line"
        )
    return secrets


def default_state_dir(environ: Mapping[str, str], port: int) -> Path:
    """Where a daemon keeps its state: ``$STATE_DIRECTORY`` (systemd), else by XDG and port."""
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    return xdg_directory(environ, "XDG_STATE_HOME", ".local/state") / "kademlia" / str(port)


def xdg_directory(environ: Mapping[str, str], variable: str, in_home: str) -> Path:
    """One of the user's directories by the XDG specification, which ignores relative paths."""
    named = environ.get(variable, "")
    if named.startswith("/"):
        return Path(named)
    return Path(environ.get("HOME") or os.path.expanduser("~"), in_home)


def check_state_dir(path: str | Path) -> Path:
    """A state directory, absolute, whose control socket's path the system can hold."""
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise ConfigurationError(f"there is no home directory for the state directory {expanded}")
    absolute = Path(expanded).absolute()
    if len(bytes(absolute / "control.sock")) > SOCKET_PATH_BYTES:
        raise ConfigurationError(
            f"the path of the state directory {absolute} is too long: with /control.sock it may "
            f"have {SOCKET_PATH_BYTES} bytes"
        )
    return absolute


def interfaces_towards(addresses: Iterable[str]) -> tuple[str, ...]:
    """The wildcard interfaces a node needs to reach addresses: a host name may be of both families.

    IPv4 if there are none.  The addresses were checked.
    """
    families: set[Family] = set()
    for text in addresses:
        families |= _families_of(parse_address(text).host)
    if len(families) > 1 and not ipv6_works():
        families.discard(Family.IPV6)
    return tuple(ANY_ADDRESS[family] for family in sorted(families or {Family.IPV4}))


def _families_of(host: str) -> set[Family]:
    try:
        return {Family(ipaddress.ip_address(host).version)}
    except ValueError:
        return set(Family)


def ipv6_works() -> bool:
    """Whether this host has IPv6 at all: a kernel without it cannot bind even ``::1``."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
