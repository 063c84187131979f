"""Joining a network: saying hello to given addresses, finding our place, making ourselves known.

After the hellos a node looks up its own ID, then an ID in each of its farther buckets (paper,
section 2.3).  A full node then pings everyone it met with the token it was given, because only a
sender that has shown a token is remembered by others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred
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
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.searches import all_of, find_nodes, first_of
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer

T = TypeVar("T")

MAX_BUCKET_LOOKUPS = 16
"""Lookups of farther buckets at a join: a network of 2 ** 16 x k nodes fills no more."""


class Joining:
    """The bootstrap operation of one node."""

    def __init__(self, context: NodeContext, links: Links) -> None:
        self._context = context
        self._links = links
        self._read_only = context.read_only

    async def bootstrap(self, addresses: Iterable[Address]) -> BootstrapResult:
        """See :meth:`INode.bootstrap`."""
        asked = list(addresses)
        answered: dict[Contact, Link] = {}
        failures: dict[str, str] = {}
        greetings = [
            Deferred.fromCoroutine(self._greet(address, answered, failures)) for address in asked
        ]
        if self._read_only:  # it is in a hurry, and one way in is enough
            await first_of(greetings, lambda _: bool(answered))
        else:
            await all_of(greetings)
        if not answered:
            raise BootstrapFailed(_nobody(failures), failures)
        links = list(dict.fromkeys(answered.values()))
        await all_of([Deferred.fromCoroutine(self._settle(link)) for link in links])
        known = sum(len(link.table) for link in self._links.values())
        return BootstrapResult(tuple(answered), failures, known)

    async def _greet(
        self, address: Address, answered: dict[Contact, Link], failures: dict[str, str]
    ) -> None:
        """Say hello to an address in every family it and we have; one answer is enough."""
        try:
            by_link = await self._endpoints(address)
        except Unavailable as error:
            failures[str(address)] = str(error)
            return
        reasons: list[str] = []
        greetings = [
            self._first_answer(link, endpoints, address, reasons)
            for link, endpoints in by_link.items()
        ]
        answers = [each for each in await all_of(greetings) if each is not None]
        for link, answer in answers:
            answered[answer.contact] = link
        if not answers:
            failures[str(address)] = reasons[-1]

    async def hello(self, address: Address) -> tuple[Link, Answer]:
        """Say hello to an address; the first answer, of whatever family.

        Fails with ``Unavailable`` if it has no address of our families, or as a request does.
        """
        by_link = await self._endpoints(address)
        greetings = [
            link.hello(endpoint, address.key)
            for link, endpoints in by_link.items()
            for endpoint in endpoints
        ]
        failures: list[Failure] = []
        answer = await _first(greetings, failures)
        if answer is None:
            failures[-1].raiseException()
            raise AssertionError("unreachable")
        return self._links[answer.contact.family], answer

    async def _endpoints(self, address: Address) -> dict[Link, list[Endpoint]]:
        """Where an address is, in the families that we have."""
        links = self._links
        by_link: dict[Link, list[Endpoint]] = {}
        for host in await self._context.world.resolve(address.host):
            endpoint = Endpoint(host, address.port)
            if endpoint.family in links:
                by_link.setdefault(links[endpoint.family], []).append(endpoint)
        if not by_link:
            families = " and ".join(f"IPv{family:d}" for family in links)
            raise Unavailable(f"{address.host} has no {families} address, and this node no other")
        return by_link

    def _first_answer(
        self, link: Link, endpoints: Sequence[Endpoint], address: Address, reasons: list[str]
    ) -> Deferred[tuple[Link, Answer] | None]:
        """The first answer over one link, or ``None`` and the reasons."""
        failures: list[Failure] = []

        def ended(answer: Answer | None) -> tuple[Link, Answer] | None:
            reasons.extend(str(failure.value) for failure in failures)
            return None if answer is None else (link, answer)

        greetings = [link.hello(endpoint, address.key) for endpoint in endpoints]
        return _first(greetings, failures).addCallback(ended)

    async def settle(self) -> None:
        """Find our place wherever somebody is known already."""
        links = self._links.connected()
        await all_of([Deferred.fromCoroutine(self._settle(link)) for link in links])

    async def _settle(self, link: Link) -> None:
        """Find our place in one family's network, and introduce ourselves there."""
        context = self._context
        await find_nodes(context, link, context.node_id)
        if self._read_only:
            return
        due = link.table.refresh_due(context.world.now(), context.parameters.refresh_period)
        for index in due[:MAX_BUCKET_LOOKUPS]:
            target = link.table.random_id_in(index, context.world.random)
            await find_nodes(context, link, target)
        await self._introduce(link)

    async def _introduce(self, link: Link) -> None:
        """Ping everyone in the table: the token in the ping makes us worth knowing."""
        pings = [link.ask(contact, Ping(), known=True) for contact in link.table.contacts()]
        await all_of([each.addErrback(_unless_stopped) for each in pings])


def _nobody(failures: dict[str, str]) -> str:
    """The sentence for a bootstrap that nobody answered."""
    if len(failures) == 1:
        return f"the bootstrap address failed: {next(iter(failures.values()))}"
    return f"none of {len(failures)} bootstrap addresses answered ({', '.join(failures)})"


def _unless_stopped(failure: Failure) -> None:
    """That somebody did not answer is ordinary; that we are stopped, or cancelled, is not."""
    failure.trap(KadtwistedError)
    if failure.check(NodeStopped):
        failure.raiseException()


def read_addresses(addresses: Iterable[str]) -> list[Address]:
    """Parse them all before anything is sent; :class:`InvalidAddress` for the first bad one."""
    parsed = [parse_address(each) for each in addresses]
    if not parsed:
        raise InvalidAddress("give at least one bootstrap address, as 127.0.0.1:8000")
    return parsed


def _first(greetings: Sequence[Deferred[T]], failures: list[Failure]) -> Deferred[T | None]:
    """The first result, the others cancelled; ``None`` once all have failed, for these reasons.

    A stopped node ends it at once with ``NodeStopped``.
    """
    waiting = len(greetings)
    done: Deferred[T | None] = Deferred(lambda _: cancel_all())

    def cancel_all() -> None:
        for each in greetings:
            each.cancel()

    def ended(result: T | Failure) -> None:
        nonlocal waiting
        waiting -= 1
        if done.called:
            return
        if isinstance(result, Failure):
            if not result.check(KadtwistedError) or result.check(NodeStopped):
                done.errback(result)
                return
            failures.append(result)
            if not waiting:
                done.callback(None)
            return
        done.callback(result)
        cancel_all()

    for each in greetings:
        each.addBoth(ended)
    return done
