"""The records that a node stores, page by page, for backups."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NodeStopped, NotFound, StorageError, Superseded
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.record import Kind
from kadtwisted.parameters import Parameters
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import Swarm, simulated_node, simulated_world, wait_for


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

    def test_a_value_that_was_replaced_for_a_while_does_not_come_back(self) -> None:
        swarm = Swarm(8, sealer="plain", parameters=Parameters(k=4))
        self.addCleanup(swarm.stop)
        writer, other = swarm.nodes[:2]
        swarm.wait(writer.put("k", b"old", lifetime=7200.0, keep=True))
        (old,) = swarm.wait(writer.collect(Kind.VALUE, "k")).records
        swarm.wait(other.put("k", b"new", lifetime=60.0))
        swarm.clock.advance(120.0)
        self.assertRaises(NotFound, swarm.wait, writer.get("k"))
        self.assertRaises(Superseded, swarm.wait, writer.put_record(old.data))
        swarm.clock.advance(5000.0)  # it is due to be published again, and is withdrawn
        self.assertEqual(writer.status().own_records, 0)
        self.assertRaises(NotFound, swarm.wait, other.get("k"))
        swarm.wait(other.put("k", b"newest"))
        self.assertEqual(swarm.wait(writer.get("k")).value, b"newest")

    def test_a_storage_that_fails(self) -> None:
        node = simulated_node(self.host, 1, storage=Unreadable(1, 1))
        wait_for(self.clock, node.start())
        self.failureResultOf(node.records(None, 1), StorageError)
        wait_for(self.clock, node.stop())
