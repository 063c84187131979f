"""The record of kind 4: a node announces under any key where it offers something, and signs it.

Many stand under one key: one of each node in each address family.  This file decides on the bytes
of an announcement, which bytes are valid, which of two of one node wins (the higher sequence
number, then the larger hash), who may store it, and how long it is good for.

    kind u8 (4) | key 20 bytes | public key 32 bytes | sequence u64 | lifetime u16, seconds |
    flags u8 | address 4 or 16 bytes | port u16 | attributes, up to 400 bytes | signature 64 bytes

Integers are big-endian.  Flag bit 0: the address is IPv6; bit 1: the port is the node's own UDP
port; the other bits are 0.  With a lifetime of 0 the announcement is withdrawn: bit 1, address,
port and attributes are missing then.  The signature (Ed25519, RFC 8032) is over a fixed text, the
hash of the network's name, and all bytes before it.  So an announcement is good on no network of
another name.  The name stands for the network, and not its secret, because secrets change.

Only the node itself may store an announcement, from the very address that it announces, as BEP 5
has it: each holder has seen that the node receives there.  Holders do not bring announcements to
each other, because a holder cannot tell a witness from an accomplice.  They live shortly, and their
node stores them again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from kadtwisted.constants import ATTRIBUTES_LIMIT, CLOCK_SKEW_LIMIT, LONGEST_ANNOUNCEMENT
from kadtwisted.errors import ClockSkew, InvalidAddress, InvalidRecord, Superseded
from kadtwisted.model.announcing import Announcement, Offer
from kadtwisted.model.contact import Endpoint, Family, compact, endpoint_from_compact
from kadtwisted.model.ids import NodeID, id_from_bytes, id_to_bytes
from kadtwisted.model.networks import may_be_a_host
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.records.kinds import RecordKind, Sender
from kadtwisted.records.signatures import SIGNATURE_BYTES, is_signed

MOST_A_KEY: Final = 512
"""Announcements under one key at one holder: as many as libtorrent keeps peers of one torrent
(``dht.max_peers``, 500), in whole powers of two."""

_HEADER: Final = struct.Struct(">B20s32sQHB")
_SEQUENCE: Final = struct.Struct(">Q")
_SEQUENCE_AT: Final = 53
_LIFETIME: Final = struct.Struct(">H")
_LIFETIME_AT: Final = 61
_IPV6: Final = 1
_OWN_PORT: Final = 2
_MICROSECONDS: Final = 1_000_000
_SEQUENCE_END: Final = 2**63
_SIGNED: Final = b"kad/1 announcement"


def announcements(network: str, seed: bytes) -> RecordKind:
    """The kind on the network of this name, for the node whose key has this seed: it ``publish``es
    announcements of that node alone."""
    context = _SIGNED + blake2b(network.encode(), digest_size=32, person=b"kad/1 name").digest()
    public_key, secret_key = crypto_sign_seed_keypair(seed)

    def identify(data: bytes) -> StorageKey:
        """Where a valid announcement is stored; :class:`InvalidRecord` as :func:`decode`, or with
        the reason ``bad-signature``."""
        found = decode(data)
        told, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
        if not is_signed(context + told, signature, found.public_key):
            raise InvalidRecord("bad-signature")
        return place_of(found.key, found.public_key, found.family)

    def publish(wanted: Offer, seen: Sequence[bytes], unix_now: float) -> bytes:
        """The bytes of the next announcement; ``seen`` are those of all nodes."""
        place = place_of(wanted.key, public_key, wanted.family)
        mine = [sequence_of(each) for each in seen if _place(each) == place]
        now = int(unix_now * _MICROSECONDS)
        sequence = max(now, _unless_ahead(wanted.after, now) + 1, *(each + 1 for each in mine))
        if sequence >= _SEQUENCE_END:
            raise Superseded("an announcement from the end of time stands in this node's place")
        told = _encode(wanted, public_key, sequence)
        return told + crypto_sign(context + told, secret_key)[:SIGNATURE_BYTES]

    return RecordKind(
        Kind.ANNOUNCEMENT,
        identify,
        decode,
        wins,
        publish,
        check,
        admit,
        sequence=sequence_of,
        most=MOST_A_KEY,
        longest=longest,
        passed_on=False,
        origin=origin,
        sampled=True,
        floor=floor,
        beats=beats,
    )


# --- Bytes -----------------------------------------------------------------------------------


def place_of(key: NodeID, public_key: bytes, family: Family) -> StorageKey:
    """Where the announcement of a node under a key is stored, in one address family."""
    return StorageKey(Kind.ANNOUNCEMENT, key, public_key + bytes([_flags_of(family)]))


def _encode(wanted: Offer, public_key: bytes, sequence: int) -> bytes:
    """All but the signature; :class:`InvalidRecord` if :func:`decode` would not accept it."""
    flags = _flags_of(wanted.family)
    rest = b""
    if wanted.lifetime and wanted.endpoint is not None:
        flags |= _OWN_PORT if wanted.own_port else 0
        rest = compact(wanted.endpoint) + wanted.attributes
    key, lifetime = id_to_bytes(wanted.key), wanted.lifetime
    if not 0 <= lifetime <= LONGEST_ANNOUNCEMENT:
        raise InvalidRecord("bad-lifetime")
    head = _HEADER.pack(Kind.ANNOUNCEMENT, key, public_key, sequence, lifetime, flags)
    decode(head + rest + bytes(SIGNATURE_BYTES))
    return head + rest


def decode(data: bytes) -> Announcement:
    """The announcement in ``data``, whoever signed it, or :class:`InvalidRecord`.

    Reasons: ``truncated``, ``wrong-kind``, ``unknown-flags``, ``bad-time``, ``bad-lifetime``,
    ``bad-withdrawal``, ``bad-address``, ``attributes-too-long``.
    """
    if len(data) < _HEADER.size + SIGNATURE_BYTES:
        raise InvalidRecord("truncated")
    kind, key, public_key, sequence, lifetime, flags = _HEADER.unpack_from(data)
    if kind != Kind.ANNOUNCEMENT:
        raise InvalidRecord("wrong-kind")
    if flags & ~(_IPV6 | _OWN_PORT):
        raise InvalidRecord("unknown-flags")
    if sequence >= _SEQUENCE_END:
        raise InvalidRecord("bad-time")
    if lifetime > LONGEST_ANNOUNCEMENT:
        raise InvalidRecord("bad-lifetime")
    family = Family.IPV6 if flags & _IPV6 else Family.IPV4
    rest = data[_HEADER.size : -SIGNATURE_BYTES]
    who = id_from_bytes(key), public_key, sequence, lifetime, family
    if not lifetime:
        if rest or flags & _OWN_PORT:
            raise InvalidRecord("bad-withdrawal")
        return Announcement(*who, None)
    length = 18 if flags & _IPV6 else 6
    if len(rest) < length:
        raise InvalidRecord("truncated")
    if len(rest) > length + ATTRIBUTES_LIMIT:
        raise InvalidRecord("attributes-too-long")
    own_port = bool(flags & _OWN_PORT)
    return Announcement(*who, _endpoint(rest[:length]), own_port, rest[length:])


def _endpoint(raw: bytes) -> Endpoint:
    """Where a node may be; no host has any other address."""
    try:
        endpoint = endpoint_from_compact(raw)
    except InvalidAddress:
        raise InvalidRecord("bad-address") from None
    if not may_be_a_host(endpoint):
        raise InvalidRecord("bad-address")
    return endpoint


def _flags_of(family: Family) -> int:
    return _IPV6 if family is Family.IPV6 else 0


def _place(data: bytes) -> StorageKey:
    return place_of(*_who(data))


def _who(data: bytes) -> tuple[NodeID, bytes, Family]:
    _, key, public_key, _, _, flags = _HEADER.unpack_from(data)
    return id_from_bytes(key), public_key, Family.IPV6 if flags & _IPV6 else Family.IPV4


def origin(data: bytes) -> Endpoint | None:
    """Where a valid announcement came from: it was admitted from its own address alone."""
    return decode(data).endpoint


# --- Which wins ------------------------------------------------------------------------------


def sequence_of(data: bytes) -> int:
    """The sequence number of a valid announcement."""
    sequence: int = _SEQUENCE.unpack_from(data, _SEQUENCE_AT)[0]
    return sequence


def wins(a: bytes, b: bytes) -> bool:
    """Whether valid announcement ``a`` replaces valid ``b`` of the same node: the higher sequence
    number wins, then the larger BLAKE2b-256 of the bytes."""
    return floor(a) > floor(b)


def floor(data: bytes) -> bytes:
    """What decides whether another one wins over this valid one: 40 bytes, which compare as the
    announcements do."""
    sequence = data[_SEQUENCE_AT : _SEQUENCE_AT + _SEQUENCE.size]
    return sequence + blake2b(data, digest_size=32).digest()


def beats(data: bytes, floor_of_other: bytes) -> bool:
    """Whether a valid announcement wins over the one that left this floor, or is that one."""
    return floor(data) >= floor_of_other


# --- Time ------------------------------------------------------------------------------------


def check(data: bytes, unix_now: float) -> None:
    """:class:`ClockSkew` if the (valid) announcement is over five minutes ahead of this clock."""
    ahead = sequence_of(data) / _MICROSECONDS - unix_now
    if ahead > CLOCK_SKEW_LIMIT:
        raise ClockSkew(f"it was announced {ahead:.0f} s in the future; check the node's clock")


def longest(data: bytes) -> float:
    """The seconds for which a holder may keep a valid announcement: its lifetime; that it was
    withdrawn is kept for as long as any may live."""
    lifetime: int = _LIFETIME.unpack_from(data, _LIFETIME_AT)[0]
    return lifetime or LONGEST_ANNOUNCEMENT


def good_for(data: bytes, unix_now: float) -> float:
    """The most seconds for which a valid announcement may still be good, whatever holders say: it
    was made at the time of its sequence number, by a clock that is not off by more than five
    minutes.  Not above zero: its time is over."""
    made = sequence_of(data) / _MICROSECONDS
    return made + longest(data) + CLOCK_SKEW_LIMIT - unix_now


def _unless_ahead(sequence: int, now: int) -> int:
    """A sequence number of our own, unless nobody can have accepted it, or our clock was wrong."""
    return 0 if sequence > now + CLOCK_SKEW_LIMIT * _MICROSECONDS else sequence


# --- Who may store it ------------------------------------------------------------------------


def admit(data: bytes, sender: Sender) -> None:
    """:class:`InvalidRecord` unless the (valid) announcement is the sender's own, for the address
    that it sends from.

    Reasons: ``another-nodes`` and ``foreign-address``.
    """
    told = decode(data)
    if told.public_key != sender.key:
        raise InvalidRecord("another-nodes")
    if told.endpoint is None:
        return
    host, port = sender.endpoint
    right = told.endpoint.host == host and (told.endpoint.port == port or not told.own_port)
    if not right or not sender.welcome:
        raise InvalidRecord("foreign-address")
