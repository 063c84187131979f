"""Who is let in, and what everybody hears."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial import unittest

from kadtwisted.errors import CannotListen, ConfigurationError
from kadtwisted.web import calls
from kadtwisted.web.gateway import Admission, Gateway, guarded
from tests.daemon.fakes import a_get
from tests.web.serving import ADMIN, FAR, READER, TOKENS, UNIX, WRITER, GatewayCase


class RoleTests(GatewayCase):
    def test_each_role_may_do_what_is_its_own(self) -> None:
        doings = (
            ("GET", "/healthz"),
            ("GET", "/v1/node"),
            ("PUT", "/v1/values/k"),
            ("POST", "/v1/keys/k"),
        )
        expected = {"": [200, 401, 401, 401], READER: [200, 200, 403, 403]}
        expected |= {WRITER: [200, 200, 201, 403], ADMIN: [200, 200, 201, 201]}
        for token, statuses in expected.items():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            found = []
            for method, path in doings:
                connection = self.connect(FAR)
                connection.ask(method, path, {**headers, "Host": "node.example"}, b"v")
                found.append(connection.response().status)
            self.assertEqual(found, statuses, token)

    def test_a_bad_token_is_told_where_good_ones_are(self) -> None:
        for shown in ("Bearer " + "x" * 28, f"Basic {READER}", "Bearer", "Bearer é"):
            answer = self.ask("GET", "/healthz", token="", Authorization=shown)
            self.refused(answer, 401, "http-tokens")
            self.assertEqual(answer.headers["www-authenticate"], "Bearer")

    def test_a_missing_token_is_told_which_role_it_needs(self) -> None:
        self.refused(self.ask("PUT", "/v1/values/k", b"v", token=""), 401, "the role write")
        self.refused(self.ask("PUT", "/v1/values/k", b"v", READER), 403, "the role write")

    def test_who_calls_from_this_machine_by_a_local_name_may_read(self) -> None:
        for host in ("localhost", "127.0.0.1:8480", "[::1]:8480", "LOCALHOST:1"):
            self.assertEqual(self.ask("GET", "/v1/node", token="", Host=host).status, 200, host)
        self.assertEqual(self.ask("GET", "/v1/node", token="", Host="node.example").status, 401)
        for proxied in ("X-Forwarded-For", "Forwarded", "Via"):
            answer = self.ask("GET", "/v1/node", token="", **{proxied: "192.0.2.1"})
            self.assertEqual(answer.status, 401, proxied)

    def test_a_unix_socket_is_guarded_by_its_file(self) -> None:
        connection = self.connect(host=UNIX, peer=UNIX)
        connection.ask("POST", "/v1/keys/k", {"Host": "anything"})
        self.assertEqual(connection.response().status, 201)


class OriginTests(GatewayCase):
    def test_a_foreign_host_is_refused(self) -> None:
        for host in ("evil.example", "localhost.evil.example:8480", "", "node.example."):
            self.refused(self.get("/healthz", Host=host), 403, "http.hosts")
        self.assertEqual(self.get("/healthz", Host="node.example:8480").status, 200)

    def test_a_foreign_page_is_refused(self) -> None:
        for origin in ("https://evil.example", "null", "http://localhost:81"):
            answer = self.ask("PUT", "/v1/values/k", b"v", Origin=origin)
            self.refused(answer, 403, "http.origins")
        self.assertEqual(self.node.calls, [])
        ours = self.ask("PUT", "/v1/values/k", b"v", Origin="http://localhost:8480")
        self.assertEqual(ours.status, 201)

    def test_a_page_that_is_named_may_act_and_read(self) -> None:
        page = "https://app.example"
        answer = self.ask("PUT", "/v1/values/k", b"v", Origin=page)
        self.assertEqual(answer.headers["access-control-allow-origin"], page)
        self.assertEqual(answer.headers["vary"], "Origin")
        before = self.ask("OPTIONS", "/v1/values/k", token="", Origin=page)
        self.assertEqual((before.status, before.body), (204, b""))
        self.assertEqual(before.headers["access-control-allow-origin"], page)
        self.assertIn("PUT", before.headers["access-control-allow-methods"])
        self.assertIn("If-Match", before.headers["access-control-allow-headers"])
        # Errors are read, too; what is refused before that, is not.
        self.assertIn("access-control-allow-origin", self.get("/nowhere", Origin=page).headers)
        self.assertNotIn("access-control-allow-origin", self.get("/healthz").headers)

    def test_a_page_from_elsewhere_asks_nothing_without_an_origin_either(self) -> None:
        for mode in ("no-cors", "cors"):
            answer = self.get("/v1/node", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode)
            self.refused(answer, 403, "from elsewhere")
        followed = self.get("/v1/node", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
        self.assertEqual(followed.status, 200)


class AnswerTests(GatewayCase):
    def test_nothing_is_there(self) -> None:
        for path in ("/nowhere", "/v1/values/", "/v1/values/a/b/c", "//", "/v1/", "/..", "*"):
            self.refused(self.get(path), 404, "GET /v1")

    def test_a_method_that_is_not_taken(self) -> None:
        answer = self.ask("PATCH", "/v1/values/k", b"v")
        self.refused(answer, 405, "DELETE, GET, HEAD, PUT")
        self.assertEqual(answer.headers["allow"], "DELETE, GET, HEAD, PUT")

    def test_a_malformed_key(self) -> None:
        for key in ("hex:xyz", "hex:", "kad:q", "hex:" + "0" * 39):
            answer = self.get(f"/v1/values/{key}")
            self.assertEqual(answer.status, 400, key)
            self.assertGreater(len(answer.json["detail"]), 40)
        self.refused(self.get("/v1/values/%ff"), 400, "no UTF-8")

    def test_a_query_that_is_not_known(self) -> None:
        self.refused(self.get("/v1/values/k?moed=first"), 400, "it may have mode, index, wait")
        self.refused(self.get("/v1/values/k?mode=any"), 400, "first or latest")
        self.refused(self.get("/v1/values/k?mode=first&mode=first"), 400, "twice")
        self.refused(self.get("/v1/node?x=1"), 400, "it may have nothing")
        self.refused(self.get("/v1/values/k?mode=%ff"), 400, "no UTF-8")
        self.refused(self.get("/v1/values/k?" + "&".join("abcdefghijklmnopqr")), 400, "16 parts")

    def test_head_says_what_get_would(self) -> None:
        got, head = self.get("/v1/values/k"), self.ask("HEAD", "/v1/values/k")
        self.assertEqual(head.body, b"")
        for name in ("etag", "content-length", "content-type", "x-kad-index"):
            self.assertEqual(head.headers[name], got.headers[name])

    def test_every_answer_says_when_it_was_made(self) -> None:
        for path in ("/v1/node", "/nowhere", "/"):
            made = parsedate_to_datetime(self.get(path).headers["date"])
            self.assertEqual(made.utcoffset(), timedelta(0))

    def test_every_answer_says_how_it_is_to_be_taken(self) -> None:
        for path in ("/healthz", "/nowhere", "/v1"):
            headers = self.get(path).headers
            self.assertEqual(headers["cache-control"], "no-store")
            self.assertEqual(headers["x-content-type-options"], "nosniff")

    def test_a_fault_of_ours_is_logged_and_tells_nothing(self) -> None:
        self.node.answers["get"] = RuntimeError("secret")
        answer = self.get("/v1/values/k")
        self.refused(answer, 500, "its log says more")
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_an_answer_that_comes_late(self) -> None:
        late: Deferred[object] = Deferred()
        self.node.answers["get"] = late
        connection = self.connect()
        connection.ask("GET", "/v1/values/k")
        self.assertEqual(connection.written(), b"")
        late.callback(a_get())
        self.assertEqual(connection.response().json["value"], "value")

    def test_a_node_that_stops_meanwhile(self) -> None:
        late: Deferred[object] = Deferred()
        self.node.answers["get"] = late
        connection = self.connect()
        connection.ask("GET", "/v1/values/k")
        late.cancel()
        self.refused(connection.response(), 503, "stopped")


class ListenTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = Gateway(Clock(), (), Admission(TOKENS))

    def test_what_says_nowhere(self) -> None:
        for text in ("tcp:nowhere", "unix", "bogus:1"):
            with self.assertRaises(ConfigurationError) as caught:
                self.gateway.listen(text)
            self.assertIn("says nowhere to listen", str(caught.exception))

    def test_what_is_wrong_with_a_place_is_told_without_python(self) -> None:
        for text, words in (
            ("tcp:abc", "is no number"),
            ("tcp:8480:interface=::1", "tcp6:8480"),
            ("tcp:8480:bogus=1", "does not take"),
            ("tcp", "lacks a part"),
            ("unix:/x:mode=999", "is no number"),
            ("systemd:domain=INET:index=9", "systemd gives no such socket"),
            ("ssl:8443:privateKey=/no/key:certKey=/no/cert", "/no/cert: no such file"),
        ):
            with self.assertRaises(ConfigurationError) as caught:
                self.gateway.listen(text)
            self.assertIn(words, str(caught.exception))
            self.assertNotRegex(str(caught.exception), "_parse|int\\(|Errno|index out")

    def test_why_a_place_is_not_to_be_had_is_told_without_python(self) -> None:
        from twisted.internet.error import CannotListenError

        def listening(error: Exception) -> str:
            class Broken(Clock):
                def listenTCP(self, *_: object, **__: object) -> None:
                    raise error

            gateway = Gateway(Broken(), (), Admission(TOKENS))
            failure = self.failureResultOf(gateway.listen("tcp:8480"), CannotListen)
            return failure.getErrorMessage()

        taken = CannotListenError("127.0.0.1", 8480, OSError(98, os.strerror(98)))
        locked = CannotListenError("any", b"/run/x", "Cannot acquire lock")
        for error, words in (
            (locked, ": another program listens there"),
            (taken, ": address already in use"),
            (OverflowError("bind(): port must be 0-65535."), ": a port is a number up to 65535"),
        ):
            self.assertTrue(listening(error).endswith(words))

    def test_a_unix_socket_is_its_users_alone_unless_its_mode_is_given(self) -> None:
        self.assertEqual(guarded("unix:/run/x"), "unix:/run/x:mode=600")
        self.assertEqual(guarded("unix:/run/x:mode=660"), "unix:/run/x:mode=660")
        self.assertEqual(guarded("tcp:1"), "tcp:1")

    def test_a_place_that_is_not_to_be_had(self) -> None:
        class Full(Clock):
            def listenTCP(self, *_: object, **__: object) -> None:
                raise OSError(98, os.strerror(98))

        gateway = Gateway(Full(), (), Admission(TOKENS))
        failure = self.failureResultOf(gateway.listen("tcp:8480"), CannotListen)
        self.assertIn("address already in use", failure.getErrorMessage())


class IndexTests(GatewayCase):
    def test_every_route_is_listed_and_described(self) -> None:
        listed = {(each["method"], each["path"]) for each in self.get("/v1").json["routes"]}
        self.assertEqual(listed, {(each.method, each.path) for each in self.rooms.routes})
        described = self.get("/v1/openapi.json").json
        operations = {
            (method.upper(), path)
            for path, methods in described["paths"].items()
            for method in methods
        }
        self.assertEqual(operations, listed)
        self.assertEqual(len(listed), len(self.rooms.routes))
        self.assertIn("kadtwisted", json.dumps(described["info"]))

    def test_what_anybody_may_ask_for_is_written_once(self) -> None:
        self.patch(calls.json, "dumps", lambda _: self.fail("written again"))
        for path in ("/v1", "/v1/openapi.json"):
            self.assertEqual(self.ask("GET", path, token="").status, 200)

    def test_no_identifier_is_given_twice(self) -> None:
        paths = self.get("/v1/openapi.json").json["paths"]
        names = [each["operationId"] for methods in paths.values() for each in methods.values()]
        self.assertEqual(len(names), len(set(names)))

    def test_the_package_of_the_room_is_loaded_by_who_serves_only(self) -> None:
        source = Path(__file__).parents[2] / "kadtwisted" / "daemon"
        for name in ("service.py", "tap.py"):
            text = (source / name).read_text("utf-8")
            self.assertNotRegex(text, r"(?m)^from kadtwisted\.web|^from twisted\.web")
