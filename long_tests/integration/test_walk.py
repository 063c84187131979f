"""A walk with real processes: private networks, both families, keys."""

from __future__ import annotations

from tests.integration.processes import ProcessTestCase, free_port


class WalkTests(ProcessTestCase):
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
