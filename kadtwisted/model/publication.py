"""A record that its publisher keeps published."""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.model.record import StorageKey


class Publication(NamedTuple):
    """A record of our own: its stored bytes, its lifetime in seconds, and when (Unix time) it is
    next to be published."""

    where: StorageKey
    record: bytes
    lifetime: float
    next_at: float
