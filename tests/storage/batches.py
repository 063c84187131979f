"""Several writes in one batch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.storage.file_storage import FileStorage

PATIENCE = 20.0
"""Seconds until a test that hangs gives up."""


async def together(storage: FileStorage, *asked: Callable[[], Deferred[Any]]) -> list[Any]:
    """The outcome of each write: its result, or the error that it failed with."""
    gate = threading.Event()
    commits = storage._commits
    assert commits is not None
    held = commits.exclusively(lambda: gate.wait(PATIENCE))
    outcomes = [each() for each in asked]
    gate.set()
    await held
    return [await each.addErrback(lambda failure: failure.value) for each in outcomes]
