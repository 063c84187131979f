"""What the tests of stored records share: a record store whose clocks a test sets."""

from __future__ import annotations

import random

from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import Kind
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.node.world import World
from kadtwisted.records.value import encode, value_of
from kadtwisted.storage.memory import MemoryStorage
from tests.node.contexts import make_context

UNIX_NOW = 1_800_000_000.0
KEY = NodeID(0x5EED)


def record(value: bytes, published: float = 0.0, key: NodeID = KEY) -> bytes:
    """A record published so many seconds after :data:`UNIX_NOW`."""
    return encode(value_of(key, value, int((UNIX_NOW + published) * 1_000_000)))


class StoreCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = 500.0
        source = random.Random(1)
        self.world = World(
            now=lambda: self.time,
            unix_time=lambda: UNIX_NOW + self.time - 500.0,
            resolve=lambda host: fail(AssertionError(host)),
            secure_random=source.randbytes,
            random=source,
        )
        self.storage: IStorage = MemoryStorage(100, 100_000)
        self.records = self.make(self.storage)

    def make(self, storage: IStorage) -> RecordStore:
        return RecordStore(make_context(self.world), storage)

    def held(self, key: NodeID = KEY) -> list[bytes]:
        """The unexpired data under a key."""
        found = self.successResultOf(self.records.find(Kind.VALUE, key))
        return [each.data for each in found]
