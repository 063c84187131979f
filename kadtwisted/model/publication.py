"""A record that its publisher keeps published, and what becomes of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kadtwisted.model.record import StorageKey

OwnState = Literal["kept", "lost", "waiting"]
"""``kept`` published; ``lost``: another record has its place, and nothing is done about it;
``waiting``: another record has its place, and this one is put back when that is gone."""


class Publication(NamedTuple):
    """A record of our own: its stored bytes, its lifetime in seconds, and when (Unix time) it is
    next to be published.

    ``put_back`` says that its publisher wants its place back whenever that is free again, ``lost``
    that another record has the place now.
    """

    where: StorageKey
    record: bytes
    lifetime: float
    next_at: float
    put_back: bool = False
    lost: bool = False

    @property
    def rests(self) -> bool:
        """Whether it is never published again."""
        return self.lost and not self.put_back

    @property
    def state(self) -> OwnState:
        """What becomes of it."""
        if not self.lost:
            return "kept"
        return "waiting" if self.put_back else "lost"


class OwnRecord(NamedTuple):
    """What a node tells of a record of its own: ``next_at`` (Unix time) is when it is next
    published, or tried to be put back; ``None`` if it is lost."""

    where: StorageKey
    record: bytes
    lifetime: float
    next_at: float | None
    state: OwnState


def own_record(publication: Publication) -> OwnRecord:
    """What is told of a publication."""
    where, record, lifetime, next_at, _, _ = publication
    at = None if publication.rests else next_at
    return OwnRecord(where, record, lifetime, at, publication.state)
