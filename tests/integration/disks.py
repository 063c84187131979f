"""Disks that are full or cannot be written, for one process each and without touching any other.

What needs no rights always runs; a file system of its own, which is the real thing, needs Linux and
root, and is used beside it where it can be had.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.integration.processes import OF_COVERAGE, Program

NO_GROWTH = ("sh", "-c", f'unset {" ".join(OF_COVERAGE)}; ulimit -S -f 0; exec "$@"', "sh")
"""Before a command: no file that it writes may grow (Python ignores the signal for that), and so
nothing can be written of what was covered either."""

_FULL = """
mount -t tmpfs -o size=2m,mode=700 none "$1/disk"
cp -a "$1/before/." "$1/disk/"
cat /dev/zero > "$1/disk/filler" 2>/dev/null || true
shift
exec "$@"
"""
_SMALL = 'mount -t tmpfs -o size=2m,mode=700 none "$1"; shift; exec "$@"'
_READ_ONLY = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"'


@cache
def has_private_mounts() -> bool:
    """Whether this process may give others a view of the file systems of their own."""
    if shutil.which("unshare") is None:
        return False
    trial = ("unshare", "-m", "mount", "-t", "tmpfs", "none", "/tmp")
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def full_disk(directory: Path) -> tuple[str, ...]:
    """Before a command: ``disk`` in this directory is a full disk with what is in ``before``."""
    return _private(_FULL, directory)


def small_disk(directory: Path) -> tuple[str, ...]:
    """Before a command: this directory is an empty disk of two megabytes."""
    return _private(_SMALL, directory)


def read_only(directory: Path) -> tuple[str, ...] | None:
    """Before a command: it cannot write in this directory; ``None`` if that cannot be done."""
    if os.geteuid():
        directory.chmod(0o500)
        return ()
    return _private(_READ_ONLY, directory) if has_private_mounts() else None


def _private(script: str, directory: Path) -> tuple[str, ...]:
    return "unshare", "-m", "sh", "-e", "-c", script, "sh", str(directory)


class LimitedFiles:
    """A disk of a running process that becomes full: no file may grow any more."""

    def __init__(self, program: Program) -> None:
        self._process = pid_of(program)
        self._before = resource.prlimit(self._process, resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        resource.prlimit(self._process, resource.RLIMIT_FSIZE, (0, self._before[1]))

    def make_room(self) -> None:
        resource.prlimit(self._process, resource.RLIMIT_FSIZE, self._before)


class PrivateDisk:
    """A disk, at ``directory`` for one running process, that becomes full."""

    def __init__(self, program: Program, directory: Path) -> None:
        self.root = seen_by(program, directory)
        self._filler = self.root / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def make_room(self) -> None:
        self._filler.unlink()


def seen_by(program: Program, path: Path) -> Path:
    """A path in the view of the file systems that a process has."""
    return Path(f"/proc/{pid_of(program)}/root{path}")


def pid_of(program: Program) -> int:
    """The number of a running process."""
    assert program.transport is not None
    pid = program.transport.pid
    assert pid is not None
    return int(pid)
