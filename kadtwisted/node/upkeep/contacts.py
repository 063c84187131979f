"""What a node does for its contacts, so that its tables tell the truth.

Tentative contacts are verified and suspects probed; who was not heard of for a while is pinged;
buckets without a lookup are refreshed; an isolated node tries to come back; and who was lost is
asked now and then whether it is there again, so that a network that fell in two grows together.

How often a contact is pinged follows from how long it is known: one known for a minute is asked
after a minute of silence, one known for long after :attr:`UpkeepSettings.ping_after`, for who has
stayed, stays on; and nobody later than a quarter of a median session.

Each kind of work is a method that returns the datagrams it cost; when each is due, ``maintenance``
says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.contact import Address, Contact, Family
from kadtwisted.model.messages import FindNode, Nodes, Ping
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.bootstrap import Joining
from kadtwisted.node.operations.searches import find_nodes
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.routing.liveness import Entry
from kadtwisted.upkeep.lost import Lost
from kadtwisted.upkeep.sessions import Stay

LOOKUP_COST = 30.0
"""Datagrams that a lookup is charged: what a full one among honest nodes sends."""

PINGS_A_SESSION = 4
"""So that a contact that left is found out well before most of the others have left too."""

SHORTEST_SILENCE = 60.0
"""Seconds without a word from a contact before it is pinged, however new it is."""

PROBES_AT_ONCE = 32
"""Tentative and suspect contacts asked in one round.  MAGIC: a few hundred in a table, half of them
dead at once, are settled within minutes."""

ROUNDS_AT_MOST = 8
"""A node that knows few asks around in the rounds 1, 2, 4, 8, and in every eighth from then on."""

VOUCHERS = 2
"""Contacts believed alive that are pinged beside the others in each round: failures count only
while somebody is heard."""


RECALLED_AT_ONCE = 64
"""Contacts of an earlier run that are asked at the same time.  MAGIC: in a table of some hundred,
all dead, a node has asked everybody within half a minute."""
RECALLED_ADDRESSES = 16
"""As many of them are tried again and again while this node is isolated."""


class Tending:
    """The care of one node for its contacts."""

    def __init__(self, context: NodeContext, links: Links, joining: Joining) -> None:
        self._context = context
        self._links = links
        self._now = context.world.now
        self._random = context.world.random
        self._joining = joining
        self._settings = context.settings.upkeep
        self._known_addresses: dict[Address, None] = {}
        self._lost: dict[Family, Lost] = {family: Lost() for family in links}
        self._tries = 0
        self._rounds = 0

    # --- What is known -----------------------------------------------------------------------

    def remember(self, addresses: list[Address]) -> None:
        """Addresses to come back through when isolated, at most as many as the settings say."""
        for address in addresses:
            if len(self._known_addresses) < self._settings.remembered_addresses:
                self._known_addresses[address] = None

    def was_told(self) -> bool:
        """Whether this node was ever told of another one."""
        return bool(self._known_addresses)

    def is_isolated(self) -> bool:
        """Whether this node knows nobody though it was told of others, or hears nobody."""
        links = list(self._links.values())
        if any(len(link.table) and not link.is_down() for link in links):
            return False
        return self.was_told() or any(len(link.table) for link in links)

    def stays(self) -> tuple[Iterator[Stay], int]:
        """From when to when each contact was seen alive, and how many of them are as good as gone,
        because two requests in a row failed.

        The stays are only made when they are asked for: while nobody leaves, they never are.
        """
        entries = [e for link in self._links.values() for e in _entries(link)]
        verified = [each for each in entries if not each.tentative]
        gone = sum([each.failures > 1 for each in verified])
        return (Stay(each.first_seen, each.last_seen) for each in verified), gone

    # --- Those in the tables -----------------------------------------------------------------

    async def ping_contacts(self, session: float) -> float:
        """Verify, probe and ping: a few at a time, so that they vouch for our uplink together.

        ``session`` is the median session in seconds, as far as it is known.
        """
        now = self._now()
        pings: list[Deferred[Any]] = []
        for link in self._links.values():
            due = link.table.verify_due(now, self._context.parameters.verification_quiet)
            due = (due + link.table.probe_due(now))[:PROBES_AT_ONCE]
            due += self._unheard(link, now, session)[: self._settings.pings_at_once]
            due += self._vouchers(link, due)
            pings += [link.ask(contact, Ping(), known=True) for contact in dict.fromkeys(due)]
        await DeferredList(pings, consumeErrors=True)
        return float(len(pings))

    def _unheard(self, link: Link, now: float, session: float) -> list[Contact]:
        """The contacts not heard of for too long, the longest unheard first."""
        longest = min(self._settings.ping_after, session / PINGS_A_SESSION)
        waiting = [
            entry
            for entry in _entries(link)
            if not entry.tentative and now - entry.last_seen >= _patience(entry, longest)
        ]
        return [entry.contact for entry in sorted(waiting, key=lambda each: each.last_seen)]

    def _vouchers(self, link: Link, due: list[Contact]) -> list[Contact]:
        """Some that are most likely alive, drawn at random: if all of those due are dead, nothing
        else would show that our own uplink works.  No tentative ones: they need their silence."""
        if not due:
            return []
        asked = dict.fromkeys([each.node_id for each in due])
        others = [
            entry.contact
            for entry in _entries(link)
            if not (entry.failures or entry.tentative or entry.contact.node_id in asked)
        ]
        return [others[int(self._random.random() * len(others))] for _ in others[:VOUCHERS]]

    async def refresh(self) -> float:
        """Look up an ID in the bucket that waits the longest, if any is due."""
        now = self._now()
        for link in self._links.connected():
            due = link.table.refresh_due(now, self._context.parameters.refresh_period)
            if due:
                target = link.table.random_id_in(due[0], self._random)
                await find_nodes(self._context, link, target)
                return LOOKUP_COST
        return 0.0

    # --- Those who are not -------------------------------------------------------------------

    def comes_back_in(self) -> float | None:
        """Seconds until an isolated node tries once more, doubled each time; ``None`` if it is not
        isolated."""
        if not self.is_isolated():
            self._tries = 0
            return None
        settings = self._settings
        wait = min(settings.rejoin_last, settings.rejoin_first * 2.0 ** min(self._tries, 16))
        self._tries += 1
        return wait

    async def recall(self, contacts: Sequence[Contact]) -> float:
        """Ask those an earlier run knew, the latest heard first, and join through who answers."""
        self.remember([_address(each) for each in contacts[:RECALLED_ADDRESSES]])
        for start in range(0, len(contacts), RECALLED_AT_ONCE):
            asked = contacts[start : start + RECALLED_AT_ONCE]
            pings = [self._links[each.family].ask(each, Ping(), known=True) for each in asked]
            await DeferredList(pings, consumeErrors=True)
            if not start:
                await self._joining.settle()
        await self._joining.settle()
        return float(len(contacts))

    async def come_back(self) -> float:
        """Try one known address and one contact."""
        await DeferredList([self._try_contact(), self._try_address()], consumeErrors=True)
        return 2.0

    def _try_contact(self) -> Deferred[Any]:
        """Ping the contacts of all tables in turn."""
        known = [
            (link, contact) for link in self._links.values() for contact in link.table.contacts()
        ]
        if not known:
            return succeed(None)
        link, contact = known[self._tries % len(known)]
        return link.ask(contact, Ping(), known=True)

    def _try_address(self) -> Deferred[Any]:
        """Bootstrap through the known addresses in turn."""
        known = list(self._known_addresses)
        if not known:
            return succeed(None)
        address = known[self._tries % len(known)]
        return Deferred.fromCoroutine(self._joining.bootstrap([address]))

    async def seek_others(self) -> float:
        """Ask one contact that each table has lost whether it is there again; and while this node
        knows few, whom a known address knows."""
        cost = await self._ask_around()
        for family, link in self._links.items():
            lost = self._lost[family]
            known = {e.contact: e.first_seen for e in _entries(link) if not e.tentative}
            lost.noticed(known, self._now())
            contact = lost.next()
            if contact is not None and not link.is_down():
                cost += await self._reunite(link, contact)
        return cost

    async def _ask_around(self) -> float:
        """After a power cut nodes join through nodes that know nobody yet, and islands come about.
        So who knows fewer than k tries a known address again, less and less often."""
        known = sum(len(link.table) for link in self._links.values())
        if known >= self._context.parameters.k or self.is_isolated():
            self._rounds = 0
            return 0.0
        self._rounds += 1
        often = min(self._rounds, ROUNDS_AT_MOST)
        if self._rounds % (1 << often.bit_length() - 1) or not self._known_addresses:
            return 0.0
        addresses = list(self._known_addresses)
        address = addresses[int(self._random.random() * len(addresses))]
        try:
            await self._joining.bootstrap([address])
        except KadtwistedError:
            return 2.0
        return LOOKUP_COST

    async def _reunite(self, link: Link, contact: Contact) -> float:
        """If it answers, meet those it knows near us, and find our place among them."""
        try:
            answer = await link.ask(contact, FindNode(self._context.node_id), known=True)
        except KadtwistedError:
            return 1.0
        body = answer.reply.body
        strangers = [
            each
            for each in (body.contacts if isinstance(body, Nodes) else ())
            if each.family is link.family
            and link.reach.admits(each.endpoint)
            and each.key != self._context.public_key
            and each.node_id not in link.table
        ]
        pings = [link.ask(each, Ping()) for each in strangers]
        met = [succeeded for succeeded, _ in await DeferredList(pings, consumeErrors=True)]
        if not any(met):
            return 1.0 + len(pings)
        await find_nodes(self._context, link, self._context.node_id)
        return 1.0 + len(pings) + LOOKUP_COST


def _patience(entry: Entry, longest: float) -> float:
    """How many seconds of silence from a contact are nothing remarkable."""
    return max(SHORTEST_SILENCE, min(longest, entry.last_seen - entry.first_seen))


def _address(contact: Contact) -> Address:
    return Address(contact.endpoint.host, contact.endpoint.port, contact.key)


def _entries(link: Link) -> list[Entry]:
    """All there are in a link's table."""
    return link.table.entries()
