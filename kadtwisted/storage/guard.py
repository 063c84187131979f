"""Which files are read, and which are trusted: nothing but regular files, and none of other users.

Rules: a pipe, a socket, a device or a directory in the place of a file is an error at once, never a
wait.  Reading is bounded.  A file that other users could have written, or may read although it is
secret, is refused, and the sentence says what to do.  root is not another user: it can do
everything anyway.  In a container a file may belong to a user of the host whom the container does
not know (user_namespaces(7)).  Nobody inside can be that user, so this owner is not another user
either: whoever started the container put the file there.  Nothing is changed here.
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
EVERYBODY = 4294967295
"""How many user IDs there are (user_namespaces(7))."""
UNKNOWN_OWNER = Path("/proc/sys/fs/overflowuid")
KNOWN_USERS = Path("/proc/self/uid_map")
"""Linux says here which owner is shown for those whom a container does not know, and whom it does
know: lines of first ID inside, first ID outside, how many."""


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


def is_stream(path: Path) -> bool:
    """Whether a pipe or a device stands where something is to be written; it is written to, where a
    file is replaced.

    :class:`UnsafeFile` for a link, a pipe or a device of another user.  Somebody who can write in
    the same directory, as everybody can in ``/tmp``, may have put it there so as to read what comes
    out, or to have another file of ours replaced.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) and found.st_uid not in (os.geteuid(), ROOT):
        raise UnsafeFile(str(path), f"was put there by {user_name(found.st_uid)}; write elsewhere")
    return path.exists() and not path.is_file()


def open_stream(path: Path) -> BinaryIO:
    """A pipe or device, open for writing; ``OSError`` if nobody reads the pipe, which would keep us
    waiting."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "wb")


def check_if_there(path: Path, access: Access, owners: Collection[int] = ()) -> None:
    """As :func:`check_kind` and :func:`check_access` say, if there is anything at ``path``."""
    status = status_if_there(path)
    if status is not None:
        check_access(path, status, access, owners=owners)


def status_if_there(path: Path) -> os.stat_result | None:
    """The status of a regular file, ``None`` if there is nothing; ``OSError`` for anything else.

    A link to nothing is something: what is made at its name appears where it leads.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise OSError(errno.ENOENT, "it is a link to nothing", str(path)) from None
        return None
    check_kind(path, status)
    return status


def check_kind(path: Path, status: os.stat_result) -> None:
    """``OSError`` for anything but a regular file."""
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind != stat.S_IFREG:
        said = f"it is {_KINDS.get(kind, 'something else')}, not a file"
        raise OSError(errno.EINVAL, said, str(path))


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
    if owner in (ours, ROOT) or owner in owners or is_of_the_host(owner):
        return ""
    us, command = user_name(ours), f"chown {user_name(ours)} {shlex.quote(str(path))}"
    way = f"run this as {user_name(owner)}, or: " if ours == ROOT else "run as root: "
    return f"belongs to {user_name(owner)}, not to {us}, who runs this; {way}{command}"


def unknown_owner() -> int | None:
    """Which owner Linux shows for those whom it cannot show; ``None`` elsewhere."""
    try:
        return int(UNKNOWN_OWNER.read_text())
    except (OSError, ValueError):
        return None  # no Linux, or no /proc/sys


def is_of_the_host(owner: int) -> bool:
    """Whether this is how a container shows an owner whom it does not know."""
    if owner != unknown_owner():
        return False
    try:
        known = [line.split() for line in KNOWN_USERS.read_text().splitlines()]
        ranges = [(int(first), int(count)) for first, _, count in known]
    except (OSError, ValueError):
        return False
    is_whole = sum(count for _, count in ranges) >= EVERYBODY
    return not is_whole and not any(first <= owner < first + count for first, count in ranges)


def _mode_clause(path: Path, status: os.stat_result, access: Access) -> str:
    refused = access.refused
    if status.st_uid == ROOT:
        refused &= ~access.if_of_root
    if not status.st_mode & refused:
        return ""
    return f"{access.said}; run: chmod {access.chmod} {shlex.quote(str(path))}"


def check_directory_of(path: Path, noun: str) -> None:
    """:class:`UnsafeFile` if every user can move what is in the directory of ``path`` away, and put
    something else there."""
    for above in (path.parent, Path(os.path.realpath(path)).parent):
        if _is_for_everybody(above):
            raise UnsafeFile(
                f"the directory of {noun} {path}",
                f"can be changed by all users; run: chmod o-w {shlex.quote(str(above))}",
            )


def open_directory_above(path: Path) -> Path | None:
    """A directory above in which every user can move anything away, and so what leads to ``path``.

    Not one with the sticky bit, as ``/tmp``: there only the owner of a thing can move it.
    """
    return next(filter(_is_for_everybody, path.parents), None)


def _is_for_everybody(directory: Path) -> bool:
    try:
        mode = directory.stat().st_mode
    except OSError:
        return False
    return bool(mode & stat.S_IWOTH and not mode & stat.S_ISVTX)


def user_name(number: int) -> str:
    """The name of a user; the number where there is no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def can_read(path: Path, user: int | None) -> bool:
    """Whether a user may read a file, by the modes of it and of what leads to it; ``None`` is a
    user who owns nothing and is in no group.  Access control lists are not looked at."""
    real = Path(os.path.realpath(path))
    try:
        return all(
            _may(each.stat(), user, stat.S_IXOTH if each != real else stat.S_IROTH)
            for each in (real, *real.parents)
        )
    except OSError:
        return False


def _may(found: os.stat_result, user: int | None, bit: int) -> bool:
    if user is not None and found.st_uid == user:
        return bool(found.st_mode & bit << 6)
    if user is not None and found.st_gid in _groups_of(user):
        return bool(found.st_mode & bit << 3)
    return bool(found.st_mode & bit)


def _groups_of(user: int) -> Collection[int]:
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        return ()
    return os.getgrouplist(entry.pw_name, entry.pw_gid)
