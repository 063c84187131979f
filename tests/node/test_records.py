"""The records that a node stores, page by page, for backups."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NodeStopped, StorageError
from kadtwisted.model.ids import key_of_name
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import simulated_node, simulated_world, wait_for


class Unreadable(MemoryStorage):
    def page(self, after: object, limit: int) -> Deferred[object]:  # type: ignore[override]
        return fail(StorageError("the disk is gone"))


class RecordsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.host = Network(self.clock, 1).host("192.0.2.1")

    def test_pages(self) -> None:
        node = simulated_node(self.host, 1)
        self.failureResultOf(node.records(None, 1), NodeStopped)
        wait_for(self.clock, node.start())
        for name in ("a", "b", "c"):
            wait_for(self.clock, node.put(name, b"value", lifetime=600.0))
        first = wait_for(self.clock, node.records(None, 2))
        rest = wait_for(self.clock, node.records(first.next, 2))
        found = [*first.records, *rest.records]
        keys = sorted(key_of_name(name) for name in ("a", "b", "c"))
        self.assertEqual([each.where.key for each in found], keys)
        self.assertIsNone(rest.next)
        unix_time = simulated_world(self.host, 1).unix_time()
        for each in found:
            self.assertApproximates(each.expires_unix - unix_time, 600.0, 2.0)
        wait_for(self.clock, node.stop())

    def test_a_storage_that_fails(self) -> None:
        node = simulated_node(self.host, 1, storage=Unreadable(1, 1))
        wait_for(self.clock, node.start())
        self.failureResultOf(node.records(None, 1), StorageError)
        wait_for(self.clock, node.stop())
