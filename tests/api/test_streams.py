"""Streams of the control socket: one line for each event, no faster than they are read."""

from __future__ import annotations

import json
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.blocking_client import BlockingClient
from kadtwisted.api.control import IDLE_SECONDS, ControlFactory, ControlProtocol
from kadtwisted.api.control_client import MOST_EVENTS, ControlClient
from kadtwisted.api.operations import Operations
from kadtwisted.api.streams import MAX_STREAMS, MOST_STREAMS
from kadtwisted.cli.session import drive
from kadtwisted.errors import InvalidInput, NodeStopped, TooManyRequests
from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.record import Kind
from kadtwisted.model.reference import Reference
from tests.daemon.fakes import NAME_KEY, FakeNode, a_change


class StreamCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = FakeNode()
        self.clock = Clock()
        self.factory = ControlFactory(Operations(self.node), self.clock, lambda _: None)
        self.protocol, self.transport = self.connected()

    def connected(self) -> tuple[ControlProtocol, StringTransport]:
        protocol = self.factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def ask(self, protocol: ControlProtocol | None = None, **request: Any) -> None:
        (protocol or self.protocol).dataReceived(json.dumps(request).encode() + b"\n")

    def lines(self, transport: StringTransport | None = None) -> list[dict[str, Any]]:
        transport = transport or self.transport
        lines = transport.value().splitlines()
        transport.clear()
        return [json.loads(line) for line in lines]


class ServerTests(StreamCase):
    def test_each_change_is_a_line_with_the_requests_id(self) -> None:
        self.ask(id=7, verb="watch", key="name")
        self.assertEqual(self.node.calls[-1], ("watch", "name", None))
        (first,) = self.lines()
        self.assertEqual(first["id"], 7)
        event = first["event"]
        self.assertEqual((event["value"], event["gone"], event["kind"]), ("value", False, 1))
        self.assertEqual((event["key"], event["remaining_seconds"]), (id_to_hex(NAME_KEY), 3600))
        self.assertEqual(event["published_unix"], 1_700_000_000.5)
        (watch,) = self.node.watches
        watch.tell(a_change(b"0:", deleted=True))
        watch.tell(a_change(None))
        told = [(e["event"]["gone"], e["event"]["deleted"]) for e in self.lines()]
        self.assertEqual(told, [(True, True), (True, False)])

    def test_what_is_watched(self) -> None:
        reference = Reference(Kind.MUTABLE, bytes(32), b"salt")
        self.ask(verb="watch", key_hex=id_to_hex(NAME_KEY), kind=4)
        self.ask(verb="watch", reference=str(reference))
        watched = [call[1:] for call in self.node.calls]
        self.assertEqual(watched, [(NAME_KEY.to_bytes(20, "big"), 4), (reference, None)])

    def test_what_cannot_be_watched_is_an_error(self) -> None:
        for wrong in (
            {},
            {"key": "a", "key_hex": "00" * 20},
            {"key": "a", "kind": 256},
            {"key": "a", "kind": True},
            {"reference": "kad:mistyped"},
            {"key": "a", "mode": "first"},
        ):
            self.ask(verb="watch", **wrong)
            (answer,) = self.lines()
            self.assertIn("error", answer, wrong)
        self.node.answers["watch"] = TooManyRequests("no more")
        self.ask(verb="watch", key="a")
        self.assertEqual(self.lines()[0]["error"]["type"], "TooManyRequests")
        self.assertEqual(self.node.watches, [])

    def test_a_client_that_does_not_read_is_written_nothing_more(self) -> None:
        self.ask(verb="watch", key="name")
        self.lines()
        (watch,) = self.node.watches
        self.protocol.pauseProducing()
        for number in range(3):
            watch.tell(a_change(b"1:%d" % number))
        # One event was waited for already; of the others the newest is kept.
        self.assertEqual([e["event"]["value"] for e in self.lines()], ["0"])
        self.protocol.resumeProducing()
        self.assertEqual([e["event"]["value"] for e in self.lines()], ["2"])

    def test_many_places_at_once_are_all_written(self) -> None:
        self.node.answers["watch"] = [a_change(sub=b"%04d" % number) for number in range(3000)]
        self.ask(verb="watch", key="name")
        self.assertEqual(len(self.lines()), 3000)

    def test_it_ends_with_its_connection(self) -> None:
        self.ask(verb="watch", key="name")
        self.protocol.connectionLost()
        self.assertEqual(self.node.names(), ["watch", "unwatch"])
        self.assertEqual(self.factory.streams(), 0)

    def test_a_node_that_stops_says_so(self) -> None:
        self.ask(id=1, verb="watch", key="name")
        self.lines()
        self.node.watches[0].end(NodeStopped())
        (answer,) = self.lines()
        self.assertEqual((answer["id"], answer["error"]["type"]), (1, "NodeStopped"))
        self.ask(verb="status")
        self.assertEqual(len(self.lines()), 1)

    def test_so_does_its_control_socket_before_it_closes(self) -> None:
        self.ask(id=1, verb="watch", key="name")
        self.ask(id=2, verb="watch", key="name")
        self.lines()
        self.factory.close()
        said = [(each["id"], each["error"]["type"]) for each in self.lines()]
        self.assertEqual(said, [(1, "NodeStopped"), (2, "NodeStopped")])
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.node.names(), ["watch", "watch", "unwatch", "unwatch"])

    def test_a_client_that_only_reads_a_stream_is_not_idle(self) -> None:
        self.ask(verb="watch", key="name")
        self.clock.advance(3 * IDLE_SECONDS)
        self.assertFalse(self.transport.disconnected)
        self.node.watches[0].end(NodeStopped())
        self.clock.advance(IDLE_SECONDS + 1)
        self.assertTrue(self.transport.disconnected)

    def test_who_says_nothing_more_may_still_read(self) -> None:
        self.ask(verb="watch", key="name")
        self.protocol.readConnectionLost()
        self.assertFalse(self.transport.disconnecting)
        self.node.watches[0].end(NodeStopped())
        self.assertTrue(self.transport.disconnecting)

    def test_streams_are_bounded_for_a_connection_and_in_all(self) -> None:
        for _ in range(MAX_STREAMS + 1):
            self.ask(verb="watch", key="name")
        self.assertEqual(self.lines()[-1]["error"]["type"], "TooManyRequests")
        for _ in range(MOST_STREAMS // MAX_STREAMS - 1):
            protocol, _ = self.connected()
            for _ in range(MAX_STREAMS):
                self.ask(protocol, verb="watch", key="name")
        self.assertEqual((self.factory.streams(), len(self.node.watches)), (MOST_STREAMS,) * 2)
        late, transport = self.connected()
        self.ask(late, verb="watch", key="name")
        self.assertEqual(self.lines(transport)[0]["error"]["type"], "TooManyRequests")
        self.protocol.connectionLost()
        self.ask(late, verb="watch", key="name")
        self.assertIn("event", self.lines(transport)[0])


class OperationsTests(SynchronousTestCase):
    def test_a_stream_is_no_answer_and_an_answer_no_stream(self) -> None:
        operations = Operations(FakeNode())
        self.failureResultOf(operations.perform("watch", {"key": "a"}), InvalidInput)
        self.assertRaises(InvalidInput, operations.stream, "get", {"key": "a"})
        self.assertRaises(InvalidInput, operations.stream, "nothing", {})


class BlockingClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.client = BlockingClient(ours)
        self.addCleanup(self.client.close)
        self.addCleanup(self.theirs.close)

    def read(self, most: int = 100) -> list[Any]:
        async def read() -> list[Any]:
            found: list[Any] = []
            async for event in self.client.stream("watch", {"key": "k"}):
                found.append(event)
                if len(found) == most:
                    break
            return found

        events: list[Any] = drive(read())
        return events

    def test_events_until_enough(self) -> None:
        self.theirs.sendall(
            b'{"id":1,"event":{"n":1}}\n{"id":7,"event":{}}\n{"id":1,"event":{"n":2}}\n'
        )
        self.assertEqual(self.read(2), [{"n": 1}, {"n": 2}])
        request = json.loads(self.theirs.recv(1000))
        self.assertEqual(request, {"key": "k", "verb": "watch", "id": 1})

    def test_an_error_ends_it(self) -> None:
        self.theirs.sendall(
            b'{"id":1,"event":{}}\n{"id":1,"error":{"type":"NodeStopped","message":"s"}}\n'
        )
        self.assertRaises(NodeStopped, self.read)

    def test_a_node_that_goes_away(self) -> None:
        self.theirs.sendall(b'{"id":1,"event":{}}\n')
        self.theirs.close()
        self.assertRaises(ControlUnavailable, self.read)

    def test_an_event_is_no_answer(self) -> None:
        self.theirs.sendall(b'{"id":1,"event":{}}\n')
        asking = self.client.perform("get", {"key": "k"})
        self.assertRaises(ControlUnavailable, drive, asking)


class ClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = ControlClient()
        self.transport = StringTransport()
        self.client.makeConnection(self.transport)
        self.stream = self.client.stream("watch", {"key": "k"})

    def event(self, number: int) -> None:
        self.client.dataReceived(b'{"id": 1, "event": {"n": %d}}\n' % number)

    def test_events_that_wait_and_events_that_come(self) -> None:
        self.event(1)
        self.assertEqual(self.successResultOf(self.stream.__anext__()), {"n": 1})
        waiting = self.stream.__anext__()
        self.assertNoResult(waiting)
        self.event(2)
        self.assertEqual(self.successResultOf(waiting), {"n": 2})

    def test_who_stops_waiting_loses_nothing(self) -> None:
        self.stream.__anext__().addErrback(lambda _: None).cancel()
        self.event(1)
        self.assertEqual(self.successResultOf(self.stream.__anext__()), {"n": 1})

    def test_a_slow_reader_stops_the_connection(self) -> None:
        for number in range(MOST_EVENTS):
            self.assertEqual(self.transport.producerState, "producing")
            self.event(number)
        self.assertEqual(self.transport.producerState, "paused")
        self.successResultOf(self.stream.__anext__())
        self.assertEqual(self.transport.producerState, "producing")

    def test_its_end(self) -> None:
        self.client.dataReceived(b'{"id":1,"error":{"type":"NodeStopped","message":"s"}}\n')
        self.failureResultOf(self.stream.__anext__(), NodeStopped)
        other = self.client.stream("watch", {"key": "k"})
        waiting: Deferred[Any] = other.__anext__()
        self.client.connectionLost()
        self.failureResultOf(waiting, ControlUnavailable)
        self.assertRaises(ControlUnavailable, self.client.stream, "watch", {"key": "k"})
