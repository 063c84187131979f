"""What an operation did to a routing table."""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.model.contact import Contact


class Change(NamedTuple):
    """What an operation did to a table's contacts, and which contact to PING because of it.

    A contact that moved to another endpoint is removed at the old one and added at the new one.
    """

    added: tuple[Contact, ...] = ()
    removed: tuple[Contact, ...] = ()
    ping: Contact | None = None


NOTHING = Change()
