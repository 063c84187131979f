"""Announcing what this node offers, and finding who offers what.

A holder takes an announcement only from the address that it names.  So a node announces, in each
address family, the address at which others see it.  While it has moved and its observers do not
agree yet, it tries the address that the last answer named, too.

An announcement is made anew each time that it is stored: with a later sequence number, and with the
address and port that the node has then.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred

from kadtwisted.constants import ATTRIBUTES_LIMIT, LONGEST_ANNOUNCEMENT, MINUTE, PROVIDERS_LIMIT
from kadtwisted.errors import (
    InvalidInput,
    InvalidLifetime,
    InvalidRecord,
    KadtwistedError,
    NoContacts,
    NodeStopped,
    NotStored,
    RecordTooLarge,
)
from kadtwisted.model.announcing import Announcement, Offer, Provider, Providers
from kadtwisted.model.contact import WILDCARDS, Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.printable import described
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.records import Read, RecordOperations
from kadtwisted.node.operations.searches import all_of
from kadtwisted.node.operations.values import check_lifetime, key_id
from kadtwisted.node.operations.writes.receipts import Published, merged_receipt
from kadtwisted.node.operations.writes.turns import Turns
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.parameters import Parameters
from kadtwisted.records.announcement import decode, good_for, place_of, sequence_of
from kadtwisted.records.findings import Finding

T = TypeVar("T")

REFRESH_WITHIN = 30 * MINUTE
"""An announcement is made anew at half its lifetime, and at half of this at the latest: holders do
not bring it to each other, so this bounds how many of them may have gone meanwhile."""

PORTS = 1 << 16


class Wish(NamedTuple):
    """What a node is to announce under a key; without a ``port``, its own UDP port."""

    key: NodeID
    port: int | None
    attributes: bytes
    lifetime: int


class Offers:
    """Which announcements a node hands to its users."""

    def __init__(self, context: NodeContext, links: Links) -> None:
        self._clock = context.clock
        self._links = links

    def time_left(self, record: bytes, remaining: float) -> int:
        """The seconds that a record has left, by what a holder says; 0 for an announcement that is
        dead by its own time, or names an address to which we may not go.

        A withdrawal names none; records of other kinds are none of our business.
        """
        try:
            told = decode(record)
        except InvalidRecord:
            return int(remaining)
        left = remaining
        if self._clock.ahead() is not None:
            left = min(left, good_for(record, self._clock.network_time()))
        link = self._links.get(told.family)
        refused = (
            told.endpoint is not None and link is not None and not link.reach.admits(told.endpoint)
        )
        return 0 if refused else max(0, int(left))


class Stored(NamedTuple):
    """What holders took, and why they took nothing in the families where they did not."""

    done: list[Published]
    failed: dict[Family, KadtwistedError]

    def published(self) -> Published:
        """What was stored in several families, with one receipt; the first error if nothing was."""
        if not self.done:
            raise next(iter(self.failed.values()))
        why = {f"IPv{family.value}": str(each) for family, each in self.failed.items()}
        spreads = tuple(spread for each in self.done for spread in each.spreads)
        receipt = merged_receipt([each.receipt for each in self.done], why)
        return self.done[0]._replace(receipt=receipt, spreads=spreads)


class Announcing:
    """Announces for one node, and finds providers."""

    def __init__(self, context: NodeContext, links: Links, records: RecordOperations) -> None:
        self._context = context
        self._links = links
        self._records = records
        self._turns = Turns()
        self.withdrawn: Callable[[StorageKey], object] = lambda _: None

    async def alone(self, key: NodeID, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something about our announcements under a key when nothing else is done about them: of
        an announcement and its withdrawal the later one must win."""
        return await self._turns.alone(key, work)

    # --- Announcing --------------------------------------------------------------------------

    async def announce(self, wish: Wish, known: Sequence[bytes]) -> Stored:
        """Store an announcement in each family; ``known`` are the node's announcements under the
        key so far."""
        wanted = {each: self._wanted(wish, each, known) for each in self._families()}
        return await self._in_all({f: self._offer(each, wish.port) for f, each in wanted.items()})

    async def withdraw(self, key: NodeID, known: Sequence[bytes]) -> Stored:
        """Store in each family that nothing is announced any more, for as long as the announcement
        could have lived."""
        rules = self._records.rules(Kind.ANNOUNCEMENT)
        longest = max(map(rules.longest, known), default=LONGEST_ANNOUNCEMENT)
        families = {*self._families(), *(rules.decode(each).family for each in known)}
        offers = {each: self._withdrawal(key, each, known) for each in sorted(families)}
        return await self._in_all(
            {f: self._records.publish(rules, key, o, longest, f) for f, o in offers.items()}
        )

    def draft(self, wish: Wish, family: Family, known: Sequence[bytes]) -> bytes:
        """An announcement that nobody has taken yet, to be made anew until somebody does: where it
        says that we are does not count."""
        own = Endpoint("::1" if family is Family.IPV6 else "127.0.0.1", wish.port or 1)
        return self._made(self._wanted(wish, family, known)._replace(endpoint=own))

    def draft_withdrawal(self, key: NodeID, family: Family, known: Sequence[bytes]) -> bytes:
        """The same of a withdrawal."""
        return self._made(self._withdrawal(key, family, known))

    def _made(self, offer: Offer) -> bytes:
        rules = self._records.rules(Kind.ANNOUNCEMENT)
        return rules.publish(offer, (), self._context.clock.network_time())

    def _wanted(self, wish: Wish, family: Family, known: Sequence[bytes]) -> Offer:
        key, port, attributes, lifetime = wish
        last = self._last(known, family)
        return Offer(key, family, None, port is None, attributes, lifetime, last)

    def _withdrawal(self, key: NodeID, family: Family, known: Sequence[bytes]) -> Offer:
        return Offer(key, family, None, False, b"", 0, self._last(known, family))

    async def renew(self, record: bytes) -> bytes:
        """Make an announcement anew and store it; what was stored, when all nodes have decided.

        Fails as :meth:`announce`, and with ``NotStored`` if something else is done about it.
        """
        key = decode(record).key
        if self._turns.taken(key):
            raise NotStored("its node is announcing it, or withdrawing it", {})
        return await self.alone(key, lambda: self._renew(record))

    async def _renew(self, record: bytes) -> bytes:
        rules = self._records.rules(Kind.ANNOUNCEMENT)
        told: Announcement = rules.decode(record)
        key, family, endpoint = told.key, told.family, told.endpoint
        if endpoint is None:
            return await self._withdraw_again(record)
        port = None if told.own_port else endpoint.port
        after = told.sequence
        offer = Offer(key, family, None, told.own_port, told.attributes, told.lifetime, after)
        stored = await self._offer(offer, port)
        await stored.whole()
        return stored.record

    async def _withdraw_again(self, record: bytes) -> bytes:
        """Try to store a withdrawal that holders of one family did not take: until one does, or no
        announcement can be left."""
        rules = self._records.rules(Kind.ANNOUNCEMENT)
        told: Announcement = rules.decode(record)
        if good_for(record, self._context.clock.network_time()) >= 1:
            offer = self._withdrawal(told.key, told.family, [record])
            longest = LONGEST_ANNOUNCEMENT
            stored = await self._records.publish(rules, told.key, offer, longest, told.family)
            await stored.whole()
            record = stored.record
        self.withdrawn(place_of(told.key, told.public_key, told.family))
        return record

    def places(self, key: NodeID) -> list[StorageKey]:
        """Where this node's announcements under a key are stored."""
        return [place_of(key, self._context.public_key, each) for each in Family]

    async def _offer(self, offer: Offer, port: int | None) -> Published:
        """Store an announcement, with the first of our addresses that holders take."""
        rules = self._records.rules(Kind.ANNOUNCEMENT)
        refused: NotStored | None = None
        for endpoint in _seen_at(self._links.get(offer.family), port):
            wanted = offer._replace(endpoint=endpoint)
            try:
                return await self._records.publish(
                    rules, offer.key, wanted, offer.lifetime, offer.family
                )
            except NotStored as error:
                refused = refused or error
        raise refused or NoContacts("no node has told yet where it sees this one: bootstrap first")

    def _families(self) -> list[Family]:
        """The families in which we know other nodes; all if we know none, and a try will fail."""
        return [each.family for each in self._links.connected() or self._links.values()]

    def _last(self, known: Sequence[bytes], family: Family) -> int:
        rules = self._records.rules(Kind.ANNOUNCEMENT)
        mine = [sequence_of(each) for each in known if rules.decode(each).family is family]
        return max(mine, default=0)

    async def _in_all(
        self, storing: Mapping[Family, Coroutine[Deferred[Any], Any, Published]]
    ) -> Stored:
        """Wait for all families."""
        trying = [Deferred.fromCoroutine(_outcome(each)) for each in storing.values()]
        outcomes = dict(zip(storing, await all_of(trying), strict=True))
        return Stored(
            [each for each in outcomes.values() if isinstance(each, Published)],
            {f: each for f, each in outcomes.items() if isinstance(each, KadtwistedError)},
        )

    # --- Finding -----------------------------------------------------------------------------

    async def providers(self, key: NodeID, limit: int | None) -> Providers:
        """Who announces under a key; fails as :meth:`INode.collect` does.

        Without ``limit`` all that can be found; with one a fair sample: each of the closest holders
        draws the first records of its answer at random.  If these are too few and a holder has
        more, all are read.
        """
        rules = self._records.rules(Kind.ANNOUNCEMENT)
        whole = limit is None
        read = await self._records.read(rules, key, "latest", whole=whole)
        found = list(self._living(read, read.winners if whole else nearby(read)))
        complete = whole
        if limit is not None and len(found) < limit and not any(e.unread for e in read.founds):
            found, complete = list(self._living(read, read.winners)), True
        elif limit is not None and len(found) < limit:
            read = await self._records.read(rules, key, "latest")
            found, complete = list(self._living(read, read.winners)), True
        shuffled = self._shuffled(found)
        if limit is not None and len(found) > limit:
            shuffled, complete = shuffled[:limit], False
        return Providers(key, tuple(shuffled), complete, read.trace)

    def _living(self, read: Read, findings: Iterable[Finding]) -> Iterator[Provider]:
        """The providers among what was found: neither withdrawn nor dead, where we may go."""
        rules = self._records.rules(Kind.ANNOUNCEMENT)
        offers = Offers(self._context, self._links)
        for each in findings:
            told: Announcement = rules.decode(each.record)
            left = offers.time_left(each.record, each.remaining)
            if told.endpoint is None or left < 1:
                continue
            node_id = self._context.dialect.identify(told.public_key)
            who = node_id, told.public_key, told.endpoint, told.attributes
            yield Provider(*who, left, read.holders(each))

    def _shuffled(self, found: list[Provider]) -> list[Provider]:
        """In random order."""
        random = self._context.world.random
        keyed = [(random.getrandbits(64), number) for number in range(len(found))]
        return [found[number] for _, number in sorted(keyed)]


async def _outcome(
    storing: Coroutine[Deferred[Any], Any, Published],
) -> Published | KadtwistedError:
    """What was stored in one family, or why nothing was."""
    try:
        return await storing
    except NodeStopped:
        raise
    except KadtwistedError as error:
        return error


def nearby(read: Read) -> list[Finding]:
    """What the closest nodes have returned; or else all that was found.

    They hold all that is announced.  Nodes farther away may hold a few, which they would return
    every time: then a sample would not be fair.
    """
    places: dict[StorageKey, None] = {}
    for found in read.founds:
        near = frozenset(found.closest)
        places.update((e.where, None) for e in found.winners if not near.isdisjoint(e.holders))
    return [each for each in read.winners if each.where in places] or list(read.winners)


def _seen_at(link: Link | None, port: int | None) -> Iterator[Endpoint]:
    """Where others see us: by their votes, then by the last answer."""
    if link is None:
        return
    bound = link.listening
    tried: list[str] = []
    for seen in (link.observed, link.told):
        if seen is None or seen.host in (*tried, *WILDCARDS):
            continue
        tried.append(seen.host)
        own = seen.port or (bound.port if bound is not None else 0)
        yield Endpoint(seen.host, own if port is None else port)


def read_wish(
    key: str | bytes, port: Any, attributes: Any, lifetime: Any, parameters: Parameters
) -> Wish:
    """What a user wants to announce; :class:`InvalidInput` as :meth:`INode.announce` says."""
    target = key_id(key)
    whole = isinstance(port, int) and not isinstance(port, bool)
    if port is not None and not (whole and 0 < port < PORTS):
        raise InvalidInput(f"a port to announce lies between 1 and 65535, not {described(port)}")
    if not isinstance(attributes, bytes):
        raise InvalidInput(f"attributes are bytes, not {described(attributes)}")
    if len(attributes) > ATTRIBUTES_LIMIT:
        raise RecordTooLarge(
            f"the attributes have {len(attributes)} bytes; at most {ATTRIBUTES_LIMIT} fit into an "
            "announcement"
        )
    wanted = parameters.announcement_lifetime if lifetime is None else lifetime
    check_lifetime(wanted, LONGEST_ANNOUNCEMENT)
    if wanted < MINUTE:
        raise InvalidLifetime(f"an announcement lives for a minute at least, not {wanted:g} s")
    return Wish(target, port, attributes, int(wanted))


def check_limit(limit: Any) -> None:
    """:class:`InvalidInput` unless so many providers can be asked for."""
    whole = isinstance(limit, int) and not isinstance(limit, bool)
    if limit is not None and not (whole and 0 < limit <= PROVIDERS_LIMIT):
        raise InvalidInput(
            f"a limit is a whole number from 1 to {PROVIDERS_LIMIT}, not {described(limit)}"
        )
