"""Joining a network: saying hello to given addresses, finding our place, making ourselves known.

After the hellos a node looks up its own ID, then an ID in each of its farther buckets (paper,
section 2.3).  A full node then pings everyone it met with the token it was given, because only a
sender that has shown a token is remembered by others.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from kadtwisted.errors import (
    BootstrapFailed,
    InvalidAddress,
    KadtwistedError,
    NodeStopped,
    Unavailable,
)
from kadtwisted.model.contact import Address, Contact, Endpoint, parse_address
from kadtwisted.model.messages import Ping
from kadtwisted.model.results import BootstrapResult
from kadtwisted.node.link import Link
from kadtwisted.node.protocol import Answer
from kadtwisted.node.searches import Surroundings, all_of, find_nodes

MAX_BUCKET_LOOKUPS = 16
"""Lookups of farther buckets at a join: a network of 2 ** 16 x k nodes fills no more."""


class Joining:
    """The bootstrap operation of one node."""

    def __init__(self, around: Surroundings, read_only: bool) -> None:
        self._around = around
        self._read_only = read_only

    async def bootstrap(self, addresses: Iterable[Address]) -> BootstrapResult:
        """See :meth:`INode.bootstrap`."""
        asked = list(addresses)
        answered: dict[Contact, Link] = {}
        failures: dict[str, str] = {}
        await all_of([self._greet(address, answered, failures) for address in asked])
        if not answered:
            listed = "; ".join(f"{where}: {why}" for where, why in failures.items())
            raise BootstrapFailed(f"no bootstrap address answered ({listed})", failures)
        links = list(dict.fromkeys(answered.values()))
        await all_of([Deferred.fromCoroutine(self._settle(link)) for link in links])
        known = sum(len(link.table) for link in self._around.links.values())
        return BootstrapResult(tuple(answered), failures, known)

    def _greet(
        self, address: Address, answered: dict[Contact, Link], failures: dict[str, str]
    ) -> Deferred[None]:
        """Say hello to every IP address of one address; one that answers is enough."""

        def lose(failure: Failure) -> None:
            failure.trap(KadtwistedError)
            if failure.check(NodeStopped):
                failure.raiseException()
            failures[str(address)] = str(failure.value)

        greeting = Deferred.fromCoroutine(self.hello(address))

        def welcome(found: tuple[Link, Answer]) -> None:
            answered[found[1].contact] = found[0]

        return greeting.addCallback(welcome).addErrback(lose)

    async def hello(self, address: Address) -> tuple[Link, Answer]:
        """Say hello to an address in each of the families it has and we have; the first answer.

        Fails with ``Unavailable`` if it has none of ours, or with the last address's failure.
        """
        around = self._around
        hosts = await around.world.resolve(address.host)
        endpoints = [Endpoint(host, address.port) for host in hosts]
        usable = [each for each in endpoints if each.family in around.links]
        if not usable:
            families = " and ".join(f"IPv{family:d}" for family in around.links)
            raise Unavailable(f"{address.host} has no {families} address, and this node no other")
        greetings = [around.links[e.family].hello(e, address.key) for e in usable]
        ended = DeferredList(greetings, fireOnOneCallback=True, consumeErrors=True)
        outcome = await ended
        if isinstance(outcome, tuple):
            answer, index = outcome
            for each in greetings:
                each.cancel()
            return around.links[usable[index].family], answer
        failure = outcome[0][1]
        assert isinstance(failure, Failure)
        raise failure.value

    async def _settle(self, link: Link) -> None:
        """Find our place in one family's network, and introduce ourselves there."""
        around = self._around
        await find_nodes(around, link, around.node_id)
        if self._read_only:
            return
        due = link.table.refresh_due(around.world.now(), around.parameters.refresh_period)
        for index in due[:MAX_BUCKET_LOOKUPS]:
            target = link.table.random_id_in(index, around.world.random)
            await find_nodes(around, link, target)
        await self._introduce(link)

    async def _introduce(self, link: Link) -> None:
        """Ping everyone in the table: the token in the ping makes us worth knowing."""
        pings = [link.ask(contact, Ping(), known=True) for contact in link.table.contacts()]
        await DeferredList(pings, consumeErrors=True)


def read_addresses(addresses: Iterable[str]) -> list[Address]:
    """Parse them all before anything is sent; :class:`InvalidAddress` for the first bad one."""
    parsed = [parse_address(each) for each in addresses]
    if not parsed:
        raise InvalidAddress("give at least one bootstrap address, as 127.0.0.1:8000")
    return parsed
