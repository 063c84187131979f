"""The sealed form of a datagram: a clear header, and a box that only its recipient can open.

::

    first byte 1 | nonce 24 = random 16 + tag 8 | [key 32] [token 8] | box = MAC 16 + body

There are two locks, in this order.

The **tag** is a BLAKE2b (RFC 7693) over the rest of the header.  Its key comes from the network key
and the recipient's public key (for hello and cookie: from the network key alone).  So a datagram
for another network or another recipient ends in :meth:`BoxSealer.inspect` at the price of one hash,
before any public-key work.

The **box** is XSalsa20-Poly1305 (NaCl's secretbox).  Its key comes from the X25519 secret (RFC
7748) of both nodes, then the sender's and the recipient's public keys.  So a datagram that is sent
back to its sender does not open.  The tag is a part of the nonce: a change of any bit of the header
changes the nonce, and then the box does not open, even for an attacker who knows the network key
and computes a new tag.

Hello and cookie are boxed under keys that the whole network has.  They prove nothing about their
sender.  The answer to a hello that shows our own key is boxed under a secret of that key alone.

Secrets are computed once for each key and kept in a bounded cache, which forgets those that were
not used lately (:mod:`~kadtwisted.model.generations`).  It has the secrets of nodes that we send
requests to, and of senders that the caller vouches for (``remember``).  The secret of the last
other key is kept aside, so that the reply to a stranger needs no second computation.  Nothing here
knows a clock, an endpoint or a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct
from typing import Any, NamedTuple

from nacl.bindings import (
    crypto_scalarmult,
    crypto_sign_ed25519_pk_to_curve25519,
    crypto_sign_ed25519_sk_to_curve25519,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError
from zope.interface import implementer

from kadtwisted.constants import NO_TOKEN, TOKEN_BYTES
from kadtwisted.errors import ConfigurationError, InvalidInput, MalformedDatagram, SendFailed
from kadtwisted.model.contact import KEY_BYTES
from kadtwisted.model.generations import Generations
from kadtwisted.sealing.forms import (
    FOR_ALL,
    FORMS,
    HELLO,
    REQUEST,
    SEALED_MARK,
    SHOWS_KEY,
    SHOWS_TOKEN,
    Form,
    layouts,
)
from kadtwisted.sealing.interface import Header, ISealer
from kadtwisted.sealing.secret_box import MAC_BYTES, SecretBox

NETWORK_KEY_BYTES = 32
RANDOM_BYTES = 16
"""The random part of a nonce: two of 2^48 datagrams under one key agree with a chance of 2^-33."""
TAG_BYTES = 8

RANDOM_END = 1 + RANDOM_BYTES
NONCE_END = RANDOM_END + TAG_BYTES

RANDOM_BATCH = 64 * RANDOM_BYTES
"""Random bytes drawn at a time: a system call for each datagram costs 0.4 us, its part of a batch
0.05 us.  MAGIC: larger batches gain nothing that can be measured, and cost memory in every node."""

LAYOUTS = layouts(NONCE_END, MAC_BYTES)
HEADER_ENDS = tuple(each.header_end for each in LAYOUTS)

_new = tuple.__new__

Agreement = Callable[[bytes, bytes], bytes]
"""Gives the shared secret of a Curve25519 secret and an Ed25519 public key, 32 bytes each."""


def derive(network_key: bytes, person: bytes, data: bytes = b"") -> bytes:
    """A key of 32 bytes for one purpose: keyed and personalised BLAKE2b-256 of ``data``."""
    return blake2b(data, digest_size=32, key=network_key, person=person).digest()


def tag_key(network_key: bytes, recipient: bytes) -> bytes:
    """The key for the tags of datagrams to ``recipient`` (empty: to the whole network)."""
    return derive(network_key, b"kad/1 tag", recipient)


def network_key(name: str, secret: bytes | None) -> bytes:
    """The key of a network, 32 bytes, from its name and its secret (``None`` for an open network).

    The secret is not stretched: it should be 32 random bytes, not a word that can be guessed.
    An empty name or secret is a :class:`~kadtwisted.errors.ConfigurationError`.
    """
    if not name or secret == b"":
        raise ConfigurationError("the name and the secret of a network cannot be empty")
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError:
        raise ConfigurationError("the name of a network must be valid Unicode text") from None
    # The digest has a fixed length, so a name is never taken for a shorter name and a secret.
    digest = blake2b(raw, digest_size=32, person=b"kad/1 name").digest()
    return blake2b(digest + (secret or b""), digest_size=32, person=b"kad/1 network").digest()


def checked_network_keys(keys: Sequence[bytes]) -> tuple[bytes, ...]:
    """The keys, if there is at least one and each has 32 bytes; otherwise
    :class:`~kadtwisted.errors.InvalidInput`."""
    if not keys or any(len(key) != NETWORK_KEY_BYTES for key in keys):
        raise InvalidInput(f"a sealer needs network keys of {NETWORK_KEY_BYTES} bytes each")
    return tuple(keys)


def shared_secret(curve_secret: bytes, public_key: bytes) -> bytes:
    """The X25519 secret shared with the owner of an Ed25519 public key (RFC 7748, section 6.1).

    :class:`MalformedDatagram` (``bad-key``) unless the key is a point of the prime-order group:
    otherwise one secret could have several IDs.  (A y written as y + p is no such way: y would have
    to be less than 19, and no point of that group has such a y.)
    """
    try:
        return crypto_scalarmult(curve_secret, crypto_sign_ed25519_pk_to_curve25519(public_key))
    except CryptoError:
        raise MalformedDatagram("bad-key") from None


PairKeys = bytes
"""The keys between this node and another one: for each network 32 bytes each for boxes to it, for
boxes from it and for tags of datagrams to it.  In one string, because a node keeps them for all
nodes that it deals with, and each object more would cost as much as a key."""
PAIR_BYTES = 96


def _sealing(network: int) -> Callable[[PairKeys], tuple[bytes, ...]]:
    """What cuts the keys for sealing out of a PairKeys; slices take twice the time."""
    return Struct(f"{PAIR_BYTES * network}x32s32x32s").unpack_from


def _opening(network: int) -> Callable[[PairKeys], tuple[bytes, ...]]:
    """What cuts out the key for opening."""
    return Struct(f"{PAIR_BYTES * network}x32x32s").unpack_from


_SEALS, _OPENS = (_sealing(0), _sealing(1)), (_opening(0), _opening(1))
"""For the first networks; more than two are rare.  All nodes of a process share these."""
_CUTS = tuple(
    Struct(
        f"{RANDOM_END}s{TAG_BYTES}s{each.key_end - NONCE_END}s{each.header_end - each.key_end}s"
    ).unpack_from
    for each in LAYOUTS
)
"""What cuts a datagram of each form into its parts."""


class Outgoing(NamedTuple):
    """How a form is sealed: its first byte, the key that it shows, whether a token follows, and the
    keys of the whole network if every node can open the form."""

    first: bytes
    shown: bytes
    token: bool
    keys: PairKeys | None


Incoming = tuple[int, int, Callable[[bytes], tuple[Any, ...]], tuple[tuple[int, blake2b], ...]]
"""How a form is inspected: its number, its shortest datagram, what cuts a datagram into first byte
and random part, tag, key and token, and for each network its index and a hash that already contains
the key of the tag (to copy it is cheaper than to make a new one)."""


@implementer(ISealer)
class BoxSealer:
    """Seals and opens the datagrams of one node.

    ``seed`` is the secret of its Ed25519 key (RFC 8032), 32 bytes.  ``network_keys`` have 32 bytes
    each, the newest first; ``network`` is always the index of one of them.  ``secure_random(n)``
    gives n unpredictable bytes.  ``cache_size`` secrets are kept, at least 1.  ``agree`` computes a
    shared secret, which is the only public-key work.  Wrong lengths raise
    :class:`~kadtwisted.errors.InvalidInput`.
    """

    request_overhead = LAYOUTS[Form.REQUEST].shortest
    reply_overhead = LAYOUTS[Form.REPLY].shortest
    hello_answer_overhead = LAYOUTS[Form.HELLO_ANSWER].shortest
    numbered = True

    def __init__(
        self,
        seed: bytes,
        network_keys: Sequence[bytes],
        secure_random: Callable[[int], bytes],
        cache_size: int,
        agree: Agreement = shared_secret,
    ) -> None:
        if len(seed) != KEY_BYTES or cache_size < 1:
            raise InvalidInput("a sealer needs a seed of 32 bytes and room for at least 1 secret")
        self.public_key, signing_key = crypto_sign_seed_keypair(seed)
        self._curve_secret = crypto_sign_ed25519_sk_to_curve25519(signing_key)
        self._network_keys = checked_network_keys(network_keys)
        self.networks = len(self._network_keys)
        self._agree = agree
        self._secrets: Generations[bytes, PairKeys] = Generations(cache_size)
        self._aside: tuple[bytes, PairKeys] | None = None
        more = range(len(_SEALS), self.networks)
        self._seals = (*_SEALS, *map(_sealing, more)) if more else _SEALS
        self._opens = (*_OPENS, *map(_opening, more)) if more else _OPENS
        self._randoms = random_parts(secure_random)
        self._box = SecretBox()
        self._outgoing = tuple(self._outgoing_form(form) for form in FORMS)
        to_me, to_all = self._prepared(self.public_key), self._prepared(b"")
        self._incoming: dict[int, Incoming] = {
            SEALED_MARK | form: _incoming_form(form, to_all if form in FOR_ALL else to_me)
            for form in FORMS
        }

    def _prepared(self, recipient: bytes) -> tuple[tuple[int, blake2b], ...]:
        keys = (tag_key(key, recipient) for key in self._network_keys)
        return tuple(enumerate(blake2b(digest_size=TAG_BYTES, key=key) for key in keys))

    def _outgoing_form(self, form: Form) -> Outgoing:
        shown = self.public_key if form in SHOWS_KEY else b""
        keys = b"".join([self._keys_with_all(form, key) for key in self._network_keys])
        first = bytes((SEALED_MARK | form,))
        return Outgoing(first, shown, form in SHOWS_TOKEN, keys if form in FOR_ALL else None)

    @staticmethod
    def _keys_with_all(form: Form, key: bytes) -> PairKeys:
        box_key = derive(key, b"kad/1 hello" if form == HELLO else b"kad/1 cookie")
        return box_key + box_key + tag_key(key, b"")

    def inspect(self, datagram: bytes) -> Header:
        """See :meth:`ISealer.inspect`: ``too-short``, ``unknown-form``, ``wrong-tag`` (another
        network's or another recipient's, or damaged)."""
        if not datagram:
            raise MalformedDatagram("too-short")
        found = self._incoming.get(datagram[0])
        if found is None:
            raise MalformedDatagram("unknown-form")
        form, shortest, cut, tags = found
        if len(datagram) < shortest:
            raise MalformedDatagram("too-short")
        start, tag, key, token = cut(datagram)
        for network, prepared in tags:
            expected = prepared.copy()
            expected.update(start + key + token)
            if compare_digest(expected.digest(), tag):
                # The same as Header(...), but without the call of a Python function.
                return _new(Header, (form, key, token or NO_TOKEN, network))
        raise MalformedDatagram("wrong-tag")

    def knows(self, sender: bytes) -> bool:
        """See :meth:`ISealer.knows`."""
        secrets = self._secrets
        return sender in secrets.young or sender in secrets.old

    def open(self, datagram: bytes, header: Header, sender: bytes, remember: bool) -> bytes:
        """See :meth:`ISealer.open`: ``bad-box``, or ``bad-key`` for a key that is not valid.

        ``header`` is what :meth:`inspect` gave for the same datagram.  For a hello or a cookie
        ``sender`` is ignored.  The key that a hello shows is checked here, because its answer needs
        it.
        """
        form, key, _, network = header
        secrets = self._secrets
        to_all = self._outgoing[form][3]
        known = secrets.young.get(sender) if to_all is None else to_all
        keys = known or secrets.old.get(sender) or self._keys_with(sender)
        (opens,) = self._opens[network](keys)
        box = datagram[HEADER_ENDS[form] :]
        try:
            body = self._box.open(box, datagram[1:NONCE_END], opens)
        except CryptoError:
            raise MalformedDatagram("bad-box") from None
        if to_all is not None:
            if form == HELLO and key not in secrets:
                self._keys_with(key)
        elif known is None and (remember or sender in secrets.old):
            secrets.keep(sender, keys)
        return body

    def seal(self, form: int, body: bytes, recipient: bytes, token: bytes, network: int) -> bytes:
        """See :meth:`ISealer.seal`.  ``recipient`` is ignored for a hello or a cookie; ``token`` (8
        bytes) is used for a request or a hello only; ``network`` is below ``networks``.

        The secret of a request's recipient goes into the cache.  Raises
        :class:`~kadtwisted.errors.SendFailed` if ``recipient`` is not a valid public key.
        """
        first, shown, with_token, keys = self._outgoing[form]
        if keys is None:
            secrets = self._secrets
            keys = secrets.young.get(recipient) or secrets.old.get(recipient)
            keys = keys or self._keys_with_recipient(recipient, form)
        seals, tags = self._seals[network](keys)
        if with_token:
            if len(token) != TOKEN_BYTES:
                raise InvalidInput(f"a token has {TOKEN_BYTES} bytes, this has {len(token)}")
            shown += token
        random = next(self._randoms)
        tag = blake2b(first + random + shown, digest_size=TAG_BYTES, key=tags).digest()
        nonce = random + tag
        return first + nonce + shown + self._box.seal(body, nonce, seals)

    def _keys_with_recipient(self, recipient: bytes, form: int) -> PairKeys:
        try:
            keys = self._keys_with(recipient)
        except MalformedDatagram:
            raise SendFailed(
                f"cannot seal a datagram for the public key {recipient.hex() or '(none)'}: "
                "it is not a valid Ed25519 key"
            ) from None
        if form == REQUEST:
            self._secrets.keep(recipient, keys)
        return keys

    def _keys_with(self, other: bytes) -> PairKeys:
        """The keys shared with a node that is not in the cache; the last ones are kept aside."""
        if self._aside is None or self._aside[0] != other:
            shared = self._agree(self._curve_secret, other)
            derived = [self._derived(key, shared, other) for key in self._network_keys]
            self._aside = other, b"".join(derived)
        return self._aside[1]

    def _derived(self, key: bytes, shared: bytes, other: bytes) -> PairKeys:
        pair = (
            derive(key, b"kad/1 box", shared + self.public_key + other),
            derive(key, b"kad/1 box", shared + other + self.public_key),
            tag_key(key, other),
        )
        return b"".join(pair)


def _incoming_form(form: Form, tags: tuple[tuple[int, blake2b], ...]) -> Incoming:
    layout = LAYOUTS[form]
    return layout.form, layout.shortest, _CUTS[form], tags


def random_parts(secure_random: Callable[[int], bytes]) -> Iterator[bytes]:
    """Endless random parts of nonces, drawn in batches; no byte is used twice."""
    while True:
        batch = secure_random(RANDOM_BATCH)
        for at in range(0, RANDOM_BATCH, RANDOM_BYTES):
            yield batch[at : at + RANDOM_BYTES]
