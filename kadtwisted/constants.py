"""Constants of the protocol kad/1 and of its records: what no setting changes.

What a node may be told otherwise stands in :mod:`kadtwisted.parameters`.  Durations are in seconds.
"""

from __future__ import annotations

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

ID_BITS = 160
"""Width of node IDs and keys (Maymounkov and Mazieres 2002, section 2.1)."""

DATAGRAM_LIMIT = 1232
"""Largest UDP payload sent or accepted: IPv6's minimum MTU of 1,280 less 40 (IPv6) and 8 (UDP)."""

RECORD_LIMIT = 1000
"""Largest ``len(bencode(v)) + len(salt)``: the limit of BEP 44; it fits into one datagram."""

SALT_LIMIT = 64
"""Most bytes of a salt (BEP 44)."""

NETWORK_NAME_BYTES = 255
"""MAGIC: long enough for any name; what is hashed has no limit of its own."""

TOKEN_BYTES = 8
"""Length of a write token (BEP 5 leaves it open)."""

TRANSACTION_ID_BYTES = 8
"""Length of a transaction ID: nobody guesses 64 random bits while a request is in flight."""

NO_TOKEN = bytes(TOKEN_BYTES)
"""The token in a request's header while the sender has none."""

HAVE_LIMIT = 32
"""Largest number of records that one HAVE asks about."""

LISTEN_LIMIT = 5 * MINUTE
"""Longest time for which one LISTEN lasts: as long as a token is sure to be valid."""

REPLAY_WINDOW = 5 * MINUTE
"""A node of a network with a secret serves a stranger only if the clock that its datagram shows is
at most this far from its own: as far as a publication time may be ahead."""

CLOCK_SKEW_LIMIT = 5 * MINUTE
"""A holder refuses a record whose publication time is further ahead of its own clock than this."""

ATTRIBUTES_LIMIT = 400
"""Bytes of an application that an announcement may carry: with the longest address it has 546, so
that an answer has room for one beside contacts."""

PROVIDERS_LIMIT = 100_000
"""MAGIC: providers that can be asked for at once; more than all holders of a key keep together."""

LONGEST_ANNOUNCEMENT = 2 * HOUR
"""The longest lifetime of an announcement: the longest for which a node that has died is named."""
