"""What root makes in the directory of another user becomes that user's.

root looks after the stopped nodes of others: ``sudo kad import`` into a service's state directory.
Files of root there would keep the service from starting.  Only what was made meanwhile, and what
belongs to the storage that was opened, is given away: anything else of root's may lie there for a
reason.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kadtwisted.storage.guard import ROOT


@contextmanager
def given_to_owners(directories: Collection[Path], own: str = "") -> Iterator[None]:
    """While this lasts, files and directories may be made in these directories, which need not be
    there yet; then they belong to whoever owns the directory, or the nearest one above that was
    there.

    Files whose names begin with ``own`` are given, too, if they are root's from before.  If we are
    not root, or the owner is, nothing happens.
    """
    if os.geteuid() != ROOT:
        yield
        return
    before = [(each, _missing(each), _names(each)) for each in directories]
    try:
        yield
    finally:
        for directory, missing, names in before:
            for made in missing:
                _give_directory(made)
            new = [
                each
                for each in sorted(_names(directory))
                if each not in names or (own and each.startswith(own))
            ]
            _give_files(directory, new)


def _missing(directory: Path) -> list[Path]:
    """What is not there of a path, the outermost first."""
    return [each for each in reversed((directory, *directory.parents)) if not os.path.lexists(each)]


def _names(directory: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(directory))
    except OSError:
        return frozenset()


def _give_directory(made: Path) -> None:
    with suppress(OSError):
        owner = made.parent.stat()
        os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _give_files(directory: Path, names: Collection[str]) -> None:
    """Not through links, and no file that has another name elsewhere: the owner of the directory
    may have put either there, so as to get a file of root's."""
    with suppress(OSError):
        owner = directory.stat()
        if owner.st_uid == ROOT:
            return
        for name in names:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with suppress(OSError):
                descriptor = os.open(directory / name, flags)
                try:
                    found = os.fstat(descriptor)
                    alone = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
                    if alone and found.st_uid == ROOT:
                        os.fchown(descriptor, owner.st_uid, owner.st_gid)
                finally:
                    os.close(descriptor)
