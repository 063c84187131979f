"""Checks of single values that people write: each returns a value's normal form, or refuses it.

Every refusal is a :class:`~kadtwisted.errors.ConfigurationError`, or an
:class:`~kadtwisted.errors.InvalidAddress`, with one sentence.  Nothing is created or bound here;
only secret files are read.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterable
from pathlib import Path

from kadtwisted.constants import NETWORK_NAME_BYTES
from kadtwisted.dialects.native import RESERVED_NETWORKS
from kadtwisted.errors import ConfigurationError, reason_of
from kadtwisted.model.contact import parse_address
from kadtwisted.model.printable import printable
from kadtwisted.routing.reachable import parse_prefixes
from kadtwisted.storage.guard import SECRET, UnsafeFile, read_file
from kadtwisted.wire.layout import AGENT_BYTES

WEAK_BELOW = 16
"""Bytes; as text of letters and digits these have 80 bits (NIST SP 800-63B asks for 112 bits of
what machines guess, but people choose words)."""
FEW_CHARACTERS = 6
"""MAGIC: different bytes; a random secret of 16 hexadecimal digits nearly always has more."""
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]")
_ORIGIN = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*://({_HOST.pattern})(:[0-9]{{1,5}})?/?")
SECRET_FILE_BYTES = 65536
"""MAGIC: a secret file is a few lines; a larger file is a mistake (a wrong path)."""


def check_prefix(text: str) -> str:
    """A prefix of IP addresses such as ``10.0.0.0/8``, or a single address."""
    (prefix,) = parse_prefixes([text])
    return str(prefix)


def check_allow(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Prefixes of private addresses that may be contacted though our own address is public."""
    return tuple(map(check_prefix, prefixes))


def check_endpoint(text: str) -> str:
    """A string that says where to listen, as Twisted's endpoints are written."""
    if text.partition(":")[0] not in ("tcp", "tcp4", "tcp6", "unix", "ssl", "systemd"):
        raise ConfigurationError(
            f"{text!r:.200} says nowhere to listen: write tcp:8480:interface=127.0.0.1 or unix:…"
        )
    return text


def check_host(text: str) -> str:
    """A name by which HTTP clients call this machine, as it stands in a URL, without a port."""
    if _HOST.fullmatch(text) is None:
        raise ConfigurationError(
            f"{text!r:.200} is no host name: write it as in a URL, without http:// and port, as "
            "node.example, 192.0.2.7 or [2001:db8::7]"
        )
    return text.lower()


def check_origin(text: str) -> str:
    """Where pages come from, as browsers write it: a scheme, a host and a port that is not the
    usual one.  All pages of no origin are ``null``, so that is nobody's name."""
    if _ORIGIN.fullmatch(text) is None:
        raise ConfigurationError(
            f"{text!r:.200} is no origin: write SCHEME://HOST or SCHEME://HOST:PORT, as "
            "https://app.example"
        )
    return text.removesuffix("/").lower()


def check_address(text: str) -> str:
    """An address ``[KEY@]HOST:PORT`` in its normal form."""
    return str(parse_address(text))


def each_once(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Texts without those that stood before."""
    return tuple(dict.fromkeys(texts))


def check_bootstrap(addresses: Iterable[str]) -> tuple[str, ...]:
    """Bootstrap addresses, each once, in their normal form."""
    return each_once(tuple(map(check_address, addresses)))


def check_network(name: str) -> str:
    """The name of a network."""
    if name in RESERVED_NETWORKS:
        raise ConfigurationError(f"the network name {name!r} is reserved; choose another one")
    if not name or printable(name) != name or len(name.encode()) > NETWORK_NAME_BYTES:
        raise ConfigurationError(
            f"a network's name has 1 to {NETWORK_NAME_BYTES} bytes of printable text, "
            f"not {name[:40]!r}"
        )
    return name


def check_agent(text: str) -> str:
    """What a node says of itself."""
    if printable(text) != text or len(text.encode()) > AGENT_BYTES:
        raise ConfigurationError(
            f"an agent is at most {AGENT_BYTES} bytes of printable text, not {text[:40]!r}"
        )
    return text


def read_secrets(path: str | Path) -> tuple[bytes, ...]:
    """The secrets in a file, one a line, the newest first; blanks around them do not count.

    :class:`ConfigurationError` if it cannot be read, is open to other users or holds none.
    """
    try:
        text = read_file(Path(path), SECRET_FILE_BYTES, SECRET, "the network secret file")
    except UnsafeFile as error:
        raise ConfigurationError(str(error)) from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the network secret file {path}: {reason_of(error)}"
        ) from error
    if len(text) > SECRET_FILE_BYTES:
        raise ConfigurationError(f"the network secret file {path} is larger than 64 KiB")
    secrets = each_line_once(text)
    if not secrets:
        raise ConfigurationError(
            f"the network secret file {path} holds no secret; write one on each line"
        )
    return secrets


def weakness_of(secrets: Iterable[bytes]) -> str:
    """What is wrong with secrets that can be guessed; empty if nothing is.

    Whoever records one datagram can try secrets for as long as he likes, millions a second.
    """
    shortest = min(map(len, secrets), default=WEAK_BELOW)
    varied = min((len(set(each)) for each in secrets), default=WEAK_BELOW)
    if shortest >= WEAK_BELOW and varied >= FEW_CHARACTERS:
        return ""
    what = f"has {shortest} bytes" if shortest < WEAK_BELOW else "repeats few characters"
    return (
        f"the network secret can be guessed: one {what}; `kad secret new FILE` makes one that "
        "nobody guesses"
    )


def each_line_once(text: bytes) -> tuple[bytes, ...]:
    """The lines of a text, without blanks around them, empty lines and repetitions.

    A byte order mark, with which editors on Windows begin a file, is no part of the first line.
    """
    lines = (line.strip() for line in text.removeprefix(BOM_UTF8).splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))
