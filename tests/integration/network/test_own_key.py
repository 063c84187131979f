"""Real daemons that meet their own key: the first of a fleet, and a machine that was cloned."""

from __future__ import annotations

from tests.integration.daemons import DaemonsTestCase, status_of
from tests.integration.processes import free_port


class OwnKeyTests(DaemonsTestCase):
    async def test_the_first_of_a_fleet(self) -> None:
        """All machines have one list of addresses to join through, with themselves in it."""
        port = free_port()
        listed = (f"127.0.0.1:{port}", f"localhost:{port}", "127.0.0.1:9")
        options = [word for each in listed for word in ("--bootstrap", each)]
        program = await self.running("a", *options, port=port)
        await program.says("is this node itself, and no other bootstrap address answers")
        status = await status_of(await self.client(self.directory / "a"))
        self.assertEqual(status["health"], "serving")
        await self.ends_well(program)
