"""``twistd kademlia`` as operators run it, with ``kad`` at its control socket."""

from __future__ import annotations

import json
import signal
import socket
import stat
from pathlib import Path

from tests.integration.processes import TWISTD, ProcessTestCase, Program, Result, free_port


class DaemonTestCase(ProcessTestCase):
    def daemon(self, port: int, *options: str) -> Program:
        return self.start(*TWISTD, "--port", str(port), "--interface", "127.0.0.1", *options)

    async def running(self, port: int, *options: str) -> Program:
        program = self.daemon(port, *options)
        await program.says("serves the network")
        return program

    async def refused(self, port: int, *options: str) -> Result:
        result = await self.run_to_end(
            *TWISTD, "--port", str(port), "--interface", "127.0.0.1", *options
        )
        self.assertNotIn("Traceback", result.err + result.out.decode())
        return result

    def assert_refused(self, result: Result, code: int, words: str) -> None:
        self.assertEqual(result.code, code, result)
        self.assertEqual(result.err.count("\n"), 1, result.err)
        self.assertTrue(result.err.startswith("kademlia: "), result.err)
        self.assertIn(words, result.err)

    def state(self, port: int) -> Path:
        """The state directory of a daemon that is told none."""
        return self.directory / "xdg" / "kademlia" / str(port)

    async def status(self, port: int) -> dict[str, object]:
        result = await self.kad("status", "--port", str(port), "--json")
        self.assertEqual(result.code, 0, result.err)
        status: dict[str, object] = json.loads(result.out)
        return status


class LifeTests(DaemonTestCase):
    async def test_runs_answers_and_stops(self) -> None:
        port = free_port()
        daemon = await self.running(port)
        status = await self.status(port)
        (address,) = status["addresses"]
        self.assertIn(address.encode(), daemon.output)

        state = ("--state-dir", str(self.state(port)))
        stored = await self.kad("store", "--key", "mykey", "--value", "myvalue", *state)
        self.assertEqual(stored.code, 0, stored.err)
        self.assertIn("on this node alone", stored.err)
        self.assertEqual((await self.kad("get", "--key", "mykey", *state)).out, b"myvalue")
        self.assertEqual((await self.kad("get", "--key", "other", *state)).code, 1)
        via = ("--bootstrap", address)
        self.assertEqual((await self.kad("get", "--key", "mykey", *via)).out, b"myvalue")
        routing = await self.kad("routing", *state)
        self.assertIn(b"0 contacts in 0 k-buckets", routing.out)

        self.assertEqual((await daemon.end()).code, -signal.SIGTERM)
        self.assertNotIn(b"Unhandled", daemon.output)
        self.assertNotIn(b"Traceback", daemon.output)
        left = sorted(each.name for each in self.state(port).iterdir())
        databases = ["publications.sqlite", "records.sqlite", "records.sqlite.lock"]
        self.assertEqual(left, ["identity.key", "lock", *databases, "version"])

    async def test_files_are_their_users_alone(self) -> None:
        port = free_port()
        await self.running(port)
        modes = {
            each.name: stat.S_IMODE(each.stat().st_mode) for each in self.state(port).iterdir()
        }
        names = {"identity.key", "lock", "control.sock", "publications.sqlite", "records.sqlite"}
        self.assertLessEqual(names, modes.keys())
        self.assertEqual(modes, dict.fromkeys(modes, 0o600))
        self.assertEqual(stat.S_IMODE(self.state(port).stat().st_mode), 0o700)

    async def test_after_kill_9_it_comes_back_as_itself(self) -> None:
        port = free_port()
        daemon = await self.running(port)
        before = await self.status(port)
        await daemon.end("KILL")
        self.assertTrue((self.state(port) / "control.sock").exists())
        await self.running(port)
        self.assertEqual((await self.status(port))["public_key"], before["public_key"])

    async def test_joins_when_the_other_one_comes_up_later(self) -> None:
        first, second = free_port(), free_port()
        later = await self.running(second, "--bootstrap", f"127.0.0.1:{first}")
        await later.says("trying again until one answers")
        await self.running(first)
        await later.says("joined the network")
        state = ("--state-dir", str(self.state(second)))
        stored = await self.kad("store", "--key", "mykey", "--value", "both", *state)
        self.assertIn("on 1 node,", stored.err)
        other = ("--state-dir", str(self.state(first)))
        self.assertEqual((await self.kad("get", "--key", "mykey", *other)).out, b"both")

    async def test_systemds_state_directory(self) -> None:
        self.environment["STATE_DIRECTORY"] = str(self.directory / "lib")
        await self.running(free_port())
        self.assertTrue((self.directory / "lib" / "identity.key").exists())


class RefusalTests(DaemonTestCase):
    """One clear sentence, a telling code, and nothing lost."""

    async def test_a_port_in_use(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            self.assert_refused(await self.refused(port), 71, str(port))

    async def test_a_second_daemon_with_the_same_state(self) -> None:
        port = free_port()
        await self.running(port, "--state-dir", "shared")
        result = await self.refused(free_port(), "--state-dir", "shared")
        self.assert_refused(result, 73, "another node is running")
        status = await self.kad("status", "--state-dir", "shared")
        self.assertEqual(status.code, 0, status.err)

    async def test_a_state_directory_that_cannot_be_made(self) -> None:
        result = await self.refused(free_port(), "--state-dir", "/dev/null/state")
        self.assert_refused(result, 73, "/dev/null/state")

    async def test_a_damaged_key(self) -> None:
        port = free_port()
        await (await self.running(port)).end()
        key = self.state(port) / "identity.key"
        damaged = key.read_bytes()[:-9]
        key.write_bytes(damaged)
        self.assert_refused(await self.refused(port), 78, "is damaged")
        self.assertEqual(key.read_bytes(), damaged)

    async def test_options_that_cannot_be_used(self) -> None:
        for options, words in (
            (("--bootstrap", "nowhere"), "write HOST:PORT"),
            (("--storage", "tape"), "no storage called 'tape'"),
            (("--network-secret-file", "missing"), "no such file"),
        ):
            result = await self.refused(free_port(), *options)
            self.assertEqual(result.code, 1)
            self.assertIn(words, (result.out.decode() + result.err).splitlines()[-1])
