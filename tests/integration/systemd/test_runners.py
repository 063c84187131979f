"""How ``twistd`` and ``twist`` run the daemon: log files, PID files, and mistakes of all kinds."""

from __future__ import annotations

import signal
import sys

from tests.integration.daemons import answers
from tests.integration.processes import TWISTD, ProcessTestCase, Program, Result

TWIST = (
    sys.executable,
    "-c",
    "from twisted.application.twist._twist import Twist; Twist.main()",
    "kademlia",
)
OWN_PID = ("sh", "-c", 'echo $$ > left.pid; exec "$@"', "sh")
"""Before a command: a PID file is left that names the process which the command becomes."""
NODE = ("--storage", "memory", "--state-dir", "state", "--port", "0", "--interface", "127.0.0.1")


class RunnersTestCase(ProcessTestCase):
    async def serving_at(self, *argv: str) -> Program:
        daemon = self.start(*argv)
        await daemon.says("the node is serving")
        await self.kad("status", "--state-dir", "state")  # so the reactor hears signals
        return daemon

    async def refused(self, *argv: str, code: int, words: str) -> Result:
        """It ends with one line, which has no usage, no traceback and no company."""
        result = await self.run_to_end(*argv)
        self.assertEqual(result.code, code, result)
        self.assertEqual(result.out, b"", result)
        self.assertTrue(result.err.startswith("kademlia: "), result.err)
        self.assertEqual(result.err.count("\n"), 1, result.err)
        self.assertIn(words, result.err)
        return result


class LogFileTests(RunnersTestCase):
    async def test_a_directory_that_is_missing(self) -> None:
        argv = (*TWISTD[:-1], "--logfile", "missing/node.log", "kademlia", *NODE)
        words = "cannot open the log file missing/node.log: no such file or directory"
        await self.refused(*argv, code=73, words=words)

    async def test_a_pipe_is_a_log_file_too(self) -> None:
        argv = (*TWISTD[:-1], "--logfile", "/dev/stdout", "kademlia", *NODE)
        daemon = await self.serving_at(*argv)
        assert daemon.transport is not None
        daemon.transport.signalProcess(signal.SIGUSR1)
        daemon.transport.signalProcess("HUP")
        await daemon.says("nothing has changed")
        await daemon.end()

    async def test_closed_standard_streams(self) -> None:
        closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
        daemon = self.start(*closed, *TWISTD, *NODE)
        await answers(daemon, self.directory / "state")
        self.assertEqual((await daemon.end()).code, -15)


class PidFileTests(RunnersTestCase):
    async def test_in_the_foreground_nothing_is_left_lying(self) -> None:
        (self.directory / "twistd.pid").write_text("1")
        daemon = await self.serving_at(*TWISTD[:-2], "kademlia", *NODE)
        await daemon.end()
        self.assertEqual((self.directory / "twistd.pid").read_text(), "1")

    async def test_a_file_that_names_ourselves_is_of_an_earlier_container(self) -> None:
        argv = (*TWISTD[:-2], "--pidfile", "left.pid", "kademlia", *NODE)
        daemon = await self.serving_at(*OWN_PID, *argv)
        self.assertEqual(int((self.directory / "left.pid").read_text()), daemon.transport.pid)  # type: ignore[union-attr]
        await daemon.end()
        self.assertFalse((self.directory / "left.pid").exists())

    async def test_one_that_cannot_be_written(self) -> None:
        argv = (*TWISTD[:-2], "--pidfile", "missing/node.pid", "kademlia", *NODE)
        await self.refused(*argv, code=1, words="choose another --pidfile, or --pidfile= for none")


class RunnerTests(RunnersTestCase):
    async def test_twist_runs_it_with_our_log(self) -> None:
        daemon = await self.serving_at(*TWIST, *NODE)
        answer = await self.kad("status", "--state-dir", "state")
        self.assertEqual(answer.code, 0, answer.err)
        result = await daemon.end()
        self.assertEqual((result.code, result.err), (-15, ""))
        self.assertRegex(result.out.decode(), r"Z info     kadtwisted.health: the node is serving")

    async def test_under_twist_a_failure_has_its_sentence_and_code(self) -> None:
        (self.directory / "state").write_text("")
        await self.refused(*TWIST, *NODE, code=73, words="cannot use the state directory")
        await self.refused(*TWIST, "--port", "x", code=1, words="--port: expected a whole number")

    async def test_a_chroot_is_refused(self) -> None:
        (self.directory / "jail").mkdir()
        argv = (*TWISTD[:-1], "--chroot", "jail", "kademlia", *NODE)
        await self.refused(*argv, code=1, words="twistd --chroot cannot be used")
        self.assertEqual(list((self.directory / "jail").iterdir()), [])

    async def test_a_mistake_in_a_file_is_one_line(self) -> None:
        (self.directory / "node.toml").write_text("prot = 1")
        words = "node.toml: prot: there is no such option; did you mean port?"
        await self.refused(*TWISTD, "--config", "node.toml", code=1, words=words)
        await self.refused(*TWISTD, "--prot", "1", code=1, words="twistd kademlia --help")

    async def test_to_the_journal_it_is_an_error(self) -> None:
        status = (
            "import os, sys; found = os.fstat(2); "
            "os.environ['JOURNAL_STREAM'] = f'{found.st_dev}:{found.st_ino}'; "
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        result = await self.run_to_end(sys.executable, "-c", status, *TWISTD, "--port", "x")
        self.assertEqual(result.err.count("\n"), 1, result.err)
        self.assertTrue(result.err.startswith("<3>kademlia: --port: expected"), result.err)

    async def test_variables_of_kubernetes(self) -> None:
        for prefix in ("KADTWISTED", "KADTWISTED_SEED"):
            self.environment |= {
                f"{prefix}_SERVICE_HOST": "10.96.0.7",
                f"{prefix}_SERVICE_PORT": "8000",
                f"{prefix}_PORT": "udp://10.96.0.7:8000",
                f"{prefix}_PORT_8000_UDP": "udp://10.96.0.7:8000",
                f"{prefix}_PORT_8000_UDP_ADDR": "10.96.0.7",
            }
        daemon = await self.serving_at(*TWISTD, *NODE)
        result = await daemon.end()
        self.assertEqual(result.out.count(b"enableServiceLinks: false"), 1)
