"""``kad`` from the shell: a network of real processes, and every way it can end."""

from __future__ import annotations

import json
import shlex
import socket

from tests.integration.processes import KAD, PATIENCE, ProcessTestCase, free_port


class WalkTests(ProcessTestCase):
    async def test_a_pinned_key(self) -> None:
        port = str(free_port())
        await self.serving("--port", port, "bootstrap")
        answer = await self.kad("ping", f"127.0.0.1:{port}", "--json")
        right = json.loads(answer.out)["address"]
        self.assertEqual((await self.kad("ping", right)).code, 0)
        other = "00" * 32 + right[64:]
        self.assertEqual((await self.kad("ping", other, "--timeout", "1")).code, 69)


class EndingTests(ProcessTestCase):
    """Exit codes, each with one sentence."""

    def setUp(self) -> None:
        super().setUp()
        # A port where datagrams arrive and nobody answers.
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.silent.close)
        self.silent.bind(("127.0.0.1", 0))
        self.taken = self.silent.getsockname()[1]

    async def test_one_sentence_each(self) -> None:
        nowhere = ("--bootstrap", f"127.0.0.1:{self.taken}")
        for argv, code in (
            (("get",), 64),
            (("get", "--key", "mykey"), 69),
            (("get", *nowhere, "--key", "mykey", "--timeout", "1"), 69),
            (("status", "--state-dir", "nobody"), 69),
            (("--port", str(self.taken), "--interface", "127.0.0.1", "bootstrap"), 71),
            (("--state-dir", "/dev/null/state", "bootstrap"), 73),
            (("--network-secret-file", "missing", "bootstrap"), 78),
        ):
            result = await self.kad(*argv)
            self.assertEqual((result.code, result.out), (code, b""), (argv, result.err))
            self.assertTrue(result.err.startswith("kad: "), result.err)
            self.assertEqual(result.err.count("\n"), 1, result.err)

    async def test_interrupted_before_the_end(self) -> None:
        for signal, code in (("INT", 130), ("TERM", 143)):
            program = self.start(
                *KAD, "get", "--bootstrap", f"127.0.0.1:{self.taken}", "--key", "mykey"
            )
            await self.datagram()
            result = await program.end(signal)
            self.assertEqual((result.code, result.out, result.err), (code, b"", ""))

    async def test_the_reader_goes_away(self) -> None:
        port = str(free_port())
        await self.serving("--port", port, "bootstrap")
        ping = shlex.join((*KAD, "ping", f"127.0.0.1:{port}"))
        script = f'{{ {ping}; echo "code $?" >&2; }} | true'
        result = await self.run_to_end("/bin/sh", "-c", script)
        self.assertEqual(result.err, "code 141\n")

    async def test_help_is_quick_and_needs_no_reactor(self) -> None:
        program = (
            "import sys; from kadtwisted.cli.main import main; code = main(['--help']); "
            "sys.exit(code or 'twisted' in sys.modules)"
        )
        result = await self.run_to_end(KAD[0], "-c", program)
        self.assertEqual(result.code, 0)
        self.assertIn(b"find-node", result.out)

    def datagram(self) -> object:
        """Fires when the first datagram arrives at the silent port."""
        from twisted.internet import reactor, threads

        self.silent.settimeout(PATIENCE)
        return threads.deferToThreadPool(
            reactor,
            reactor.getThreadPool(),
            self.silent.recv,
            2000,  # type: ignore[attr-defined]
        )
