"""The native serializer: CBOR arrays, strictly scanned.

It puts the parts together: ``layout`` describes the messages, ``cbor_encode`` and ``cbor_decode``
write and read them, ``fast_path`` and ``fast_replies`` do so for the most common ones.  It adds the
rule by which a contact's public key gives its node ID.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from zope.interface import implementer

from kadtwisted.interfaces import ISerializer
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Message, Reply, Request
from kadtwisted.wire.cbor_decode import decode_with
from kadtwisted.wire.cbor_encode import encode_reply, encode_request
from kadtwisted.wire.fast_path import ReplyWriter, read_request, write_request
from kadtwisted.wire.fast_replies import ReplyReader
from kadtwisted.wire.packed import unpack_contact

RECENT_CONTACTS = 128
"""Contacts that are unpacked once, however often replies name them: those of one lookup name mostly
the same.  MAGIC: about as many as one lookup hears of; a profile in a large network settles it."""


@implementer(ISerializer)
class CBORSerializer:
    """kad/1's messages as CBOR; see :class:`~kadtwisted.interfaces.ISerializer`.

    It remembers the last ``contacts`` contacts it unpacked, and a few endpoints, so the nodes of
    one process may share it.
    """

    name = "cbor"

    def __init__(
        self, identify: Callable[[bytes], NodeID], contacts: int = RECENT_CONTACTS
    ) -> None:
        self._unpack = lru_cache(contacts)(lambda packed: unpack_contact(packed, identify))
        self._write_reply = ReplyWriter().write
        self._read_reply = ReplyReader(self._unpack).read

    def encode_request(self, request: Request, length: int = 0) -> bytes:
        """The request's bytes, padded to ``length`` bytes, or one more."""
        return (None if length else write_request(request)) or encode_request(request, length)

    def encode_reply(self, reply: Reply, limit: int) -> bytes:
        """The reply's bytes, at most ``limit``; it leaves out the farthest contacts first."""
        data = self._write_reply(reply)
        return data if len(data) <= limit else encode_reply(reply, limit)

    def decode(self, data: bytes) -> Message:
        """The one message in ``data``; it fails with
        :class:`~kadtwisted.errors.MalformedDatagram` and nothing else."""
        return read_request(data) or self._read_reply(data) or decode_with(data, self._unpack)
