"""The plain form of a datagram: the same shape, but no secrecy and no proof of the sender.

::

    first byte 1 | network tag 8 | [key 32] [token 8] | body

It is for simulations and measurements, where sealing would only cost time.  Requests still show the
key that implies the ID, and networks still do not hear each other.  But anybody can forge anything,
and the recipient is not checked, so a live network never uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from types import MappingProxyType

from zope.interface import implementer

from kadtwisted.constants import NO_TOKEN, TOKEN_BYTES
from kadtwisted.errors import InvalidInput, MalformedDatagram
from kadtwisted.model.contact import KEY_BYTES
from kadtwisted.sealing.box import checked_network_keys
from kadtwisted.sealing.forms import (
    FORMS,
    PLAIN_MARK,
    SHOWS_KEY,
    SHOWS_TOKEN,
    Form,
    layouts,
)
from kadtwisted.sealing.interface import Header, ISealer

NETWORK_TAG_BYTES = 8
HEADER_START = 1 + NETWORK_TAG_BYTES

LAYOUTS = layouts(HEADER_START, 0)
BY_FIRST_BYTE = MappingProxyType({PLAIN_MARK | form: LAYOUTS[form] for form in FORMS})


def network_tag(network_key: bytes) -> bytes:
    """The 8 bytes by which nodes of one network know each other's datagrams."""
    return blake2b(network_key, digest_size=NETWORK_TAG_BYTES, person=b"kad/1 plain").digest()


@implementer(ISealer)
class PlainSealer:
    """Wraps and unwraps the datagrams of one node.

    ``public_key`` has 32 bytes, ``network_keys`` are 32 bytes each, newest first.  Wrong lengths
    raise :class:`~kadtwisted.errors.InvalidInput`.
    """

    request_overhead = LAYOUTS[Form.REQUEST].shortest
    reply_overhead = LAYOUTS[Form.REPLY].shortest
    hello_answer_overhead = LAYOUTS[Form.HELLO_ANSWER].shortest
    numbered = False

    def __init__(self, public_key: bytes, network_keys: Sequence[bytes]) -> None:
        if len(public_key) != KEY_BYTES:
            raise InvalidInput(f"a public key has {KEY_BYTES} bytes, this has {len(public_key)}")
        self.public_key = public_key
        tags = tuple(network_tag(key) for key in checked_network_keys(network_keys))
        self.networks = len(tags)
        self._networks = {tag: index for index, tag in reversed(tuple(enumerate(tags)))}
        self._starts = tuple(
            tuple(bytes((PLAIN_MARK | form,)) + tag for tag in tags) for form in FORMS
        )
        self._shown = tuple(public_key if form in SHOWS_KEY else b"" for form in FORMS)
        self._with_token = tuple(form in SHOWS_TOKEN for form in FORMS)

    def inspect(self, datagram: bytes) -> Header:
        """See :meth:`ISealer.inspect`: ``too-short``, ``unknown-form``, ``wrong-tag`` (another
        network's)."""
        if not datagram:
            raise MalformedDatagram("too-short")
        found = BY_FIRST_BYTE.get(datagram[0])
        if found is None:
            raise MalformedDatagram("unknown-form")
        form, key_end, header_end, shortest = found
        if len(datagram) < shortest:
            raise MalformedDatagram("too-short")
        network = self._networks.get(datagram[1:HEADER_START])
        if network is None:
            raise MalformedDatagram("wrong-tag")
        key = datagram[HEADER_START:key_end]
        token = datagram[key_end:header_end] or NO_TOKEN
        # The same as Header(...), but without the call of a Python function.
        return tuple.__new__(Header, (form, key, token, network))

    def knows(self, sender: bytes) -> bool:
        """See :meth:`ISealer.knows`: nothing here costs public-key work."""
        return True

    def open(self, datagram: bytes, header: Header, sender: bytes, remember: bool) -> bytes:
        """See :meth:`ISealer.open`: ``bad-key`` if the datagram shows another key than
        ``sender``."""
        if header.key and header.key != sender:
            raise MalformedDatagram("bad-key")
        return datagram[LAYOUTS[header.form].header_end :]

    def seal(self, form: int, body: bytes, recipient: bytes, token: bytes, network: int) -> bytes:
        """See :meth:`ISealer.seal`.  ``token`` (8 bytes) goes into a request or a hello only."""
        start = self._starts[form][network] + self._shown[form]
        if not self._with_token[form]:
            return start + body
        if len(token) != TOKEN_BYTES:
            raise InvalidInput(f"a token has {TOKEN_BYTES} bytes, this has {len(token)}")
        return start + token + body
