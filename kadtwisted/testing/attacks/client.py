"""An attacker: one port, one key, and answers that can lie.

It speaks kad/1 by ``docs/protocol.md`` alone (:mod:`kadtwisted.testing.attacks.datagrams`), on a
host of the simulated network or on a real UDP port.  It keeps the tokens it is given, pads what it
sends without one, and answers like a node of few words.  A subclass lies by overriding
``observed``, ``own``, ``contacts``, ``records`` or ``answer``.  It sends nothing that it is not
told to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from cbor2 import CBORDecodeError, dumps, loads
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from kadtwisted.testing.attacks.datagrams import (
    COOKIE,
    FIND_NODE,
    FIND_VALUE,
    HAVE,
    HELLO,
    HELLO_ANSWER,
    INTRODUCING,
    LONGEST,
    NO_TOKEN,
    PING,
    REPLY,
    REQUEST,
    SHORT,
    STORE,
    Address,
    Form,
    Identity,
    Opened,
    Plain,
    Random,
    Sealed,
    length_of,
    network_key,
    packed,
)

PATIENCE = 3.0
"""Seconds that an answer is waited for."""
TOKEN = b"attacked"
"""The token that an attacker gives out."""
METHODS, KINDS = b"\x7f\xb0", b"\x40"
"""Bitmaps of a PONG: all methods in use, so that nobody passes an attacker by; kind 1."""


class NoAnswer(Exception):
    """Nothing came in time, or the client has closed."""


class Peer(NamedTuple):
    """A public key and where it is said to be."""

    key: bytes
    address: Address


class Answer(NamedTuple):
    """A reply: who gave it, its number (0 for an error), and what stands behind the envelope."""

    peer: Peer
    number: int
    observed: bytes
    result: list[Any]
    length: int


class Asked(NamedTuple):
    """A request that came in; ``length`` is its datagram's, ``token`` what it shows."""

    address: Address
    key: bytes
    method: int
    transaction_id: bytes
    flags: int
    arguments: list[Any]
    length: int
    token: bytes = b""


@dataclass(slots=True)
class _Waiting:
    """A request in flight."""

    address: Address
    key: bytes
    """Empty: a hello, whoever answers."""
    send: Callable[[bytes], bytes]
    """Sends it with a token, and returns its datagram."""
    answered: Deferred[Answer]
    timer: Any = None
    random: bytes = b""
    """By what a cookie names it; one is enough."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a client lives: who runs its time and ports, and what its network is; a ``private`` one
    has a secret."""

    reactor: Any
    random: Random
    unix_time: Callable[[], float]
    network: bytes = network_key()
    plain: bool = False
    private: bool = False

    def form(self, identity: Identity) -> Form:
        """How this identity speaks here."""
        return (Plain if self.plain else Sealed)(identity, self.network, self.random)


class Client(DatagramProtocol):
    """One port of one identity; ``known`` are the peers it names, ``tokens`` those it was given,
    ``flags`` what its requests say of it."""

    noisy = False
    flags = 0
    transport: Any

    def __init__(self, home: Home, identity: Identity, known: list[Peer] | None = None) -> None:
        self.home = home
        self.identity = identity
        self.form = home.form(identity)
        self.known = known if known is not None else []
        self.tokens: dict[Peer, bytes] = {}
        self.received = 0
        self._waiting: dict[bytes, _Waiting] = {}
        self._port: Any = None

    def listen(self, interface: str, port: int = 0) -> Peer:
        """Open the port; how others name this client."""
        self._port = self.home.reactor.listenUDP(port, self, interface, LONGEST + 1)
        return self.peer

    @property
    def peer(self) -> Peer:
        """How others name this client."""
        bound = self._port.getHost()
        return Peer(self.identity.public, (bound.host, bound.port))

    def close(self) -> Any:
        """Leave the port; what is in flight fails."""
        for transaction_id in list(self._waiting):
            self._fail(transaction_id)
        return self._port.stopListening()

    # --- Asking ------------------------------------------------------------------------------

    def ask(
        self, peer: Peer, method: int, *arguments: object, patience: float = PATIENCE
    ) -> Deferred[Answer]:
        """One request, with the token if there is one, else padded; :class:`NoAnswer`."""
        transaction_id = self.home.random(8)

        def send(token: bytes) -> bytes:
            datagram = self.request(
                peer.key, [method, transaction_id, self.flags], arguments, token
            )
            self.write(datagram, peer.address)
            return datagram

        return self._wait(peer, transaction_id, send, patience)

    def hello(
        self, address: Address, recipient: bytes = b"", patience: float = PATIENCE
    ) -> Deferred[Answer]:
        """Greet whoever lives there, or the holder of the key ``recipient``."""
        transaction_id = self.home.random(8)

        def send(token: bytes) -> bytes:
            datagram = self.greeting(transaction_id, recipient, token)
            self.write(datagram, address)
            return datagram

        return self._wait(Peer(b"", address), transaction_id, send, patience)

    def request(
        self, to: bytes, envelope: list[Any], arguments: tuple[object, ...], token: bytes = NO_TOKEN
    ) -> bytes:
        """The datagram of a request: ``envelope`` is method, transaction ID and flags."""

        def made(padding: bytes) -> bytes:
            return self.form.seal(REQUEST, dumps([*envelope, padding, *arguments]), to, token)

        if token != NO_TOKEN and envelope[0] not in INTRODUCING:
            return made(self._clock() if self.home.private else b"")
        return self._padded(made, length_of(envelope[0]))

    def bare(
        self, to: bytes, envelope: list[Any], arguments: tuple[object, ...], token: bytes
    ) -> bytes:
        """The same without any padding, whether it needs some or not."""
        return self.form.seal(REQUEST, dumps([*envelope, b"", *arguments]), to, token)

    def greeting(
        self, transaction_id: bytes, recipient: bytes = b"", token: bytes = NO_TOKEN
    ) -> bytes:
        """The datagram of a HELLO."""

        def made(padding: bytes) -> bytes:
            body = dumps([PING, transaction_id, 0, padding, recipient])
            return self.form.seal(HELLO, body, b"", token)

        return self._padded(made, SHORT)

    def _padded(self, made: Callable[[bytes], bytes], length: int) -> bytes:
        """A datagram of at least this length, whose padding begins with our clock."""
        clock = self._clock()
        missing = max(0, length - len(made(clock)))
        while len(datagram := made(clock + bytes(missing))) > length and missing:
            missing -= 1  # a longer head of the byte string has taken its bytes
        return datagram if len(datagram) >= length else made(clock + bytes(missing + 1))

    def _clock(self) -> bytes:
        return int(self.home.unix_time()).to_bytes(8, "big")

    def write(self, datagram: bytes, address: Address) -> None:
        """Put any bytes on the wire."""
        if self.transport is not None:
            self.transport.write(datagram, address)

    def _wait(
        self, peer: Peer, transaction_id: bytes, send: Callable[[bytes], bytes], patience: float
    ) -> Deferred[Answer]:
        waiting = _Waiting(peer.address, peer.key, send, Deferred())
        self._waiting[transaction_id] = waiting
        waiting.timer = self.home.reactor.callLater(patience, self._fail, transaction_id)
        waiting.random = send(self.tokens.get(peer, NO_TOKEN))[1:17]
        return waiting.answered

    def _fail(self, transaction_id: bytes) -> None:
        waiting = self._waiting.pop(transaction_id)
        if waiting.timer.active():
            waiting.timer.cancel()
        waiting.answered.errback(NoAnswer(f"no answer from {waiting.address}"))

    # --- What comes in -----------------------------------------------------------------------

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Answer a request, match a reply; anything else is ignored."""
        self.received += 1
        address: Address = (addr[0], addr[1])
        keys = dict.fromkeys(w.key for w in self._waiting.values() if w.address == address)
        opened = self.form.open(datagram, [key for key in keys if key])
        if opened is None:
            return
        if opened.form == COOKIE:
            self._take_cookie(opened.body, address)
            return
        try:
            items = loads(opened.body)
        except (CBORDecodeError, ValueError):
            return
        if opened.form in (REQUEST, HELLO):
            self._be_asked(opened, items, address, len(datagram))
        else:
            self._take_reply(opened, items, address, len(datagram))

    def _take_cookie(self, body: bytes, address: Address) -> None:
        for waiting in self._waiting.values():
            if waiting.address == address and waiting.random == body[:16]:
                waiting.random = b""
                waiting.send(body[16:24])
                return

    def _take_reply(self, opened: Opened, items: list[Any], address: Address, length: int) -> None:
        waiting = self._waiting.get(items[1])
        if waiting is None or waiting.address != address or waiting.key not in (b"", opened.key):
            return
        del self._waiting[items[1]]
        waiting.timer.cancel()
        peer = Peer(opened.key, address)
        self.tokens[peer] = items[2]
        waiting.answered.callback(Answer(peer, -items[0], items[3], items[4:], length))

    def _be_asked(self, opened: Opened, items: list[Any], address: Address, length: int) -> None:
        method, transaction_id, flags = items[:3]
        shown = opened.token
        asked = Asked(address, opened.key, method, transaction_id, flags, items[4:], length, shown)
        answer = self.answer(asked)
        if answer is not None:
            number, result = answer
            form = HELLO_ANSWER if opened.form == HELLO else REPLY
            body = dumps([-number, transaction_id, TOKEN, self.observed(asked), *result])
            self.write(self.form.seal(form, body, opened.key), address)

    # --- How it lies -------------------------------------------------------------------------

    def answer(self, asked: Asked) -> tuple[int, list[Any]] | None:
        """The number of the reply and what stands behind its envelope; ``None``: silence."""
        arguments = asked.arguments
        if asked.method == PING:
            now = int(self.home.unix_time())
            return PING, [b"\x01", 0, now, None, METHODS, KINDS, self.own(asked)]
        if asked.method == FIND_NODE:
            return FIND_NODE, [*self._packed(asked, arguments[0])]
        if asked.method == FIND_VALUE:
            found = self.records(asked, arguments[0])
            return FIND_VALUE, [found, b"", *self._packed(asked, arguments[0]), False]
        if asked.method == STORE:
            return STORE, [arguments[1]]
        if asked.method == HAVE:
            return HAVE, [bytes((len(arguments[0]) // 29 + 7) // 8)]
        return None

    def observed(self, asked: Asked) -> bytes:
        """At which address it says that it sees the asker."""
        return packed(asked.address)

    def own(self, asked: Asked) -> bytes:
        """At which address it says that it is."""
        return packed(self.peer.address)

    def contacts(self, asked: Asked, target: int) -> list[Peer]:
        """Whom it names."""
        return self.known

    def records(self, asked: Asked, key: bytes) -> list[list[Any]]:
        """Which pairs of record and remaining seconds it returns."""
        return []

    def _packed(self, asked: Asked, target: bytes) -> tuple[bytes, bytes]:
        """What it names, by families."""
        named = self.contacts(asked, int.from_bytes(target, "big"))[:20]
        parts = [each.key + packed(each.address) for each in named]
        return (
            b"".join(part for part in parts if len(part) == 38),
            b"".join(part for part in parts if len(part) == 50),
        )
