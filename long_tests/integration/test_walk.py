"""A walk with real processes: private networks, both families, keys."""

from __future__ import annotations

import json
import socket

from tests.integration.processes import ProcessTestCase, free_port


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

    async def test_both_families_and_a_name(self) -> None:
        port = str(free_port())
        both = ("--interface", "0.0.0.0", "--interface", "::")
        await self.serving("--port", port, *both, "bootstrap")
        ping = await self.kad("ping", f"localhost:{port}", "--json")
        self.assertEqual(ping.code, 0, ping.err)
        for address in (f"127.0.0.1:{port}", f"[::1]:{port}"):
            self.assertEqual((await self.kad("ping", address)).code, 0)

    async def test_a_private_network_does_not_answer_others(self) -> None:
        port = str(free_port())
        for name in ("right", "wrong"):
            (self.directory / name).write_text(f"the {name} secret\n")
            (self.directory / name).chmod(0o600)
        right = ("--network", "fleet", "--network-secret-file", "right")
        await self.serving("--port", port, *right, "bootstrap")
        address = f"127.0.0.1:{port}"
        self.assertEqual((await self.kad("ping", address, *right)).code, 0)
        for other in (("--network", "fleet", "--network-secret-file", "wrong"),
                      ("--network", "fleet"), ()):  # fmt: skip
            result = await self.kad("ping", address, "--timeout", "1", *other)
            self.assertEqual(result.code, 69)
