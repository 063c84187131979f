"""Looks every few seconds whether this machine is where it was, and acts when it is not.

What a look shows is decided by :class:`~kadtwisted.upkeep.addresses.OwnAddress`.  After a move what
others said of us is forgotten, the gateway is asked anew, the contacts are pinged, and the node
joins again: whoever hears it learns where it is now.  Its contacts, records and tasks stay.

Only a port that is bound to all addresses of its family is watched: another one cannot move.  A
world that cannot tell our address is never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from kadtwisted.model.contact import WILDCARDS, Endpoint, Family
from kadtwisted.model.messages import Ping
from kadtwisted.model.networks import EVERYBODY, scope_of
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.upkeep.contacts import ContactUpkeep
from kadtwisted.upkeep.addresses import LOOK_EVERY, Change, OwnAddress, Whereabouts
from kadtwisted.upkeep.schedule import LOOKUP_COST

PINGED_AT_ONCE = 32
"""Contacts that are pinged after a move, the latest heard first.  MAGIC: enough networks to agree
on where we are now, though half of them have gone; the others are pinged when we have joined."""

INTRODUCED_AFTER = 6.0
"""Seconds after which all contacts are pinged once more: the first answers told us where we are,
and by now each looks again at who asks (:data:`~kadtwisted.node.port.learning.CONSIDER_EVERY`)."""
ANYWHERE = MappingProxyType(
    {Family.IPV4: Endpoint("192.0.2.1", 9), Family.IPV6: Endpoint("2001:db8::1", 9)}
)
"""Addresses of documentation (RFC 5737, RFC 3849), port discard: nothing is ever sent there."""


class AddressWatch:
    """Watches the addresses of one node; ``changed`` is called when one has changed."""

    def __init__(
        self,
        context: NodeContext,
        links: Links,
        contacts: ContactUpkeep,
        changed: Callable[[], object],
    ) -> None:
        self._world = context.world
        self._now = context.world.now
        self._links = links
        self._contacts = contacts
        self._changed = changed
        self._own: dict[Family, OwnAddress] = {}
        self._towards: dict[Family, Endpoint] = {}
        self._meeting = False
        self._moved: dict[Family, None] = {}
        self._introduce_at: float | None = None
        # Not in the class body: Twisted would name the logger after the class there.
        self._log = Logger(namespace="kadtwisted.node")

    def start(self) -> bool:
        """Begin; whether there is anything to watch."""
        if self._world.tells_sources:
            bound = {family: link.listening for family, link in self._links.items()}
            watched = [f for f, each in bound.items() if each and each.host in WILDCARDS]
            self._own = {family: OwnAddress() for family in watched}
        return bool(self._own)

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return min([each.pause for each in self._own.values()], default=LOOK_EVERY)

    def is_offline(self) -> bool:
        """Whether there is no route to any node, in no family, and nobody is heard all the same."""
        ways = [self._is_cut_off(link) for link in self._links.values()]
        known = [each for each in ways if each is not None]
        return bool(known) and all(known)

    def is_blocked(self) -> bool:
        """Whether nothing gets through from this network, and nobody is heard in any family."""
        links = self._links.values()
        heard = any(link.heard_here() for link in links)
        return not heard and any(link.is_blocked() for link in links)

    def _is_cut_off(self, link: Link) -> bool | None:
        """Whether one family has no route; ``None`` if nobody can tell."""
        own = self._own.get(link.family)
        if own is None or link.family not in self._towards:
            return None
        return own.is_gone and not link.heard_since(own.gone_at)

    # --- Looking -----------------------------------------------------------------------------

    def look(self) -> Coroutine[Any, Any, float] | float:
        """Ask the system where we are; mostly nothing has changed, and there is nothing to do."""
        for family in self._own:
            self._look(self._links[family])
        if self._moved and not self._meeting:
            return self._meet_again()
        if self._introduce_at is not None and self._now() >= self._introduce_at:
            self._introduce_at = None
            return self._contacts.introduce()
        return 0.0

    def _look(self, link: Link) -> None:
        family, now = link.family, self._now()
        own, towards = self._own[family], self._direction(link)
        if towards is None:
            return
        seen = Whereabouts(self._world.source_address(towards), self._world.default_way(family))
        before = own.here
        change = own.looked(seen, now)
        if change is Change.GONE and before is not None:
            self._log.info("no IPv{family:d} route leads to other nodes any more", family=family)
            self._changed()
        elif change is Change.MOVED:
            self._tell(before, seen)
            link.start_anew()
            self._changed()
            self._moved[family] = None
        elif own.ask_again(link.heard_here(), now):
            self._moved[family] = None

    def _tell(self, before: Whereabouts | None, seen: Whereabouts) -> None:
        """One line for each move."""
        if before is None or before.source == seen.source:
            self._log.info(
                "this machine is in a network again, or in another one, as {host}: asking the "
                "contacts where they see this node",
                host=seen.source,
            )
        else:
            self._log.info(
                "the address of this machine is {host} now, and was {before}: asking the contacts "
                "where they see this node",
                host=seen.source,
                before=before.source,
            )

    def _direction(self, link: Link) -> Endpoint | None:
        """Whither the system would send: towards a node, the more public the better, and always the
        same one, which may be long gone.  Where only names are known, towards anywhere."""
        family = link.family
        known = self._towards.get(family)
        if known is not None and _worth(known) == EVERYBODY:
            return known
        others = [each.endpoint for each in link.table.contacts()]
        others += [each for each in self._contacts.known_endpoints() if each.family is family]
        if not others and self._contacts.was_told_names():
            others = [ANYWHERE[family]]
        best = max(others, key=_worth, default=None)
        if best is None or (known is not None and _worth(best) <= _worth(known)):
            return known
        self._towards[family] = best
        self._own[family].look_elsewhere()
        return best

    # --- Meeting others again ----------------------------------------------------------------

    async def _meet_again(self) -> float:
        """Ping contacts in each family that has moved, and join again; what that cost."""
        self._meeting = True
        cost = 0.0
        try:
            while self._moved:
                links = [self._links[family] for family in self._moved]
                self._moved = {}
                asking: list[Deferred[Any]] = [
                    Deferred.fromCoroutine(self._contacts.join_anew()),
                    *(ping for link in links for ping in _ping_the_latest(link)),
                ]
                await DeferredList(asking, consumeErrors=True)
                cost += len(asking) + LOOKUP_COST * len(links)
        finally:
            self._meeting = False
        self._introduce_at = self._now() + INTRODUCED_AFTER
        return cost


def _ping_the_latest(link: Link) -> list[Deferred[Answer]]:
    """Ping those of the contacts that were heard last."""
    latest = sorted(link.table.entries(), key=lambda each: -each.last_seen)[:PINGED_AT_ONCE]
    return [link.ask(each.contact, Ping(), known=True) for each in latest]


def _worth(endpoint: Endpoint) -> int:
    """How well an endpoint shows from where everybody sees us."""
    return -1 if endpoint in ANYWHERE.values() else scope_of(endpoint.host)
