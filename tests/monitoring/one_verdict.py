"""One verdict everywhere: when the network is cut and when it returns, ``/readyz``, what the
dashboard reads, the metrics, ``kad status``, the log and the service manager tell the same.

Two daemons run at the ends of a cable of their own, which only root can lay.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from kadtwisted.model.health import Health
from tests.integration.daemons import DaemonsTestCase, status_of
from tests.integration.processes import Program

LINK = "kad0"
FIRST, SECOND = "10.99.0.1", "10.99.0.2"
MOST_LOOKS = 400
"""A fourth of a second each: an address is looked for every ten seconds."""


def ip(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(("ip", *arguments), capture_output=True, check=False)


def inside(network: str) -> tuple[str, ...]:
    """Before a command: it runs in that network."""
    return "ip", "netns", "exec", network


class OneVerdictTests(DaemonsTestCase):
    """A daemon with all its mouths open, and another one beside it."""

    def setUp(self) -> None:
        super().setUp()
        self.network = f"kadverdict{os.getpid()}"
        self.beyond = f"{self.network}-beyond"
        for each in (self.network, self.beyond):
            self.addCleanup(ip, "netns", "del", each)
            self.ip_in_order("netns", "add", each)
        ends = ("netns", self.network, "type", "veth", "peer", "name", LINK, "netns", self.beyond)
        self.ip_in_order("link", "add", LINK, *ends)
        for where, address in ((self.network, FIRST), (self.beyond, SECOND)):
            self.ip_in_order("-n", where, "address", "add", f"{address}/24", "dev", LINK)
            for each in ("lo", LINK):
                self.ip_in_order("-n", where, "link", "set", each, "up")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(str(self.directory / "notify"))
        self.manager.setblocking(False)
        self.told_to_manager = ""

    def ip_in_order(self, *arguments: str) -> None:
        done = ip(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)

    @property
    def door(self) -> Path:
        return self.directory / "http.sock"

    async def test_the_network_is_cut_and_returns(self) -> None:
        others = ("--interface", SECOND, "--portmap", "none")
        await self.running("b", *others, port=9402, through=inside(self.beyond))
        self.environment["NOTIFY_SOCKET"] = str(self.directory / "notify")
        program = await self.running(
            "a", "--interface", "0.0.0.0", "--portmap", "none", "--bootstrap", f"{SECOND}:9402",
            "--http", f"unix:{self.door}", port=9401, through=inside(self.network),
        )  # fmt: skip
        await self.all_say(Health.SERVING, program)
        self.ip_in_order("-n", self.network, "link", "set", LINK, "down")
        await self.all_say(Health.OFFLINE, program)
        self.ip_in_order("-n", self.network, "link", "set", LINK, "up")
        await self.all_say(Health.SERVING, program)

    async def all_say(self, wanted: Health, program: Program) -> None:
        """Wait until every mouth tells this verdict."""
        told: dict[str, str] = {}
        for _ in range(MOST_LOOKS):
            told = await self.verdicts(program)
            if set(told.values()) == {wanted.word}:
                self.assertEqual(len(told), 7)
                return
            await deferLater(reactor, 0.25, lambda: None)
        self.fail(f"{told}, and not {wanted.word}: {program.out.decode()}")

    async def verdicts(self, program: Program) -> dict[str, str]:
        """What each tells now."""
        client = await self.client(self.directory / "a")
        by_status = await status_of(client)
        client.close()
        code, ready = self.get("/readyz")
        self.assertEqual(code == 200, json.loads(ready)["health"] == "serving")
        metrics = self.get("/metrics")[1]
        logged = re.findall(rb"the node is (\w+):", program.out)
        return {
            "kad status": by_status["health"],
            "/readyz": json.loads(ready)["health"],
            "/v1/node": json.loads(self.get("/v1/node")[1])["health"],
            "dashboard": self.streamed("status")["health"],
            "metrics": "".join(re.findall(r'kadtwisted_health\{verdict="(\w+)"\} 1\.0', metrics)),
            "log": logged[-1].decode() if logged else "",
            "sd_notify": self.heard(),
        }

    def heard(self) -> str:
        """The verdict that the service manager was told last."""
        while True:
            try:
                message = self.manager.recv(4096).decode()
            except BlockingIOError:
                return self.told_to_manager
            for each in re.findall(r"^STATUS=(\w+):", message, re.MULTILINE):
                self.told_to_manager = each

    def streamed(self, name: str) -> Any:
        """The first event of this name in the stream that the dashboard reads."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(60)
            asking.connect(str(self.door))
            asking.sendall(b"GET /v1/activity/events HTTP/1.0\r\nHost: localhost\r\n\r\n")
            told, begins = "", f"\nevent: {name}\ndata: "
            while begins not in told or "\n\n" not in told.partition(begins)[2]:
                received = asking.recv(65536).decode()
                self.assertTrue(received, told)
                told += received
        return json.loads(told.partition(begins)[2].partition("\n\n")[0])

    def get(self, path: str) -> tuple[int, str]:
        """The status and the body of an answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(60)
            asking.connect(str(self.door))
            asking.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            received: list[Any] = []
            while data := asking.recv(65536):
                received.append(data)
        head, _, body = b"".join(received).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()
