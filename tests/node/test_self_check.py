"""Whether a node can tell that it is of use: its ports are reached, its storage answers."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NodeStopped, RequestTimedOut, SendFailed, StorageError
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.messages import Ping
from kadtwisted.node.node import Node
from kadtwisted.parameters import Bounds, NodeSettings
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import PORT, simulated_node, wait_for


class SelfCheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.host = self.network.host("192.0.2.1")
        self.storage = MemoryStorage(10, 10_000)

    def started(self, node: Node) -> Node:
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        return node

    def node(self) -> Node:
        return self.started(simulated_node(self.host, 1, storage=self.storage))

    def test_a_lone_node_reaches_itself(self) -> None:
        node = self.node()
        wait_for(self.clock, node.self_check())
        counters = node.status().counters
        self.assertEqual((counters["datagrams.in"], counters["datagrams.out"]), (2, 2))

    def test_it_tells_nothing_about_others(self) -> None:
        node = self.node()
        link = next(iter(node._links.values()))
        elsewhere = Endpoint("198.51.100.1", 1)
        before = link.requests.patience(elsewhere, Ping())
        for _ in range(10):
            wait_for(self.clock, node.self_check())
        self.assertEqual(link.requests.patience(elsewhere, Ping()), before)
        self.assertFalse(link.has_heard())
        self.assertIsNone(link.told)
        self.assertEqual(len(link.table), 0)

    def test_every_family_is_tried(self) -> None:
        host = self.network.host("192.0.2.2", "2001:db8::2")
        node = self.started(
            simulated_node(host, 2, NodeSettings(port=PORT, interfaces=host.addresses))
        )
        wait_for(self.clock, node.self_check())
        links = list(node._links.values())
        links[1]._binding._port = None
        self.failureResultOf(node.self_check(), SendFailed)

    def test_a_port_that_hears_nothing(self) -> None:
        node = self.node()
        self.network.partition([self.host], [])
        port = self.host._ports[("192.0.2.1", PORT)]
        self.patch(port, "receive", lambda data, source: True)
        checking = node.self_check()
        self.clock.advance(10)
        self.failureResultOf(checking, RequestTimedOut)

    def test_a_port_that_is_dead(self) -> None:
        node = self.node()
        self.host.fail_reads(OSError(12, "Cannot allocate memory"))
        self.network.send(b"x", ("192.0.2.9", 1), ("192.0.2.1", PORT))
        self.clock.advance(0.05)
        self.failureResultOf(node.self_check(), SendFailed)
        self.clock.advance(1)
        wait_for(self.clock, node.self_check())
        self.flushLoggedErrors(OSError)

    def test_a_storage_that_fails(self) -> None:
        node = self.node()
        self.patch(self.storage, "get", lambda *_: fail(StorageError("the disk is gone")))
        checking = node.self_check()
        self.clock.advance(1)
        self.failureResultOf(checking, StorageError)

    def test_a_storage_that_never_answers(self) -> None:
        node = self.node()
        silent: Deferred[None] = Deferred()
        self.patch(self.storage, "get", lambda *_: silent)
        checking = node.self_check()
        self.clock.advance(60)
        self.assertNoResult(checking)
        checking.cancel()
        self.failureResultOf(checking)

    def test_it_waits_for_no_other_operation(self) -> None:
        settings = NodeSettings(
            port=PORT,
            interfaces=self.host.addresses,
            bounds=Bounds(concurrent_operations=1, waiting_operations=1),
        )
        node = self.started(simulated_node(self.host, 1, settings))
        asking = node.ping("192.0.2.77:1").addErrback(lambda _: None)
        self.assertNoResult(asking)
        wait_for(self.clock, node.self_check(), 0.5)
        self.assertNoResult(asking)
        self.clock.advance(10)

    def test_a_stopped_node(self) -> None:
        self.failureResultOf(simulated_node(self.host, 1).self_check(), NodeStopped)

    def test_datagrams_with_our_own_key_are_refused_at_other_times(self) -> None:
        node = self.node()
        sent: list[bytes] = []
        self.network.watch(lambda datagram: sent.append(datagram.data))
        wait_for(self.clock, node.self_check())
        self.network.send(sent[0], ("192.0.2.1", PORT), ("192.0.2.1", PORT))
        self.clock.advance(1)
        self.assertEqual(node.status().counters["dropped.own-key"], 1)
