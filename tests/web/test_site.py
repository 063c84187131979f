"""What a client may take from us is bounded."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from kadtwisted.web.site import (
    BODY_BYTES,
    DRAINED_BYTES,
    IDLE_SECONDS,
    MOST_CONNECTIONS,
    REQUEST_SECONDS,
)
from tests.web.serving import WRITER, GatewayCase, Response


class TimeTests(GatewayCase):
    def test_a_slow_request_is_cut(self) -> None:
        slow = self.connect()
        slow.send(b"GET /healthz HTTP/1.1\r\n")
        for _ in range(int(REQUEST_SECONDS) - 1):
            self.clock.advance(1)
            slow.send(b"X: y\r\n")
        self.assertFalse(slow.is_cut)
        self.clock.advance(1)
        self.assertTrue(slow.is_cut)

    def test_a_slow_body_is_cut(self) -> None:
        slow = self.connect()
        slow.send(b"PUT /v1/values/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nx")
        self.clock.advance(REQUEST_SECONDS)
        self.assertTrue(slow.is_cut)

    def test_who_asks_nothing_is_cut_in_time(self) -> None:
        silent = self.connect()
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(silent.is_cut)
        self.clock.advance(1)
        self.assertTrue(silent.is_cut)

    def test_a_connection_lives_from_request_to_request(self) -> None:
        kept = self.connect()
        for _ in range(4):
            kept.ask("GET", "/healthz")
            self.assertEqual(kept.response().status, 200)
            self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(kept.is_cut)

    def test_what_takes_long_here_is_waited_for(self) -> None:
        self.node.answers["get"] = Deferred()
        waits = self.connect()
        waits.ask("GET", "/v1/values/k")
        self.clock.advance(10 * IDLE_SECONDS)
        self.assertFalse(waits.is_cut)
        waits.leave()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_requests_may_come_at_once_and_are_answered_in_order(self) -> None:
        both = self.connect()
        request = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
        both.send(request % b"healthz" + request % b"nowhere")
        written = both.written()
        self.assertLess(written.index(b"200 OK"), written.index(b"404 Not Found"))

    def test_hundreds_of_requests_at_once(self) -> None:
        many = self.connect()
        many.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 700)
        self.assertEqual(many.written().count(b"200 OK"), 700)


class UnreadTests(GatewayCase):
    """Who asks, and does not read what is answered."""

    REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def test_one_answer_waits_to_be_read_and_the_next_request_for_that(self) -> None:
        greedy = self.connect()
        greedy.channel.pauseProducing()  # as a connection does whose buffer is full
        greedy.send(self.REQUEST * 50)
        self.assertEqual(greedy.written().count(b"200 OK"), 1)
        greedy.channel.resumeProducing()
        self.assertEqual(greedy.written().count(b"200 OK"), 49)
        self.assertFalse(greedy.is_cut)
        greedy.leave()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_is_cut_when_it_reads_nothing_for_long(self) -> None:
        greedy = self.connect()
        greedy.channel.pauseProducing()
        greedy.send(self.REQUEST)
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(greedy.is_cut)
        self.clock.advance(1)
        self.assertTrue(greedy.is_cut)
        greedy.leave()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_gives_way_to_a_newcomer(self) -> None:
        all_of_them = [self.connect() for _ in range(MOST_CONNECTIONS)]
        for each in all_of_them:
            each.channel.pauseProducing()
            each.send(self.REQUEST)
        self.assertFalse(self.connect().is_turned_away)
        self.assertEqual([each.is_cut for each in all_of_them].index(True), 0)

    def test_nothing_more_is_taken_from_it_meanwhile(self) -> None:
        self.node.answers["get"] = Deferred()
        busy = self.connect()
        busy.ask("GET", "/v1/values/k")
        busy.channel.pauseProducing()
        self.assertEqual(busy.transport.producerState, "paused")
        busy.channel.resumeProducing()
        self.assertEqual(busy.transport.producerState, "producing")
        busy.leave()


class BodyTests(GatewayCase):
    def test_ten_mebibytes_are_refused_and_the_client_hears_it(self) -> None:
        answer = self.ask("PUT", "/v1/values/k", b"x" * 10 * 1024 * 1024)
        self.refused(answer, 413, "a value has at most 1,000")
        self.assertEqual(self.node.calls, [])

    def test_a_body_that_says_no_length_is_bounded_too(self) -> None:
        connection = self.connect()
        headers = {"Transfer-Encoding": "chunked", "Authorization": f"Bearer {WRITER}"}
        connection.ask("PUT", "/v1/values/k", headers)
        for _ in range(BODY_BYTES // 4096 + 1):
            connection.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        connection.send(b"0\r\n\r\n")
        self.refused(connection.response(), 413, "longer than")

    def test_there_is_an_end_to_what_is_read(self) -> None:
        connection = self.connect()
        connection.ask("PUT", "/v1/values/k", {"Content-Length": str(10**12)})
        for _ in range(DRAINED_BYTES // 2**20):
            connection.send(bytes(2**20))
        self.assertFalse(connection.is_cut)
        connection.send(b"x")
        self.assertTrue(connection.is_cut)

    def test_the_head_is_bounded(self) -> None:
        connection = self.connect()
        connection.send(b"GET /healthz HTTP/1.1\r\n" + b"X: %s\r\n" % (b"y" * 16000) * 3)
        self.assertTrue(connection.is_cut)
        self.assertIn(b"400 Bad Request", connection.written())


class HeadTests(GatewayCase):
    """Heads that no honest client sends."""

    def told(self, headers: bytes, first: bytes = b"GET /v1/node HTTP/1.1") -> Response:
        connection = self.connect()
        connection.send(first + b"\r\n" + headers + b"\r\n\r\n")
        return connection.response()

    def test_what_is_no_text_is_no_fault_of_ours(self) -> None:
        local = b"Host: localhost\r\n"
        for headers, status in (
            (b"Host: \xff", 403),
            (local + b"Origin: \xff", 403),
            (local + b"Authorization: Bearer \xff", 401),
            (local + b"X-Forwarded-For: \xff", 401),
            (local + b"Sec-Fetch-Site: \xff", 200),
            (local + b"Accept: \xff", 200),
            (local + b"User-Agent: \xff", 200),
        ):
            self.assertEqual(self.told(headers).status, status, headers)
        path = b"GET /v1/values/k HTTP/1.1"
        self.assertEqual(self.told(local + b"If-None-Match: \xff", path).status, 200)
        writer = local + b"Content-Length: 0\r\nAuthorization: Bearer %s\r\n" % WRITER.encode()
        write = b"PUT /v1/values/k HTTP/1.1"
        self.assertEqual(self.told(writer + b"Content-Type: \xff", write).status, 201)
        self.assertEqual(self.told(writer + b"If-Match: \xff", write).status, 400)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_of_a_header_that_comes_twice_neither_is_passed_over(self) -> None:
        for headers, status in (
            (b"Host: localhost\r\nHost: evil.example", 403),
            (b"Host: evil.example\r\nHost: localhost", 403),
            (b"Host: localhost\r\nAuthorization: Bearer x\r\nAuthorization: Bearer "
             + WRITER.encode(), 401),
        ):  # fmt: skip
            self.assertEqual(self.told(headers).status, status, headers)

    def test_a_host_in_the_uri_is_the_one_that_counts(self) -> None:
        for uri, status in (
            (b"http://localhost:8480/healthz", 200),
            (b"HTTP://[::1]/healthz", 200),
            (b"http://localhost/nowhere", 404),
            (b"http://evil.example/healthz", 403),
            (b"http://evil@localhost/healthz", 403),
            (b"http://localhost@evil.example/healthz", 403),
            (b"ftp://localhost/healthz", 404),
        ):
            answer = self.told(b"Host: localhost", b"GET %s HTTP/1.1" % uri)
            self.assertEqual(answer.status, status, uri)
        answer = self.told(b"Host: evil.example", b"GET http://localhost/healthz HTTP/1.1")
        self.assertEqual(answer.status, 200)

    def test_what_is_no_request_is_told_so(self) -> None:
        for first, headers in (
            (b"nonsense", b"Host: localhost"),
            (b"GET / HTTP/1.1", b"no colon"),
            (b"GET / HTTP/1.1", b"X: " + b"y" * 20_000),
            (b"GET / HTTP/1.1", b"X: y\r\n" * 600),
            (b"GET / HTTP/1.1", b"Content-Length: -1"),
            (b"GET /" + b"y" * 20_000 + b" HTTP/1.1", b"Host: localhost"),
        ):
            answer = self.told(headers, first)
            self.refused(answer, 400, "no request of HTTP/1.1")
            self.assertEqual(int(answer.headers["content-length"]), len(answer.body))


class ConnectionTests(GatewayCase):
    def test_who_has_waited_longest_without_a_request_gives_way(self) -> None:
        all_of_them = [self.connect() for _ in range(MOST_CONNECTIONS)]
        self.assertEqual(len(self.gateway.site), MOST_CONNECTIONS)
        newcomer = self.connect()
        self.assertEqual([each.is_cut for each in all_of_them].index(True), 0)
        self.assertEqual(sum(each.is_cut for each in all_of_them), 1)
        newcomer.ask("GET", "/healthz")
        self.assertEqual(newcomer.response().status, 200)

    def test_who_was_answered_a_moment_ago_stays(self) -> None:
        all_of_them = [self.connect() for _ in range(MOST_CONNECTIONS)]
        all_of_them[0].ask("GET", "/healthz")
        self.connect()
        self.assertEqual([each.is_cut for each in all_of_them[:3]], [False, True, False])

    def test_who_is_being_answered_stays(self) -> None:
        self.node.answers["get"] = [Deferred() for _ in range(MOST_CONNECTIONS)]
        busy = [self.connect() for _ in range(MOST_CONNECTIONS)]
        for each in busy:
            each.ask("GET", "/v1/values/k")
        self.assertTrue(self.connect().is_turned_away)
        busy[7].leave()
        self.assertFalse(self.connect().is_turned_away)
        self.successResultOf(self.gateway.close())

    def test_a_client_that_leaves_takes_its_request_along(self) -> None:
        ended: list[object] = []
        self.node.answers["get"] = Deferred(ended.append)
        connection = self.connect()
        connection.ask("GET", "/v1/values/k")
        connection.leave()
        self.assertEqual((len(ended), len(self.gateway.site)), (1, 0))
        self.assertEqual(connection.written(), b"")

    def test_a_close_hangs_up_on_everybody(self) -> None:
        both = [self.connect(), self.connect()]
        self.successResultOf(self.gateway.close())
        self.assertTrue(all(each.is_cut for each in both))
