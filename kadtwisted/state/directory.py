"""The state directory of one node: its version, lock and identity key, and where the rest lies.

Rules: one daemon at a time (an flock that dies with its holder, so a crash leaves nothing to clean
up); a directory of a newer program is left alone; the identity is created once, atomically, and
never replaced, whatever is wrong with the file; what is wrong is told in one sentence.  Nothing
here is asynchronous: it happens before a reactor runs, or in a thread.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from kadtwisted.errors import IdentityError, LocalError, StorageError, UnsupportedVersion, reason_of
from kadtwisted.identity.keys import NodeKey
from kadtwisted.storage.file_lock import FileLock
from kadtwisted.storage.files import make_directory, sync_directory

KEY_FILE = "identity.key"
LOCK_FILE = "lock"
SOCKET_FILE = "control.sock"
VERSION_FILE = "version"
CONTACTS_FILE = "contacts"
DAMAGED_CONTACTS_FILE = "contacts.damaged"
PUBLICATIONS_FILE = "publications.sqlite"

VERSION_LINE = b"kad-state-1\n"
"""All that stands in the version file; a program that lays the directory out so that this one must
not touch it writes another number."""

KEY_FORMAT = b"kad-identity-1"
"""The first word of the key file; a newer program that writes another layout changes the digit."""
KEY_FORMAT_STEM = b"kad-identity-"
KEY_FILE_BYTES = len(KEY_FORMAT) + 2 * (1 + 64) + 1
"""Three words (format, seed and public key in hexadecimal), two spaces, a line feed."""

OTHERS = 0o077
"""The permission bits of group and world."""


class StateDirectoryError(StorageError):
    """The state directory, or a file in it, cannot be created or written."""


class StateDirectoryInUse(LocalError):
    """Another running node holds the lock of this state directory."""


class StateDirectory:
    """One directory (0700 if it is made here); used between :meth:`open` and :meth:`close`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
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
        """The contacts last known (:mod:`kadtwisted.state.contacts`)."""
        return self.path / CONTACTS_FILE

    @property
    def damaged_contacts_path(self) -> Path:
        """Where a contacts file that cannot be read is kept for whoever wants to know why."""
        return self.path / DAMAGED_CONTACTS_FILE

    @property
    def publications_path(self) -> Path:
        """The records kept published (:mod:`kadtwisted.state.publications`)."""
        return self.path / PUBLICATIONS_FILE

    def open(self) -> None:
        """Make the directory if it is missing, take its lock and look at its version.

        Fails with :class:`StateDirectoryError` if that is impossible, with
        :class:`StateDirectoryInUse` if another process (or object) holds the lock, or with
        :class:`UnsupportedVersion` if a newer program wrote the directory; then it is not locked.
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
            self._lock = FileLock.take(self.path / LOCK_FILE)
        except BlockingIOError:
            raise StateDirectoryInUse(
                f"another node is running with the state directory {self.path}; "
                "stop it, or choose another --state-dir"
            ) from None
        except OSError as error:
            raise self._unusable(error) from error

    def _check_version(self) -> None:
        """Read the version file; a directory without one is new, or older than the file."""
        try:
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if not os.path.lexists(self.version_path):
                write_atomically(self.version_path, VERSION_LINE)
            with self.version_path.open("rb") as file:
                line = file.read(4 * len(VERSION_LINE))
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
        return StateDirectoryError(
            f"cannot use the state directory {self.path}: {reason_of(error)}"
        )

    def close(self) -> None:
        """Let go of the lock.  Idempotent.  The lock file stays: removing it would be a race."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def identity(self, secure_random: Callable[[int], bytes]) -> NodeKey:
        """The node's key: loaded, or made and written if there never was one.

        Fails with :class:`IdentityError` for a key file that is damaged, unreadable or open to
        others, :class:`UnsupportedVersion` for one of a newer program, or
        :class:`StateDirectoryError` if a new one cannot be written.
        """
        if os.path.lexists(self.key_path):
            return load_key(self.key_path)
        key = NodeKey.generate(secure_random)
        write_atomically(self.key_path, _key_line(key))
        return key


def load_key(path: Path) -> NodeKey:
    """Read one key file strictly; fails as :meth:`StateDirectory.identity` does."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.read(KEY_FILE_BYTES + 1)
    except OSError as error:
        raise IdentityError(f"cannot read the identity key {path}: {reason_of(error)}") from error
    if mode & OTHERS:
        raise IdentityError(
            f"the identity key {path} is open to other users; run: chmod 600 {path}"
        )
    return _parse_key(line, path)


def _parse_key(line: bytes, path: Path) -> NodeKey:
    word, _, rest = line.partition(b" ")
    if word.startswith(KEY_FORMAT_STEM) and word != KEY_FORMAT and word[-1:].isdigit():
        raise UnsupportedVersion(
            f"the identity key {path} was written by a newer version of this program"
        )
    try:
        key = NodeKey.from_seed(bytes.fromhex(rest[:64].decode("ascii")))
    except (ValueError, IdentityError):
        key = None
    if key is None or line != _key_line(key):
        raise IdentityError(
            f"the identity key {path} is damaged ({len(line)} bytes read, {KEY_FILE_BYTES} needed "
            "in the right form); restore it from a backup, or move it away to get a new identity"
        )
    return key


def _key_line(key: NodeKey) -> bytes:
    # The public key repeats what the seed implies: a single wrong bit anywhere is noticed, where
    # a bare seed would silently become another identity.
    words = (KEY_FORMAT, key.seed.hex().encode(), key.public_key.hex().encode())
    return b" ".join(words) + b"\n"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 so that a crash at any step leaves the old one or the new one.

    Temporary file, fsync, rename, fsync of the directory.  :class:`StateDirectoryError` if any
    step fails; then the temporary file is gone again.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.unlink(missing_ok=True)  # left by a crash between two steps
        try:
            _write_synced(temporary, data)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise StateDirectoryError(f"cannot write {path}: {reason_of(error)}") from error


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
