"""What the machine says of itself, for ``kad doctor``: buffers, disk, files, service units.

Everything is only read.  What cannot be read is ``None``: then nothing is found.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

UNIT_NAMES = ("kademlia.service", "kademlia@.service")
UNIT_PLACES = ("etc/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
"""Where systemd looks for units (systemd.unit(5))."""
MOST_TEXT = 64 * 1024


class Directory(NamedTuple):
    """A directory: whether others may write there, whose it is, the bytes that are left, and
    whether its own user cannot write there."""

    path: Path
    others_write: bool
    owner: int
    bytes_free: int
    part_free: float
    read_only: bool = False


class Machine:
    """The machine whose files begin at ``root``."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def receive_buffer(self) -> int | None:
        """The most bytes that a socket may have for datagrams that wait (socket(7))."""
        text = self._text("proc/sys/net/core/rmem_max")
        return int(text) if text is not None and text.strip().isdigit() else None

    def unit(self) -> tuple[str, str] | None:
        """The path and the text of a service unit of the node, if systemd has one."""
        for place in UNIT_PLACES:
            for name in UNIT_NAMES:
                text = self._text(f"{place}/{name}")
                if text is not None:
                    return f"/{place}/{name}", text
        return None

    def has_systemd(self) -> bool:
        """Whether systemd runs here (sd_booted(3))."""
        return (self._root / "run/systemd/system").is_dir()

    def directory(self, path: Path) -> Directory | None:
        """A directory."""
        with suppress(OSError):
            found, disk = path.stat(), os.statvfs(path)
            if stat.S_ISDIR(found.st_mode):
                return Directory(
                    path,
                    bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)),
                    found.st_uid,
                    disk.f_bavail * disk.f_frsize,
                    disk.f_bavail / max(1, disk.f_blocks),
                    bool(disk.f_flag & os.ST_RDONLY) or not found.st_mode & stat.S_IWUSR,
                )
        return None

    def port_is_free(self, port: int) -> bool | None:
        """Whether a node could bind this UDP port now."""
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
                trial.bind(("0.0.0.0", port))
        except PermissionError:
            return None
        except OSError:
            return False
        return True

    def _text(self, name: str) -> str | None:
        with suppress(OSError, ValueError), (self._root / name).open() as file:
            return file.read(MOST_TEXT)
        return None
