"""Signed values with real processes: a key file, a daemon that keeps them, a node of our own."""

from __future__ import annotations

import json

from tests.integration.daemons import DaemonsTestCase


class SignedTests(DaemonsTestCase):
    async def test_content_by_its_hash(self) -> None:
        await self.running("d")
        state = ("--state-dir", str(self.directory / "d"))
        put = await self.kad("put", "--immutable", "Hello World!", "--json", *state)
        reference = json.loads(put.out)["reference"]
        self.assertEqual(reference, "kad:zuhuk7mecxg8s7vu4nj6d84jkg5s302kmzu5g4y")
        self.assertEqual((await self.kad("get", reference, *state)).out, b"Hello World!")
        self.assertEqual((await self.kad("get", reference[:-1] + "q", *state)).code, 65)
