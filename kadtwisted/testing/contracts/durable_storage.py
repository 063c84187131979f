"""The contract of storages that keep their records over a restart, as tests for every such backend.

It adds to :mod:`~kadtwisted.testing.contracts.storage`, which also says how contracts are used.
"""

from __future__ import annotations

import os
from abc import abstractmethod

from twisted.internet.defer import gatherResults

from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.testing.contracts.storage import (
    HIGH,
    LARGEST_RECORD,
    MOMENT_TOLERANCE,
    StorageContract,
    stored,
)

WALL_CLOCK = 1_700_000_000.0
"""Where the wall clocks begin (Unix seconds): any time in these years."""


class Clocks:
    """The two clocks that a process gives its storage; they stand still until they are moved.

    ``now`` and ``unix_time`` are what :class:`~kadtwisted.interfaces.StorageContext` asks for.
    """

    def __init__(self, monotonic: float = 0.0, wall: float = WALL_CLOCK) -> None:
        self._monotonic = monotonic
        self._wall = wall

    def now(self) -> float:
        """Monotonic seconds; the origin means nothing to another process."""
        return self._monotonic

    def unix_time(self) -> float:
        """Seconds since 1970 by the wall clock."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._monotonic += seconds
        self._wall += seconds

    def set_wall(self, seconds: float) -> None:
        """The wall clock is set, ahead or back by ``seconds``; no time passes."""
        self._wall += seconds

    def of_next_process(self, later: float) -> Clocks:
        """The clocks of a process that starts ``later`` seconds from now by the wall clock."""
        return Clocks(3.25, self._wall + later)


class DurableStorageContract(StorageContract):
    """What a storage backend does in addition if it keeps its records over a restart.

    A test case says how a storage is made in a directory, with which clocks, and nothing else::

        class TestMyStorage(DurableStorageContract, TestCase):
            @abstractmethod
    def make_storage_in(self, directory, clocks):
                return MyStorage(os.path.join(directory, "records"), clocks.now, clocks.unix_time)

    Moments are monotonic and mean nothing to the next process.  So after a restart a record must
    have as long to live as before, less the time by the wall clock in which no process ran.  If the
    wall clock is set while a process runs, nothing changes; if it was set back between two
    processes, no record lives longer (``kadtwisted.storage.timeline`` does all this).
    """

    @abstractmethod
    def make_storage_in(self, directory: str, clocks: Clocks) -> IStorage:
        """A backend, not yet open, with room for 500 records of 2,000 bytes.

        It keeps its data in ``directory``, which exists, and takes the time from ``clocks``.
        """

    def make_storage(self) -> IStorage:
        directory = os.path.abspath(self.mktemp())
        os.makedirs(directory)
        return self._make_in(directory, Clocks())

    def make_storage_again(self, storage: IStorage, *, later: float = 0.0) -> IStorage:
        """Another object for the data of a closed one, as the next process would make it.

        That process starts ``later`` seconds from now by the wall clock; its monotonic clock has
        another origin.
        """
        _, directory, clocks = self._made()[id(storage)]
        return self._make_in(directory, clocks.of_next_process(later))

    def _make_in(self, directory: str, clocks: Clocks) -> IStorage:
        storage = self.make_storage_in(directory, clocks)
        self._made()[id(storage)] = (storage, directory, clocks)
        return storage

    def _made(self) -> dict[int, tuple[IStorage, str, Clocks]]:
        made: dict[int, tuple[IStorage, str, Clocks]] = self.__dict__.setdefault("_durable", {})
        return made

    def clocks_of(self, storage: IStorage) -> Clocks:
        """The clocks that a storage of this case was made with."""
        return self._made()[id(storage)][2]

    def now_of(self, storage: IStorage) -> float:
        """The present monotonic moment of this storage."""
        return self.clocks_of(storage).now()

    async def running(self) -> IStorage:
        """A fresh storage of a process that has run for a while."""
        storage = await self.opened()
        self.clocks_of(storage).advance(1000.0)
        return storage

    async def restarted(self, storage: IStorage, *, later: float = 0.0) -> IStorage:
        """The storage of the next process, after the last one has ended in good order."""
        await storage.close()
        return await self._opened(self.make_storage_again(storage, later=later))

    async def put_for(self, storage: IStorage, *lives: tuple[int, float]) -> list[StoredRecord]:
        """Put a record under each key, to live for so many seconds from now."""
        now = self.now_of(storage)
        records = [stored(key, expires=now + life, arrived=now) for key, life in lives]
        await self.put_all(storage, *records, now=now)
        return records

    async def living(self, storage: IStorage) -> list[int]:
        """The keys below 10 under which a record is found now."""
        now = self.now_of(storage)
        return [key for key in range(10) if await storage.get(1, NodeID(key), now)]

    async def left(self, storage: IStorage, key: int) -> float:
        """How many seconds the record under this key still has to live."""
        (record,) = await storage.get(1, NodeID(key), self.now_of(storage))
        return record.expires - self.now_of(storage)

    def assert_near(self, seconds: float, expected: float) -> None:
        """Equal, except for rounding."""
        self.assertLessEqual(abs(seconds - expected), MOMENT_TOLERANCE, seconds)

    async def test_records_survive(self) -> None:
        storage = await self.running()
        then = self.now_of(storage)
        records = [
            stored(key, data, kind=kind, sub=sub, expires=then + 60.5, arrived=then - 7.25)
            for kind in (1, 240)
            for key, data in ((0, b""), (5, bytes(range(256))), (HIGH, b"\x00" * LARGEST_RECORD))
            for sub in (b"", b"\xff\x00")
        ]
        await self.put_all(storage, *records, now=then)
        again = await self.restarted(storage)
        shift = self.now_of(again) - then
        expected = [
            each._replace(expires=each.expires + shift, arrived=each.arrived + shift)
            for each in records
        ]
        self.assert_same(await again.page(None, 100), expected)
        self.assert_same(await again.get(240, HIGH, self.now_of(again)), expected[-2:])
        size = sum(len(each.data) for each in records)
        self.assertEqual(await again.usage(), StorageUsage(len(records), size))

    async def test_changes_survive(self) -> None:
        storage = await self.running()
        first, _, _ = await self.put_for(storage, (1, 50.0), (2, 50.0), (3, 5.0))
        await storage.put(first._replace(data=b"newer"), self.now_of(storage))
        await storage.remove(StorageKey(1, NodeID(2)))
        await storage.expire(self.now_of(storage) + 10.0, 10)
        again = await self.restarted(storage)
        found = [(each.where.key, each.data) for each in await again.page(None, 100)]
        self.assertEqual(found, [(1, b"newer")])
        self.assertEqual(await again.usage(), StorageUsage(1, 5))

    async def test_what_is_queued_at_close_survives(self) -> None:
        storage = await self.running()
        now = self.now_of(storage)
        records = [stored(n, b"%d" % n, expires=now + 50.0) for n in range(50)]
        puts = gatherResults([storage.put(each, now) for each in records], consumeErrors=True)
        closing = storage.close()
        await puts
        await closing
        again = await self._opened(self.make_storage_again(storage))
        found = [each[:2] for each in await again.page(None, 100)]
        self.assertEqual(found, [each[:2] for each in records])

    async def test_time_passes_while_nobody_runs(self) -> None:
        storage = await self.running()
        await self.put_for(storage, (1, 60.0), (2, 100.0), (3, 50.0))
        self.clocks_of(storage).advance(30.0)
        again = await self.restarted(storage, later=40.0)
        self.assertEqual(await self.living(again), [2])
        self.assert_near(await self.left(again, 2), 30.0)
        await again.expire(self.now_of(again), 10)
        self.assertEqual((await again.usage()).records, 1)

    async def test_expiry_goes_on(self) -> None:
        storage = await self.running()
        await self.put_for(storage, (3, 30.0), (1, 60.0), (2, 90.0))
        again = await self.restarted(storage)
        now = self.now_of(again)
        self.assertEqual(await again.expire(now + 29.0, 10), 0)
        self.assertEqual(await again.expire(now + 61.0, 10), 2)
        self.assertEqual(await self.living(again), [2])

    async def test_wall_clock_set_while_it_runs(self) -> None:
        for seconds in (5000.0, -5000.0):
            storage = await self.running()
            (record,) = await self.put_for(storage, (1, 60.0))
            self.clocks_of(storage).set_wall(seconds)
            self.assert_same(await storage.page(None, 10), [record])
            await self.put_for(storage, (2, 90.0))
            self.assertEqual(await self.living(storage), [1, 2])
            again = await self.restarted(storage)
            self.assert_near(await self.left(again, 1), 60.0)
            self.assert_near(await self.left(again, 2), 90.0)

    async def test_wall_clock_set_back_while_nobody_runs(self) -> None:
        storage = await self.running()
        await self.put_for(storage, (1, 60.0))
        again = await self.restarted(storage, later=-5000.0)
        self.assertLessEqual(await self.left(again, 1), 60.0 + MOMENT_TOLERANCE)

    async def test_many_restarts(self) -> None:
        storage = await self.running()
        await self.put_for(storage, (1, 100.0))
        for _ in range(8):
            self.clocks_of(storage).advance(2.0)
            storage = await self.restarted(storage, later=3.0)
        self.assertLessEqual(abs(await self.left(storage, 1) - 60.0), 8 * MOMENT_TOLERANCE)
        self.clocks_of(storage).advance(61.0)
        self.assertEqual(await self.living(await self.restarted(storage)), [])
