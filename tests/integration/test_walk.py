"""``kad`` from the shell: a network of real processes, and every way it can end."""

from __future__ import annotations

import json
import shlex
import socket

from tests.integration.processes import KAD, PATIENCE, ProcessTestCase, free_port


class WalkTests(ProcessTestCase):
    async def test_a_network_of_two(self) -> None:
        first, second = str(free_port()), str(free_port())
        via_first = ("--bootstrap", f"127.0.0.1:{first}")
        via_second = ("--bootstrap", f"127.0.0.1:{second}")
        bootstrap = await self.serving("--port", first, "bootstrap")
        join = await self.serving("--port", second, "join", *via_first)
        await join.says("kad: joined: 1 of 1 bootstrap addresses answered")

        stored = await self.kad(
            "--port", str(free_port()), "store", *via_first, "--key", "mykey", "--value", "myvalue"
        )
        self.assertEqual((stored.code, stored.out), (0, b""))
        self.assertIn("stored 'mykey' on 2 nodes", stored.err)
        found = await self.kad("get", *via_second, "--key", "mykey")
        self.assertEqual(found, (0, b"myvalue", ""))

        traced = await self.kad("get", *via_second, "--key", "mykey", "--trace", "--json")
        self.assertEqual(json.loads(traced.out)["value"], "myvalue")
        self.assertIn("record", traced.err)

        nodes = await self.kad("find-node", "--key", "mykey", *via_first, "--json")
        endpoints = {each["endpoint"] for each in json.loads(nodes.out)["contacts"]}
        self.assertEqual(endpoints, {f"127.0.0.1:{first}", f"127.0.0.1:{second}"})

        deleted = await self.kad("delete", *via_second, "--key", "mykey")
        self.assertEqual(deleted.code, 0)
        gone = await self.kad("get", *via_first, "--key", "mykey")
        self.assertEqual((gone.code, gone.out), (1, b""))

        self.assertEqual((await bootstrap.end("INT")).code, 0)
        self.assertEqual((await join.end("TERM")).code, 0)

    async def test_any_bytes_through_standard_input(self) -> None:
        via = ("--bootstrap", f"127.0.0.1:{(port := str(free_port()))}")
        await self.serving("--port", port, "bootstrap")
        value = bytes(range(256)) + b"\n"
        stored = await self.kad("store", *via, "--key", "b", "--value", "-", stdin=value)
        self.assertEqual(stored.code, 0)
        self.assertEqual((await self.kad("get", *via, "--key", "b")).out, value)
        self.assertEqual((await self.kad("store", *via, "--key", "e", "--value", "")).code, 0)
        self.assertEqual(await self.kad("get", *via, "--key", "e"), (0, b"", ""))
        large = await self.kad("store", *via, "--key", "b", "--value", "-", stdin=bytes(2000))
        self.assertEqual(large.code, 65)

    async def test_over_ipv6(self) -> None:
        port = str(free_port(socket.AF_INET6))
        via = ("--bootstrap", f"[::1]:{port}")
        await self.serving("--port", port, "--interface", "::", "bootstrap")
        stored = await self.kad("store", *via, "--key", "mykey", "--value", "six")
        self.assertEqual(stored.code, 0, stored.err)
        self.assertEqual(await self.kad("get", *via, "--key", "mykey"), (0, b"six", ""))
        self.assertEqual((await self.kad("ping", f"[::1]:{port}")).code, 0)

    async def test_a_pinned_key(self) -> None:
        port = str(free_port())
        await self.serving("--port", port, "bootstrap")
        answer = await self.kad("ping", f"127.0.0.1:{port}", "--json")
        right = json.loads(answer.out)["address"]
        self.assertEqual((await self.kad("ping", right)).code, 0)
        other = "00" * 32 + right[64:]
        self.assertEqual((await self.kad("ping", other, "--timeout", "1")).code, 69)


class EndingTests(ProcessTestCase):
    """Exit codes, each with one sentence."""

    def setUp(self) -> None:
        super().setUp()
        # A port where datagrams arrive and nobody answers.
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.silent.close)
        self.silent.bind(("127.0.0.1", 0))
        self.taken = self.silent.getsockname()[1]

    async def test_one_sentence_each(self) -> None:
        nowhere = ("--bootstrap", f"127.0.0.1:{self.taken}")
        for argv, code in (
            (("get",), 64),
            (("get", "--key", "mykey"), 69),
            (("get", *nowhere, "--key", "mykey", "--timeout", "1"), 69),
            (("status", "--state-dir", "nobody"), 69),
            (("--port", str(self.taken), "--interface", "127.0.0.1", "bootstrap"), 71),
            (("--state-dir", "/dev/null/state", "bootstrap"), 73),
            (("--network-secret-file", "missing", "bootstrap"), 78),
        ):
            result = await self.kad(*argv)
            self.assertEqual((result.code, result.out), (code, b""), (argv, result.err))
            self.assertTrue(result.err.startswith("kad: "), result.err)
            self.assertEqual(result.err.count("\n"), 1, result.err)

    async def test_interrupted_before_the_end(self) -> None:
        for signal, code in (("INT", 130), ("TERM", 143)):
            program = self.start(
                *KAD, "get", "--bootstrap", f"127.0.0.1:{self.taken}", "--key", "mykey"
            )
            await self.datagram()
            result = await program.end(signal)
            self.assertEqual((result.code, result.out, result.err), (code, b"", ""))

    async def test_the_reader_goes_away(self) -> None:
        port = str(free_port())
        await self.serving("--port", port, "bootstrap")
        ping = shlex.join((*KAD, "ping", f"127.0.0.1:{port}"))
        script = f'{{ {ping}; echo "code $?" >&2; }} | true'
        result = await self.run_to_end("/bin/sh", "-c", script)
        self.assertEqual(result.err, "code 141\n")

    async def test_help_is_quick_and_needs_no_reactor(self) -> None:
        program = (
            "import sys; from kadtwisted.cli.main import main; code = main(['--help']); "
            "sys.exit(code or 'twisted' in sys.modules)"
        )
        result = await self.run_to_end(KAD[0], "-c", program)
        self.assertEqual(result.code, 0)
        self.assertIn(b"find-node", result.out)

    def datagram(self) -> object:
        """Fires when the first datagram arrives at the silent port."""
        from twisted.internet import reactor, threads

        self.silent.settimeout(PATIENCE)
        return threads.deferToThreadPool(
            reactor,
            reactor.getThreadPool(),
            self.silent.recv,
            2000,  # type: ignore[attr-defined]
        )
