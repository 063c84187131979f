"""Who is at the other end of a control socket: the one place where either side asks that.

Rules: a node serves root and the user it runs as, and nobody else.  A client sends nothing before
it knows that the socket and its directory belong to root or to itself, and cannot be changed by
others, and that the program which listens there is root's or the directory's owner's.  root may
talk to the node of any user.

The kernel says which user is at the other end (Linux, ``SO_PEERCRED``, unix(7)).  Elsewhere nobody
says it, and the modes of directory (0700) and socket (0600) are the only wall.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kadtwisted.errors import LocalError, reason_of
from kadtwisted.storage.guard import (
    DIRECTORY,
    ROOT,
    STATE,
    check_access,
    unknown_owner,
    user_name,
)

PeerUser = Callable[[Any], int | None]
"""From a transport to the user at its other end, ``None`` where nobody can tell."""

HOUR = 3600.0
USERS = 64
"""MAGIC: users whose refusals are remembered; with more in an hour, the others are not logged."""

_CREDENTIALS = struct.Struct("iII")
"""``struct ucred``: process, user, group (Linux, unix(7))."""


class ControlRefused(LocalError):
    """A control socket that must not be used: its node serves another user, or the socket may be
    somebody else's.  Nothing was sent to it."""


def peer_user(transport: Any) -> int | None:
    """The user ID at the other end of a Unix socket, ``None`` where nobody can tell."""
    handle = getattr(transport, "getHandle", None)
    return None if handle is None or sys.platform != "linux" else user_of(handle())


def user_of(connection: socket.socket) -> int | None:
    """The user ID at the other end of a Unix socket, ``None`` where nobody can tell."""
    if sys.platform != "linux":
        return None
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(found)[1]
    return user


def refusal_of(user: int | None) -> ControlRefused | None:
    """Why this process does not serve that user; ``None`` if it does."""
    us = os.geteuid()  # not earlier: twistd changes it while it starts
    if user is None or user in (us, ROOT):
        return None
    served = user_name(us)
    return ControlRefused(
        f"this node serves {served} and root, not {user_name(user)}; "
        f"run kad with sudo, or as {served}"
    )


class Sparingly:
    """Says whether a user's refusal is worth a line in the log: once in an hour for each user."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._said: dict[int, float] = {}

    def is_due(self, user: int) -> bool:
        """Whether it is; then it counts as said."""
        now = self._now()
        self._said = {each: when for each, when in self._said.items() if now - when < HOUR}
        if user in self._said or len(self._said) >= USERS:
            return False
        self._said[user] = now
        return True


def check_place(path: Path) -> int | None:
    """The user who owns the directory of a control socket; ``None`` if there is no such directory.

    Fails with :class:`ControlRefused` if it is another user's, and with
    :class:`~kadtwisted.storage.guard.UnsafeFile` if others could have put the socket there.
    """
    try:
        found = path.parent.stat()
    except PermissionError as error:
        raise _closed(path.parent, error) from error
    except OSError:
        return None  # connecting says what is wrong
    owner, us = found.st_uid, os.geteuid()
    if us not in (owner, ROOT) and owner != ROOT:
        raise ControlRefused(
            f"the state directory {path.parent} belongs to {user_name(owner)}, and its node serves "
            f"{user_name(owner)} and root, not {user_name(us)}; {_instead(owner)}"
        )
    check_access(path.parent, found, DIRECTORY, "the state directory", (owner,))
    _check_socket(path, owner)
    return owner


def _check_socket(path: Path, owner: int) -> None:
    try:
        found = path.stat()
    except PermissionError as error:
        raise _closed(path.parent, error) from error
    except OSError:
        return
    if found.st_uid not in (owner, os.geteuid(), ROOT):
        raise ControlRefused(
            f"the control socket {path} belongs to {user_name(found.st_uid)}, not to "
            f"{user_name(owner)} as its directory does; find out who put it there, and remove it"
        )
    check_access(path, found, STATE, "the control socket", (found.st_uid,))


def check_listener(path: Path, owner: int | None, user: int | None) -> None:
    """Fail with :class:`ControlRefused` unless the program that listens at ``path`` runs as the
    ``owner`` of the directory, as root, or as we do.

    For root a directory of root, or of nobody, says as much: nobody else could put a socket there.
    So systemd keeps the state of a dynamic user; on the disk its mount shows another owner than the
    service sees (id-mapped mounts, systemd.exec(5)).
    """
    us = os.geteuid()
    if user is None or owner is None or user in (owner, ROOT, us):
        return
    if us == ROOT and owner in (ROOT, unknown_owner()):
        return
    raise ControlRefused(
        f"the program that listens at {path} runs as {user_name(user)}, not as "
        f"{user_name(owner)}, who owns the state directory; nothing was sent to it"
    )


def no_permission(path: Path, error: OSError) -> ControlRefused:
    """The system does not let us connect to the socket."""
    return _closed(path, error)


def _closed(path: Path, error: OSError) -> ControlRefused:
    return ControlRefused(
        f"cannot use {path} as {user_name(os.geteuid())}: {reason_of(error)}; "
        "run kad with sudo, or as the user of the node"
    )


def _instead(owner: int) -> str:
    return f"run kad with sudo, or as {user_name(owner)}"
