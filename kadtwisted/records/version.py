"""The version of a record: eight bytes that tell it from every other record at its place.

Nodes name records to each other by it (in HAVE, and as the version that an asker already knows), so
all nodes of a network must compute the same one.  Collisions matter only between records under one
key.  To be sure that two records are the same, compare their bytes.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

VERSION_BYTES: Final = 8
"""Length of a version: collisions matter only between records under one key."""

_PERSON: Final = b"kad/1 version"


def version_of(record: bytes) -> bytes:
    """The version of a record: BLAKE2b-64, personalised, over all of its bytes."""
    return blake2b(record, digest_size=VERSION_BYTES, person=_PERSON).digest()
