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
* A contact that says itself that it is not where it was asked is *displaced*: it is not passed on,
  moves as soon as it answers where it says it is, and leaves as if it had failed.
* Contacts that others could not reach can be withheld: they are not passed on.
* Our own ID never enters.

The table sends nothing and has no clock.  Every method that may change it returns a
:class:`Change`: what entered, what left, and which contact the caller should ask now.  ``roster``
has the places, ``buckets`` decides which bucket covers what, and when one is split.
"""

from __future__ import annotations

from collections.abc import Callable

from kadtwisted.errors import InvalidInput
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID, RandomBits
from kadtwisted.parameters import Parameters
from kadtwisted.routing.buckets import BucketView
from kadtwisted.routing.changes import NOTHING, Change
from kadtwisted.routing.diversity import Diversity
from kadtwisted.routing.kbucket import KBucket
from kadtwisted.routing.liveness import NEVER, TENTATIVE_AT_MOST, Entry, Liveness
from kadtwisted.routing.moves import Moves
from kadtwisted.routing.roster import Roster

_DEFAULTS = Parameters()
_LIVENESS = Liveness()


class RoutingTable:
    """The contacts of the node ``own_id``: IDs of ``bits`` bits, buckets of ``k`` entries, each
    with a cache of ``replacements`` candidates.  ``diversity`` limits contacts by address.

    ``bits``, ``k`` or ``replacements`` out of range raise
    :class:`~kadtwisted.errors.InvalidInput`.
    """

    __slots__ = (
        "_buckets",
        "_entries",
        "_groups",
        "_k",
        "_liveness",
        "_moves",
        "_roster",
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
        self._liveness = liveness
        self._moves = Moves()
        self._roster = roster = Roster(own_id, bits, k, replacements, diversity)
        self._buckets, self._entries, self._groups = roster.buckets, roster.entries, roster.groups

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
                and self._roster.may_move(entry, endpoint)
            )
        return self._roster.has_room(node_id, endpoint)

    # --- What happened ---------------------------------------------------------------------------

    def answered(self, contact: Contact, now: float, *, by_pong: bool = True) -> Change:
        """The contact answered a request of ours; ``by_pong``: with a PONG that names no other
        place.

        ``ping`` names the contact whose place it would take if that one does not answer any more.
        """
        entry = self._entries.get(contact.node_id)
        if entry is not None:
            return self._known_answered(entry, contact, now, by_pong)
        if contact.node_id == self.own_id:
            return NOTHING
        roster = self._roster
        bucket = roster.bucket_for(contact.node_id)
        newcomer = Entry(contact, now, now, ponged=now if by_pong else NEVER)
        fits = roster.fits(contact)
        if len(bucket.entries) < self._k:
            if fits or len(self._entries) < roster.spare:
                return self._trimmed(self._add(bucket, newcomer))
            roster.wait(bucket, newcomer)
            return NOTHING
        may_replace = fits or len(self._entries) <= roster.spare
        leaving = bucket.gives_way(fits=fits) if may_replace else None
        if leaving is None:
            roster.wait(bucket, newcomer)
            ask_again = self._liveness.ask_again
            return self._check(bucket.stalest(lambda each: ask_again(each, now)), now)
        self._moves.settled(leaving.contact.node_id)
        roster.send_away(bucket, leaving, newcomer)
        return self._trimmed(Change((contact,), (leaving.contact,)))

    def introduced(self, contact: Contact, now: float) -> Change:
        """The contact answered the ping that an unsolicited request of its own made us send.

        If the table :meth:`wants` it, it becomes a tentative contact; or, if its ID is known, this
        endpoint is remembered for when the known one has failed altogether.
        """
        if not self.wants(contact.node_id, contact.endpoint):
            return NOTHING
        if contact.node_id in self._entries:
            self._moves.heard_elsewhere(contact, now, tentative=True)
            return NOTHING
        bucket = self._roster.bucket_for(contact.node_id)
        return self._add(bucket, Entry(contact, now, now, tentative=True, ponged=now))

    def placed(self, contact: Contact, now: float, *, exactly: bool = True) -> Change:
        """The node itself said, where we asked it, that this is where it can be reached; not
        ``exactly``: it named the address, and another port or none.

        It moves here from any other endpoint; from another port only if it is displaced there.
        """
        entry = self._entries.get(contact.node_id)
        if entry is None:
            return NOTHING
        if entry.contact.endpoint != contact.endpoint:
            sure = exactly or entry.displaced
            if not sure or not self._roster.may_move(entry, contact.endpoint):
                return NOTHING
            self._moves.settled(contact.node_id)
            return self._move(entry, contact, now)
        self._moves.settled(contact.node_id)
        return NOTHING

    def displaced(self, node_id: NodeID, endpoint: Endpoint, now: float) -> Change:
        """The node itself said, where we asked it, that it is at another address: whoever is here
        only hands its datagrams on.

        A contact here is not passed on any more, and leaves as if it had failed here.
        """
        entry = self._entries.get(node_id)
        if entry is not None and entry.contact.endpoint == endpoint:
            self._groups.regroup(
                entry, tentative=entry.tentative, withheld=entry.withheld, displaced=True
            )
        return self.failed(node_id, endpoint, now)

    def heard(self, node_id: NodeID, endpoint: Endpoint, now: float) -> None:
        """A request of this node arrived: a tentative contact's silence starts anew."""
        entry = self._entries.get(node_id)
        if entry is not None and entry.tentative and entry.contact.endpoint == endpoint:
            entry.last_seen = now

    def failed(
        self, node_id: NodeID, endpoint: Endpoint, now: float, *, ping: bool = True
    ) -> Change:
        """A request to this node at this endpoint failed; ``ping``: it was a PING, and only a PONG
        makes up for it.

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
            return NOTHING
        if entry.contact.endpoint != endpoint:
            self._moves.silent(node_id, endpoint)
            return NOTHING
        if not self._liveness.failed(entry, now, ping):
            return NOTHING
        elsewhere = self._moves.take(node_id)
        if elsewhere is not None and self._roster.may_move(entry, elsewhere.contact.endpoint):
            if not entry.displaced:
                self._moves.left(entry.contact, now)
            self._groups.regroup(entry, tentative=elsewhere.tentative)
            change = self._move(entry, elsewhere.contact, elsewhere.last_seen)
            return self._check(entry, now, change) if not entry.tentative else change
        return self._dropped(bucket, entry, now)

    def withdrew(self, node_id: NodeID, endpoint: Endpoint, now: float) -> Change:
        """The node itself said, at this endpoint, that it belongs in no table: it goes at once."""
        bucket = self._buckets.of(node_id)
        entry = self._entries.get(node_id)
        if entry is not None and entry.contact.endpoint == endpoint:
            return self._dropped(bucket, entry, now)
        candidate = bucket.candidates.get(node_id)
        if candidate is not None and candidate.contact.endpoint == endpoint:
            del bucket.candidates[node_id]
        return NOTHING

    def withhold(self, unwanted: Callable[[Contact], bool]) -> Change:
        """From now on pass on no contact that is ``unwanted``, and all the others.

        Unwanted verified contacts keep their places until they fail: they answer us.  Unwanted
        tentative ones and candidates are dropped.  Candidates move up into the free places as
        tentative contacts; :meth:`verify_due` names them as it names all others.
        """
        added, gone = self._roster.withhold(unwanted)
        for each in gone:
            self._moves.settled(each.node_id)
        return Change(tuple(added), tuple(gone))

    # --- What is due -----------------------------------------------------------------------------

    def verify_due(self, now: float, quiet: float) -> list[Contact]:
        """The tentative contacts not heard of for ``quiet`` seconds, or tentative for too long: an
        answer verifies each."""
        due = [self._entries[each] for each in self._groups.tentative]
        due = [
            each
            for each in due
            if now - each.last_seen >= quiet or now - each.first_seen >= TENTATIVE_AT_MOST
        ]
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

    def unplaced(self, now: float, period: float) -> list[Contact]:
        """The verified contacts of whom no PONG has come for ``period`` seconds from where we know
        them, those of whom there was none at all first: an answer of another kind does not say
        whether somebody only hands it on.  Suspects are asked anyway."""
        due = [
            each
            for each in self._entries.values()
            if now - each.ponged >= period and not (each.failures or each.tentative)
        ]
        return [each.contact for each in sorted(due, key=lambda each: each.ponged)]

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
        return self._buckets.views()

    def random_id_in(self, index: int, random: RandomBits) -> NodeID:
        """An ID drawn evenly from a bucket's range; ``IndexError`` if there is no such bucket."""
        return self._buckets.random_id_in(index, random)

    # --- Entries ---------------------------------------------------------------------------------

    def _known_answered(self, entry: Entry, contact: Contact, now: float, by_pong: bool) -> Change:
        if entry.contact.endpoint == contact.endpoint:
            if entry.displaced:
                if not by_pong:
                    return NOTHING
                self._groups.regroup(entry, tentative=entry.tentative, withheld=entry.withheld)
            if entry.failures:
                self._moves.take(contact.node_id)
            if self._liveness.answered(entry, now, by_pong):
                self._groups.regroup(entry, tentative=False)
                return self._trimmed(NOTHING)
            return NOTHING
        if self._moves.goes_back(contact, now) and self._roster.may_move(entry, contact.endpoint):
            self._moves.settled(contact.node_id)
            self._groups.regroup(entry, tentative=False)
            return self._move(entry, contact, now)
        if entry.failures:
            if self._roster.may_move(entry, contact.endpoint):
                self._moves.heard_elsewhere(contact, now, tentative=False)
            return NOTHING
        # It may have moved: ask at the known endpoint, so that failures there can let it in here.
        return self._check(entry if self._liveness.ask_again(entry, now) else None, now)

    def _check(self, entry: Entry | None, now: float, change: Change = NOTHING) -> Change:
        if entry is None:
            return change
        entry.probed = now
        return change._replace(ping=entry.contact)

    def _move(self, entry: Entry, contact: Contact, now: float) -> Change:
        change = Change(added=(contact,), removed=(entry.contact,))
        self._roster.move(entry, contact, now)
        return change

    def _dropped(self, bucket: KBucket, entry: Entry, now: float) -> Change:
        self._moves.settled(entry.contact.node_id)
        self._roster.remove(bucket, entry)
        promoted = self._roster.move_up(bucket, now)
        if promoted is None:
            return Change(removed=(entry.contact,))
        return Change((promoted,), (entry.contact,), ping=promoted)

    def _add(self, bucket: KBucket, entry: Entry) -> Change:
        self._roster.add(bucket, entry)
        return Change(added=(entry.contact,))

    def _trimmed(self, change: Change) -> Change:
        """A verified contact's change, and the surplus that leaves a table that is too large."""
        gone = self._roster.trim()
        for each in gone:
            self._moves.settled(each.node_id)
        return change._replace(removed=(*change.removed, *gone)) if gone else change
