"""Datagrams of kad/1, written from ``docs/protocol.md`` alone: an attacker shares no code with us.

Nothing here is checked that an attacker would not check, and whatever the page forbids can be made,
too.  The sealed form and the plain form of simulations have the same two methods.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b, sha512
from typing import NamedTuple, Protocol

from nacl.bindings import (
    crypto_scalarmult,
    crypto_secretbox,
    crypto_secretbox_open,
    crypto_sign,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError

REQUEST, REPLY, HELLO, HELLO_ANSWER, COOKIE = range(5)
ERROR, PING, FIND_NODE, FIND_VALUE, STORE, HAVE = range(6)
PROBE, PUNCH, LISTEN, CHANGED, INTRODUCE = 6, 7, 8, 10, 11
INTRODUCING = (PROBE, PUNCH, INTRODUCE)
"""Requests that are padded even with a token; the first two are twice as long."""
READ_ONLY = 1
"""The flag of a sender that nobody should learn."""
VALUE, ANNOUNCEMENT = 1, 4
"""A kind of record, and that of many under one key."""
BAD_TOKEN, BAD_REQUEST, INVALID_RECORD, BUSY, SUPERSEDED, NOT_ACCEPTED = 1, 3, 4, 8, 9, 11
"""The errors that attacks ask about."""

SEALED, PLAIN = 0x88, 0x98
"""First bytes, less the form."""
SHOW_KEY = (REQUEST, HELLO, HELLO_ANSWER)
SHOW_TOKEN = (REQUEST, HELLO)
FOR_ALL = {HELLO: b"kad/1 hello", COOKIE: b"kad/1 cookie"}.get
NO_TOKEN = bytes(8)
LONGEST = 1232
SHORT = 216
"""What a stranger's requests are padded to: those that want contacts, and all others."""

Random = Callable[[int], bytes]
"""Makes so many random bytes."""
Address = tuple[str, int]


def length_of(method: int) -> int:
    """To what a request is padded."""
    if method in (FIND_NODE, FIND_VALUE):
        return LONGEST
    return 2 * SHORT if method in (PROBE, PUNCH) else SHORT


def blake(bits: int, data: bytes, key: bytes = b"", person: bytes = b"") -> bytes:
    """BLAKE2b with the page's arguments."""
    return blake2b(data, digest_size=bits // 8, key=key, person=person).digest()


def network_key(name: str = "kad", secret: bytes = b"") -> bytes:
    """What all of one network know; an open one has no secret."""
    digest = blake(256, name.encode(), person=b"kad/1 name")
    return blake(256, digest + secret, person=b"kad/1 network")


def node_id_of(key: bytes) -> int:
    """The ID that a public key implies."""
    return int.from_bytes(blake(160, key, person=b"kad/1 node id"), "big")


def packed(address: Address) -> bytes:
    """An address and port as 6 or 18 bytes."""
    return ipaddress.ip_address(address[0]).packed + address[1].to_bytes(2, "big")


def contacts_of(data: bytes, address_bytes: int = 4) -> list[tuple[bytes, Address]]:
    """The contacts packed into a byte string: keys and where they are said to be."""
    length = 32 + address_bytes + 2
    found = []
    for at in range(0, len(data), length):
        host = ipaddress.ip_address(data[at + 32 : at + 32 + address_bytes])
        port = int.from_bytes(data[at + length - 2 : at + length], "big")
        found.append((data[at : at + 32], (str(host), port)))
    return found


def value_record(key: bytes, published: int, text: bytes | None) -> bytes:
    """A Value of bencoded ``text`` published at so many microseconds; ``None``: a tombstone."""
    flags = b"\x01" if text is None else b"\x00"
    return b"\x01" + key + published.to_bytes(8, "big") + flags + (b"0:" if text is None else text)


def version_of(record: bytes) -> bytes:
    """The 8 bytes that stand for a record."""
    return blake(64, record, person=b"kad/1 version")


@dataclass(frozen=True, slots=True)
class Identity:
    """A public key, and the seed it was made of; the plain form needs no seed."""

    public: bytes
    seed: bytes = b""

    @classmethod
    def of(cls, seed: bytes) -> Identity:
        """The identity of a secret seed of 32 bytes."""
        return cls(crypto_sign_seed_keypair(seed)[0], seed)

    @property
    def node_id(self) -> int:
        return node_id_of(self.public)


def identities_near(target: int, count: int, tries: int, random: Random) -> list[Identity]:
    """The ``count`` nearest to a target among ``tries`` keys tried, the nearest first.

    They have no seeds, so they are of use in the plain form only: a real attacker tries seeds,
    which takes about 30 times as long.
    """
    tried = (Identity(random(32)) for _ in range(tries))
    return sorted(tried, key=lambda each: each.node_id ^ target)[:count]


class Opened(NamedTuple):
    """A datagram taken apart.  ``key`` is the sender's, ``random`` empty in the plain form."""

    form: int
    key: bytes
    token: bytes
    random: bytes
    body: bytes


class Form(Protocol):
    """How one identity speaks in one network."""

    def seal(self, form: int, body: bytes, to: bytes = b"", token: bytes = NO_TOKEN) -> bytes:
        """A datagram for the holder of the key ``to``."""

    def open(self, datagram: bytes, senders: Iterable[bytes] = ()) -> Opened | None:
        """A datagram for us; ``None`` if it is not, or is no datagram at all.  ``senders``: the
        keys that a reply may be from."""


class Sealed:
    """The sealed form."""

    def __init__(self, identity: Identity, network: bytes, random: Random) -> None:
        self._identity = identity
        self._network = network
        self._random = random
        self._secrets: dict[bytes, bytes] = {}

    def seal(self, form: int, body: bytes, to: bytes = b"", token: bytes = NO_TOKEN) -> bytes:
        """See :class:`Form`."""
        shown = self._identity.public if form in SHOW_KEY else b""
        shown += token if form in SHOW_TOKEN else b""
        return self.seal_showing(form, body, to, shown)

    def seal_showing(self, form: int, body: bytes, to: bytes, shown: bytes) -> bytes:
        """A datagram whose box is right for ``to``, whatever its header shows."""
        header = self.header(form, to, shown)
        box = crypto_secretbox(body, header[1:25], self._box_key(form, self._identity.public, to))
        return header + box

    def header(self, form: int, to: bytes, shown: bytes) -> bytes:
        """Everything in front of the box, under a right tag: no public-key work."""
        front = bytes([SEALED | form]) + self._random(16)
        return front + blake(64, front + shown, self._tag_key(form, to)) + shown

    def open(self, datagram: bytes, senders: Iterable[bytes] = ()) -> Opened | None:
        """See :class:`Form`."""
        if len(datagram) < 41 or not SEALED <= datagram[0] <= SEALED + COOKIE:
            return None
        form = datagram[0] - SEALED
        end = 25 + 32 * (form in SHOW_KEY) + 8 * (form in SHOW_TOKEN)
        covered = datagram[:17] + datagram[25:end]
        tag = blake(64, covered, self._tag_key(form, self._identity.public))
        if len(datagram) < end + 16 or tag != datagram[17:25]:
            return None
        token = datagram[57:65] if form in SHOW_TOKEN else b""
        for key in [datagram[25:57]] if form in SHOW_KEY else [b""] if FOR_ALL(form) else senders:
            box_key = self._box_key(form, key, self._identity.public)
            try:
                body = crypto_secretbox_open(datagram[end:], datagram[1:25], box_key)
            except CryptoError:
                continue
            return Opened(form, key, token, datagram[1:17], body)
        return None

    def _tag_key(self, form: int, to: bytes) -> bytes:
        return blake(256, b"" if FOR_ALL(form) else to, self._network, b"kad/1 tag")

    def _box_key(self, form: int, sender: bytes, recipient: bytes) -> bytes:
        if person := FOR_ALL(form):
            return blake(256, b"", self._network, person)
        other = recipient if sender == self._identity.public else sender
        if other not in self._secrets:
            self._secrets[other] = agree(self._identity.seed, other)
        secret = self._secrets[other]
        return blake(256, secret + sender + recipient, self._network, b"kad/1 box")


class Plain:
    """The plain form of simulations: nothing is secret and nothing is proven."""

    def __init__(self, identity: Identity, network: bytes, random: Random) -> None:
        self._identity = identity
        self._tag = blake(64, network, person=b"kad/1 plain")

    def seal(self, form: int, body: bytes, to: bytes = b"", token: bytes = NO_TOKEN) -> bytes:
        """See :class:`Form`."""
        shown = self._identity.public if form in SHOW_KEY else b""
        shown += token if form in SHOW_TOKEN else b""
        return bytes([PLAIN | form]) + self._tag + shown + body

    def open(self, datagram: bytes, senders: Iterable[bytes] = ()) -> Opened | None:
        """See :class:`Form`; a reply is from the first of ``senders``."""
        if len(datagram) < 9 or not PLAIN <= datagram[0] <= PLAIN + COOKIE:
            return None
        form = datagram[0] - PLAIN
        end = 9 + 32 * (form in SHOW_KEY) + 8 * (form in SHOW_TOKEN)
        if datagram[1:9] != self._tag:
            return None
        key = datagram[9:41] if form in SHOW_KEY else next(iter(senders), b"")
        token = datagram[41:49] if form in SHOW_TOKEN else b""
        return Opened(form, key, token, b"", datagram[end:])


def agree(seed: bytes, other: bytes) -> bytes:
    """X25519 with the holder of the Ed25519 key ``other``."""
    prime = 2**255 - 19
    y = int.from_bytes(other, "little") & (2**255 - 1)
    u = (1 + y) * pow(1 - y, -1, prime) % prime
    return crypto_scalarmult(sha512(seed).digest()[:32], u.to_bytes(32, "little"))


def announcement_record(
    identity: Identity, key: bytes, sequence: int, address: Address, attributes: bytes = b""
) -> bytes:
    """An Announcement for two hours on the default network, signed by the seed of an identity."""
    told = b"\x04" + key + identity.public + sequence.to_bytes(8, "big") + (7200).to_bytes(2, "big")
    told += bytes([":" in address[0]]) + packed(address) + attributes
    name = blake(256, b"kad", person=b"kad/1 name")
    secret = crypto_sign_seed_keypair(identity.seed)[1]
    return told + crypto_sign(b"kad/1 announcement" + name + told, secret)[:64]
