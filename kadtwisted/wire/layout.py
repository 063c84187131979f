"""The layout of kad/1's messages: CBOR arrays (RFC 8949) with fixed leading positions.

This file has the positions and the bounds that encoder and decoder share, and touches no bytes.
Unknown items after the last known one are ignored, so that a newer program can add some.

Requests, ``[method, transaction ID, flags, padding, ...]``::

    PING        recipient (in a HELLO only)
    FIND_NODE   target, want
    FIND_VALUE  key, kind, known version, cursor, want, alone (may be missing)
    STORE       record, remaining seconds, cas or null
    HAVE        entries, packed: kind 1, key 20, version 8 bytes each
    LISTEN      key, kind, known version, seconds
    CHANGED     key, kind, version, record, remaining seconds
    PROBE       after
    PUNCH       public key, kind of NAT
    INTRODUCE   public key, endpoint, purpose, kind of NAT

Replies, ``[-method, transaction ID, token, observed endpoint, ...]``; an error begins with 0::

    PING        formats, features, Unix time, agent or null, methods, kinds, own endpoint (the last
                three may be missing)
    FIND_NODE   contacts4, contacts6, packed: key 32, endpoint 6 or 18 bytes each
    FIND_VALUE  [[record, remaining seconds], ...], cursor, contacts4, contacts6, unchanged
    STORE       remaining seconds
    HAVE        bitmap
    LISTEN      seconds, version
    CHANGED     listening
    PROBE       public key
    PUNCH       endpoint, kind of NAT
    INTRODUCE   kind of NAT
    error       code, text, retry after (milliseconds), contacts4, contacts6 (both may be missing)

The padding of a request begins with the sender's clock, 8 bytes; a shorter one has no clock.
"""

from __future__ import annotations

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.model.contact import COMPACT_IPV4, COMPACT_IPV6, KEY_BYTES
from kadtwisted.model.ids import ID_BYTES

HEADER_ITEMS = 4
"""Leading items that every message has."""

PADDING = 3
"""Position of a request's padding: the sender's clock, then zeros, which no receiver looks at."""

TIME_BYTES = 8
"""The sender's clock in front of the padding: Unix time in whole seconds."""

READ_ONLY = 1
"""A bit of a request's flags; the others are reserved and ignored."""

METHOD_BOUND = 256
"""Methods and error codes are numbers below this."""

VERSION_BYTES = 8
"""A record's version: a hash of the whole record."""

RECORD_BYTES = DATAGRAM_LIMIT - 81
"""A datagram without the 81 bytes of a sealed request: no record is longer."""

CHANGED_RECORD_BYTES = RECORD_BYTES - 61
"""No longer record fits into a CHANGED, beside the heads and all other items at their longest."""

CURSOR_BYTES = 64
"""MAGIC: room for a key and a counter; a kind of record with a longer cursor would settle it."""

AGENT_BYTES = 64
"""Bytes of UTF-8 in PONG's agent: the names of programs in Mainline's field have 4 to 40."""

TEXT_BYTES = 128
"""Bytes of UTF-8 in an error's text: one sentence, and still shorter than most requests."""

RECORDS_LIMIT = 32
"""Records in one reply; 32 of the smallest kind (about 40 bytes) fill a datagram."""

BITMAP_BYTES = 4
"""One bit for each of the 32 entries of a HAVE."""

NUMBERS_BYTES = 32
"""One bit for each of the 256 numbers that a method or a kind of record may have."""

REMAINING_BOUND = 1 << 32
CAS_BOUND = 1 << 63
"""A sequence number is below this (BEP 44: a signed 64-bit integer)."""
FEATURES_BOUND = 1 << 64
UNIX_TIME_BOUND = 1 << 40
RETRY_AFTER_BOUND = 1 << 32

CONTACT_IPV4 = KEY_BYTES + COMPACT_IPV4
CONTACT_IPV6 = KEY_BYTES + COMPACT_IPV6
HAVE_ENTRY = 1 + ID_BYTES + VERSION_BYTES
