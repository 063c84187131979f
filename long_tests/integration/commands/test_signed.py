"""Signed values with real processes: a key file, a daemon that keeps them, a node of our own."""

from __future__ import annotations

import json

from tests.integration.daemons import DaemonsTestCase
from tests.integration.processes import free_port


class SignedTests(DaemonsTestCase):
    async def test_from_the_key_to_the_deletion(self) -> None:
        port = free_port()
        await self.running("d", port=port)
        state = ("--state-dir", str(self.directory / "d"))
        via = ("--bootstrap", f"127.0.0.1:{port}")
        key = ("--key-file", "news.key")
        self.assertEqual((await self.kad("key", "new", "news.key")).code, 0)
        shown = await self.kad("key", "show", "news.key", "--json")
        reference = json.loads(shown.out)["reference"]

        async def read(*where: str) -> tuple[int, bytes]:
            result = await self.kad("get", reference, *where)
            return result.code, result.out

        put = await self.kad("put", "--mutable", *key, "one", "--json", "--keep", *state)
        receipt = json.loads(put.out)
        self.assertEqual((put.code, receipt["reference"]), (0, reference))
        self.assertEqual(await read(*via), (0, b"one"))
        number = str(receipt["seq"])
        for value, code in (("two", 0), ("three", 69)):
            put = await self.kad("put", "--mutable", *key, "--cas", number, value, *via)
            self.assertEqual(put.code, code, put)
        self.assertEqual(await read(*state), (0, b"two"))
        self.assertEqual((await self.kad("delete", *key, *state)).code, 0)
        self.assertEqual((await read(*via))[0], 1)
