"""What becomes of reads and writes: errors, and several writes in one batch."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.errors import StorageError
from kadtwisted.storage.file_storage import FileStorage

PATIENCE = 120.0
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


async def error_of(kind: type[StorageError], awaitable: Awaitable[object]) -> str:
    """What the error says that it fails with, which is of exactly this type."""
    try:
        await awaitable
    except StorageError as error:
        assert type(error) is kind, error
        return str(error)
    raise AssertionError(f"no {kind.__name__}")
