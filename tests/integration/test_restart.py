"""A daemon that was killed comes back as itself: with its contacts, records and promises."""

from __future__ import annotations

from tests.integration.daemons import DaemonsTestCase


class RestartTests(DaemonsTestCase):
    async def test_what_kad_bootstrap_was_given_is_there_again(self) -> None:
        there = ("--state-dir", "state")
        for first in (True, False):
            node = await self.serving(
                "bootstrap", "--port", "0", "--interface", "127.0.0.1", *there
            )
            for name, more in (("plain", ()), ("kept", ("--keep",))):
                if first:
                    stored = await self.kad("store", name, "value", *more, *there)
                    self.assertEqual(stored.code, 0, stored.err)
                found = await self.kad("get", name, *there)
                self.assertEqual((found.code, found.out), (0, b"value"), found.err)
            await node.end()
