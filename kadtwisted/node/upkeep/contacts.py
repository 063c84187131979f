"""The upkeep of contacts: keeps the routing tables true.

* Tentative contacts are verified, and suspects are asked again.
* A contact that was silent for a while is pinged, and so is one that has not said for a while, or
  never, where it is: only a PONG says that.
* A bucket that no lookup went through is refreshed.
* An isolated node tries to join again.
* A contact that was lost is asked from time to time whether it is back, so that a network that fell
  in two becomes one again.

How long a contact may be silent depends on how long it has been known: one known for a minute is
pinged after a minute of silence, one known for long after :attr:`UpkeepSettings.ping_after`,
because nodes that have stayed long will probably stay longer.  No contact may be silent for more
than a quarter of a median session.

Each kind of work is a method that returns the datagrams that it cost; ``maintenance`` decides when
each is due.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.contact import Address, Contact, Endpoint, Family, ip_literal
from kadtwisted.model.messages import FindNode, Nodes, Ping
from kadtwisted.model.networks import scope_of
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.bootstrap import Bootstrap
from kadtwisted.node.operations.searches import all_of, find_at_cost, refresh_bucket
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.routing.liveness import Entry
from kadtwisted.upkeep.lost import Lost
from kadtwisted.upkeep.schedule import LOOKUP_COST
from kadtwisted.upkeep.sessions import Stay

PINGS_A_SESSION = 4
"""Pings in the median session: a contact that left is noticed long before most others have left."""

SHORTEST_SILENCE = 60.0
"""Seconds of silence before a contact is pinged, however new it is."""

PROBES_AT_ONCE = 32
"""Tentative and suspect contacts asked in one round.  MAGIC: if half of a few hundred contacts in a
table die at once, all are decided within minutes."""

ROUNDS_AT_MOST = 8
"""A node with few contacts asks for more in the rounds 1, 2, 4 and 8, then in each eighth round."""

VOUCHERS = 2
"""Contacts that seem alive and are pinged with the others in each round: failures count only while
some contact is heard."""

RECALLED_AT_ONCE = 64
"""Contacts of an earlier run that are asked at the same time.  MAGIC: a few hundred contacts, all
dead, have been asked within half a minute."""
RECALLED_ADDRESSES = 16
"""So many of their addresses are tried again and again while this node is isolated."""


class ContactUpkeep:
    """Looks after the contacts of one node."""

    def __init__(self, context: NodeContext, links: Links, bootstrap: Bootstrap) -> None:
        self._context = context
        self._links = links
        self._now = context.world.now
        self._random = context.world.random
        self._bootstrap = bootstrap
        self._settings = context.settings.upkeep
        self._known_addresses: dict[Address, None] = {}
        self._lost: dict[Family, Lost] = {family: Lost() for family in links}
        self._twins: dict[Family, Endpoint | None] = {}
        self._tries = 0
        self._rounds = 0
        # Not in the class body: Twisted would name the logger after the class there.
        self._log = Logger(namespace="kadtwisted.node")

    # --- What is known -----------------------------------------------------------------------

    def remember(self, addresses: list[Address]) -> None:
        """Remember addresses to join through when isolated, up to the bound in the settings."""
        for address in addresses:
            if len(self._known_addresses) < self._settings.remembered_addresses:
                self._known_addresses[address] = None

    def was_told(self) -> bool:
        """Whether this node was ever told of another one: it knows an address."""
        return bool(self._known_addresses)

    def known_endpoints(self) -> list[Endpoint]:
        """The addresses to join through that are no names."""
        hosts = [(ip_literal(each.host), each.port) for each in self._known_addresses]
        return [Endpoint(host, port) for host, port in hosts if host is not None]

    def was_told_names(self) -> bool:
        """Whether one of them is a name, of whatever family."""
        return any(ip_literal(each.host) is None for each in self._known_addresses)

    def is_isolated(self) -> bool:
        """Whether this node was told of others but has no contact, or hears none of its own."""
        links = list(self._links.values())
        if any(len(link.table) and not link.is_down() for link in links):
            return False
        return self.was_told() or any(len(link.table) for link in links)

    def stays(self) -> tuple[Iterator[Stay], int]:
        """From when to when each verified contact was seen alive, and how many of them are as good
        as gone, because two requests in a row failed.

        The stays are computed only when they are read, and they are not while no contact leaves.
        """
        entries = [e for link in self._links.values() for e in _entries(link)]
        verified = [each for each in entries if not each.tentative]
        gone = sum([each.failures > 1 for each in verified])
        return (Stay(each.first_seen, each.last_seen) for each in verified), gone

    # --- Contacts in the tables --------------------------------------------------------------

    async def ping_contacts(self, session: float) -> float:
        """Verify, probe and ping contacts: some at the same time, so that the answer of one shows
        that our uplink works when another one fails.

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
        """The contacts of which no PONG has come for too long, then those that were silent for too
        long, the longest silence first."""
        unplaced = link.table.unplaced(now, self._settings.ping_after)
        longest = min(self._settings.ping_after, session / PINGS_A_SESSION)
        waiting = [
            entry
            for entry in _entries(link)
            if not entry.tentative and now - entry.last_seen >= _patience(entry, longest)
        ]
        waiting.sort(key=lambda each: each.last_seen)
        return list(dict.fromkeys([*unplaced, *(each.contact for each in waiting)]))

    def _vouchers(self, link: Link, due: list[Contact]) -> list[Contact]:
        """Some contacts that are most likely alive, drawn at random.

        If all of those due are dead, nothing else would show that our own uplink works.  Tentative
        contacts are left out: they are verified only after a silence.
        """
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
        """Look up an ID in the first bucket that is due for a refresh, if there is one."""
        now = self._now()
        for link in self._links.connected():
            due = link.table.refresh_due(now, self._context.parameters.refresh_period)
            if due:
                return await refresh_bucket(self._context, link, due[0], gently=True)
        return 0.0

    # --- Nodes under our own key -------------------------------------------------------------

    def look_for_twins(self) -> Coroutine[Any, Any, float] | float:
        """Ask where another node may live under our key, and tell of it when that changes; mostly
        nobody is to be asked."""
        asking = [link.look_for_twin() for link in self._links.values()]
        asked = [each for each in asking if each is not None]
        if asked:
            return self._hear_of_twins(asked)
        self._tell_of_twins()
        return 0.0

    async def _hear_of_twins(self, asked: Sequence[Deferred[object]]) -> float:
        await DeferredList(asked, consumeErrors=True)
        self._tell_of_twins()
        return float(len(asked))

    def _tell_of_twins(self) -> None:
        """Log where a twin is, once; an answer to any request may have told of it."""
        for family, link in self._links.items():
            before, twin = self._twins.get(family), link.twin
            self._twins[family] = twin
            if twin is not None and twin != before:
                self._log.warn(
                    "another node has the key of this one and answers at {twin}: a copy of its "
                    "state directory runs there; stop one of them, and remove identity.key from "
                    "its state directory",
                    twin=twin,
                )
            elif twin is None and before is not None:
                self._log.warn("no other node answers under this key any more")

    # --- Nodes that are not in the tables ----------------------------------------------------

    def comes_back_in(self) -> float | None:
        """Seconds until an isolated node tries again, doubled each time; ``None`` if it is not
        isolated."""
        if not self.is_isolated():
            self._tries = 0
            return None
        settings = self._settings
        wait = min(settings.rejoin_last, settings.rejoin_first * 2.0 ** min(self._tries, 16))
        self._tries += 1
        return wait

    async def recall(self, contacts: Sequence[Contact]) -> float:
        """Ping the contacts of an earlier run, the latest heard first, and join through those that
        answer."""
        contacts = [each for each in contacts if each.family in self._links]
        self.remember([_address(each) for each in contacts[:RECALLED_ADDRESSES]])
        for start in range(0, len(contacts), RECALLED_AT_ONCE):
            asked = contacts[start : start + RECALLED_AT_ONCE]
            pings = [self._links[each.family].ask(each, Ping(), known=True) for each in asked]
            await DeferredList(pings, consumeErrors=True)
            if not start:
                await self._bootstrap.settle()
        await self._bootstrap.settle()
        return float(len(contacts))

    async def settle(self, family: Family) -> float:
        """Find our place in a family, and let those near us know that we serve there."""
        await self._bootstrap.settle(family)
        return LOOKUP_COST

    async def come_back(self) -> float:
        """Try one known address and one contact."""
        await DeferredList([self._try_contact(), self._try_address()], consumeErrors=True)
        return 2.0

    async def join_anew(self) -> None:
        """We are in another network: join again through known addresses, or at least make ourselves
        known to the contacts, if one of them has answered."""
        self._tries = 0
        addresses = list(self._known_addresses)[:RECALLED_ADDRESSES]
        try:
            if addresses:
                await self._bootstrap.run(addresses)
                return
        except KadtwistedError:
            pass
        if any(link.heard_here() for link in self._links.values()):
            await self._bootstrap.settle()

    async def introduce(self) -> float:
        """Ping all contacts, so that they ask us where we are now, and find us there."""
        links = self._links.connected()
        await all_of([Deferred.fromCoroutine(self._bootstrap.introduce(each)) for each in links])
        return float(sum(len(each.table) for each in links))

    def _try_contact(self) -> Deferred[Any]:
        """Ping the next contact of all tables, one contact a call."""
        known = [
            (link, contact) for link in self._links.values() for contact in link.table.contacts()
        ]
        if not known:
            return succeed(None)
        link, contact = known[self._tries % len(known)]
        return link.ask(contact, Ping(), known=True)

    def _try_address(self) -> Deferred[Any]:
        """Bootstrap through the next known address, one address a call."""
        known = list(self._known_addresses)
        if not known:
            return succeed(None)
        address = known[self._tries % len(known)]
        return Deferred.fromCoroutine(self._bootstrap.run([address]))

    async def seek_others(self) -> float:
        """Ask one lost contact of each table whether it is back.  While this node has few contacts,
        bootstrap through a known address, too."""
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
        """Bootstrap again while this node has fewer than k contacts, less and less often.

        After a power cut, nodes join through nodes that have no contacts yet, and islands form.
        """
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
            await self._bootstrap.run([address], gently=True)
        except KadtwistedError:
            return 2.0
        return LOOKUP_COST

    async def _reunite(self, link: Link, contact: Contact) -> float:
        """Ask a lost contact.  If it answers, ping the nodes near us that it knows and we do not,
        and look up our own ID."""
        try:
            answer = await link.ask(contact, FindNode(self._context.node_id), known=True)
        except KadtwistedError:
            return 1.0
        body, giver = answer.reply.body, scope_of(contact.endpoint.host)
        strangers = [
            each
            for each in (body.contacts if isinstance(body, Nodes) else ())
            if each.family is link.family
            and link.reach.believes(giver, each.endpoint)
            and each.key != self._context.public_key
            and each.node_id not in link.table
        ]
        pings = [link.ask(each, Ping()) for each in strangers]
        met = [succeeded for succeeded, _ in await DeferredList(pings, consumeErrors=True)]
        if not any(met):
            return 1.0 + len(pings)
        charged = await find_at_cost(self._context, link, self._context.node_id)
        return 1.0 + len(pings) + charged.cost


def _patience(entry: Entry, longest: float) -> float:
    """How many seconds of silence from a contact are ordinary."""
    return max(SHORTEST_SILENCE, min(longest, entry.last_seen - entry.first_seen))


def _address(contact: Contact) -> Address:
    return Address(contact.endpoint.host, contact.endpoint.port, contact.key)


def _entries(link: Link) -> list[Entry]:
    """All entries of a link's table."""
    return link.table.entries()
