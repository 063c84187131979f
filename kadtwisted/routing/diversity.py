"""How many contacts of one address, and of one network around it, may stand in a routing table.

An attacker who rents one host or one block of addresses can make up any number of node IDs, but
not any number of addresses.  So on an open network a table counts its contacts by exact address and
by *block* (the /24 of an IPv4 address, the /56 of an IPv6 one).

The rules of this file:

* A contact *fits* while its address and its block have their shares left: by default 1 contact of
  an address in a table, 2 of a block in a bucket, 10 of a block in a table (the figures for blocks
  are those of the Ethereum discovery protocols and of Marcus, Heilman and Goldberg 2018).
* A contact that does not fit is *surplus*.  It waits in the replacement cache.  There is one
  exception, so that twenty nodes in one office can form a network: while the table holds fewer than
  ``spare`` times k contacts, a surplus contact takes a free place, or the place of a tentative
  surplus contact.
* A surplus contact becomes *regular* as soon as it fits, the oldest first.  Until then it may lose
  its place in two ways.  A verified contact that fits and finds its bucket full takes the place of
  a surplus one.  And whenever a verified contact enters, or a tentative one is verified, and the
  table is larger than ``spare`` times k, surplus contacts leave, the farthest from our own ID
  first, until the table is small enough or no surplus is left.  So an early arrival is no advantage
  in the end: a table that has met enough contacts that fit holds no others.  A surplus contact that
  leaves and is alive waits in the replacement cache.
* Loopback addresses belong to this machine, and are not counted.

Only *regular* contacts are counted.  Nothing here takes or gives a place: the table does that, with
the answers it gets here, and reports what it did.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kadtwisted.errors import InvalidInput
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.routing.liveness import Entry

IPV4_BYTES = 4
IPV4_BLOCK_BYTES = 3
"""A /24: the smallest block that is routed by itself."""
IPV6_BLOCK_BYTES = 7
"""A /56: what a provider gives to one home (RFC 6177, RIPE-690)."""

_LOOPBACK_IPV4 = 127
_LOOPBACK_IPV6 = b"\0" * 15 + b"\1"


@dataclass(frozen=True, slots=True)
class Diversity:
    """The shares, in contacts; a share below 1 is :class:`~kadtwisted.errors.InvalidInput`."""

    per_address: int = 1
    """Of one exact address, in a table."""
    per_block_in_bucket: int = 2
    """Of one /24 or /56, in a bucket."""
    per_block: int = 10
    """Of one /24 or /56, in a table."""
    spare: int = 3
    """Surplus is let in while a table holds fewer than this times k contacts."""

    def __post_init__(self) -> None:
        if min(self.per_address, self.per_block_in_bucket, self.per_block) < 1 or self.spare < 0:
            raise InvalidInput("a share of a routing table is at least one contact")


def diversity_for(*, private: bool) -> Diversity | None:
    """The rules for a network: none on a private one, whose members trust each other and may
    share a block; the default rules on an open network."""
    return None if private else Diversity()


class Census:
    """The contacts of one table, counted by address and block; without ``rules`` all fit.

    ``bucket_of`` gives the entries of the bucket for an ID.  ``surplus`` holds the entries that do
    not fit, the oldest first; only this class writes to it.  Bounded: there are at most as many
    counters of addresses, and as many of blocks, as there are regular contacts.
    """

    __slots__ = ("_addresses", "_blocks", "_bucket_of", "_rules", "surplus")

    def __init__(
        self, rules: Diversity | None, bucket_of: Callable[[NodeID], Iterable[Entry]]
    ) -> None:
        self._rules = rules
        self._bucket_of = bucket_of
        self._addresses: dict[bytes, int] = {}
        self._blocks: dict[bytes, int] = {}
        self.surplus: dict[NodeID, Entry] = {}

    def __len__(self) -> int:
        """How many counters there are."""
        return len(self._addresses) + len(self._blocks)

    # --- Questions -------------------------------------------------------------------------------

    def fits(self, node_id: NodeID, address: bytes) -> bool:
        """Whether this ID, at this address (4 or 16 bytes), may be a regular contact."""
        rules = self._rules
        if rules is None or _is_loopback(address):
            return True
        if self._addresses.get(address, 0) >= rules.per_address:
            return False
        block = _block(address)
        known = self._blocks.get(block, 0)
        if known >= rules.per_block:
            return False
        if known < rules.per_block_in_bucket:
            return True  # there cannot be more in the bucket than in the table
        inside = [each for each in _of_block(block, self._bucket_of(node_id)) if not each.surplus]
        return len(inside) < rules.per_block_in_bucket

    def fits_elsewhere(self, entry: Entry, address: bytes) -> bool:
        """Whether an entry would fit at another address."""
        node_id = entry.contact.node_id
        if entry.surplus:
            return self.fits(node_id, address)
        self._count(entry, -1)
        entry.surplus = True  # so that it is not counted in its bucket either
        answer = self.fits(node_id, address)
        entry.surplus = False
        self._count(entry, 1)
        return answer

    def crowded_out(self, newcomer: Entry, candidates: Iterable[Entry]) -> Entry | None:
        """Which candidate must leave a full replacement cache for a newcomer: the oldest one of
        the newcomer's own block if that block has its share there, else none in particular
        (``None``).

        So one block cannot push all others out of a cache.
        """
        rules = self._rules
        address = newcomer.contact.compact[:-2]
        if rules is None or _is_loopback(address):
            return None
        alike = _of_block(_block(address), candidates)
        return alike[0] if len(alike) >= rules.per_block_in_bucket else None

    def farthest_surplus(self, own_id: NodeID) -> Entry | None:
        """The surplus entry that is farthest from our own ID."""
        if not self.surplus:
            return None
        return self.surplus[max(self.surplus, key=own_id.__xor__)]

    # --- What happened ---------------------------------------------------------------------------

    def enter(self, entry: Entry) -> None:
        """An entry is about to take a place: regular if it fits, else surplus."""
        contact = entry.contact
        entry.surplus = not self.fits(contact.node_id, contact.compact[:-2])
        if entry.surplus:
            self.surplus[contact.node_id] = entry
        else:
            self._count(entry, 1)

    def leave(self, entry: Entry) -> None:
        """An entry has lost its place."""
        if entry.surplus:
            del self.surplus[entry.contact.node_id]
            entry.surplus = False
        else:
            self._count(entry, -1)
            self.promote()

    def move(self, entry: Entry, contact: Contact) -> None:
        """An entry has a new endpoint: give it the new contact, which has the same ID."""
        if entry.surplus:
            del self.surplus[contact.node_id]
        else:
            self._count(entry, -1)
            entry.surplus = True
        entry.contact = contact
        self.enter(entry)
        self.promote()

    def promote(self) -> None:
        """Make surplus entries regular that fit now: a share became free, or a bucket was split."""
        for node_id, entry in list(self.surplus.items()):
            if self.fits(node_id, entry.contact.compact[:-2]):
                del self.surplus[node_id]
                entry.surplus = False
                self._count(entry, 1)

    def _count(self, entry: Entry, step: int) -> None:
        address = entry.contact.compact[:-2]
        if self._rules is None or _is_loopback(address):
            return
        for counts, group in ((self._addresses, address), (self._blocks, _block(address))):
            left = counts.get(group, 0) + step
            if left:
                counts[group] = left
            else:
                del counts[group]


def address_of(host: str) -> bytes:
    """The 4 or 16 bytes of an IP address in text form; a scope is dropped.

    ``ValueError`` if it is none.
    """
    if ":" in host:
        return ipaddress.IPv6Address(host.partition("%")[0]).packed
    return bytes(map(int, host.split(".")))


def _is_loopback(address: bytes) -> bool:
    if len(address) == IPV4_BYTES:
        return address[0] == _LOOPBACK_IPV4
    return address == _LOOPBACK_IPV6


def _block(address: bytes) -> bytes:
    return address[: IPV4_BLOCK_BYTES if len(address) == IPV4_BYTES else IPV6_BLOCK_BYTES]


def _of_block(block: bytes, entries: Iterable[Entry]) -> list[Entry]:
    """The entries of a block; a table, and so a bucket, holds addresses of one family only."""
    return [each for each in entries if each.contact.compact.startswith(block)]
