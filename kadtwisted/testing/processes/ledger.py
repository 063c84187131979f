"""What was sent to a daemon, what it acknowledged, and whether an answer agrees with that.

Every record has a serial number, which is its publication time in microseconds after the beginning
of the ledger.  So a daemon prefers later records, and an answer can be put in order.  A key is
written by one STORE at a time, and its lifetime never changes.

A write without an acknowledgement may have been stored or not; both are right.  But no acknowledged
record may be missing, older or changed, and none may end late or early.  This module is pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from random import Random
from typing import NamedTuple

from kadtwisted.constants import ID_BITS
from kadtwisted.model.ids import NodeID
from kadtwisted.records import value

LONG = 24 * 3600
"""The lifetime of most records in seconds, longer than any campaign."""
SHORT = (15, 40)
"""The lifetimes, from and to, of the few records that end during the campaign, in seconds."""
SHORT_ONES = 0.05
"""The part of the keys whose records have such a short lifetime."""
TOLERANCE = 1.0
"""Seconds by which a record may end early or late."""


class Write(NamedTuple):
    """One record that was sent at ``sent`` (seconds, the driver's clock)."""

    key: NodeID
    serial: int
    record: bytes
    lifetime: int
    sent: float


class Kept(NamedTuple):
    """The latest acknowledged write of a key, when it was, and in which round."""

    write: Write
    acknowledged: float
    round: int

    @property
    def ends(self) -> tuple[float, float]:
        """The moments between which it expires, as the daemon began to count in between."""
        lifetime = self.write.lifetime
        return self.write.sent + lifetime, self.acknowledged + lifetime


class Held(NamedTuple):
    """An answer: a record and the seconds that it has left, exact or rounded down."""

    record: bytes
    remaining: float


class Verdict(Enum):
    """What an answer shows about the acknowledged record."""

    RIGHT = "right"
    NEWER = "newer: written without an acknowledgement"
    EXPIRED = "expired, and gone"
    MISSING = "missing"
    OLDER = "older"
    FOREIGN = "never written"
    EARLY = "ends too early"
    LATE = "ends too late"


class Ledger:
    """Draws keys and lifetimes from ``random``, at most ``keys`` keys at a time.

    ``published`` is the publication time (microseconds) of serial number 0.
    """

    def __init__(self, random: Random, keys: int, published: int) -> None:
        self._random = random
        self._max_keys = keys
        self._published = published
        self._serial = 0
        self._keys: list[NodeID] = []
        self._lifetimes: dict[NodeID, int] = {}
        self._kept: dict[NodeID, Kept] = {}
        self._doubtful: dict[NodeID, list[Write]] = {}
        self._in_flight: dict[NodeID, Write] = {}
        self.round = 0
        self.acknowledged_total = 0
        self.verdicts: Counter[Verdict] = Counter()
        self.wrong: list[str] = []

    # --- Writing -----------------------------------------------------------------------------

    def next(self, now: float) -> Write:
        """The next write to send: under a fresh key, or a newer version under an old one."""
        key = self._choose()
        self._serial += 1
        published = self._published + self._serial
        text = b"%040x %d " % (key, self._serial)
        made = value.value_of(key, text + b"." * self._below(200), published)
        write = Write(key, self._serial, value.encode(made), self._lifetimes[key], now)
        self._in_flight[key] = write
        return write

    def _choose(self) -> NodeID:
        if len(self._keys) >= self._max_keys or (self._keys and self._random.random() < 0.5):
            for _ in range(8):
                key = self._keys[self._below(len(self._keys))]
                if key not in self._in_flight:
                    return key
        key = NodeID(self._random.getrandbits(ID_BITS))
        self._keys.append(key)
        first, last = SHORT
        short = self._random.random() < SHORT_ONES
        self._lifetimes[key] = first + self._below(last - first) if short else LONG
        return key

    def _below(self, limit: int) -> int:
        return int(self._random.random() * limit)

    def acknowledged(self, write: Write, now: float) -> None:
        """The daemon has acknowledged this write."""
        self._in_flight.pop(write.key, None)
        self._doubtful.pop(write.key, None)
        self._kept[write.key] = Kept(write, now, self.round)
        self.acknowledged_total += 1

    def doubtful(self, write: Write) -> None:
        """No acknowledgement came: the write may be stored or not."""
        self._in_flight.pop(write.key, None)
        self._doubtful.setdefault(write.key, []).append(write)

    # --- Judging -----------------------------------------------------------------------------

    def recent(self, rounds: int) -> list[NodeID]:
        """The keys with an acknowledgement in the last ``rounds`` rounds."""
        return [k for k, kept in self._kept.items() if kept.round > self.round - rounds]

    def sample(self, count: int) -> list[NodeID]:
        """``count`` random keys."""
        keys = list(self._kept)
        return [keys[self._below(len(keys))] for _ in range(count if keys else 0)]

    def all(self) -> list[NodeID]:
        """All keys with an acknowledged record, except those whose record has ended in time."""
        return list(self._kept)

    def judge(self, key: NodeID, held: Held | None, began: float, ended: float) -> Verdict | None:
        """Judge what was found under a key by asking between these moments; ``None`` if its record
        has ended before."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        verdict = self._verdict(kept, held, began, ended)
        self.verdicts[verdict] += 1
        if verdict is Verdict.EXPIRED:
            self._forget(key)
        elif verdict not in (Verdict.RIGHT, Verdict.NEWER):
            first, last = kept.ends
            self.wrong.append(
                f"key {key:040x} {verdict.value}: acknowledged {kept.write.serial} in round "
                f"{kept.round}, to end in {first - began:.1f} to {last - began:.1f} s; "
                f"found {self._described(held)}"
            )
        return verdict

    def _described(self, held: Held | None) -> str:
        if held is None:
            return "nothing"
        serial = value.decode(held.record).published - self._published
        return f"{serial}, to end in {held.remaining:.1f} s"

    def _verdict(self, kept: Kept, held: Held | None, began: float, ended: float) -> Verdict:
        first, last = kept.ends
        if held is None:
            return Verdict.EXPIRED if ended > first - TOLERANCE else Verdict.MISSING
        if held.record == kept.write.record:
            if held.remaining > last - began + TOLERANCE or began > last + TOLERANCE:
                return Verdict.LATE
            # Whole seconds are rounded down.
            return (
                Verdict.EARLY if held.remaining < first - ended - 1 - TOLERANCE else Verdict.RIGHT
            )
        if any(held.record == write.record for write in self._possible(kept.write.key)):
            return Verdict.NEWER
        older = value.decode(held.record).published < self._published + kept.write.serial
        return Verdict.OLDER if older else Verdict.FOREIGN

    def _possible(self, key: NodeID) -> Iterable[Write]:
        yield from self._doubtful.get(key, ())
        if key in self._in_flight:
            yield self._in_flight[key]

    def _forget(self, key: NodeID) -> None:
        """The record has ended in time; its key is not written again."""
        del self._kept[key]
        del self._lifetimes[key]
        self._doubtful.pop(key, None)
        self._keys.remove(key)
