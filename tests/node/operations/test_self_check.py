"""Whether a node can tell that it is of use: its ports are reached, its storage answers."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import CannotListenError
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import CannotListen, NodeStopped, RequestTimedOut, SendFailed, StorageError
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Ping
from kadtwisted.node.node import Node
from kadtwisted.node.port.link import Link
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

    def both(self) -> tuple[Node, list[Link]]:
        host = self.network.host("192.0.2.2", "2001:db8::2")
        node = self.started(
            simulated_node(host, 2, NodeSettings(port=PORT, interfaces=host.addresses))
        )
        return node, list(node._links.values())

    def test_one_family_that_works_is_enough(self) -> None:
        node, links = self.both()
        ports = [link._binding._port for link in links]
        for broken in (0, 1):
            links[broken]._binding._port = None
            wait_for(self.clock, node.self_check())
            links[broken]._binding._port = ports[broken]
        for link in links:
            link._binding._port = None
        self.failureResultOf(node.self_check(), SendFailed)

    def told(self, node: Node, checks: int) -> list[str]:
        """What is logged of so many checks."""
        with capturedLogs() as events:
            for _ in range(checks):
                wait_for(self.clock, node.self_check())
        return [formatEvent(each) for each in events]

    def test_the_other_one_is_told_of_once(self) -> None:
        node, links = self.both()
        port, links[1]._binding._port = links[1]._binding._port, None
        self.assertEqual(self.told(node, 1), [])
        (told,) = self.told(node, 4)
        self.assertIn("IPv6 does not work on this machine", told)
        self.assertIn("it serves IPv4", told)
        links[1]._binding._port = port
        self.assertEqual(self.told(node, 3), ["IPv6 works again"])

    def test_a_family_that_swallows_all_holds_nothing_up(self) -> None:
        node, _ = self.both()
        host = self.network.host("192.0.2.2", "2001:db8::2")
        deaf = host._ports[("2001:db8::2", PORT)]
        self.patch(deaf, "receive", lambda data, source: True)
        wait_for(self.clock, node.self_check(), 0.1)

    def test_a_family_that_the_machine_lacks(self) -> None:
        """Then the node starts with the other one, also from contacts of an earlier run."""
        real = Link.listen

        def listen(link: Link, *given: Any) -> int:
            if link.family is Family.IPV6:
                cause = CannotListenError("::", PORT, OSError(errno.EAFNOSUPPORT, "no family"))
                raise CannotListen("this machine has no IPv6") from cause
            return real(link, *given)

        self.patch(Link, "listen", listen)
        node, links = self.both()
        self.assertEqual([link.family for link in links], [Family.IPV4])
        wait_for(self.clock, node.self_check())
        elsewhere = Contact.at(NodeID(1), Endpoint("2001:db8::9", 1), bytes(32))
        recalled = Deferred.fromCoroutine(node._upkeep.contacts.recall([elsewhere]))
        wait_for(self.clock, recalled)
        self.assertEqual(len(self.flushLoggedErrors()), 0)

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
