"""Long polls: a read that waits for another version."""

from __future__ import annotations

from kadtwisted.errors import NotFound
from tests.daemon.fakes import a_change
from tests.web.serving import Connection, GatewayCase

INDEX = "1700000000500000"


class PollingTests(GatewayCase):
    def poll(self, index: str, wait: str = "30s") -> Connection:
        connection = self.connect()
        connection.ask("GET", f"/v1/values/name?index={index}&wait={wait}")
        return connection

    def test_another_version_is_answered_at_once(self) -> None:
        connection = self.poll("1")
        answer = connection.response()
        connection.leave()
        self.assertEqual((answer.json["value"], answer.headers["x-kad-index"]), ("value", INDEX))
        self.assertEqual(self.node.calls, [("watch", "name", None), ("unwatch",)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_same_version_is_waited_with(self) -> None:
        connection = self.poll(INDEX)
        self.clock.advance(29)
        self.assertEqual(connection.written(), b"")
        self.node.watches[0].tell(a_change(None))
        answer = connection.response()
        self.refused(answer, 404, "index=0")
        self.assertEqual(answer.headers["x-kad-index"], "0")

    def test_the_same_version_comes_again_when_the_time_is_over(self) -> None:
        connection = self.poll(INDEX)
        self.clock.advance(30)
        answer = connection.response()
        self.assertEqual((answer.status, answer.headers["x-kad-index"]), (200, INDEX))

    def test_nothing_is_waited_with_from_index_0(self) -> None:
        self.node.answers["watch"] = (a_change(None),)
        connection = self.poll("0")
        self.assertEqual(connection.written(), b"")
        self.node.watches[0].tell(a_change(b"1:v"))
        self.assertEqual(connection.response().json["value"], "v")

    def test_what_nobody_has_said_in_time_is_read(self) -> None:
        self.node.answers |= {"watch": (), "get": NotFound("nobody has it")}
        connection = self.poll("0", "500ms")
        self.clock.advance(0.5)
        self.refused(connection.response(), 404, "nobody has it")

    def test_no_byte_string_is_read_as_it_is(self) -> None:
        self.node.answers["watch"] = (a_change(b"i7e"),)
        self.assertEqual(self.poll("1").response().status, 200)
        self.assertEqual(self.node.calls[-1], ("get", "name", None))

    def test_a_client_that_leaves_ends_its_watch(self) -> None:
        connection = self.poll(INDEX)
        connection.leave()
        self.assertEqual(self.node.calls[-1], ("unwatch",))
        self.assertEqual(self.clock.getDelayedCalls(), [])
