"""What every file of ours needs: directories that survive a crash, and errors in words."""

from __future__ import annotations

import os
from pathlib import Path


def sync_directory(path: Path) -> None:
    """Make durable which files there are in a directory; ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """What the operating system says, as part of a sentence."""
    return (error.strerror or str(error)).lower()
