"""Pages: how many of the records under one key go into one answer, and where the next page begins.

A holder keeps no state for a reader.  The cursor is the ``sub`` of the last record that was looked
at, so the next page begins just behind it, whatever came or went meanwhile.

Of some kinds the first page is a sample: any records under the key, each as likely as any other.
The next page begins at the first of all records then.
"""

from __future__ import annotations

from collections.abc import Sequence

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.model.messages import FindValue, StoredItem
from kadtwisted.model.record import StoredRecord
from kadtwisted.records.lifetime import remaining_at
from kadtwisted.wire.layout import CONTACT_IPV6, CURSOR_BYTES, RECORDS_LIMIT

CONTACTS_BESIDE_RECORD = 8
"""A search for any record ends with it and needs none; one for the latest tells the next holders
what it has found, and these send no record and all contacts.  By simulation (docs/protocol.md) that
search finds the same nodes with as many requests as if every record came with k contacts."""

ITEM_BYTES = 1 + 3 + 5
"""What the wire needs beside the bytes of a record: the heads of its pair and of its bytes, and its
remaining seconds, each at its longest."""

ROOM = DATAGRAM_LIMIT - 41 - (1 + 1 + 9 + 9 + 19 + 2 + 2 + CURSOR_BYTES + 3 + 3 + 1)
"""Bytes that all records of an answer may take: a datagram without the sealing, the other items of
the message at their longest, and no contact (``wire/layout.py``, ``docs/protocol.md``)."""

ROOM_ALONE = ROOM + 1 + CURSOR_BYTES
"""The same for the one record under its key: then there is no cursor."""

FIRST_ROOM = ROOM - CONTACTS_BESIDE_RECORD * CONTACT_IPV6
"""The same on the first page, which must not push out the contacts beside it: a search goes on with
them."""

SAMPLE = 6
"""Records drawn for a sample: more than fit into a first page of the shortest announcements."""

AT_THE_FIRST = b"\0"
"""The cursor behind a sample.  No record of a kind that is sampled has a shorter ``sub``."""


def sample_of(
    found: Sequence[StoredRecord], count: int, now: float
) -> tuple[tuple[StoredItem, ...], bytes]:
    """The records to send of those that were drawn, as many as fit, and the cursor for all of the
    ``count`` records under the key, which is empty if none is left out."""
    items: list[StoredItem] = []
    free = FIRST_ROOM
    for _, data, expires, _ in found:
        left = remaining_at(expires, now)
        free -= ITEM_BYTES + len(data)
        if free < 0 and items:
            break
        if left:
            items.append(StoredItem(data, left))
    return tuple(items), AT_THE_FIRST if count > len(items) else b""


def page_of(
    found: Sequence[StoredRecord], asked: FindValue, now: float
) -> tuple[tuple[StoredItem, ...], bytes]:
    """The records to send of those ``found`` in a storage behind the cursor that was ``asked``
    for, and the cursor for the next page, which is empty if there is none.

    ``found`` are at most ``RECORDS_LIMIT`` in ascending order; those of other keys and expired ones
    are left out.  The first record is sent however large it is.
    """
    items: list[StoredItem] = []
    free = ROOM if asked.cursor else FIRST_ROOM
    last = b""
    for (kind, key, sub), data, expires, _ in found:
        if kind != asked.kind or key != asked.key:
            return tuple(items), b""
        left = remaining_at(expires, now)
        if left:
            free -= ITEM_BYTES + len(data)
            if free < 0 and items:
                return tuple(items), last
            items.append(StoredItem(data, left))
        last = sub
    return tuple(items), last if len(found) == RECORDS_LIMIT else b""
