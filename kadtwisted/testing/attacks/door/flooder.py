"""A process that floods one port of a loopback address, and nothing else, for a bounded time.

``python -m kadtwisted.testing.attacks.door.flooder PORT KEY PORTS RATE SECONDS`` proves as many
ports as it is told to the node with this public key at 127.0.0.1, each with two identities, and
then sends garbage boxes under right tags: with a token, with two keys in turn, with fresh keys.  It
ends by saying how many it sent.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress
from typing import Any, NamedTuple

from cbor2 import dumps, loads
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react

from kadtwisted.testing.attacks.datagrams import (
    COOKIE,
    NO_TOKEN,
    PING,
    REPLY,
    REQUEST,
    SHORT,
    Identity,
    Sealed,
    network_key,
)

HOST = "127.0.0.1"
MOST_SECONDS, MOST_PORTS = 600.0, 500
GARBAGE = bytes(16)
KEYS = 2000
PATIENCE, TRIES = 1.0, 20
STEP = 0.005
"""Seconds between two looks at what is due."""
BATCH = 256
"""Datagrams sent without looking at the clock."""


class Port(NamedTuple):
    """A socket, and what it shows: two proven keys, each with its token."""

    socket: socket.socket
    shown: tuple[tuple[bytes, bytes], ...]


def main(words: list[str]) -> None:
    """Flood, and exit: with 0, or with 1 if the node does not answer."""
    port, key = int(words[0]), bytes.fromhex(words[1])
    ports = min(MOST_PORTS, int(words[2]))
    rate, seconds = float(words[3]), min(MOST_SECONDS, float(words[4]))
    proven = [each for _ in range(ports) if (each := _prove((HOST, port), key))]
    if len(proven) < ports:
        sys.exit(1)
    _say("proven")
    flood = _Flood(key, proven, rate, seconds)

    def ended(_: object) -> None:
        _say(f"sent {flood.sent}")

    react(lambda reactor: flood.run(reactor).addCallback(ended))


def _prove(node: tuple[str, int], key: bytes) -> Port | None:
    """Open a port and get a token for two keys; ``None`` if nobody answers."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((HOST, 0))
    opened.connect(node)
    opened.settimeout(PATIENCE)
    shown = []
    for _ in range(2):
        identity = Identity.of(os.urandom(32))
        form = Sealed(identity, network_key(), os.urandom)
        token = _token(opened, form, key)
        if token is None:
            return None
        shown.append((identity.public, token))
    return Port(opened, tuple(shown))


def _token(opened: socket.socket, form: Sealed, key: bytes) -> bytes | None:
    """What the node gives this identity at this port, in a reply or in a cookie."""
    for _ in range(TRIES):
        padding = int(time.time()).to_bytes(8, "big") + bytes(SHORT)
        body = dumps([PING, os.urandom(8), 0, padding])
        opened.send(form.seal(REQUEST, body, key))
        try:
            answer = form.open(opened.recv(2048), [key])
        except (TimeoutError, ConnectionRefusedError):
            continue
        if answer is not None and answer.form == REPLY:
            return bytes(loads(answer.body)[2])
        if answer is not None and answer.form == COOKIE:
            return answer.body[16:24]
    return None


class _Flood:
    """Sends garbage from all ports in turn; ``sent`` says how many datagrams."""

    def __init__(self, key: bytes, ports: list[Port], rate: float, seconds: float) -> None:
        self.sent = 0
        self._key = key
        self._ports = ports
        self._rate = rate
        self._form = Sealed(Identity.of(os.urandom(32)), network_key(), os.urandom)
        self._fresh = [Identity.of(os.urandom(32)).public for _ in range(KEYS)]
        self._begun = time.monotonic()
        self._ends = self._begun + seconds
        self._sending = LoopingCall(self._send_due)

    def run(self, reactor: Any) -> Deferred[Any]:
        """Send what is due in each step; fires at the end."""
        self._sending.clock = reactor
        return self._sending.start(STEP)

    def _send_due(self) -> None:
        while (now := time.monotonic()) < self._ends:
            for _ in range(BATCH):
                if self.sent >= self._rate * (now - self._begun):
                    return  # the rest is not due yet
                self._send()
        self._sending.stop()

    def _send(self) -> None:
        turn, number = divmod(self.sent, len(self._ports))
        port, kind = self._ports[number], turn % 3
        if kind < 2:
            shown = b"".join(port.shown[kind * (turn // 3 % 2)])
        else:
            shown = self._fresh[self.sent % KEYS] + NO_TOKEN
        with suppress(OSError):  # its buffer is full: as good as lost on the way
            port.socket.send(self._form.header(REQUEST, self._key, shown) + GARBAGE)
        self.sent += 1


def _say(text: str) -> None:
    """Tell the campaign."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
