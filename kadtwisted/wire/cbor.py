"""The native serializer: CBOR arrays, strictly scanned.

The layout is in ``layout``, the work in ``cbor_encode`` and ``cbor_decode``; this is their one
face, and it adds only the rule by which a contact's public key becomes its node ID.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from zope.interface import implementer

from kadtwisted.interfaces import ISerializer
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Message, Reply, Request
from kadtwisted.wire.cbor_decode import decode
from kadtwisted.wire.cbor_encode import encode_reply, encode_request
from kadtwisted.wire.packed import pack_observed

RECENT_ASKERS = 32
"""Askers whose endpoint is packed once for all replies.  MAGIC: those of a few lookups at a time;
how often a busy node answers the same asker again would settle it."""


@implementer(ISerializer)
class CBORSerializer:
    """kad/1's messages as CBOR; see :class:`~kadtwisted.interfaces.ISerializer`."""

    name = "cbor"

    def __init__(self, identify: Callable[[bytes], NodeID]) -> None:
        self._identify = identify
        self._pack_observed = lru_cache(RECENT_ASKERS)(pack_observed)

    def encode_request(self, request: Request, length: int = 0) -> bytes:
        """The request's bytes, padded to at least ``length``, and to just that if possible."""
        return encode_request(request, length)

    def encode_reply(self, reply: Reply, limit: int) -> bytes:
        """The reply's bytes, at most ``limit``; the farthest contacts are left out first."""
        return encode_reply(reply, limit, self._pack_observed)

    def decode(self, data: bytes) -> Message:
        """The one message in ``data``; only :class:`~kadtwisted.errors.MalformedDatagram`."""
        return decode(data, self._identify)
