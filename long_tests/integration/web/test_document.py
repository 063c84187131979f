"""Every command of the page about HTTP, as it stands there."""

from __future__ import annotations

from tests.integration.daemons import status_of
from tests.integration.web.gateways import GatewaysTestCase
from tests.integration.web.pages import commands, printed, script_of, scripts
from tests.integration.web.test_document import PAGE


class HttpPageTests(GatewaysTestCase):
    async def test_every_command_prints_what_the_page_says(self) -> None:
        await self.running("other")
        other = await status_of(await self.client(self.directory / "other"))
        daemon = await self.serving_http("--bootstrap", other["addresses"][0])
        await daemon.says("the node is serving")
        (registry,) = scripts(PAGE)
        (self.directory / "registry.sh").write_text(registry, "utf-8")
        shown = list(commands(PAGE))
        self.assertGreater(len(shown), 40)
        script = script_of(shown).replace("localhost:8480", f"localhost:{self.port}")
        (self.directory / "page.sh").write_text(script, "utf-8")
        result = await self.run_to_end("/bin/sh", "page.sh")
        found = printed(result.out.decode())
        complaints = (self.directory / "complaints.txt").read_text("utf-8")
        self.assertEqual(len(found), len(shown), complaints)
        for each, text in zip(shown, found, strict=True):
            self.assertTrue(each.fits(text), f"$ {each.command}\n{text}\nnot\n{each.output}")
        await self.ends_well(daemon)
