"""Watches as streams of events."""

from __future__ import annotations

from kadtwisted.api.streams import MOST_STREAMS
from kadtwisted.errors import InvalidKey, NodeStopped, TooManyRequests
from kadtwisted.web.live.sse import HEARTBEAT_SECONDS, PATIENCE_BEATS
from tests.daemon.fakes import a_change
from tests.web.serving import Connection, GatewayCase, response_from, unchunked

PATH = "/v1/values/name/events"
INDEX = "1700000000500000"


class StreamCase(GatewayCase):
    def open(self, path: str = PATH, **headers: str) -> tuple[Connection, bytes]:
        connection = self.connect()
        connection.ask("GET", path, {n.replace("_", "-"): v for n, v in headers.items()})
        answer = response_from(connection.written())
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "text/event-stream")
        return connection, unchunked(answer.body)


class WatchingTests(StreamCase):
    def test_what_is_there_and_each_change(self) -> None:
        connection, first = self.open()
        self.assertTrue(first.startswith(b"retry: 2000\n\nevent: change\ndata: {"))
        self.assertIn(f"\nid: {INDEX}\n\n".encode(), first)
        self.node.watches[0].tell(a_change(b"3:new"))
        self.node.watches[0].tell(a_change(None))
        new, gone = connection.events()
        self.assertEqual((new["event"], new["data"]["value"]), ("change", "new"))
        self.assertEqual((gone["data"]["gone"], gone["id"]), (True, "0"))
        connection.leave()
        self.assertIn(("unwatch",), self.node.calls)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_comes_back_does_not_hear_it_again(self) -> None:
        connection, first = self.open(Last_Event_ID=INDEX)
        self.assertEqual(first, b"retry: 2000\n\n")
        self.node.watches[0].tell(a_change(b"3:new"))
        self.assertEqual(len(connection.events()), 1)
        connection.leave()

    def test_heartbeats(self) -> None:
        connection, _ = self.open()
        self.clock.advance(HEARTBEAT_SECONDS)
        self.assertEqual(unchunked(connection.written()), b": still here\n\n")
        connection.leave()

    def test_a_client_that_reads_nothing_is_not_written_to_and_then_cut(self) -> None:
        connection, _ = self.open()
        connection.channel.pauseProducing()
        for number in range(50):
            self.node.watches[0].tell(a_change(b"1:%d" % (number % 10)))
        # One was asked for before; of each place only the newest waits.
        self.assertEqual([each["data"]["value"] for each in connection.events()], ["0"])
        connection.channel.resumeProducing()
        self.assertEqual([each["data"]["value"] for each in connection.events()], ["9"])
        connection.channel.pauseProducing()
        for _ in range(PATIENCE_BEATS):
            self.assertFalse(connection.is_cut)
            self.clock.advance(HEARTBEAT_SECONDS)
        self.assertTrue(connection.is_cut)
        connection.leave()

    def test_there_are_so_many_streams_at_once(self) -> None:
        opened = [self.open()[0] for _ in range(MOST_STREAMS)]
        self.refused(self.get(PATH), 429, "streams")
        self.refused(self.get("/v1/events"), 429, "streams")
        opened[0].leave()
        opened[0] = self.open()[0]
        for each in opened:
            each.leave()

    def test_what_cannot_be_watched_is_told_before_the_stream(self) -> None:
        for error, status in ((InvalidKey("no key"), 400), (TooManyRequests("busy"), 429)):
            self.node.answers["watch"] = error
            self.refused(self.get(PATH), status, str(error))
        self.refused(self.get("/v1/values/hex:1/events"), 400, "40 hexadecimal")
        self.node.answers["watch"] = ()
        for each in [self.open()[0] for _ in range(MOST_STREAMS)]:  # no place was lost
            each.leave()

    def test_the_end_of_the_node_is_told(self) -> None:
        connection, _ = self.open()
        self.node.watches[0].end(NodeStopped())
        (told,) = connection.events()
        self.assertEqual((told["event"], told["data"]["type"]), ("error", "NodeStopped"))
        self.assertEqual(self.clock.getDelayedCalls()[1:], [])

    def test_providers(self) -> None:
        connection, _ = self.open("/v1/providers/printer/events")
        self.assertEqual(self.node.calls[0], ("watch", "printer", 4))
        connection.leave()

    def test_head(self) -> None:
        for path in (PATH, "/v1/events"):
            answer = self.ask("HEAD", path)
            self.assertEqual(answer.headers["content-type"], "text/event-stream")
            self.assertEqual(answer.body, b"")
        self.assertEqual(self.node.calls[1], ("unwatch",))

    def test_head_has_the_status_that_get_has(self) -> None:
        self.assertEqual(self.ask("HEAD", "/v1/values/hex:1/events").status, 400)
        self.node.answers["watch"] = InvalidKey("no key")
        self.assertEqual(self.ask("HEAD", PATH).status, 400)
        self.node.answers["watch"] = ()
        for path in (PATH, "/v1/events", "/v1/activity/events"):
            self.assertEqual(self.ask("HEAD", path).status, 200)
        opened = [self.open()[0] for _ in range(MOST_STREAMS)]  # no place was lost
        for path in (PATH, "/v1/events", "/v1/activity/events"):
            self.assertEqual(self.ask("HEAD", path).status, 429)
        for each in opened:
            each.leave()
