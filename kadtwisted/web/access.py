"""Who may do what through HTTP: bearer tokens and their roles, hosts and origins.

* A *token* gives a role: ``read``, ``write`` or ``admin``; each includes those before it.  Tokens
  stand in a file of mode 0600, one a line: ``ROLE TOKEN``, and then anything for people.
* Without a token a client on this machine that calls it by a local name may read, unless a proxy
  asks for it.  All others may do nothing.
* A Unix socket is guarded by its file: whoever can open it may do everything.
* The ``Host`` must be a name of this machine, so that a page from elsewhere cannot reach us under a
  name of its own (DNS rebinding); and a browser's ``Origin`` must be ours.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from kadtwisted.errors import ConfigurationError, reason_of
from kadtwisted.storage.files import make_file
from kadtwisted.storage.guard import OWN, UnsafeFile, read_file

TOKENS_BYTES = 64 * 1024
"""The largest file of tokens."""
LEAST_TOKEN = 16
"""Characters of a token: shorter ones can be guessed."""
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class Role(IntEnum):
    """What a client may do."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


class Token(NamedTuple):
    """One line of the file."""

    role: Role
    secret: bytes


class Tokens:
    """The tokens of one gateway."""

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        self._tokens = tuple(tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def role_of(self, shown: str) -> Role:
        """The role of a token; it takes as long for one that is not known."""
        secret, role = shown.encode("utf-8", "replace"), Role.NONE
        for each in self._tokens:
            if hmac.compare_digest(each.secret, secret):
                role = each.role
        return role


def load_tokens(path: Path) -> Tokens:
    """The tokens in a file; :class:`ConfigurationError` for one that is no such file, or open to
    others."""
    try:
        data = read_file(path, TOKENS_BYTES, OWN, "the file of HTTP tokens")
        text = data.decode()
    except OSError as error:
        raise ConfigurationError(f"cannot read the tokens {path}: {reason_of(error)}") from error
    except UnsafeFile as error:
        raise ConfigurationError(str(error)) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no file of tokens: it is no text") from None
    if len(data) > TOKENS_BYTES:
        raise ConfigurationError(f"{path} is no file of tokens: it has more than 64 KiB")
    tokens: list[Token] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        role = {each.name.lower(): each for each in Role if each}.get(words[0])
        if role is None or len(words) < 2 or len(words[1]) < LEAST_TOKEN:
            raise ConfigurationError(
                f"line {number} of {path} is no token: write ROLE TOKEN, with read, write or admin "
                f"and at least {LEAST_TOKEN} characters"
            )
        token = Token(role, words[1].encode())
        if any(each.secret == token.secret and each.role != role for each in tokens):
            raise ConfigurationError(
                f"line {number} of {path} gives another role to a token of a line before: leave "
                "out one of them"
            )
        tokens.append(token)
    return Tokens(tokens)


def make_tokens_file(path: Path, random: bytes) -> None:
    """A new file with one token, that of an administrator; nothing if there is one."""
    head = b"# ROLE TOKEN, one a line; ROLE is read, write or admin\n"
    if not path.exists():
        make_file(path, head + b"admin %s\n" % random.hex().encode())


def host_name(host: str) -> str:
    """The name in a ``Host``, without its port."""
    before, colon, port = host.rpartition(":")
    return (before if colon and port.isdigit() else host).lower()


def is_our_host(host: str, ours: Iterable[str]) -> bool:
    """Whether a ``Host`` names this machine, with or without a port."""
    return host_name(host) in (*LOCAL_HOSTS, *(each.lower() for each in ours))


def is_our_origin(origin: str, host: str, ours: Iterable[str]) -> bool:
    """Whether a page of this origin may act here: one that we served, or that is allowed."""
    return origin in (f"http://{host}", f"https://{host}") or origin in ours
