"""Who has a place in a table, who waits for one, and who must leave.

One list of entries, kept in three orders that always agree: by bucket (``buckets``), by network
(``diversity``) and by whether they are passed on (``groups``).  The rules of this file:

* A table that holds fewer contacts than ``spare`` allows takes surplus; when it is larger, surplus
  leaves, the farthest first.
* Who loses its place but is alive waits in the replacement cache.  A place that becomes free goes
  to the newest candidate that fits; in a small table, or else to the newest.

What an answer or a failure means is the table's: it says who enters, leaves and moves.
"""

from __future__ import annotations

from collections.abc import Callable

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.networks import address_of
from kadtwisted.routing.buckets import Buckets
from kadtwisted.routing.diversity import Census, Diversity
from kadtwisted.routing.groups import Groups
from kadtwisted.routing.kbucket import KBucket
from kadtwisted.routing.liveness import NEVER, Entry

_UNLIMITED = 1 << 62


class Roster:
    """The entries of the table of ``own_id``, in ``buckets`` of ``k`` with a cache of
    ``replacements`` candidates each; ``diversity`` limits them by address."""

    __slots__ = ("buckets", "census", "entries", "groups", "k", "own_id", "replacements", "spare")

    def __init__(
        self, own_id: NodeID, bits: int, k: int, replacements: int, diversity: Diversity | None
    ) -> None:
        self.own_id = own_id
        self.k = k
        self.replacements = replacements
        self.buckets = buckets = Buckets(own_id, bits, k)
        self.census = Census(diversity, lambda node_id: buckets.of(node_id).entries)
        self.spare = diversity.spare * k if diversity is not None else _UNLIMITED
        """A table with fewer contacts than this lets surplus in."""
        self.entries: dict[NodeID, Entry] = {}
        self.groups = Groups()

    # --- Questions -------------------------------------------------------------------------------

    def fits(self, contact: Contact) -> bool:
        """Whether a newcomer may be a regular contact."""
        return self.census.fits(contact.node_id, contact.compact[:-2])

    def has_room(self, node_id: NodeID, endpoint: Endpoint) -> bool:
        """Whether a place is free for a newcomer here."""
        if node_id == self.own_id or not self.buckets.has_room(node_id):
            return False
        return len(self.entries) < self.spare or self.census.fits(
            node_id, address_of(endpoint.host)
        )

    def may_move(self, entry: Entry, endpoint: Endpoint) -> bool:
        """Whether an entry may stand at another endpoint; as surplus, only in a small table."""
        if len(self.entries) <= self.spare:
            return True
        return self.census.fits_elsewhere(entry, address_of(endpoint.host))

    # --- Changes ---------------------------------------------------------------------------------

    def bucket_for(self, node_id: NodeID) -> KBucket:
        """The bucket for a newcomer, after splitting: then more may fit into each half."""
        buckets = len(self.buckets)
        bucket = self.buckets.split_for(node_id)
        if len(self.buckets) > buckets:
            self.census.promote()
        return bucket

    def add(self, bucket: KBucket, entry: Entry) -> None:
        """Give an entry a free place."""
        self.census.enter(entry)
        self._list(bucket, entry)

    def _list(self, bucket: KBucket, entry: Entry) -> None:
        node_id = entry.contact.node_id
        bucket.entries.append(entry)
        bucket.candidates.pop(node_id, None)
        self.entries[node_id] = entry
        self.groups.add(entry)

    def remove(self, bucket: KBucket, entry: Entry, heir: Entry | None = None) -> None:
        """Take an entry out; its place is free, or is at once that of ``heir``."""
        bucket.entries.remove(entry)
        del self.entries[entry.contact.node_id]
        self.groups.remove(entry)
        self.census.leave(entry, heir)
        if heir is not None:
            self._list(bucket, heir)

    def move(self, entry: Entry, contact: Contact, now: float) -> None:
        """Put an entry to another endpoint, at which it was heard at ``now``."""
        self.census.move(entry, contact)
        self.groups.regroup(entry, tentative=entry.tentative)
        entry.last_seen, entry.probed, entry.failures = now, NEVER, 0
        entry.ponged, entry.unanswered_ping = NEVER, False

    def wait(self, bucket: KBucket, entry: Entry) -> None:
        """Put an entry into the replacement cache."""
        candidates = bucket.candidates
        if len(candidates) >= self.replacements and entry.contact.node_id not in candidates:
            oldest = self.census.crowded_out(entry, candidates.values())
            if oldest is not None:
                del candidates[oldest.contact.node_id]
        bucket.wait(entry, self.replacements)

    def move_up(self, bucket: KBucket, probed: float = NEVER) -> Contact | None:
        """Give a free place to a candidate that may have it, if there is one, as tentative."""
        found = bucket.newest_candidate(lambda each: self.fits(each.contact))
        if found is None and len(self.entries) < self.spare:
            found = bucket.newest_candidate(lambda _: True)
        if found is None:
            return None
        found.tentative = True
        found.probed = probed
        self.add(bucket, found)
        return found.contact

    def send_away(self, bucket: KBucket, entry: Entry, heir: Entry | None = None) -> None:
        """Take an entry's place away; if it is known to be alive, it waits for another one."""
        self.remove(bucket, entry, heir)
        if not entry.tentative and not entry.failures:
            self.wait(bucket, entry)

    def trim(self) -> list[Contact]:
        """Send surplus away while the table is too large; who has gone."""
        gone: list[Contact] = []
        while len(self.entries) > self.spare:
            entry = self.census.farthest_surplus(self.own_id)
            if entry is None:
                break
            self.send_away(self.buckets.of(entry.contact.node_id), entry)
            gone.append(entry.contact)
        return gone

    def withhold(self, unwanted: Callable[[Contact], bool]) -> tuple[list[Contact], list[Contact]]:
        """Pass on no contact that is ``unwanted``, and all the others; who came, and who went.

        Unwanted tentative contacts and candidates are dropped, and candidates move up.
        """
        for bucket in self.buckets:
            for each in [e for e in bucket.candidates.values() if unwanted(e.contact)]:
                del bucket.candidates[each.contact.node_id]
        added: list[Contact] = []
        gone: list[Contact] = []
        for each in list(self.entries.values()):
            withheld = unwanted(each.contact)
            if not (withheld and each.tentative):
                self.groups.regroup(
                    each, tentative=each.tentative, withheld=withheld, displaced=each.displaced
                )
                continue
            gone.append(each.contact)
            bucket = self.buckets.of(each.contact.node_id)
            self.remove(bucket, each)
            promoted = self.move_up(bucket)
            if promoted is not None:
                added.append(promoted)
        return added, gone
