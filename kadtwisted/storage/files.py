"""Files and directories that survive a crash of the machine."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from kadtwisted.errors import StorageError, reason_of
from kadtwisted.storage.guard import status_if_there


def sync_directory(path: Path) -> None:
    """Flush the list of files in a directory to the disk; ``OSError`` if that fails."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory (mode 0700) and all that are missing above it.

    They survive a crash of the machine.  A directory that is there already stays as it is.
    ``OSError`` if it cannot be made.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        try:
            each.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:
            status_if_there(each)  # a link to nothing, or in a circle: it says so
            raise
        sync_directory(each.parent)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file (mode 0600) so that a crash at any step leaves the old one or the new one.

    It writes a temporary file ``PATH.new``, flushes that, renames it and flushes the directory.
    Fails with :class:`~kadtwisted.errors.StorageError` if any step fails; then the temporary file
    is gone again.
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
        raise StorageError(f"cannot write {path}: {reason_of(error)}") from error


def make_file(path: Path, data: bytes) -> None:
    """Make a file (mode 0600) that survives a crash, where there is none.

    Fails with :class:`~kadtwisted.errors.StorageError`, also if there is one: it stays as it is.
    """
    try:
        try:
            _write_synced(path, data)
        except FileExistsError:
            raise StorageError(f"{path} exists already, and stays as it is") from None
        except OSError:
            path.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {reason_of(error)}") from error


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
