"""How many contacts of one address, and of the networks around it, may stand in a routing table.

An attacker who rents one host or one block of addresses can make up any number of node IDs, but
not any number of addresses, and hardly addresses of many providers.  So on an open network a table
counts its contacts by *host*, *block* and *provider* (see :mod:`~kadtwisted.model.networks`: an
IPv4 address, its /24 and its /16; or the /64, the /48 and the /32 of an IPv6 address).

The rules of this file:

* A contact *fits* while all its networks have their shares left: by default 1 contact of a host in
  a table; 2 of a block in a bucket, 10 in a table; 4 of a provider in a bucket, and a tenth of the
  table, but at least 10.  The figures for blocks are those of the Ethereum discovery protocols and
  of Marcus, Heilman and Goldberg 2018.
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
* A replacement cache that is full has the same shares as a bucket.
* Loopback addresses belong to this machine, and are not counted.

Only *regular* contacts are counted.  Nothing here takes or gives a place: the table does that, with
the answers it gets here, and reports what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kadtwisted.errors import InvalidInput
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.model.networks import is_of_this_machine, networks_of
from kadtwisted.routing.liveness import Entry


@dataclass(frozen=True, slots=True)
class Diversity:
    """The shares, in contacts; a share below 1 is :class:`~kadtwisted.errors.InvalidInput`."""

    per_host: int = 1
    """Of one host, in a table."""
    per_block_in_bucket: int = 2
    """Of one block, in a bucket."""
    per_block: int = 10
    """Of one block, in a table."""
    per_provider_in_bucket: int = 4
    """Of one provider, in a bucket.  MAGIC: a fifth of a bucket; where honest nodes live would
    settle it."""
    per_provider: int = 10
    """Of one provider, in a table, or one in ten contacts, if these are more."""
    spare: int = 3
    """Surplus is let in while a table holds fewer than this times k contacts."""

    def __post_init__(self) -> None:
        shares = (self.per_host, self.per_block_in_bucket, self.per_block)
        if min(*shares, self.per_provider_in_bucket, self.per_provider) < 1 or self.spare < 0:
            raise InvalidInput("a share of a routing table is at least one contact")


ONE_IN = 10
"""A provider may have one in so many contacts of a large table."""


def diversity_for(*, private: bool) -> Diversity | None:
    """The rules for a network: none on a private one, whose members trust each other and may
    share a block; the default rules on an open network."""
    return None if private else Diversity()


class Census:
    """The contacts of one table, counted by network; without ``rules`` all fit.

    ``bucket_of`` gives the entries of the bucket for an ID.  ``surplus`` holds the entries that do
    not fit, the oldest first; only this class writes to it.  Bounded: there are at most three
    counters for each regular contact.
    """

    __slots__ = ("_bucket_of", "_counts", "_rules", "_size", "surplus")

    def __init__(
        self, rules: Diversity | None, bucket_of: Callable[[NodeID], Iterable[Entry]]
    ) -> None:
        self._rules = rules
        self._bucket_of = bucket_of
        # Networks of different kinds differ in length: a table holds addresses of one family only.
        self._counts: dict[bytes, int] = {}
        self._size = 0
        self.surplus: dict[NodeID, Entry] = {}

    def __len__(self) -> int:
        """How many counters there are."""
        return len(self._counts)

    # --- Questions -------------------------------------------------------------------------------

    def fits(self, node_id: NodeID, address: bytes) -> bool:
        """Whether this ID, at this address (4 or 16 bytes), may be a regular contact."""
        rules = self._rules
        if rules is None or is_of_this_machine(address):
            return True
        shares = (
            (rules.per_host, rules.per_host),
            (rules.per_block_in_bucket, rules.per_block),
            (rules.per_provider_in_bucket, max(rules.per_provider, self._size // ONE_IN)),
        )
        for network, (in_bucket, in_table) in zip(networks_of(address), shares, strict=True):
            known = self._counts.get(network, 0)
            if known >= in_table:
                return False
            # There cannot be more in the bucket than in the table.
            if known >= in_bucket and self._regular_in_bucket(node_id, network) >= in_bucket:
                return False
        return True

    def _regular_in_bucket(self, node_id: NodeID, network: bytes) -> int:
        inside = _of_network(network, self._bucket_of(node_id))
        return len([each for each in inside if not each.surplus])

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
        the smallest network of the newcomer's that has its share there, else none in particular
        (``None``).

        So no network can push all others out of a cache.
        """
        rules = self._rules
        address = newcomer.contact.compact[:-2]
        if rules is None or is_of_this_machine(address):
            return None
        shares = (rules.per_host, rules.per_block_in_bucket, rules.per_provider_in_bucket)
        for network, share in zip(networks_of(address), shares, strict=True):
            alike = _of_network(network, candidates)
            if len(alike) >= share:
                return alike[0]
        return None

    def farthest_surplus(self, own_id: NodeID) -> Entry | None:
        """The surplus entry that is farthest from our own ID."""
        if not self.surplus:
            return None
        return self.surplus[max(self.surplus, key=own_id.__xor__)]

    # --- What happened ---------------------------------------------------------------------------

    def enter(self, entry: Entry) -> None:
        """An entry is about to take a place: regular if it fits, else surplus."""
        self._size += 1
        contact = entry.contact
        entry.surplus = not self.fits(contact.node_id, contact.compact[:-2])
        if entry.surplus:
            self.surplus[contact.node_id] = entry
        else:
            self._count(entry, 1)

    def leave(self, entry: Entry, heir: Entry | None = None) -> None:
        """An entry has lost its place; to ``heir``, if there is one, who then enters."""
        self._size -= 1
        if entry.surplus:
            del self.surplus[entry.contact.node_id]
            entry.surplus = False
        else:
            self._count(entry, -1)
        if heir is not None:
            self.enter(heir)
        self.promote()

    def move(self, entry: Entry, contact: Contact) -> None:
        """An entry has a new endpoint: give it the new contact, which has the same ID."""
        if entry.surplus:
            del self.surplus[contact.node_id]
        else:
            self._count(entry, -1)
            entry.surplus = True
        self._size -= 1
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
        if self._rules is None or is_of_this_machine(address):
            return
        for network in networks_of(address):
            left = self._counts.get(network, 0) + step
            if left:
                self._counts[network] = left
            else:
                del self._counts[network]


def _of_network(network: bytes, entries: Iterable[Entry]) -> list[Entry]:
    """The entries of a network."""
    return [each for each in entries if each.contact.compact.startswith(network)]
