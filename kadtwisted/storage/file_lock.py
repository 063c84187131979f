"""A lock on a file against a second process, or a second user in this one.

An ``flock`` dies with its holder, so a crash leaves nothing to clean up.  The file stays when the
lock is released: to remove it would be a race with another process that opens it just then.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from kadtwisted.errors import StorageError, reason_of
from kadtwisted.storage.guard import check_kind, status_if_there


class FileLock:
    """A lock, held from :meth:`take` to :meth:`release`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: str | os.PathLike[str]) -> FileLock:
        """Lock this file without waiting; it is made (mode 0600) if it is missing.

        Fails with ``BlockingIOError`` if another process or object holds the lock, and with another
        ``OSError`` if there can be no lock on this file.
        """
        place = Path(path)
        status_if_there(place)  # before it is opened
        flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(place, flags, 0o600)
        try:
            check_kind(place, os.fstat(descriptor))
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Release the lock.  Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class StorageInUse(StorageError):
    """Another running node, or another storage of this process, uses the file."""


def lock_storage(path: str | os.PathLike[str]) -> FileLock:
    """The lock of the storage at ``path``: the file ``PATH.lock`` beside it.

    Where ``path`` is a symbolic link the lock lies beside the file that it leads to, so that a
    storage has one lock, whatever it is called.

    Fails with :class:`StorageInUse`, or with another :class:`~kadtwisted.errors.StorageError` if
    the file system has no locks.
    """
    try:
        return FileLock.take(f"{os.path.realpath(path)}.lock")
    except BlockingIOError:
        raise StorageInUse(
            f"the storage {path} is in use by another node; stop it, or choose another file"
        ) from None
    except OSError as error:
        place = error.filename or path
        raise StorageError(f"cannot lock the storage with {place}: {reason_of(error)}") from error
