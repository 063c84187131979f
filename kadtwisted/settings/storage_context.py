"""What a storage backend may use of a daemon's world."""

from __future__ import annotations

import time
from typing import Any

from kadtwisted.interfaces import StorageContext
from kadtwisted.node.world import steady_seconds
from kadtwisted.settings.daemon_settings import DaemonSettings


def storage_context(settings: DaemonSettings, reactor: Any = None) -> StorageContext:
    """The context of a node with these settings.

    Without a reactor it is good enough to check an option: a factory opens and starts nothing.
    """
    bounds = settings.node.bounds
    return StorageContext(
        reactor=reactor,
        now=steady_seconds,
        unix_time=time.time,
        directory=None if settings.state_dir is None else str(settings.state_dir),
        max_records=bounds.stored_records,
        max_bytes=bounds.stored_bytes,
    )
