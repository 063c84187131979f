"""The state directory of one node: its version, its lock, its identity, and where the rest lies.

Rules: one node at a time, by a lock that dies with its holder, so a crash leaves nothing to clean
up.  A directory that other users could have changed, or that a newer program wrote, stays as it is.
The identity is made once, atomically, and never replaced, whatever is wrong with its file.  Each
error says in one sentence what is wrong.
Nothing here is asynchronous: it runs before the reactor does, or in a thread.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from kadtwisted.errors import LocalError, StorageError, UnsupportedVersion, reason_of
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.printable import described
from kadtwisted.state.key_file import load_key, save_key
from kadtwisted.state.names import SOCKET_FILE
from kadtwisted.storage.file_lock import FileLock
from kadtwisted.storage.files import make_directory, write_atomically
from kadtwisted.storage.guard import (
    DIRECTORY,
    ROOT,
    STATE,
    check_access,
    owner_of_directory,
    read_file,
)

KEY_FILE = "identity.key"
LOCK_FILE = "lock"
VERSION_FILE = "version"
CONTACTS_FILE = "contacts"
DAMAGED_CONTACTS_FILE = "contacts.damaged"
PUBLICATIONS_FILE = "publications.sqlite"

VERSION_LINE = b"kad-state-1\n"
"""The whole version file.  A program with another layout, which this one must not touch, writes
another number."""


class StateDirectoryError(StorageError):
    """The state directory cannot be used, or a file in it is damaged."""


class StateDirectoryInUse(LocalError):
    """Another running node holds the lock of this state directory."""


class StateDirectory:
    """One directory, made with mode 0700; used between :meth:`open` and :meth:`close`.

    It belongs to our user or to root.  ``of_any_user`` is for tools with which root looks after the
    stopped node of another user.
    """

    def __init__(self, path: str | os.PathLike[str], *, of_any_user: bool = False) -> None:
        try:
            self.path = Path(os.fsdecode(path)).absolute()
        except TypeError:
            raise StateDirectoryError(
                f"a state directory is a path, not {described(path)}"
            ) from None
        if "\0" in str(self.path):
            raise StateDirectoryError(f"no path has a null character, as {self.path!s:.200} has")
        self._of_any_user = of_any_user and os.geteuid() == ROOT
        self._lock: FileLock | None = None

    @property
    def key_path(self) -> Path:
        return self.path / KEY_FILE

    @property
    def socket_path(self) -> Path:
        """Where the control socket of the node that holds the lock listens."""
        return self.path / SOCKET_FILE

    @property
    def version_path(self) -> Path:
        return self.path / VERSION_FILE

    @property
    def contacts_path(self) -> Path:
        """The contacts of the last run (:mod:`kadtwisted.state.contacts`)."""
        return self.path / CONTACTS_FILE

    @property
    def damaged_contacts_path(self) -> Path:
        """Where a contacts file that cannot be read is kept, to find out why."""
        return self.path / DAMAGED_CONTACTS_FILE

    @property
    def publications_path(self) -> Path:
        """The records kept published (:mod:`kadtwisted.state.publications`)."""
        return self.path / PUBLICATIONS_FILE

    def open(self) -> None:
        """Make the directory if it is missing, take its lock and check its version.

        Fails with :class:`StateDirectoryInUse` if another process (or object) holds the lock, with
        :class:`~kadtwisted.storage.guard.UnsafeFile` if other users can change the directory, with
        :class:`~kadtwisted.errors.UnsupportedVersion` if a newer program wrote it, and with
        :class:`StateDirectoryError` or another :class:`~kadtwisted.errors.StorageError` if it
        cannot be used.  Then it is not locked.
        """
        if self._lock is not None:
            return
        self._take_lock()
        try:
            self._check_version()
        except StorageError:
            self.close()
            raise

    def _take_lock(self) -> None:
        try:
            make_directory(self.path)
            status = self.path.stat()
            owners = (status.st_uid,) if self._of_any_user else ()
            check_access(self.path, status, DIRECTORY, "the state directory", owners)
            self._lock = FileLock.take(self.path / LOCK_FILE)
        except BlockingIOError:
            raise StateDirectoryInUse(
                f"another node is running with the state directory {self.path}; "
                "stop it, or choose another --state-dir"
            ) from None
        except OSError as error:
            raise self._unusable(error) from error

    def _check_version(self) -> None:
        """Read the version file.  A directory without one is new, or older than such files."""
        try:
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if not os.path.lexists(self.version_path):
                write_atomically(self.version_path, VERSION_LINE)
            line = read_file(
                self.version_path,
                4 * len(VERSION_LINE),
                STATE,
                owners=owner_of_directory(self.version_path),
            )
        except OSError as error:
            raise self._unusable(error) from error
        if line == VERSION_LINE:
            return
        if re.fullmatch(rb"kad-state-[1-9][0-9]*\n", line):
            raise UnsupportedVersion(
                f"the state directory {self.path} was written by a newer version of this program; "
                "upgrade, or choose another --state-dir"
            )
        raise StateDirectoryError(
            f"{self.version_path} is damaged; restore it from a backup, or write "
            f"{VERSION_LINE.decode().strip()} into it if the directory is of this version"
        )

    def _unusable(self, error: OSError) -> StateDirectoryError:
        """The error for the directory, or for the file in it that the system names."""
        named = str(error.filename or self.path)
        what = named if named != str(self.path) else f"the state directory {named}"
        return StateDirectoryError(f"cannot use {what}: {reason_of(error)}")

    def close(self) -> None:
        """Release the lock.  Idempotent.  The lock file stays: to remove it would be a race."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def identity(self, secure_random: Callable[[int], bytes]) -> NodeKey:
        """The node's key: loaded, or made and written if there is none.

        ``secure_random(n)`` gives n unpredictable bytes.  Fails with
        :class:`~kadtwisted.errors.IdentityError` for a key file that is damaged, unreadable or open
        to other users, with :class:`~kadtwisted.errors.UnsupportedVersion` for one of a newer
        program, and with :class:`~kadtwisted.errors.StorageError` if a new one cannot be written.
        """
        if os.path.lexists(self.key_path):
            return load_key(self.key_path)
        key = NodeKey.generate(secure_random)
        save_key(self.key_path, key)
        return key
