"""Bootstrapping: saying hello to given addresses, finding our place, making ourselves known.

After the hellos, and what its owner wants done before others hear from it, a node looks up its own
ID, then an ID in each of its farther buckets (paper, section 2.3).  A full node then pings all its
contacts with the token it was given, because other nodes remember only a sender that has shown a
token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from kadtwisted.errors import (
    BootstrapFailed,
    InvalidAddress,
    KadtwistedError,
    NodeStopped,
    OwnKeyAnswered,
    Unavailable,
)
from kadtwisted.model.contact import (
    LOOPBACK,
    WILDCARDS,
    Address,
    Endpoint,
    Family,
    needs_scope,
    parse_address,
    scoped_address,
)
from kadtwisted.model.messages import Ping
from kadtwisted.model.printable import described
from kadtwisted.model.results import BootstrapResult
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.searches import all_of, find_nodes, first_of, refresh_bucket
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer

MAX_BUCKET_LOOKUPS = 16
"""Lookups of farther buckets in a bootstrap: a network of 2 ** 16 x k nodes fills no more."""


def _nothing(_: Family) -> Deferred[None]:
    return succeed(None)


class First(NamedTuple):
    """The first answer to several hellos, or ``None``; and the failures that came before it."""

    answer: Answer | None
    failures: Sequence[KadtwistedError]


class Greeting(NamedTuple):
    """How the hellos to one address ended: the links over which it answered, and the failures."""

    address: Address
    answers: Sequence[tuple[Link, Answer]]
    failures: Sequence[KadtwistedError]


class Bootstrap:
    """The bootstrap operation of one node, and the parts of it that others need.

    Its owner may set ``before_joining``: it is called for each link over which a hello was
    answered, and what it returns is waited for.
    """

    def __init__(self, context: NodeContext, links: Links) -> None:
        self._context = context
        self._links = links
        self.before_joining: Callable[[Family], Deferred[None]] = _nothing
        self._short_lived = context.read_only
        self.found_itself = False
        """Whether the node itself was among the addresses to join through: it is one of those that
        others join through, and may be the first of them."""

    async def run(self, addresses: Iterable[Address], *, gently: bool = False) -> BootstrapResult:
        """Join the network through these addresses, ``gently`` if nobody waits for it; see
        :meth:`INode.bootstrap`."""
        greetings = await self._greet_all(addresses)
        answered = {answer.contact: link for each in greetings for link, answer in each.answers}
        failures = {str(e.address): str(e.failures[-1]) for e in greetings if not e.answers}
        own = [str(each.address) for each in greetings if self._is_own(each)]
        self.found_itself = self.found_itself or bool(own)
        if not answered:
            raise BootstrapFailed(_nobody(failures), failures, own)
        links = dict.fromkeys(answered.values())
        await all_of([self.before_joining(link.family) for link in links])
        await all_of([Deferred.fromCoroutine(self._settle(link, gently)) for link in links])
        known = sum(len(link.table) for link in self._links.values())
        return BootstrapResult(tuple(answered), failures, known)

    def _greet_all(self, addresses: Iterable[Address]) -> Deferred[list[Greeting]]:
        """Say hello to all addresses; how that ended, in the order in which it ended.

        A read-only node is in a hurry, and one way into the network is enough for it: it waits for
        the first answer only.
        """
        greetings = [Deferred.fromCoroutine(self._greet(each)) for each in addresses]
        return first_of(greetings, lambda each: self._short_lived and bool(each.answers))

    async def _greet(self, address: Address) -> Greeting:
        """Say hello to an address in each family that it and we have."""
        try:
            by_link = await self._endpoints(address)
        except (Unavailable, InvalidAddress) as error:
            return Greeting(address, (), (error,))
        firsts = await all_of(
            [_first_answer(link, endpoints, address) for link, endpoints in by_link.items()]
        )
        answers = [
            (link, first.answer)
            for link, first in zip(by_link, firsts, strict=True)
            if first.answer is not None
        ]
        return Greeting(address, answers, [each for first in firsts for each in first.failures])

    def _is_own(self, greeting: Greeting) -> bool:
        """Whether an address leads to this node: we answered ourselves, or it asks for our key and
        nobody else has that."""
        found = [each for each in greeting.failures if isinstance(each, OwnKeyAnswered)]
        if found:
            return all(each.ourselves for each in found) and not greeting.answers
        return greeting.address.key == self._context.public_key and not greeting.answers

    async def hello(self, address: Address) -> Answer:
        """Say hello to an address; the first answer, of any family.

        Fails with :class:`~kadtwisted.errors.Unavailable` if it has no address of our families, or
        as a request does.
        """
        by_link = await self._endpoints(address)
        hellos = [
            link.greet(endpoint, address.key)
            for link, endpoints in by_link.items()
            for endpoint in endpoints
        ]
        first = await _first(hellos)
        if first.answer is None:
            raise first.failures[-1]
        return first.answer

    async def _endpoints(self, address: Address) -> dict[Link, list[Endpoint]]:
        """The endpoints of an address, in the families that we have."""
        links = self._links
        by_link: dict[Link, list[Endpoint]] = {}
        hosts = await self._context.world.resolve(address.host)
        usable = [each for each in hosts if not needs_scope(each)]
        if hosts and not usable:
            raise scoped_address(hosts[0])
        for host in usable:
            endpoint = Endpoint(host, address.port)
            if host in WILDCARDS:  # as status shows it: we would be answered from another address
                endpoint = Endpoint(LOOPBACK[endpoint.family], address.port)
            if endpoint.family in links:
                by_link.setdefault(links[endpoint.family], []).append(endpoint)
        if not by_link:
            families = " and ".join(f"IPv{family:d}" for family in links)
            raise Unavailable(
                f"{address.host} has no {families} address, and this node uses {families} only"
            )
        return by_link

    async def settle(self, only: Family | None = None) -> None:
        """Find our place in each family in which we have contacts already, or in one of them."""
        links = [each for each in self._links.connected() if only in (None, each.family)]
        await all_of([Deferred.fromCoroutine(self._settle(link)) for link in links])

    async def _settle(self, link: Link, gently: bool = False) -> None:
        """Find our place in one family's network, and introduce ourselves there if we serve."""
        context = self._context
        await find_nodes(context, link, context.node_id, gently=gently)
        if self._short_lived:
            return
        due = link.table.refresh_due(context.world.now(), context.parameters.refresh_period)
        for index in due[:MAX_BUCKET_LOOKUPS]:
            await refresh_bucket(context, link, index, gently=gently)
        if not link.read_only:
            await self.introduce(link)

    async def introduce(self, link: Link) -> None:
        """Ping all contacts: the token in the ping lets them take us into their tables."""
        pings = [link.ask(contact, Ping(), known=True) for contact in link.table.contacts()]
        await all_of([each.addErrback(_unless_stopped) for each in pings])


def read_addresses(addresses: Iterable[str]) -> list[Address]:
    """Parse all addresses, before anything is sent; :class:`InvalidAddress` for a bad one.

    A single address need not be in a list.
    """
    given = (addresses,) if isinstance(addresses, str | bytes) else addresses
    if not isinstance(given, Iterable):
        raise InvalidAddress(f"addresses are a list of str, not {described(given)}")
    parsed = [parse_address(each) for each in given]
    if not parsed:
        raise InvalidAddress("give at least one bootstrap address, as 127.0.0.1:8000")
    return parsed


def _nobody(failures: dict[str, str]) -> str:
    """The error text of a bootstrap that no address answered."""
    if len(failures) == 1:
        return f"the bootstrap address failed: {next(iter(failures.values()))}"
    return f"none of {len(failures)} bootstrap addresses answered ({', '.join(failures)})"


def _unless_stopped(failure: Failure) -> None:
    """Ignore that a node did not answer, but not that we are stopped or cancelled."""
    failure.trap(KadtwistedError)
    if failure.check(NodeStopped):
        failure.raiseException()


def _first_answer(link: Link, endpoints: Iterable[Endpoint], address: Address) -> Deferred[First]:
    """Say hello to several endpoints of one address over one link."""
    return _first([link.greet(endpoint, address.key) for endpoint in endpoints])


def _first(hellos: Sequence[Deferred[Answer]]) -> Deferred[First]:
    """Wait for the first answer and cancel the other hellos, or wait until all have failed.

    Fails with ``NodeStopped`` at once if the node stops.
    """
    failures: list[KadtwistedError] = []
    done: Deferred[First] = Deferred(lambda _: cancel_all())

    def cancel_all() -> None:
        for each in hellos:
            each.cancel()

    def ended(result: Answer | Failure) -> None:
        if done.called:
            return
        if not isinstance(result, Failure):
            done.callback(First(result, failures))
            cancel_all()
        elif isinstance(result.value, KadtwistedError) and not result.check(NodeStopped):
            failures.append(result.value)
            if len(failures) == len(hellos):
                done.callback(First(None, failures))
        else:
            done.errback(result)

    for each in hellos:
        each.addBoth(ended)
    return done
