"""The client of a gateway, against an HTTP server that says what a test wants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from ssl import SSLCertVerificationError
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.api import http_client
from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.api.http_client import HttpClient
from kadtwisted.api.peers import ControlRefused
from kadtwisted.cli.session import drive
from kadtwisted.errors import (
    InvalidInput,
    KadtwistedError,
    NodeStopped,
    NotFound,
    Unavailable,
)
from kadtwisted.model.ids import id_to_hex, key_of_name
from kadtwisted.model.record import Kind

URL = "http://192.0.2.1:8480"


class Server:
    """Stands for a connection, and is asked; ``body`` and ``status`` are its answer."""

    def __init__(self, body: bytes = b"{}", status: int = 200) -> None:
        self.body, self.status = body, status
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self.error: Exception | None = None
        self.closed = 0

    def __call__(self, host: str, port: int | None) -> Server:
        self.where = host, port
        return self

    def request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        self.asked.append((method, path, json.loads(body or b"{}"), headers))
        if self.error is not None:
            raise self.error

    def getresponse(self) -> Server:
        return self

    def readline(self, most: int) -> bytes:
        line = BytesIO(self.body).readline(most)
        self.body = self.body[len(line) :]
        return line

    def read(self, most: int) -> bytes:
        return self.body[:most]

    def close(self) -> None:
        self.closed += 1


@contextmanager
def served(server: Server) -> Iterator[None]:
    with (
        patch.object(http_client, "HTTPConnection", server),
        patch.object(http_client, "HTTPSConnection", server),
    ):
        yield


def perform(server: Server, url: str = URL, token: str | None = None, verb: str = "get") -> Any:
    with served(server):
        client = HttpClient(url, token)
        try:
            return drive(client.perform(verb, {"key": "a"}))
        finally:
            client.close()


def problem(status: int, detail: str, **more: Any) -> Server:
    told = {"title": "x", "status": status, "detail": detail, **more}
    return Server(json.dumps(told).encode(), status)


class HttpClientTests(SynchronousTestCase):
    """What is asked, and what comes of the answers."""

    def test_a_verb_is_one_request(self) -> None:
        server = Server(b'{"value": "b"}')
        self.assertEqual(perform(server), {"value": "b"})
        ((method, path, arguments, headers),) = server.asked
        self.assertEqual((method, path, arguments), ("POST", "/v1/verbs/get", {"key": "a"}))
        self.assertEqual(server.where, ("192.0.2.1", 8480))
        self.assertNotIn("Authorization", headers)

    def test_a_token_is_shown_and_a_path_of_a_proxy_is_kept(self) -> None:
        server = Server()
        perform(server, "https://node.example/kad/", "secret")
        ((_, path, _, headers),) = server.asked
        self.assertEqual(path, "/kad/v1/verbs/get")
        self.assertEqual(headers["Authorization"], "Bearer secret")
        self.assertEqual(server.where, ("node.example", None))

    def test_an_error_of_the_node_is_raised_as_what_it_is(self) -> None:
        with self.assertRaisesRegex(NotFound, "nothing is there"):
            perform(problem(404, "nothing is there", error="NotFound"))
        with self.assertRaises(Unavailable) as caught:
            perform(problem(503, "nobody", error="Unavailable", reasons={"a": "silent"}))
        self.assertEqual(caught.exception.reasons, {"a": "silent"})
        with self.assertRaisesRegex(InvalidInput, "a bad key"):
            perform(problem(400, "a bad key", error="InvalidKey"))

    def test_who_is_not_let_in_is_told_by_whom(self) -> None:
        for status in (401, 403):
            with self.assertRaisesRegex(ControlRefused, f"{URL} refuses: it needs a token"):
                perform(problem(status, "it needs a token"))

    def test_other_problems_are_told_too(self) -> None:
        with self.assertRaisesRegex(ControlUnavailable, "HTTP 404: there is nothing here"):
            perform(problem(404, "there is nothing here"))

    def test_what_is_no_gateway_is_told_as_that(self) -> None:
        for body, status in (
            (b"<html>", 200),
            (b"[1]", 200),
            (b"{}", 500),
            (b"null", 302),
            (b'{"detail": "x", "error": "Unavailable", "reasons": 8}', 500),
            (b"[" * 100_000, 200),
        ):
            with self.assertRaisesRegex(ControlUnavailable, "is no gateway of a node"):
                perform(Server(body, status))

    def test_an_answer_has_a_bound(self) -> None:
        with (
            patch.object(http_client, "MAX_REPLY", 10),
            self.assertRaisesRegex(ControlUnavailable, "too long"),
        ):
            perform(Server(b'{"value": "long"}'))

    def test_a_lost_connection_is_told_and_the_next_request_begins_anew(self) -> None:
        server = Server()
        server.error = ConnectionRefusedError(111, "Connection refused")
        with self.assertRaisesRegex(ControlUnavailable, f"at {URL}: connection refused"):
            perform(server)
        self.assertEqual(server.closed, 2)

    def test_a_certificate_that_is_not_trusted_is_told_as_that(self) -> None:
        server = Server()
        server.error = error = SSLCertVerificationError(1, "[SSL] verify failed (_ssl.c:1)")
        error.verify_message = "self-signed certificate"
        with self.assertRaisesRegex(ControlUnavailable, "not trusted: self-signed") as caught:
            perform(server, URL)
        self.assertIn("SSL_CERT_FILE", str(caught.exception))

    def test_only_urls_of_gateways(self) -> None:
        for bad in ("localhost:8480", "ftp://x", "http://", "http://x:y", "http://x/?a=b", ""):
            with self.assertRaisesRegex(InvalidInput, "a gateway is http://HOST:PORT"):
                HttpClient(bad)
        with self.assertRaisesRegex(InvalidInput, "stands in a file"):
            HttpClient("http://me:secret@localhost")

    def watched(self, body: bytes, status: int = 200, **asked: Any) -> tuple[Server, list[Any]]:
        """The server, and what a watch has told before it ended."""
        server, told = Server(body, status), []

        async def watch() -> None:
            async for each in client.stream("watch", asked or {"key": "a b"}):
                told.append(each)

        with served(server):
            client = HttpClient(URL, "secret")
        try:
            drive(watch())
        except KadtwistedError as error:
            told.append(error)
        return server, told

    def test_a_watch_is_a_stream_of_events(self) -> None:
        body = b'retry: 2000\n\n: still here\n\nevent: change\ndata: {"value": "b"}\nid: 1\n\n'
        server, (change, end) = self.watched(body)
        self.assertEqual(change, {"value": "b"})
        self.assertIn("has ended the stream", str(end))
        ((method, path, _, headers),) = server.asked
        self.assertEqual((method, path), ("GET", "/v1/values/a%20b/events"))
        self.assertEqual(headers["Authorization"], "Bearer secret")

    def test_announcements_and_references_have_paths_of_their_own(self) -> None:
        server, _ = self.watched(b"", key="a", kind=Kind.ANNOUNCEMENT)
        self.assertEqual(server.asked[0][1], "/v1/providers/a/events")
        server, _ = self.watched(b"", reference="kad:abc")
        self.assertEqual(server.asked[0][1], "/v1/values/kad%3Aabc/events")

    def test_a_name_that_looks_like_a_key_stays_a_name(self) -> None:
        for name in ("hex:" + "0" * 40, "kad:abc", "KAD:abc"):
            server, _ = self.watched(b"", key=name)
            digits = id_to_hex(key_of_name(name))
            self.assertEqual(server.asked[0][1], f"/v1/values/hex%3A{digits}/events")

    def test_a_key_that_is_no_name(self) -> None:
        server, _ = self.watched(b"", key_hex="ab" * 20)
        self.assertEqual(server.asked[0][1], f"/v1/values/hex%3A{'ab' * 20}/events")

    def test_an_error_ends_a_watch_as_what_it_is(self) -> None:
        body = b'event: error\ndata: {"type": "NodeStopped", "message": "it stops"}\n\n'
        _, (error,) = self.watched(body)
        self.assertIsInstance(error, NodeStopped)
        refusing = problem(401, "it needs a token")
        _, (error,) = self.watched(refusing.body, 401)
        self.assertIsInstance(error, ControlRefused)
        for junk in (b"event: error\ndata: {}\n", b"data: [\n", b"data: " + b"x" * 100_000):
            _, (error,) = self.watched(junk)
            self.assertIsInstance(error, ControlUnavailable)

    def test_other_watches_need_the_control_socket(self) -> None:
        server, (error,) = self.watched(b"", key="a", kind=77)
        self.assertIn("values and announcements only", str(error))
        self.assertEqual(server.asked, [])
