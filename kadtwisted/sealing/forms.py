"""The forms of a datagram, its first byte, and the fields of its clear header.

Both sealers share these rules.  The first byte of a datagram is a mark, which names the sealer and
the format version, plus the number of the form.  It is never ``d`` (0x64, the first byte of a
bencoded dictionary of BEP 5) and never 0x00 to 0x03 (the first byte of STUN, RFC 8489 section 5),
so that all three can share a port.  Nothing here looks at more than lengths and the first byte.

The form HELLO never changes: a node must be able to greet a node of any later version.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from kadtwisted.constants import TOKEN_BYTES
from kadtwisted.model.contact import KEY_BYTES

FORMAT_VERSION = 1
"""The version of the datagram format that the marks below stand for."""

SEALED_MARK = 0x88
"""First byte of a sealed datagram, version 1, less its form (three low bits)."""

PLAIN_MARK = 0x98
"""First byte of a plain datagram, version 1, less its form (three low bits)."""


class Form(IntEnum):
    """What kind of datagram it is."""

    REQUEST = 0
    """Sealed for one recipient; shows the sender's public key and a token."""
    REPLY = 1
    """Sealed for one recipient; shows nothing: the asker knows whom it asked."""
    HELLO = 2
    """A PING to an address whose key is unknown; the whole network can read it."""
    HELLO_ANSWER = 3
    """Sealed for the sender of the hello; shows the responder's public key."""
    COOKIE = 4
    """Come again with this token.  It needs no public-key work; the whole network can read it."""


FORMS = tuple(Form)

REQUEST, REPLY, HELLO, HELLO_ANSWER, COOKIE = (int(form) for form in FORMS)
"""The same as plain integers, for code that runs for every datagram: members of an enumeration take
three times as long to look up and to compare."""

SHOWS_KEY = frozenset((Form.REQUEST, Form.HELLO, Form.HELLO_ANSWER))
"""Forms whose header shows the sender's public key."""

SHOWS_TOKEN = frozenset((Form.REQUEST, Form.HELLO))
"""Forms whose header shows a token, after the key."""

FOR_ALL = frozenset((Form.HELLO, Form.COOKIE))
"""Forms that every node of the network can open: they need no node's key."""


class Layout(NamedTuple):
    """Offsets of one form: where the key and the header end, and the shortest whole datagram."""

    form: int
    key_end: int
    header_end: int
    shortest: int


def layouts(key_start: int, trailer: int) -> tuple[Layout, ...]:
    """The layouts of all forms, in their order.  A key, if there is one, is at ``key_start``;
    ``trailer`` bytes after the header do not belong to the body."""
    return tuple(_layout(form, key_start, trailer) for form in FORMS)


def _layout(form: Form, key_start: int, trailer: int) -> Layout:
    key_end = key_start + (KEY_BYTES if form in SHOWS_KEY else 0)
    header_end = key_end + (TOKEN_BYTES if form in SHOWS_TOKEN else 0)
    return Layout(int(form), key_end, header_end, header_end + trailer)
