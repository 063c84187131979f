"""``twistd kademlia`` as a service manager runs it: notifications, handed sockets, logs."""

from __future__ import annotations

import json
import socket
import sys

from tests.integration.processes import KAD, TWISTD, ProcessTestCase, Program

ACTIVATE = """
import os, socket, sys
ready = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ready.bind(("127.0.0.1", 0))
print("port", ready.getsockname()[1], ".", flush=True)
os.dup2(ready.fileno(), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "kademlia"}
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Does what systemd does for a socket unit, and becomes the program it is given."""


HANGING = """
import sys, threading
from twisted.internet.defer import Deferred
from twisted.scripts.twistd import run
from kadtwisted.storage.memory import MemoryStorage

def close(storage):
    threading.Thread(target=threading.Event().wait).start()
    return Deferred()

MemoryStorage.close = close
sys.argv[0] = "twistd"
run()
"""
"""A storage that never closes, and a thread that would keep the process."""


class ServiceManagerTests(ProcessTestCase):
    def daemon(self, *options: str, through: tuple[str, ...] = ()) -> Program:
        return self.start(
            *through, *TWISTD, "--storage", "memory", "--state-dir", "state", *options
        )

    def manager(self) -> socket.socket:
        """The service manager's ear."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(made.close)
        made.bind(str(self.directory / "notify"))
        made.setblocking(False)
        self.environment["NOTIFY_SOCKET"] = str(self.directory / "notify")
        return made

    def heard(self, manager: socket.socket) -> list[str]:
        messages: list[str] = []
        while True:
            try:
                messages.append(manager.recv(4096).decode())
            except BlockingIOError:
                return messages

    async def test_the_manager_is_told(self) -> None:
        manager = self.manager()
        daemon = self.daemon("--port", "0", "--interface", "127.0.0.1")
        await daemon.says("the node is serving")
        await self.kad("status", "--state-dir", "state")  # so its first turns are over
        self.assertEqual(
            self.heard(manager),
            ["READY=1", "STATUS=serving: in its network, reading and writing; "
             "contacts 0, records 0"],
        )  # fmt: skip
        await daemon.end()
        self.assertEqual(self.heard(manager)[0], "STOPPING=1")

    async def test_the_watchdog_is_fed_after_a_ping_through_the_port(self) -> None:
        manager = self.manager()
        self.environment["WATCHDOG_USEC"] = "600000000"
        daemon = self.daemon("--port", "0", "--interface", "127.0.0.1")
        await daemon.says("the node is serving")
        for _ in range(2):
            await self.kad("status", "--state-dir", "state")
        self.assertIn("WATCHDOG=1", self.heard(manager))
        await daemon.end()

    async def test_a_node_that_waits_for_its_network_is_ready(self) -> None:
        """Else a machine would never finish booting while no other is there."""
        manager = self.manager()
        daemon = self.daemon(
            "--port", "0", "--interface", "127.0.0.1", "--bootstrap", "127.0.0.1:9"
        )
        await daemon.says("the node is joining")
        waited = await self.kad("wait", "--for", "joining", "--state-dir", "state")
        self.assertEqual((waited.code, waited.out), (0, b""), waited.err)
        late = await self.kad(
            "wait", "--for", "serving,isolated", "--timeout", "1", "--state-dir", "state"
        )
        self.assertEqual(late.code, 75, late)
        self.assertIn("the node is joining; it did not become serving or isolated", late.err)
        await daemon.end()
        heard = self.heard(manager)
        self.assertEqual(heard[0], "READY=1")
        self.assertTrue(heard[1].startswith("STATUS=joining: "), heard)

    async def test_who_waits_for_a_node_need_not_come_after_it(self) -> None:
        waiting = self.start(*KAD, "wait", "--timeout", "50", "--state-dir", "state")
        self.daemon("--port", "0", "--interface", "127.0.0.1")
        result = await waiting.ended
        self.assertEqual((result.code, result.err), (0, "kad: the node is serving\n"))

    async def test_where_no_node_comes_the_code_says_so(self) -> None:
        result = await self.kad("wait", "--timeout", "0.5", "--state-dir", "state")
        self.assertEqual((result.code, result.out), (69, b""), result.err)
        result = await self.kad("wait", "--for", "srving", "--state-dir", "state")
        self.assertEqual(result.code, 64)
        self.assertIn("there is no verdict 'srving'; did you mean serving?", result.err)

    async def test_a_socket_that_is_handed_over_is_served(self) -> None:
        daemon = self.daemon("--port", "1", through=(sys.executable, "-c", ACTIVATE))
        await daemon.says(" .")
        port = daemon.out.split()[1].decode()
        await daemon.says(f"serves the network 'kad' at 127.0.0.1:{port}")
        answer = await self.kad("ping", f"127.0.0.1:{port}")
        self.assertEqual(answer.code, 0, answer.err)
        await daemon.end()

    async def test_a_stop_that_hangs_ends_the_process_all_the_same(self) -> None:
        options = ("--storage", "memory", "--state-dir", "state", "--port", "0")
        daemon = self.start(sys.executable, "-c", HANGING, *TWISTD[3:], *options)
        await daemon.says("the node is serving")
        await self.kad("status", "--state-dir", "state")  # so the reactor hears signals
        result = await daemon.end()
        self.assertEqual(result.code, 71, result)
        self.assertIn("kademlia: stopping takes more than 1.5 s; leaving at once\n", result.err)

    async def test_each_format_of_the_log(self) -> None:
        for name, start in (("journal", b"<6>"), ("text", b"20"), ("json", b'{"time": "20')):
            daemon = self.daemon(
                "--port", "0", "--interface", "127.0.0.1", "--set", f"log.format={name}"
            )
            await daemon.says("the node is serving")
            result = await daemon.end()
            lines = result.out.splitlines()
            self.assertGreater(len(lines), 3)
            for line in lines:
                self.assertTrue(line.startswith(start), line)
                if name == "json":
                    self.assertEqual(json.loads(line)["level"], "info")
            self.assertNotIn(b"starting on", result.out)

    async def test_the_level_of_the_log(self) -> None:
        options = ("--port", "0", "--interface", "127.0.0.1", "--set", "log.level=debug")
        daemon = self.daemon(*options)
        await daemon.says("KademliaProtocol starting on")
        await daemon.end()
