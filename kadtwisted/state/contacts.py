"""The file with the contacts of a node's last run, as text that people can read and mail.

::

    kad-contacts-1
    written 1790000000
    <KEY>@192.0.2.7:8000
    <KEY>@[2001:db8::7]:8000
    blake2b <32 hexadecimal digits>

The first line names the format, the second line says when the file was written (Unix time).  Each
contact is an address as ``--bootstrap`` takes it; the one heard from last comes first.  The last
line is a checksum (RFC 7693) of all lines before it.  So a file that was cut off or changed at any
byte is recognised, and half of a list is never taken for the whole.

Pure: bytes and contacts.  Reading and writing are bounded by :data:`MAX_CONTACTS` and
:data:`MAX_BYTES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

from kadtwisted.errors import InvalidAddress, StorageError, UnsupportedVersion
from kadtwisted.model.contact import KEY_BYTES, Address, Contact, Endpoint, parse_address
from kadtwisted.model.ids import NodeID

FORMAT = b"kad-contacts-1\n"
MAX_CONTACTS = 4096
"""MAGIC: a few dozen living ones bring a node back; the others make up for the dead."""
MAX_BYTES = 512 * 1024
"""A line has at most 119 bytes: a key, an IPv6 address in brackets (RFC 5952: 45), a port."""

CHECKSUM_BYTES = 16
_NEWER = re.compile(rb"kad-contacts-[1-9][0-9]*\n")
_HEAD = re.compile(rb"kad-contacts-1\nwritten ([0-9]{1,12})\n")
_LATEST = 10**12 - 1


class DamagedContacts(StorageError):
    """A contacts file was cut off or changed: nothing in it can be relied on."""


class SavedContacts(NamedTuple):
    """Contacts, the one heard from last first, and when they were written (Unix time)."""

    contacts: tuple[Contact, ...]
    written: int


def encode_contacts(contacts: Sequence[Contact], unix_time: float) -> bytes:
    """The bytes of a file with the first :data:`MAX_CONTACTS` of these contacts whose key is
    known."""
    written = min(max(0, int(unix_time)), _LATEST)
    known = (each for each in contacts if len(each.key) == KEY_BYTES)
    lines = [_line(each) for each in islice(known, MAX_CONTACTS)]
    body = FORMAT + f"written {written}\n{''.join(lines)}".encode("ascii")
    return body + _checksum(body)


def decode_contacts(data: bytes, identify: Callable[[bytes], NodeID]) -> SavedContacts:
    """The contacts in a file's bytes; ``identify`` gives the ID that a public key implies.

    Fails with :class:`DamagedContacts` for anything but the exact output of
    :func:`encode_contacts`, and with :class:`~kadtwisted.errors.UnsupportedVersion` for what a
    newer program wrote.
    """
    if len(data) > MAX_BYTES:
        raise DamagedContacts(f"it has more than {MAX_BYTES} bytes")
    newer = _NEWER.match(data)
    if newer and newer.group() != FORMAT:
        raise UnsupportedVersion("it was written by a newer version of this program")
    body, last = _split(data)
    if last != _checksum(body):
        raise DamagedContacts("it was cut off or altered: its last line is not its checksum")
    head = _HEAD.match(body)
    if head is None:
        raise DamagedContacts("its first lines are not those of a list of contacts")
    lines = body[head.end() :].decode("latin-1").splitlines()
    if len(lines) > MAX_CONTACTS:
        raise DamagedContacts(f"it has more than {MAX_CONTACTS} contacts")
    return SavedContacts(tuple(_contact(each, identify) for each in lines), int(head[1]))


def _line(contact: Contact) -> str:
    return f"{Address(contact.endpoint.host, contact.endpoint.port, contact.key)}\n"


def _contact(line: str, identify: Callable[[bytes], NodeID]) -> Contact:
    """The contact in a line.  It is checked in spite of the checksum: a stranger may have made
    both."""
    try:
        host, port, key = parse_address(line)
        if key is None:
            raise InvalidAddress(f"{line!r} has no key")
        return Contact.at(identify(key), Endpoint(host, port), key)
    except InvalidAddress as error:
        raise DamagedContacts(f"it has a line that is no contact: {error}") from error


def _split(data: bytes) -> tuple[bytes, bytes]:
    """All lines but the last, and the last."""
    end = data.rfind(b"\n", 0, -1) + 1
    return data[:end], data[end:]


def _checksum(body: bytes) -> bytes:
    digest = blake2b(body, digest_size=CHECKSUM_BYTES, person=b"kad/1 contacts").hexdigest()
    return f"blake2b {digest}\n".encode("ascii")
