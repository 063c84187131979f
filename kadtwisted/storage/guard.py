"""Which files are read, and which are trusted: nothing but regular files, and none of other users.

Rules: a pipe, a socket, a device or a directory in the place of a file is an error at once, never a
wait.  Reading is bounded.  A file that other users could have written, or may read although it is
secret, is refused, and the sentence says what to do.  root is not another user: it can do
everything anyway.  Nothing is changed here.
"""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from kadtwisted.errors import StorageError

ROOT = 0
"""The user ID of root."""


class Access(NamedTuple):
    """What others must not be able to do with a file.

    ``refused`` are the permission bits that others must not have, ``said`` is what they mean, and
    ``chmod`` takes them away.  ``if_of_root`` are those of them that are accepted on a file of
    root.
    """

    refused: int
    said: str
    chmod: str
    if_of_root: int = 0


OWN = Access(0o077, "is open to other users", "600")
"""Nobody else may read or write it."""
SECRET = OWN._replace(if_of_root=0o040)
"""As :data:`OWN`, but a file of root may be readable for its group.  So service managers hand over
secrets: systemd's credentials (mode 0440 with an access control list), secret volumes of Kubernetes
with ``fsGroup``.  They know no other way to give a file to one user only."""
TRUSTED = Access(0o022, "can be changed by other users", "go-w")
"""Nobody else may write it."""
STATE = TRUSTED._replace(chmod="600")
"""As :data:`TRUSTED`, for a file that a node makes with mode 0600 though it is no secret."""
DIRECTORY = TRUSTED._replace(chmod="700")
"""Nobody else may make, rename or remove files in it."""


class UnsafeFile(StorageError):
    """A file or directory that other users could have changed, or may read although it is secret.

    ``clause`` is the sentence without its subject.
    """

    def __init__(self, subject: str, clause: str) -> None:
        super().__init__(f"{subject} {clause}")
        self.clause = clause


def read_file(
    path: Path,
    limit: int,
    access: Access | None = None,
    noun: str = "",
    owners: Collection[int] = (),
) -> bytes:
    """The bytes of a regular file, at most ``limit`` and one more.

    ``OSError`` if there is no such file, :class:`UnsafeFile` if it is not as ``access`` says.
    ``noun`` is what people call it: ``the identity key``.  It may also belong to ``owners``.
    """
    with open_file(path) as file:
        if access is not None:
            check_access(path, os.fstat(file.fileno()), access, noun, owners)
        return file.read(limit + 1)


def owner_of_directory(path: Path) -> tuple[int, ...]:
    """The user who owns the directory of ``path``, and so can put any file there anyway.

    Whoever takes files of this user for good has checked the directory itself.  None if there is no
    such directory.
    """
    try:
        return (path.parent.stat().st_uid,)
    except OSError:
        return ()


def open_file(path: Path) -> BinaryIO:
    """A regular file, open for reading; ``OSError`` if there is none."""
    check_kind(path, path.stat())  # before it is opened: to open a device may already do something
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        check_kind(path, os.fstat(file.fileno()))
    except OSError:
        file.close()
        raise
    return file


def check_if_there(path: Path, access: Access, owners: Collection[int] = ()) -> None:
    """As :func:`check_kind` and :func:`check_access` say, if there is anything at ``path``."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    check_kind(path, status)
    check_access(path, status, access, owners=owners)


def check_kind(path: Path, status: os.stat_result) -> None:
    """``OSError`` for anything but a regular file."""
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, f"it is {_KINDS.get(kind, 'something else')}, not a file")


_KINDS: Mapping[int, str] = MappingProxyType(
    {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
)


def check_access(
    path: Path,
    status: os.stat_result,
    access: Access,
    noun: str = "",
    owners: Collection[int] = (),
) -> None:
    """:class:`UnsafeFile` unless a file or directory is ours or root's, or belongs to one of
    ``owners``, and has a mode as ``access`` says."""
    clause = _owner_clause(path, status.st_uid, owners) or _mode_clause(path, status, access)
    if clause:
        raise UnsafeFile(f"{noun} {path}".strip(), clause)


def _owner_clause(path: Path, owner: int, owners: Collection[int]) -> str:
    ours = os.geteuid()
    if owner in (ours, ROOT) or owner in owners:
        return ""
    us = user_name(ours)
    return (
        f"belongs to {user_name(owner)}, not to {us}, who runs this; run as root: "
        f"chown {us} {shlex.quote(str(path))}"
    )


def _mode_clause(path: Path, status: os.stat_result, access: Access) -> str:
    refused = access.refused
    if status.st_uid == ROOT:
        refused &= ~access.if_of_root
    if not status.st_mode & refused:
        return ""
    return f"{access.said}; run: chmod {access.chmod} {shlex.quote(str(path))}"


def user_name(number: int) -> str:
    """The name of a user; the number where there is no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
