"""``kad --node URL`` with a real daemon: what a reader may do, a writer may, and nobody may."""

from __future__ import annotations

import json
import os

from tests.integration.web.gateways import GatewaysTestCase


class KadOverHttpTests(GatewaysTestCase):
    async def test_verbs_through_the_gateway(self) -> None:
        program = await self.serving_http()
        url = f"http://127.0.0.1:{self.port}"
        token = self.directory / "token"
        token.touch(0o600)
        token.write_text((self.directory / "state" / "http-tokens").read_text())

        status = await self.kad("status", "--node", url, "--json")
        self.assertEqual(json.loads(status.out)["health"], "serving", status)
        refused = await self.kad("put", "name", "value", "--node", url)
        self.assertEqual(refused.code, os.EX_NOPERM, refused)
        self.assertIn("needs a token of the role write", refused.err)
        put = await self.kad("put", "name", "value", "--node", url, "--token-file", str(token))
        self.assertEqual(put.code, 0, put)
        found = await self.kad("get", "name", "--node", url)
        self.assertEqual((found.code, found.out), (0, b"value"), found)
        watched = await self.kad("watch", "name", "--count", "1", "--node", url)
        self.assertIn(b"value (for ", watched.out, watched)
        nothing = await self.kad("get", "nothing", "--node", url)
        self.assertEqual(nothing.code, 1, nothing)
        self.assertEqual(nothing.err, "kad: 'nothing' was not found\n")
        looked = await self.kad("top", "--count", "1", "--node", url)
        self.assertIn(b"Serving: in its network", looked.out)
        examined = await self.kad("doctor", "--node", url)
        self.assertEqual(examined.code, 0, examined)
        await self.ends_well(program)
        gone = await self.kad("status", "--node", url)
        self.assertEqual(gone.code, os.EX_UNAVAILABLE, gone)
        self.assertEqual(gone.err, f"kad: no gateway answers at {url}: connection refused\n")
