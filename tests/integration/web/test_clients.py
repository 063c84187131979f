"""Bad clients of a real gateway: each hears why, and the node goes on."""

from __future__ import annotations

import sys

from twisted.internet.defer import Deferred, gatherResults

from tests.integration.web.gateways import GatewaysTestCase


class ClientTests(GatewaysTestCase):
    async def test_each_bad_request_hears_what_to_do(self) -> None:
        daemon = await self.serving_http()
        big = b"x" * 10 * 1024 * 1024
        for status, words, heard in (
            (401, "http-tokens", await self.ask("GET", "/v1/node", Authorization="Bearer wrong")),
            (403, "http.hosts", await self.ask("GET", "/v1/node", Host="evil.example")),
            (403, "http.origins", await self.ask("GET", "/v1/node", Origin="http://evil.example")),
            (413, "at most 1,000", await self.ask("PUT", "/v1/values/k", big)),
            (404, "GET /v1", await self.ask("GET", "/nowhere")),
            (400, "40 hexadecimal digits", await self.ask("GET", "/v1/values/hex:xyz")),
            (405, "DELETE, GET", await self.ask("POST", "/v1/values/k")),
        ):
            self.assertEqual(heard.headers["content-type"], "application/problem+json")
            self.assertEqual(heard.status, status, heard)
            self.assertIn(words, heard.json["detail"])
        await self.ends_well(daemon)


class LoadingTests(GatewaysTestCase):
    async def test_a_daemon_without_http_loads_no_web_server(self) -> None:
        program = (
            "import sys; from kadtwisted.daemon import tap, command_line, service;"
            "from kadtwisted.application.making import load_program; load_program();"
            "print(sorted(n for n in sys.modules if n.startswith(('twisted.web', 'kadtwisted.web',"
            " 'prometheus_client'))))"
        )
        result = await self.run_to_end(sys.executable, "-c", program)
        self.assertEqual((result.code, result.out), (0, b"[]\n"), result)


class TokenTests(GatewaysTestCase):
    async def test_new_tokens_are_good_after_sighup_and_old_ones_are_not(self) -> None:
        daemon = await self.serving_http()
        old = self.token()
        path = self.directory / "state" / "http-tokens"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        path.write_text("write a-new-token-of-28-letters\n")
        heard = await self.ask("GET", "/v1/node", Authorization="Bearer a-new-token-of-28-letters")
        self.assertEqual(heard.status, 401)
        await self.hang_up(daemon, "nothing has changed in")
        heard = await self.ask("GET", "/v1/node", Authorization="Bearer a-new-token-of-28-letters")
        self.assertEqual(heard.status, 200)
        heard = await self.ask("GET", "/v1/node", Authorization=f"Bearer {old}")
        self.assertEqual(heard.status, 401)
        # A mistake changes nothing.
        path.write_text("write short\n")
        await self.hang_up(daemon, "the tokens from before are still good")
        heard = await self.ask("GET", "/v1/node", Authorization="Bearer a-new-token-of-28-letters")
        self.assertEqual(heard.status, 200)
        await self.ends_well(daemon)

    async def hang_up(self, daemon: object, words: str) -> None:
        said: Deferred[None] = daemon.says(words)  # type: ignore[attr-defined]
        daemon.transport.signalProcess("HUP")  # type: ignore[attr-defined]
        await said


class StreamTests(GatewaysTestCase):
    async def test_a_change_comes_to_many_and_the_end_of_the_node_ends_them(self) -> None:
        daemon = await self.serving_http()
        streams = [await self.connect() for _ in range(4)]
        for each in streams:
            each.transport.write(b"GET /v1/values/k/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await gatherResults([each.hears(b'"gone": true') for each in streams])
        self.assertEqual((await self.ask("PUT", "/v1/values/k", b"new")).status, 201)
        await gatherResults([each.hears(b'"value": "new"') for each in streams])
        await self.ends_well(daemon)
        await gatherResults([each.closed for each in streams])

    async def test_the_verdict_is_that_of_the_node(self) -> None:
        daemon = await self.serving_http()
        await daemon.says("the node is serving")
        ready = await self.ask("GET", "/readyz", Authorization="")
        self.assertEqual((ready.status, ready.json["health"]), (200, "serving"))
        client = await self.connect()
        client.transport.write(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await client.hears(b'event: verdict\ndata: {"health": "serving"')
        await self.ends_well(daemon)


class PlaceTests(GatewaysTestCase):
    async def test_a_unix_socket(self) -> None:
        path = self.directory / "http.sock"
        daemon = await self.running("state", "--http", f"unix:{path}")
        await daemon.says(f"HTTP is answered at {path}")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        made = await self.ask("POST", "/v1/keys/k", where=f"unix:{path}", Authorization="")
        self.assertEqual(made.status, 201)
        await self.ends_well(daemon)
        self.assertFalse(path.exists())

    async def test_tls(self) -> None:
        await self.run_to_end(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        )
        here = self.directory
        self.place = f"ssl:0:interface=127.0.0.1:privateKey={here}/key.pem:certKey={here}/cert.pem"
        daemon = await self.serving_http()
        url = f"https://localhost:{self.port}/readyz"
        await daemon.says("the node is serving")
        heard = await self.run_to_end("curl", "-sS", "--cacert", "cert.pem", url)
        self.assertEqual(heard.code, 0, heard)
        self.assertIn(b'"health": "serving"', heard.out)
        plain = await self.run_to_end("curl", "-s", url.replace("https", "http"))
        self.assertNotEqual(plain.code, 0)
        await self.ends_well(daemon)

    async def test_what_cannot_be_had_is_told_before_the_node_runs(self) -> None:
        daemon = await self.serving_http()
        taken = f"tcp:{self.port}:interface=127.0.0.1"
        await self.refused("other", "--http", taken, code=71, words="cannot listen for HTTP")
        missing = "ssl:0:privateKey=/nowhere.pem"
        await self.refused("other", "--http", missing, code=78, words="says nowhere to listen")
        await self.ends_well(daemon)
