"""The writes that wait for one another: at most one runs under each key, and few wait behind it.

A writer can send ever newer records faster than a disk takes them.  So a write that need not be
done is not done: of the writes that wait at one place the record that wins stays, and the others
are told that it has won before they touch the storage.  A conditional write may still fail, so it
wins over none that waits, and none loses to it.  What finds no place is refused at once, and is
never written.  A request that its sender repeats while the write runs waits for that write: a slow
disk does not get more to do because it is slow.

Pure: who hears of a write's end is opaque here, and the caller does the work.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from kadtwisted.errors import StorageBusy, Superseded
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey
from kadtwisted.records.kinds import RecordKind, Sender

H = TypeVar("H")

WAITING_A_KEY = 8
"""MAGIC: those who wait under one key; honest writers of one key are seldom two at a time."""

REPLACERS = 1024
"""MAGIC: as many writes as may wait; two writers of one record come within seconds."""


class Write(NamedTuple):
    """A checked record on its way into the storage: its rules, and where it belongs.

    ``remaining`` are the seconds to keep it, ``cas`` is the sequence number that must be stored
    there now, if the write is conditional.
    ``floor_remaining`` is for how long no record that loses to this one may come back, if that is
    longer: it took the place of others that waited, and they had so long to live.
    ``sender`` stores it here; ``None`` is this node itself.
    """

    rules: RecordKind
    where: StorageKey
    record: bytes
    remaining: float
    cas: int | None
    floor_remaining: float = 0.0
    sender: Sender | None = None

    def beats(self, other: Write) -> bool:
        """Whether this record is sure to replace the other one."""
        return (
            self.where == other.where
            and self.cas is None
            and self.rules.supersedes(self.record, other.record)
        )

    def repeats(self, other: Write) -> bool:
        """Whether both ask for the same: of two conditional writes only if one node sends both."""
        same = self.record == other.record and self.cas == other.cas
        return same and (self.cas is None or self.writer == other.writer)

    def is_resent(self, other: Write) -> bool:
        """Whether this is the request for the other write, sent again: then one write is enough."""
        return (
            self.sender is not None
            and self.sender == other.sender
            and self.remaining <= other.remaining
            and self.repeats(other)
        )

    @property
    def writer(self) -> bytes:
        """The key of the node that stores it; empty for this node itself."""
        return b"" if self.sender is None else self.sender.key


class Replacers:
    """Which nodes have replaced records by conditional writes: the last ones, ``most`` at most.

    Two writers may want to put the very same record in the place of the same one.  Only the first
    of them has replaced it; to the second it must look as if another record stood there.
    """

    def __init__(self, most: int = REPLACERS) -> None:
        self._most = most
        self._last: OrderedDict[StorageKey, tuple[bytes, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def note(self, write: Write) -> None:
        """A write replaces what stands at its place."""
        if write.cas is None:
            return
        self._last[write.where] = write.rules.version(write.record), write.writer
        self._last.move_to_end(write.where)
        if len(self._last) > self._most:
            self._last.popitem(last=False)

    def has_lost(self, write: Write) -> bool:
        """Whether another node has put just this record there, on the same condition."""
        if write.cas is None or write.where not in self._last:
            return False
        version, writer = self._last[write.where]
        return writer != write.writer and version == write.rules.version(write.record)


@dataclass(slots=True, eq=False)
class Pending(Generic[H]):
    """A write that runs or waits, and those who hear of its end; ``work`` is its caller's own."""

    write: Write
    hearers: list[H]
    work: Any = None


@dataclass(slots=True, eq=False)
class _Line(Generic[H]):
    """The write that runs under one key, and those behind it in their order."""

    running: Pending[H]
    waiting: list[Pending[H]] = field(default_factory=list)

    def hearers(self) -> int:
        """How many wait behind the write that runs, or repeated the request for it."""
        behind = sum(len(each.hearers) for each in self.waiting)
        return behind + max(0, len(self.running.hearers) - 1)


class WriteQueue(Generic[H]):
    """The writes of all keys that run or wait, heard by ``most`` at most, and behind the one that
    runs under a key by ``most_a_key`` at most."""

    def __init__(self, most: int, most_a_key: int = WAITING_A_KEY) -> None:
        self._most = most
        self._most_a_key = most_a_key
        self._lines: dict[tuple[int, NodeID], _Line[H]] = {}
        self._heard = 0

    def __len__(self) -> int:
        """How many wait for the end of a write."""
        return self._heard

    def keys(self) -> int:
        """Under how many keys there are writes."""
        return len(self._lines)

    def is_busy(self, kind: int, key: NodeID) -> bool:
        """Whether a write runs under this key."""
        return (kind, key) in self._lines

    def enter(self, write: Write, hearer: H, *, bounded: bool) -> tuple[Pending[H] | None, list[H]]:
        """A write has come in: the write to run now, if any, and those whose writes it beat.

        Raises :class:`~kadtwisted.errors.Superseded` if it is beaten by a write that waits, and
        :class:`~kadtwisted.errors.StorageBusy` if it is ``bounded`` and there is no place.
        """
        place = write.where[:2]
        line = self._lines.get(place)
        if line is None:
            if bounded and self._heard >= self._most:
                raise StorageBusy("too many writes wait for the storage; try again")
            pending = Pending(write, [hearer])
            self._lines[place] = _Line(pending)
            self._heard += 1
            return pending, []
        if write.is_resent(line.running.write):
            if line.hearers() >= self._most_a_key or self._heard >= self._most:
                raise StorageBusy("too many requests for one write wait for the storage; try again")
            line.running.hearers.append(hearer)
            self._heard += 1
            return None, []
        if any(each.write.beats(write) for each in line.waiting):
            raise Superseded("a newer record is about to be stored here")
        beaten = [each for each in line.waiting if write.beats(each.write)]
        freed = sum(len(each.hearers) for each in beaten)
        if bounded and (
            line.hearers() - freed >= self._most_a_key or self._heard - freed >= self._most
        ):
            raise StorageBusy("too many writes of this key wait for the storage; try again")
        self._heard += 1 - freed
        self._wait(line, write, hearer, beaten)
        return None, [each for pending in beaten for each in pending.hearers]

    def _wait(self, line: _Line[H], write: Write, hearer: H, beaten: list[Pending[H]]) -> None:
        """Wait with a write of the same record, or behind the others."""
        for each in line.waiting:
            if each.write.repeats(write):
                longer = max(each.write.remaining, write.remaining)
                each.write = each.write._replace(remaining=longer)
                each.hearers.append(hearer)
                return
        floors = [max(each.write.remaining, each.write.floor_remaining) for each in beaten]
        if floors:
            write = write._replace(floor_remaining=max(floors))
            line.waiting = [each for each in line.waiting if each not in beaten]
        line.waiting.append(Pending(write, [hearer]))

    def leave(self, pending: Pending[H]) -> Pending[H] | None:
        """The write that ran has ended; the next one to run under its key, if any."""
        place = pending.write.where[:2]
        line = self._lines[place]
        self._heard -= len(pending.hearers)
        if not line.waiting:
            del self._lines[place]
            return None
        line.running = line.waiting.pop(0)
        return line.running

    def give_up(self, where: StorageKey, hearer: H) -> Pending[H] | None:
        """Somebody no longer wants to hear of a write at this place; the write that runs, if nobody
        is left who does.  One that waits is not done then."""
        line = self._lines[where[:2]]
        pending = next(each for each in (line.running, *line.waiting) if hearer in each.hearers)
        pending.hearers.remove(hearer)
        self._heard -= 1
        if pending.hearers:
            return None
        if pending is line.running:
            return pending
        line.waiting.remove(pending)
        return None
