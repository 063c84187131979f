"""A protocol that writes down what its port tells it."""

from __future__ import annotations

from twisted.internet.protocol import DatagramProtocol


class Recorder(DatagramProtocol):
    """Writes down what its port tells it; raises when it hears ``raise``."""

    noisy = False

    def __init__(self) -> None:
        self.events: list[object] = []

    def startProtocol(self) -> None:
        assert self.transport is not None
        self.events.append(("start", self.transport.getHost().host))

    def stopProtocol(self) -> None:
        self.events.append(("stop", self.transport))

    def connectionRefused(self) -> None:
        self.events.append("refused")

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        if datagram == b"raise":
            raise ZeroDivisionError
        self.events.append((type(datagram), datagram, addr))

    def heard(self) -> list[object]:
        return [event[1] for event in self.events if isinstance(event, tuple) and len(event) == 3]
