"""Byte strings inside messages: packed contacts, entries of a HAVE, endpoints.

Many small values in one byte string are one item to the strict scan and to the CBOR library.
Little is judged here: an IPv4 address written as IPv6 is refused, because it would be a second name
of an endpoint.  The rooms above deal with martians, port 0 and contacts that are listed twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kadtwisted.constants import HAVE_LIMIT
from kadtwisted.errors import InvalidAddress, MalformedDatagram
from kadtwisted.model.contact import (
    COMPACT_IPV4,
    COMPACT_IPV6,
    KEY_BYTES,
    Contact,
    Endpoint,
    compact,
    endpoint_from_compact,
)
from kadtwisted.model.ids import NodeID, id_from_bytes, id_to_bytes
from kadtwisted.model.messages import HaveEntry
from kadtwisted.wire.layout import CONTACT_IPV4, CONTACT_IPV6, HAVE_ENTRY, VERSION_BYTES


def pack_contacts(contacts: Sequence[Contact]) -> tuple[bytes, bytes]:
    """The IPv4 contacts, 38 bytes each, and the IPv6 contacts, 50 bytes each, in their order."""
    together = b"".join([each.packed for each in contacts])
    if len(together) == CONTACT_IPV4 * len(contacts):
        return together, b""
    four, six = split_families(contacts)
    return (
        b"".join([each.packed for each in four]),
        b"".join([each.packed for each in six]),
    )


def split_families(contacts: Sequence[Contact]) -> tuple[list[Contact], list[Contact]]:
    """The IPv4 and the IPv6 contacts, in their order."""
    four = [each for each in contacts if len(each.compact) == COMPACT_IPV4]
    six = [each for each in contacts if len(each.compact) == COMPACT_IPV6]
    return four, six


def unpack_contact(packed: bytes, identify: Callable[[bytes], NodeID]) -> Contact:
    """One contact of 38 or 50 bytes; ``identify`` turns its public key into its node ID."""
    key = packed[:KEY_BYTES]
    return Contact(identify(key), endpoint_from_compact(packed[KEY_BYTES:]), key, packed)


def unpack_contacts(
    packed4: object, packed6: object, unpack: Callable[[bytes], Contact]
) -> tuple[Contact, ...]:
    """All contacts, IPv4 before IPv6; ``unpack`` makes a contact from its 38 or 50 bytes.

    Fails with :class:`MalformedDatagram` (``contacts``) unless both are byte strings of whole
    contacts, none of them at an IPv4 address written as IPv6.
    """
    contacts: list[Contact] = []
    for packed, size in ((packed4, CONTACT_IPV4), (packed6, CONTACT_IPV6)):
        if type(packed) is not bytes or len(packed) % size:
            raise MalformedDatagram("contacts")
        try:
            contacts += [unpack(packed[at : at + size]) for at in range(0, len(packed), size)]
        except InvalidAddress:
            raise MalformedDatagram("contacts") from None
    return tuple(contacts)


def pack_entries(entries: Sequence[HaveEntry]) -> bytes:
    """The entries of a HAVE, 29 bytes each: kind, key, version."""
    return b"".join([bytes((kind,)) + id_to_bytes(key) + version for kind, key, version in entries])


def unpack_entries(packed: object) -> tuple[HaveEntry, ...]:
    """1 to 32 entries of a HAVE; :class:`MalformedDatagram` (``entries``) for anything else."""
    if type(packed) is not bytes or len(packed) % HAVE_ENTRY:
        raise MalformedDatagram("entries")
    if not 0 < len(packed) <= HAVE_LIMIT * HAVE_ENTRY:
        raise MalformedDatagram("entries")
    return tuple(
        HaveEntry(raw[0], id_from_bytes(raw[1:-VERSION_BYTES]), raw[-VERSION_BYTES:])
        for raw in (
            packed[start : start + HAVE_ENTRY] for start in range(0, len(packed), HAVE_ENTRY)
        )
    )


def pack_endpoint(endpoint: Endpoint | None) -> bytes:
    """An endpoint at which somebody is seen, 6 or 18 bytes; empty if there is none to tell.

    An endpoint that has a meaning on this machine only (``fe80::1%eth0``) is not told.
    """
    if endpoint is None:
        return b""
    host, port = endpoint
    try:
        if ":" not in host:
            # Every reply has one, and this takes a third of the time of compact().
            raw = bytes((*map(int, host.split(".")), port >> 8, port & 0xFF))
            return raw if len(raw) == COMPACT_IPV4 else b""
        return compact(endpoint)
    except (ValueError, InvalidAddress):
        return b""


def unpack_endpoint(raw: object, reason: str) -> Endpoint | None:
    """The endpoint that :func:`pack_endpoint` packed; :class:`MalformedDatagram` with this reason
    for other lengths and types, and for an IPv4 address written as IPv6."""
    if type(raw) is not bytes:
        raise MalformedDatagram(reason)
    try:
        return endpoint_from_compact(raw) if raw else None
    except InvalidAddress:
        raise MalformedDatagram(reason) from None
