"""The routing table of one address family: which contacts are in, wait, and are passed on.

The rules of this file (Maymounkov and Mazieres 2002, sections 2.2 to 2.4 and 4.1):

* A newcomer that answered us takes a free place in its bucket, or the place of a tentative contact,
  or waits in the replacement cache.  It never takes the place of a verified contact, not even of a
  suspect: the table names the suspect to be asked, and only the rules of ``liveness`` drop it.
* This is so for contacts that fit the rules of ``diversity``, if the network has such rules.
  Surplus contacts take free places in a small table only, and give way to contacts that fit.
* Tentative contacts take free places only, and are passed on only if there are not enough verified
  ones.
* A known ID at another endpoint is accepted only when the known endpoint has failed several times
  (``moves``).
* Contacts that others could not reach can be withheld: they are not passed on.
* Our own ID never enters.

The table sends nothing and has no clock.  Every method that may change it returns a
:class:`Change`: what entered, what left, and which contact the caller should ask now.  ``buckets``
decides which bucket covers what, and when one is split.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kadtwisted.errors import InvalidInput
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID, RandomBits
from kadtwisted.model.networks import address_of
from kadtwisted.parameters import Parameters
from kadtwisted.routing.buckets import Buckets
from kadtwisted.routing.diversity import Census, Diversity
from kadtwisted.routing.groups import Groups
from kadtwisted.routing.kbucket import KBucket
from kadtwisted.routing.liveness import NEVER, Entry, Liveness
from kadtwisted.routing.moves import Moves

_DEFAULTS = Parameters()
_LIVENESS = Liveness()
_UNLIMITED = 1 << 62


class Change(NamedTuple):
    """What an operation did to a table's contacts, and which contact to PING because of it.

    A contact that moved to another endpoint is removed at the old one and added at the new one.
    """

    added: tuple[Contact, ...] = ()
    removed: tuple[Contact, ...] = ()
    ping: Contact | None = None


_NOTHING = Change()


class BucketView(NamedTuple):
    """A bucket from outside: it covers the IDs that share the first ``length`` bits of ``prefix``.

    ``replacements`` counts its replacement cache; ``last_lookup`` is the moment a lookup last went
    through it, minus infinity if none did.
    """

    prefix: NodeID
    length: int
    entries: tuple[Entry, ...]
    replacements: int
    last_lookup: float


class RoutingTable:
    """The contacts of the node ``own_id``: IDs of ``bits`` bits, buckets of ``k`` entries, each
    with a cache of ``replacements`` candidates.  ``diversity`` limits contacts by address.

    ``bits``, ``k`` or ``replacements`` out of range raise
    :class:`~kadtwisted.errors.InvalidInput`.
    """

    __slots__ = (
        "_buckets",
        "_census",
        "_entries",
        "_groups",
        "_k",
        "_liveness",
        "_moves",
        "_replacements",
        "_spare",
        "own_id",
    )

    def __init__(
        self,
        own_id: NodeID,
        *,
        bits: int = _DEFAULTS.id_bits,
        k: int = _DEFAULTS.k,
        replacements: int = _DEFAULTS.replacement_cache,
        liveness: Liveness = _LIVENESS,
        diversity: Diversity | None = None,
    ) -> None:
        if not 0 <= own_id < 1 << bits:
            raise InvalidInput(f"the own ID {own_id:#x} does not have {bits} bits")
        if k < 1 or replacements < 0:
            raise InvalidInput("a k-bucket needs room for one contact, a cache for none or more")
        self.own_id = own_id
        self._k = k
        self._replacements = replacements
        self._liveness = liveness
        self._buckets = buckets = Buckets(own_id, bits, k)
        self._census = Census(diversity, lambda node_id: buckets.of(node_id).entries)
        self._moves = Moves()
        # A table with fewer contacts than this lets surplus in.
        self._spare = diversity.spare * k if diversity is not None else _UNLIMITED
        self._entries: dict[NodeID, Entry] = {}
        self._groups = Groups()

    # --- Asking the table ------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, node_id: NodeID) -> bool:
        return node_id in self._entries

    @property
    def tentative(self) -> int:
        """How many of the contacts are tentative."""
        return len(self._groups.tentative)

    def get(self, node_id: NodeID) -> Entry | None:
        """What is known of a contact; ``None`` if it is not in the table."""
        return self._entries.get(node_id)

    def contacts(self) -> list[Contact]:
        """Every contact, verified and tentative."""
        return [each.contact for each in self._entries.values()]

    def entries(self) -> list[Entry]:
        """What is known of every contact, for reading only."""
        return list(self._entries.values())

    def closest(self, target: NodeID, count: int | None = None) -> list[Contact]:
        """The ``count`` (default: k) contacts to pass on for ``target``, by XOR distance.

        These are exactly the closest verified ones (suspects too, until they are dropped), closest
        first, without those that we :meth:`withhold`.  Only if there are not enough of them, the
        closest tentative ones follow, closest first.
        """
        entries = self._entries
        found = self._groups.passed_on(target, self._k if count is None else count)
        return [entries[each].contact for each in found]

    def closest_to_ask(self, target: NodeID, count: int) -> list[Contact]:
        """The ``count`` contacts from which a lookup of ours starts: as :meth:`closest`, with those
        that we :meth:`withhold` among them."""
        return [self._entries[each].contact for each in self._groups.to_ask(target, count)]

    def nearer(self, target: NodeID, distance: int) -> int:
        """How many verified contacts are nearer to ``target`` than this."""
        return self._groups.nearer(target, distance)

    def wants(self, node_id: NodeID, endpoint: Endpoint) -> bool:
        """Whether it is worth asking this node whether it is there: it would be
        :meth:`introduced`.

        It would if its ID is unknown and a place is free for it, or if its ID is known at another
        endpoint that has failed, and at no third one; and if ``diversity`` lets it in there.
        """
        entry = self._entries.get(node_id)
        if entry is not None:
            return (
                entry.failures > 0
                and entry.contact.endpoint != endpoint
                and not self._moves.is_heard_elsewhere(node_id)
                and self._may_move(entry, endpoint)
            )
        if node_id == self.own_id or not self._buckets.has_room(node_id):
            return False
        if len(self._entries) < self._spare:
            return True
        return self._census.fits(node_id, address_of(endpoint.host))

    # --- What happened ---------------------------------------------------------------------------

    def answered(self, contact: Contact, now: float) -> Change:
        """The contact answered a request of ours.

        ``ping`` names the contact whose place it would take if that one does not answer any more.
        """
        entry = self._entries.get(contact.node_id)
        if entry is not None:
            return self._known_answered(entry, contact, now)
        if contact.node_id == self.own_id:
            return _NOTHING
        bucket = self._bucket_for(contact.node_id)
        newcomer = Entry(contact, now, now)
        fits = self._census.fits(contact.node_id, contact.compact[:-2])
        if len(bucket.entries) < self._k:
            if fits or len(self._entries) < self._spare:
                return self._trimmed(self._add(bucket, newcomer))
            self._wait(bucket, newcomer)
            return _NOTHING
        may_replace = fits or len(self._entries) <= self._spare
        leaving = bucket.gives_way(fits=fits) if may_replace else None
        if leaving is None:
            self._wait(bucket, newcomer)
            ask_again = self._liveness.ask_again
            return self._check(bucket.stalest(lambda each: ask_again(each, now)), now)
        self._send_away(bucket, leaving, newcomer)
        return self._trimmed(Change((contact,), (leaving.contact,)))

    def introduced(self, contact: Contact, now: float) -> Change:
        """The contact answered the ping that an unsolicited request of its own made us send.

        If the table :meth:`wants` it, it becomes a tentative contact; or, if its ID is known, this
        endpoint is remembered for when the known one has failed altogether.
        """
        if not self.wants(contact.node_id, contact.endpoint):
            return _NOTHING
        if contact.node_id in self._entries:
            self._moves.heard_elsewhere(contact, now, tentative=True)
            return _NOTHING
        bucket = self._bucket_for(contact.node_id)
        return self._add(bucket, Entry(contact, now, now, tentative=True))

    def placed(self, contact: Contact, now: float) -> Change:
        """The node itself said, where we asked it, that this is where it can be reached."""
        entry = self._entries.get(contact.node_id)
        if entry is None:
            return _NOTHING
        if entry.contact.endpoint != contact.endpoint:
            if not self._may_move(entry, contact.endpoint):
                return _NOTHING
            self._moves.settled(contact.node_id)
            return self._move(entry, contact, now)
        self._moves.settled(contact.node_id)
        return _NOTHING

    def heard(self, node_id: NodeID, endpoint: Endpoint, now: float) -> None:
        """A request of this node arrived: a tentative contact's silence starts anew."""
        entry = self._entries.get(node_id)
        if entry is not None and entry.tentative and entry.contact.endpoint == endpoint:
            entry.last_seen = now

    def failed(self, node_id: NodeID, endpoint: Endpoint, now: float) -> Change:
        """A request to this node at this endpoint failed.

        A failure at one endpoint does not count against a contact known at another.  A contact that
        is to be dropped, but was heard elsewhere meanwhile, moves there.  When one is dropped, the
        newest candidate that fits (in a small table: or else the newest) moves up as a tentative
        contact.  ``ping`` names who came: an answer verifies it.
        """
        bucket = self._buckets.of(node_id)
        entry = self._entries.get(node_id)
        if entry is None:
            candidate = bucket.candidates.get(node_id)
            if candidate is not None and candidate.contact.endpoint == endpoint:
                del bucket.candidates[node_id]
            return _NOTHING
        if entry.contact.endpoint != endpoint:
            self._moves.silent(node_id, endpoint)
            return _NOTHING
        if not self._liveness.failed(entry, now):
            return _NOTHING
        elsewhere = self._moves.take(node_id)
        if elsewhere is not None and self._may_move(entry, elsewhere.contact.endpoint):
            self._moves.left(entry.contact, now)
            self._groups.regroup(entry, tentative=elsewhere.tentative)
            change = self._move(entry, elsewhere.contact, elsewhere.last_seen)
            return self._check(entry, now, change) if not entry.tentative else change
        self._remove(bucket, entry)
        promoted = self._move_up(bucket, now)
        if promoted is None:
            return Change(removed=(entry.contact,))
        return Change((promoted,), (entry.contact,), ping=promoted)

    def withhold(self, unwanted: Callable[[Contact], bool]) -> Change:
        """From now on pass on no contact that is ``unwanted``, and all the others.

        Unwanted verified contacts keep their places until they fail: they answer us.  Unwanted
        tentative ones and candidates are dropped.  Candidates move up into the free places as
        tentative contacts; :meth:`verify_due` names them as it names all others.
        """
        for bucket in self._buckets:
            for each in [e for e in bucket.candidates.values() if unwanted(e.contact)]:
                del bucket.candidates[each.contact.node_id]
        gone: list[Contact] = []
        added: list[Contact] = []
        for each in list(self._entries.values()):
            if not unwanted(each.contact):
                self._groups.regroup(each, tentative=each.tentative)
            elif not each.tentative:
                self._groups.regroup(each, tentative=False, withheld=True)
            else:
                gone.append(each.contact)
                bucket = self._buckets.of(each.contact.node_id)
                self._remove(bucket, each)
                promoted = self._move_up(bucket)
                if promoted is not None:
                    added.append(promoted)
        return Change(tuple(added), tuple(gone))

    # --- What is due -----------------------------------------------------------------------------

    def verify_due(self, now: float, quiet: float) -> list[Contact]:
        """The tentative contacts not heard of for ``quiet`` seconds: an answer verifies each."""
        due = [self._entries[each] for each in self._groups.tentative]
        due = [each for each in due if now - each.last_seen >= quiet]
        for each in due:
            each.probed = now
        return [each.contact for each in due]

    def probe_due(self, now: float) -> list[Contact]:
        """The suspects that should be asked again now, and contacts at the endpoints that they
        left; each is named once for each probe."""
        ask_again = self._liveness.ask_again
        due = [each for each in self._entries.values() if each.failures and ask_again(each, now)]
        for each in due:
            each.probed = now
        return [each.contact for each in due] + self._moves.due(now)

    def looked_up(self, target: NodeID, now: float) -> None:
        """A lookup for ``target`` was made."""
        self._buckets.of(target).looked_up(target, now)

    def refresh_due(self, now: float, period: float) -> list[int]:
        """The indices of the buckets through which no lookup went for ``period`` seconds (paper,
        section 2.3).

        A bucket that no lookup ever went through is due at once.  So a node joins by a lookup for
        its own ID and then a refresh of what is due.
        """
        return [i for i, each in enumerate(self._buckets) if now - each.last_lookup >= period]

    # --- Buckets ---------------------------------------------------------------------------------

    def buckets(self) -> list[BucketView]:
        """Every bucket, farthest from our own ID first; their ranges are the whole space."""
        return [
            BucketView(
                *self._buckets.range_of(index),
                tuple(each.entries),
                len(each.candidates),
                each.last_lookup,
            )
            for index, each in enumerate(self._buckets)
        ]

    def random_id_in(self, index: int, random: RandomBits) -> NodeID:
        """An ID drawn evenly from a bucket's range; ``IndexError`` if there is no such bucket."""
        return self._buckets.random_id_in(index, random)

    # --- Entries ---------------------------------------------------------------------------------

    def _known_answered(self, entry: Entry, contact: Contact, now: float) -> Change:
        if entry.contact.endpoint == contact.endpoint:
            if entry.failures:
                self._moves.take(contact.node_id)
            if self._liveness.answered(entry, now):
                self._groups.regroup(entry, tentative=False)
                return self._trimmed(_NOTHING)
            return _NOTHING
        if self._moves.goes_back(contact, now) and self._may_move(entry, contact.endpoint):
            self._moves.settled(contact.node_id)
            self._groups.regroup(entry, tentative=False)
            return self._move(entry, contact, now)
        if entry.failures:
            if self._may_move(entry, contact.endpoint):
                self._moves.heard_elsewhere(contact, now, tentative=False)
            return _NOTHING
        # It may have moved: ask at the known endpoint, so that failures there can let it in here.
        return self._check(entry if self._liveness.ask_again(entry, now) else None, now)

    def _check(self, entry: Entry | None, now: float, change: Change = _NOTHING) -> Change:
        if entry is None:
            return change
        entry.probed = now
        return change._replace(ping=entry.contact)

    def _move(self, entry: Entry, contact: Contact, now: float) -> Change:
        change = Change(added=(contact,), removed=(entry.contact,))
        self._census.move(entry, contact)
        self._groups.regroup(entry, tentative=entry.tentative)
        entry.last_seen, entry.probed, entry.failures = now, NEVER, 0
        return change

    def _add(self, bucket: KBucket, entry: Entry) -> Change:
        self._census.enter(entry)
        return self._list(bucket, entry)

    def _list(self, bucket: KBucket, entry: Entry) -> Change:
        node_id = entry.contact.node_id
        bucket.entries.append(entry)
        bucket.candidates.pop(node_id, None)
        self._entries[node_id] = entry
        self._groups.add(entry)
        return Change(added=(entry.contact,))

    def _remove(self, bucket: KBucket, entry: Entry, heir: Entry | None = None) -> None:
        """Take an entry out; its place is free, or is at once that of ``heir``."""
        bucket.entries.remove(entry)
        del self._entries[entry.contact.node_id]
        self._moves.settled(entry.contact.node_id)
        self._groups.remove(entry)
        self._census.leave(entry, heir)
        if heir is not None:
            self._list(bucket, heir)

    def _wait(self, bucket: KBucket, entry: Entry) -> None:
        """Put an entry into the replacement cache."""
        candidates = bucket.candidates
        if len(candidates) >= self._replacements and entry.contact.node_id not in candidates:
            oldest = self._census.crowded_out(entry, candidates.values())
            if oldest is not None:
                del candidates[oldest.contact.node_id]
        bucket.wait(entry, self._replacements)

    def _move_up(self, bucket: KBucket, probed: float = NEVER) -> Contact | None:
        """Give a free place to a candidate that may have it, if there is one."""
        fits = self._census.fits
        found = bucket.newest_candidate(
            lambda each: fits(each.contact.node_id, each.contact.compact[:-2])
        )
        if found is None and len(self._entries) < self._spare:
            found = bucket.newest_candidate(lambda _: True)
        if found is None:
            return None
        found.tentative = True
        found.probed = probed
        self._add(bucket, found)
        return found.contact

    # --- Surplus ---------------------------------------------------------------------------------

    def _bucket_for(self, node_id: NodeID) -> KBucket:
        """The bucket for a newcomer, after splitting: then more may fit into each half."""
        buckets = len(self._buckets)
        bucket = self._buckets.split_for(node_id)
        if len(self._buckets) > buckets:
            self._census.promote()
        return bucket

    def _may_move(self, entry: Entry, endpoint: Endpoint) -> bool:
        """Whether an entry may stand at another endpoint; as surplus, only in a small table."""
        if len(self._entries) <= self._spare:
            return True
        return self._census.fits_elsewhere(entry, address_of(endpoint.host))

    def _trimmed(self, change: Change) -> Change:
        """A verified contact's change, and the surplus that leaves a table that is too large."""
        gone: list[Contact] = []
        while len(self._entries) > self._spare:
            entry = self._census.farthest_surplus(self.own_id)
            if entry is None:
                break
            self._send_away(self._buckets.of(entry.contact.node_id), entry)
            gone.append(entry.contact)
        return change._replace(removed=(*change.removed, *gone)) if gone else change

    def _send_away(self, bucket: KBucket, entry: Entry, heir: Entry | None = None) -> None:
        """Take an entry's place away; if it is known to be alive, it waits for another one."""
        self._remove(bucket, entry, heir)
        if not entry.tentative and not entry.failures:
            self._wait(bucket, entry)
