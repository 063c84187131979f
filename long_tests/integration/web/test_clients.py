"""A thousand slow clients of the web door."""

from __future__ import annotations

import resource

from twisted.internet.task import LoopingCall

from kadtwisted.web.site import MOST_CONNECTIONS
from tests.integration.daemons import status_of
from tests.integration.web.gateways import Client, GatewaysTestCase

SLOW = 1000
"""Clients that send a byte now and then, and never a whole request."""
PINGS = 100


class ClientTests(GatewaysTestCase):
    async def test_a_thousand_slow_clients_do_not_disturb_the_network(self) -> None:
        self.raise_the_limit_of_files()
        daemon = await self.serving_http()
        other = await self.running("other")
        state = await self.client(self.directory / "state")
        address = (await status_of(state))["addresses"][0]
        asker = await self.client(self.directory / "other")
        slow: list[Client] = []
        for _ in range(SLOW):
            slow.append(await self.connect())
            slow[-1].transport.write(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        drip = LoopingCall(lambda: [each.transport.write(b"y") for each in slow])
        drip.start(0.2)
        try:
            for _ in range(PINGS):  # one that is not answered fails
                await asker.perform("ping", {"address": address})
            heard = await self.ask("GET", "/healthz")
        finally:
            drip.stop()
        self.assertEqual(heard.status, 200)
        self.assertLessEqual(sum(not each.is_closed for each in slow), MOST_CONNECTIONS)
        await self.ends_well(other)
        await self.ends_well(daemon)

    def raise_the_limit_of_files(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = SLOW + 500
        if soft < wanted:
            most = hard if hard != resource.RLIM_INFINITY else wanted
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most), hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
