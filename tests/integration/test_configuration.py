"""A daemon's configuration as its operators meet it: file, environment, SIGHUP."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests.integration.processes import TWISTD, ProcessTestCase, Program, free_port


class ConfigurationTests(ProcessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment["XDG_CONFIG_HOME"] = str(self.directory / "conf")
        self.file = self.directory / "conf" / "kademlia" / "node.toml"
        self.file.parent.mkdir(parents=True)

    def write(self, *lines: str, path: Path | None = None) -> None:
        common = ("interfaces = ['127.0.0.1']", "storage = 'memory'")
        (path or self.file).write_text("\n".join((*common, *lines)) + "\n")

    async def daemon(self, *options: str) -> Program:
        program = self.start(*TWISTD, *options)
        await program.says("serves the network")
        return program

    async def status(self, port: int) -> dict[str, Any]:
        result = await self.kad("status", "--port", str(port), "--json")
        self.assertEqual(result.code, 0, result.err)
        status: dict[str, Any] = json.loads(result.out)
        return status

    def hang_up(self, program: Program) -> None:
        assert program.transport is not None
        program.transport.signalProcess("HUP")

    async def test_all_that_is_wrong_in_one_go(self) -> None:
        self.write("prot = 1", "sealer = 'wax'", "[upkeep]", "rate = 'slow'")
        self.environment["KADTWISTED_PARAMETERS_K"] = "none"
        result = await self.run_to_end(*TWISTD, "--port", "high")
        self.assertEqual(result.code, 1)
        *_, variable, port, unknown, sealer, rate = result.err.splitlines()
        self.assertIn("KADTWISTED_PARAMETERS_K: expected a whole number", variable)
        self.assertIn("--port: expected a whole number from 0 to 65535, not 'high'", port)
        self.assertIn(f"{self.file}: prot: there is no such option; did you mean port?", unknown)
        self.assertIn(f"{self.file}: sealer: expected one of box, plain, not 'wax'", sealer)
        self.assertIn(f"{self.file}: upkeep.rate: expected a number", rate)
        self.assertNotIn("Traceback", result.err + result.out.decode())
        checked = await self.kad("config", "check")
        self.assertEqual(checked.code, 78)
        self.assertIn("did you mean port?", checked.err)

    async def test_command_line_over_environment_over_file(self) -> None:
        wrong, right = free_port(), free_port()
        self.write(f"port = {wrong}", "network = 'of the file'")
        self.environment["KADTWISTED_PORT"] = str(wrong)
        self.environment["KADTWISTED_NETWORK"] = "of the environment"
        await self.daemon("--port", str(right))
        status = await self.status(right)
        self.assertEqual(status["network"], "of the environment")
        self.assertEqual([each["listening"] for each in status["links"]], [f"127.0.0.1:{right}"])

    async def test_the_file_of_a_service(self) -> None:
        """systemd hands over its directory; the user's own file does not count then."""
        port = free_port()
        self.file.write_text("port = 'nonsense'")
        directory = self.directory / "etc"
        directory.mkdir()
        self.write(f"port = {port}", "network = 'fleet'", path=directory / "node.toml")
        self.environment["CONFIGURATION_DIRECTORY"] = str(directory)
        await self.daemon()
        self.assertEqual((await self.status(port))["network"], "fleet")

    async def test_hanging_up_reads_the_file_again(self) -> None:
        first, second = free_port(), free_port()
        self.write(f"port = {first}")
        await self.daemon()
        other = self.directory / "second.toml"
        self.write(f"port = {second}", path=other)
        daemon = await self.daemon("--config", "second.toml")

        self.write("bootstrap = ['nowhere']", f"prot = {second}", path=other)
        self.hang_up(daemon)
        await daemon.says("nothing was changed: the configuration has mistakes")
        self.assertIn(b"did you mean port?", daemon.output)
        self.assertIn(b"'nowhere' is no address", daemon.output)

        self.write(
            f"port = {second}", "agent = 'x'", f"bootstrap = ['127.0.0.1:{first}']", path=other
        )
        self.hang_up(daemon)
        await daemon.says("joined the network")
        self.assertIn(f"bootstrap: applied from {other}".encode(), daemon.output)
        restart = f"agent: changed in {other}, but this needs a restart"
        self.assertIn(restart.encode(), daemon.output)
        (link,) = (await self.status(second))["links"]
        self.assertEqual((link["listening"], link["contacts"]), (f"127.0.0.1:{second}", 1))

        self.assertEqual((await daemon.end()).code, -signal.SIGTERM)
        self.assertNotIn(b"Traceback", daemon.output)
