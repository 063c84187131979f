"""Whole nodes on real sockets of this machine: what they do, how they end, how they come back."""

from __future__ import annotations

import errno
import gc
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from kadtwisted.errors import (
    BootstrapFailed,
    CannotListen,
    NodeStopped,
    NotFound,
    RequestTimedOut,
    SendFailed,
    Unavailable,
)
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.ids import key_of_name
from kadtwisted.node.node import Node
from kadtwisted.node.port.udp_port import BoundedPort
from kadtwisted.node.world import real_world
from kadtwisted.parameters import NodeSettings, Timeouts
from tests.integration.sockets import FaultySocket, faulty_ports, loopback_socket

STOP_SECONDS = 60.0
"""No stop takes as long, on a busy machine either: it waits for nobody."""
REBOUND_SECONDS = 60.0
"""A port that has died is bound again sooner, on a busy machine too."""
NODE_KEY = NodeKey.from_seed(bytes(32))
QUICK = Timeouts(initial=0.25, hard_floor=2.0)
"""Where some do not answer.  A round trip on loopback takes a millisecond at most, but all nodes of
a test share a process, which a busy machine may let wait."""
PATIENT = Timeouts(hard_floor=60.0)
"""Where everybody answers."""


class NodesCase(TestCase):
    timeouts = QUICK

    def make(self, *interfaces: str, **more: Any) -> Node:
        """A node, not started; it is stopped when the test ends."""
        settings = NodeSettings(
            **{"interfaces": interfaces or ("127.0.0.1",), "timeouts": self.timeouts, **more}
        )
        node = Node(reactor, settings, NodeKey.generate(os.urandom))
        self.addCleanup(node.stop)
        return node

    async def start(self, *interfaces: str, **more: Any) -> Node:
        node = self.make(*interfaces, **more)
        await node.start()
        return node

    def address(self, node: Node, family: Family | None = None) -> str:
        """Where a node listens, as people write it."""
        return str(self.endpoint(node, family))

    def endpoint(self, node: Node, family: Family | None = None) -> Endpoint:
        found = [each.listening for each in node.status().links if family in (None, each.family)]
        assert found[0] is not None
        return found[0]


class WorkTests(NodesCase):
    timeouts = PATIENT

    async def three(self, *interfaces: str) -> list[Node]:
        nodes = [await self.start(*interfaces) for _ in range(3)]
        for node in nodes[1:]:
            joined = await node.bootstrap([self.address(nodes[0])])
            self.assertEqual([each.node_id for each in joined.answered], [nodes[0].node_id])
            self.assertEqual(joined.failures, {})
        return nodes

    async def put_get_delete(self, nodes: list[Node]) -> None:
        one, two, three = nodes
        receipt = await one.put("mykey", b"myvalue")
        self.assertEqual(receipt.failures, {})
        holders = {each.contact and each.contact.node_id for each in receipt.acknowledged}
        self.assertEqual(holders, {None, two.node_id, three.node_id})
        for node in nodes:
            self.assertEqual((await node.get("mykey")).value, b"myvalue")
        await three.put("mykey", b"another")
        self.assertEqual((await one.get("mykey")).value, b"another")
        await two.delete("mykey")
        for node in nodes:
            await self.assertFailure(node.get("mykey"), NotFound)

    async def test_over_ipv4(self) -> None:
        await self.put_get_delete(await self.three("127.0.0.1"))

    async def test_over_ipv6(self) -> None:
        await self.put_get_delete(await self.three("::1"))

    async def test_over_both(self) -> None:
        nodes = [await self.start("127.0.0.1", "::1") for _ in range(3)]
        for node in nodes:
            four, six = (self.endpoint(node, family) for family in Family)
            self.assertEqual((four.host, six.host), ("127.0.0.1", "::1"))
            self.assertEqual(four.port, six.port)
        for node in nodes[1:]:
            await node.bootstrap([self.address(nodes[0], family) for family in Family])
        await self.put_over_both(nodes)

    async def put_over_both(self, nodes: list[Node]) -> None:
        receipt = await nodes[0].put("mykey", b"myvalue")
        self.assertEqual(receipt.failures, {})
        families = [each.contact.family for each in receipt.acknowledged if each.contact]
        self.assertEqual(sorted(families), [4, 4, 6, 6])
        self.assertEqual((await nodes[2].get("mykey")).value, b"myvalue")
        found = await nodes[1].find_node(key_of_name("mykey"))
        self.assertEqual({each.family for each in found.contacts}, {4, 6})

    async def test_a_node_of_both_families_joins_two_networks_of_one(self) -> None:
        four, six, both = (
            await self.start("127.0.0.1"),
            await self.start("::1"),
            await self.start("127.0.0.1", "::1"),
        )
        await both.bootstrap([self.address(four), self.address(six)])
        receipt = await both.put("mykey", b"myvalue")
        self.assertEqual(receipt.remote_acks, 2)
        for node in (four, six):
            self.assertEqual((await node.get("mykey")).value, b"myvalue")

    async def test_the_largest_value(self) -> None:
        nodes = await self.three("127.0.0.1")
        value = os.urandom(996)
        self.assertEqual((await nodes[0].put("large", value)).remote_acks, 2)
        self.assertEqual((await nodes[1].get("large", mode="latest")).value, value)

    async def test_a_ping_shows_who_and_where(self) -> None:
        for host in ("127.0.0.1", "::1"):
            one, two = await self.start(host), await self.start(host, agent="test")
            result = await one.ping(f"{two.public_key.hex()}@{self.address(two)}")
            self.assertEqual(result.contact.node_id, two.node_id)
            self.assertEqual(result.observed, self.endpoint(one))
            self.assertEqual(result.agent, "test")

    async def test_nobody_answers(self) -> None:
        node = await self.start(timeouts=QUICK)
        host, port = loopback_socket(self).getsockname()
        failed: Any = await self.assertFailure(node.bootstrap([f"{host}:{port}"]), BootstrapFailed)
        self.assertEqual(list(failed.reasons), [f"{host}:{port}"])


class EndTests(NodesCase):
    async def stop(self, node: Node) -> None:
        """Stop a node; ``TimeoutError`` if that takes too long."""
        await node.stop().addTimeout(STOP_SECONDS, reactor)

    async def test_start_and_stop_with_requests_in_flight(self) -> None:
        others = [await self.start("127.0.0.1", "::1") for _ in range(2)]
        silent = [loopback_socket(self, host) for host in ("127.0.0.1", "::1")]
        node = self.make("127.0.0.1", "::1")
        for _ in range(5):
            await node.start()
            await node.bootstrap([self.address(each) for each in others])
            outcomes: list[object] = []
            waiting = self.busy(node, silent)
            for each in waiting:
                each.addBoth(outcomes.append)
            self.assertEqual(outcomes, [])
            await self.stop(node)
            self.assertEqual(
                [getattr(o, "type", o) for o in outcomes], [NodeStopped] * len(waiting)
            )
            self.assertEqual([each.listening for each in node.status().links], [None, None])
            self.assertEqual(sum(each.requests_in_flight for each in node.status().links), 0)
        self.assert_no_error_was_lost()

    def busy(self, node: Node, silent: list[socket.socket]) -> list[Deferred[Any]]:
        """Operations of every kind; none can end before the reactor turns."""
        nobody = [str(Endpoint(*each.getsockname()[:2])) for each in silent]
        return [
            node.get("a"),
            node.get("a", mode="first"),
            node.put("b", b"value"),
            node.delete("c"),
            node.find_node(key_of_name("d")),
            node.bootstrap(nobody),
            *(node.ping(each) for each in nobody),
        ]

    async def test_what_waits_for_a_name_ends_too(self) -> None:
        unanswered: list[str] = []

        def resolve(host: str) -> Deferred[Sequence[str]]:
            unanswered.append(host)
            return Deferred()

        world = replace(real_world(reactor), resolve=resolve)
        node = Node(reactor, NodeSettings(interfaces=("127.0.0.1",)), NODE_KEY, world=world)
        await node.start()
        waiting = [node.ping("a.example:1"), node.bootstrap(["b.example:1"])]
        self.assertEqual(unanswered, ["a.example", "b.example"])
        await self.stop(node)
        for each in waiting:
            self.failureResultOf(each, NodeStopped)
        self.assert_no_error_was_lost()

    async def test_the_operations_of_others_end_too(self) -> None:
        """Those that are in flight to a node that stops."""
        nodes = [await self.start() for _ in range(3)]
        for node in nodes[1:]:
            await node.bootstrap([self.address(nodes[0])])
        self.assertEqual(len((await nodes[1].find_node(key_of_name("key"))).contacts), 2)
        putting = [nodes[1].put(f"key {number}", b"value") for number in range(5)]
        await self.stop(nodes[0])
        for receipt in await gatherResults(putting):
            holders = {each.contact and each.contact.node_id for each in receipt.acknowledged}
            self.assertLessEqual({None, nodes[2].node_id}, holders)
        self.assert_no_error_was_lost()

    async def test_stop_in_the_same_turn_as_start(self) -> None:
        for _ in range(5):
            node = self.make("127.0.0.1", "::1")
            starting = node.start()
            await self.stop(node)
            await starting

    async def test_a_port_in_use_leaves_nothing_open(self) -> None:
        taken = loopback_socket(self, "::1").getsockname()[1]
        node = self.make("127.0.0.1", "::1", port=taken)
        error = await self.assertFailure(node.start(), CannotListen)
        self.assertIn(f"UDP port {taken} of ::1", str(error))
        self.assertFalse(node.status().running)
        loopback_socket(self, "127.0.0.1", taken)  # the other family's port was let go of

    async def test_a_fixed_port_can_be_had_again(self) -> None:
        node = await self.start()
        fixed = self.make(port=self.endpoint(node).port)
        await self.stop(node)
        for _ in range(3):
            await fixed.start()
            await self.stop(fixed)

    def assert_no_error_was_lost(self) -> None:
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


class DeadPortTests(NodesCase):
    """A port that dies of an error of ``recvfrom``; see ``FaultySocket``."""

    def setUp(self) -> None:
        super().setUp()
        self.awaited: tuple[int, Deferred[None]] | None = None
        self.sockets: list[FaultySocket] = faulty_ports(self, self.bound)

    def bound(self) -> None:
        if self.awaited is not None and len(self.sockets) > self.awaited[0]:
            _, waiting = self.awaited
            self.awaited = None
            waiting.callback(None)

    async def kill(self, node: Node, faulty: FaultySocket, number: int) -> None:
        """Let a port die, and wait until one is bound again."""
        bound_again: Deferred[None] = Deferred()
        self.awaited = (len(self.sockets), bound_again)
        faulty.faults = [OSError(number, "injected")]
        family = Family.IPV6 if faulty.family == socket.AF_INET6 else Family.IPV4
        where = self.endpoint(node, family)
        loopback_socket(self, where.host).sendto(b"wakes the reactor", where)
        await bound_again.addTimeout(REBOUND_SECONDS, reactor)

    async def test_it_is_bound_again_on_the_same_number_and_answers_again(self) -> None:
        for host in ("127.0.0.1", "::1"):
            node = await self.start(host)
            before, mine = self.endpoint(node), self.sockets[-1]
            other = await self.start(host)
            for number in (errno.ENOMEM, errno.EIO):
                await self.kill(node, mine, number)
                mine = self.sockets[-1]
                self.assertEqual(self.endpoint(node), before)
                result = await other.ping(self.address(node))
                self.assertEqual(result.contact.node_id, node.node_id)
                self.assertEqual((await node.ping(self.address(other))).observed, before)
            self.assertEqual(node.status().counters["port.died"], 2)

    async def test_a_socket_that_was_handed_over_is_taken_up_again(self) -> None:
        ready = loopback_socket(self)
        settings = NodeSettings(interfaces=("127.0.0.1",), timeouts=QUICK)
        key = NodeKey.generate(os.urandom)
        node = Node(reactor, settings, key, sockets={Family.IPV4: ready})
        self.addCleanup(node.stop)
        await node.start()
        other = await self.start()
        self.assertEqual(tuple(self.endpoint(node)), ready.getsockname())
        for _ in range(2):
            await self.kill(node, self.sockets[-2 if len(self.sockets) == 2 else -1], errno.EIO)
            result = await other.ping(self.address(node))
            self.assertEqual(result.contact.node_id, node.node_id)
        await node.stop()
        self.assertGreater(ready.getsockname()[1], 0)  # still open, still bound

    async def test_the_other_family_does_not_notice(self) -> None:
        node = await self.start("127.0.0.1", "::1")
        four = self.sockets[0]
        self.assertEqual(four.family, socket.AF_INET)
        other = await self.start("::1")
        await self.kill(node, four, errno.EIO)
        self.assertEqual(len(self.sockets), 4)
        result = await other.ping(self.address(node, Family.IPV6))
        self.assertEqual(result.contact.node_id, node.node_id)
        ports = {self.endpoint(node, family).port for family in Family}
        self.assertEqual(len(ports), 1)

    async def die(self, node: Node, faulty: FaultySocket) -> None:
        """Let a port die, and wait until it is closed."""
        died: Deferred[None] = Deferred()
        faulty.on_close = lambda: reactor.callLater(0, died.callback, None)
        faulty.faults = [OSError(errno.EIO, "injected")]
        where = self.endpoint(node)
        loopback_socket(self).sendto(b"wakes the reactor", where)
        await died

    async def test_what_is_asked_while_it_is_dead_fails_and_harms_nothing(self) -> None:
        node, other = await self.start(), await self.start()
        await node.bootstrap([self.address(other)])
        host, port = loopback_socket(self).getsockname()
        under_way = node.ping(f"{host}:{port}")
        await self.die(node, self.sockets[0])
        bound_again: Deferred[None] = Deferred()
        self.awaited = (len(self.sockets), bound_again)
        await self.assertFailure(node.ping(self.address(other)), SendFailed)
        await self.assertFailure(node.get("nothing"), Unavailable)
        await bound_again.addTimeout(REBOUND_SECONDS, reactor)
        await self.assertFailure(under_way, RequestTimedOut)
        self.assertEqual((await node.ping(self.address(other))).contact.node_id, other.node_id)
        self.assertEqual(node.status().counters["port.died"], 1)

    async def test_a_stop_while_it_is_dead_ends_that(self) -> None:
        node = await self.start()
        where = self.endpoint(node)
        await self.die(node, self.sockets[0])
        await node.stop().addTimeout(STOP_SECONDS, reactor)
        self.assertEqual(len(self.sockets), 1)
        loopback_socket(self, where.host, where.port)

    async def test_a_stop_in_the_turn_of_its_death(self) -> None:
        node = await self.start()
        where = self.endpoint(node)
        readers = reactor.getReaders()
        [port] = [each for each in readers if isinstance(each, BoundedPort)]
        self.sockets[0].faults = [OSError(errno.EIO, "injected")]
        port.doRead()
        await node.stop().addTimeout(STOP_SECONDS, reactor)
        loopback_socket(self, where.host, where.port)
        self.assertEqual(self.flushLoggedErrors(), [])
