"""Sockets for tests: quiet ones on loopback, and faults put into those of ports."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import TestCase

from kadtwisted.node.port.udp_port import BoundedPort


def loopback_socket(case: TestCase, host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A plain UDP socket bound on loopback, closed when the test ends."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    case.addCleanup(made.close)
    made.bind((host, port))
    return made


class FaultySocket:
    """A real socket whose ``recvfrom`` raises what stands in ``faults``, first things first;
    ``on_close`` is called when it has been closed."""

    def __init__(self, real: socket.socket) -> None:
        self.faults: list[OSError] = []
        self.reads = 0
        self.on_close: Callable[[], object] = lambda: None
        self._real = real

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        self.reads += 1
        if self.faults:
            raise self.faults.pop(0)
        return self._real.recvfrom(size)

    def close(self) -> None:
        self._real.close()
        self.on_close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def faulty_ports(case: TestCase, bound: Callable[[], None] = lambda: None) -> list[FaultySocket]:
    """From now on every port of ours is made with such a socket; the list grows with each, and
    ``bound`` is called a turn later."""
    made: list[FaultySocket] = []

    def faulty(make: Callable[..., socket.socket]) -> Any:
        def make_faulty(port: Any, *ready: Any) -> Any:
            made.append(FaultySocket(make(port, *ready)))
            port.reactor.callLater(0, bound)
            return made[-1]

        return make_faulty

    for name in ("createInternetSocket", "adoptSocket"):
        case.patch(BoundedPort, name, faulty(getattr(BoundedPort, name)))
    return made
