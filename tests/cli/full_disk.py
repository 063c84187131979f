"""A disk that is full."""

from __future__ import annotations

import errno
import io
from typing import NoReturn


class FullDisk(io.FileIO):
    """A file on a disk that takes nothing more."""

    def write(self, data: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")
