"""Network namespaces of our own: made, wired, asked for their counters, and taken down.

All links lead to one router, the *core*.  So each namespace has one neighbour, and the table of
neighbours, which the kernel keeps for all namespaces together, does not run over.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

GATEWAY = "169.254.1.1"
"""The address of the core on every link to it: the hosts' next hop."""
PREFIX = "kadn"


def shell(*command: str, text: str = "") -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}\n{text}")
    return done.stdout


class Namespaces:
    """The namespaces of one run; their names begin with ``kadn`` and the number of the process."""

    def __init__(self) -> None:
        self._prefix = f"{PREFIX}{os.getpid()}-"
        self._made: list[str] = []
        self._links = 0
        self._fars: dict[str, str] = {}
        self.core = self.add("core", forwards=True)
        shell("ip", "-n", self.core, "addr", "add", f"{GATEWAY}/32", "dev", "lo")

    def add(self, name: str, forwards: bool = False) -> str:
        """Make a namespace, and say its whole name."""
        whole = self._prefix + name
        shell("ip", "netns", "add", whole)
        self._made.append(whole)
        shell("ip", "-n", whole, "link", "set", "lo", "up")
        if forwards:
            self.set(whole, "net.ipv4.ip_forward=1")
        return whole

    def set(self, name: str, *values: str) -> None:
        """Set kernel parameters there."""
        self.inside(name, "sysctl", "-qw", *values)

    def inside(self, name: str, *command: str, text: str = "") -> str:
        """What a command prints that runs there."""
        return shell("ip", "netns", "exec", name, *command, text=text)

    def public(self, name: str, *addresses: str) -> None:
        """Give a namespace public addresses, on the link ``wan`` to the core."""
        self._links += 1
        far = self._fars[name] = f"w{self._links}"
        shell("ip", "link", "add", far, "netns", self.core, "type", "veth",
              "peer", "name", "wan", "netns", name)  # fmt: skip
        self._batch(name, [
            *(f"addr add {each}/32 dev wan" for each in addresses),
            "link set wan up",
            f"route add {GATEWAY} dev wan scope link",
            f"route add default via {GATEWAY} dev wan",
        ])  # fmt: skip
        self._batch(self.core, [
            f"link set {far} up",
            *(f"route add {each}/32 dev {far}" for each in addresses),
        ])  # fmt: skip

    def readdress(self, name: str, old: str, new: str) -> None:
        """Another public address instead of the old one, as after a new lease.  The new one is
        there first: the kernel takes the routes of a link away with its last address."""
        self._batch(self.core, [f"route add {new}/32 dev {self._fars[name]}"])
        self._batch(name, [f"addr add {new}/32 dev wan", f"addr del {old}/32 dev wan"])

    def private(self, gateway: str, subnet: str) -> None:
        """Give a gateway a private network: the bridge ``lan`` with the first address of it."""
        self._batch(gateway, [
            "link add lan type bridge",
            f"addr add {subnet}.1/24 dev lan",
            "link set lan up",
        ])  # fmt: skip

    def behind(self, name: str, gateway: str, address: str, device: str = "eth0") -> None:
        """Put a host into the private network of a gateway."""
        self.plug(name, gateway, device)
        self.connect(name, address, device)

    def plug(self, name: str, gateway: str, device: str) -> None:
        """A cable from a host to the private network of a gateway; it is not used yet."""
        self._links += 1
        port = f"l{self._links}"
        shell("ip", "link", "add", port, "netns", gateway, "type", "veth",
              "peer", "name", device, "netns", name)  # fmt: skip
        self._batch(gateway, [f"link set {port} master lan", f"link set {port} up"])

    def connect(self, name: str, address: str, device: str = "eth0") -> None:
        """The host's address, and its route to everywhere."""
        self._batch(name, [
            f"addr add {address}/24 dev {device}",
            f"link set {device} up",
            f"route add default via {address.rpartition('.')[0]}.1 dev {device}",
        ])  # fmt: skip

    def disconnect(self, name: str, device: str = "eth0") -> None:
        """Take the link of a host away, as when it leaves a network."""
        self._batch(name, [f"addr flush dev {device}", f"link set {device} down"])

    def bytes_of(self, name: str, device: str = "eth0") -> tuple[int, int]:
        """Bytes received and sent so far, with the headers of Ethernet, IP and UDP."""
        found = json.loads(shell("ip", "-n", name, "-s", "-j", "link", "show", device))
        counted = found[0]["stats64"]
        return counted["rx"]["bytes"], counted["tx"]["bytes"]

    def forget_mappings(self, name: str) -> None:
        """Make a gateway forget every mapping."""
        self.inside(name, "conntrack", "-F")

    def take_down(self) -> None:
        """End what still runs there, and remove all of them."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(_remove, self._made))

    @staticmethod
    def _batch(name: str, lines: Sequence[str]) -> None:
        shell("ip", "-n", name, "-batch", "-", text="\n".join(lines) + "\n")


def _remove(name: str) -> None:
    for command in (
        f"ip netns pids {name} | xargs -r kill -KILL",
        f"ip netns del {name}",
    ):
        subprocess.run(command, shell=True, capture_output=True, check=False)
