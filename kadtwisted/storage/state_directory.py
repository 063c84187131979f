"""The state directory of one node: its identity key, its lock, the place of its control socket.

Rules: one daemon at a time (an flock that dies with its holder, so a crash leaves nothing to clean
up); the identity is created once, atomically, and never replaced, whatever is wrong with the file;
what is wrong is told in one sentence.  Nothing here is asynchronous: it happens before a reactor
runs.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from kadtwisted.errors import IdentityError, LocalError, StorageError, UnsupportedVersion
from kadtwisted.identity.keys import NodeKey

KEY_FILE = "identity.key"
LOCK_FILE = "lock"
SOCKET_FILE = "control.sock"

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
        self._lock: int | None = None

    @property
    def key_path(self) -> Path:
        return self.path / KEY_FILE

    @property
    def socket_path(self) -> Path:
        """Where the control socket of the node that holds the lock listens."""
        return self.path / SOCKET_FILE

    def open(self) -> None:
        """Make the directory if it is missing and take its lock.

        Fails with :class:`StateDirectoryError` if that is impossible, or with
        :class:`StateDirectoryInUse` if another process (or object) holds the lock.
        """
        if self._lock is not None:
            return
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(
                self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise StateDirectoryError(
                f"cannot use the state directory {self.path}: {_reason(error)}"
            ) from error
        self._lock = self._take(descriptor)

    def close(self) -> None:
        """Let go of the lock.  Idempotent.  The lock file stays: removing it would be a race."""
        if self._lock is not None:
            os.close(self._lock)
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

    def _take(self, descriptor: int) -> int:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StateDirectoryInUse(
                f"another node is running with the state directory {self.path}; "
                "stop it, or choose another --state-dir"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise StateDirectoryError(
                f"cannot lock the state directory {self.path}: {_reason(error)}"
            ) from error
        return descriptor


def load_key(path: Path) -> NodeKey:
    """Read one key file strictly; fails as :meth:`StateDirectory.identity` does."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.read(KEY_FILE_BYTES + 1)
    except OSError as error:
        raise IdentityError(f"cannot read the identity key {path}: {_reason(error)}") from error
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
        _sync_directory(path.parent)
    except OSError as error:
        raise StateDirectoryError(f"cannot write {path}: {_reason(error)}") from error


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
