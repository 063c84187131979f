"""A record that its publisher keeps published, and what becomes of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kadtwisted.model.record import StorageKey

OwnState = Literal["kept", "lost", "waiting"]
"""``kept`` published; ``lost``: another record has its place, and nothing is done about it;
``waiting``: another record has its place, and this one is put back when that is gone."""


class Keeping(NamedTuple):
    """What its publisher wants of a record: to ``keep`` it published, to ``put_back`` the record
    whenever its place is free again, and a number of holders (``pin``) that is counted and restored
    again and again; 0 of a record that is not pinned."""

    keep: bool = False
    put_back: bool = False
    pin: int = 0

    @property
    def publishes(self) -> bool:
        """Whether it is published again: what is pinned is."""
        return self.keep or self.pin > 0


class Publication(NamedTuple):
    """A record of our own: its stored bytes, its lifetime in seconds, and when (Unix time) it is
    next to be published.

    ``put_back`` says that its publisher wants its place back whenever that is free again, ``lost``
    that another record has the place now, ``pin`` how many holders it must have (0: not pinned),
    ``for_pin`` that it is kept for the sake of its pin alone.
    """

    where: StorageKey
    record: bytes
    lifetime: float
    next_at: float
    put_back: bool = False
    lost: bool = False
    pin: int = 0
    for_pin: bool = False

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


class Audit(NamedTuple):
    """When (Unix time) the holders of a pinned record were last counted, how many were found, and
    how many it had after the repair; without a repair ``held`` is what was found."""

    at: float
    found: int
    held: int


class OwnRecord(NamedTuple):
    """What a node tells of a record of its own: ``next_at`` (Unix time) is when it is next
    published, or tried to be put back; ``None`` if it is lost.

    ``pin`` is how many holders it must have (0: it is not pinned), ``audit`` the last count of
    them since the node started.
    """

    where: StorageKey
    record: bytes
    lifetime: float
    next_at: float | None
    state: OwnState
    pin: int = 0
    audit: Audit | None = None

    @property
    def below_pin(self) -> bool:
        """Whether it had fewer holders than it must have when they were last counted."""
        return self.audit is not None and self.audit.held < self.pin


def own_record(publication: Publication, audit: Audit | None = None) -> OwnRecord:
    """What is told of a publication."""
    at = None if publication.rests else publication.next_at
    where, record, lifetime = publication.where, publication.record, publication.lifetime
    return OwnRecord(where, record, lifetime, at, publication.state, publication.pin, audit)
