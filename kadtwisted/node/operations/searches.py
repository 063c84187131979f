"""The node's lookups over all its address families: for nodes, and for the records under a key.

Each family has its own table and its own lookup; they run side by side and are combined here.

On a network without a secret anyone may join and lie.  So a search that reads all versions (a put
begins with one) runs over disjoint paths there, and so does the second search that confirms a miss.
How many paths there are, and how far from the key a record belongs, follows from the number of
nodes (:mod:`~kadtwisted.node.operations.sizes`).

Nodes that do not know a kind of record are passed over in a search for it.  The others tell of the
k closest nodes, whoever these are; so where too few of them know the kind, the search goes on
farther away, where the next closest are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults, succeed
from twisted.python.failure import Failure

from kadtwisted.lookup.disjoint import DisjointLookup
from kadtwisted.lookup.farther import Farther
from kadtwisted.lookup.iterative import WIDEST, Breadth, Lookup
from kadtwisted.lookup.latecomers import Latecomers
from kadtwisted.lookup.records import Mode, RecordSearch
from kadtwisted.model.contact import Contact, Family
from kadtwisted.model.ids import NodeID, distance, random_id
from kadtwisted.model.results import Trace
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.lookup_driver import LookupDriver
from kadtwisted.node.operations.record_driver import RecordDriver
from kadtwisted.node.operations.sizes import (
    breadth_of,
    disjoint_paths,
    is_size_needed,
    keepers_of,
    note_size,
    radius_of,
)
from kadtwisted.node.port.link import Link
from kadtwisted.records.findings import Finding, Findings
from kadtwisted.records.kinds import RecordKind
from kadtwisted.upkeep.schedule import LOOKUP_COST

T = TypeVar("T")

FIRST_WAVE = 3
"""Requests at once in a search that the first record ends, until something comes of one of them:
the alpha of the paper.  Measured with 100 nodes on loopback: two thirds of the time with 5, and 3.3
requests instead of 5.4.  MAGIC: with 2 or 1 less still, but a single dead contact holds up more."""


class Query(NamedTuple):
    """What to search: the records of one kind under one key.

    ``whole`` says whether all of many records are wanted, or those of the first answers suffice;
    ``gently`` that nobody waits for it.  ``family``: only over the link of this address family.
    ``patient``: all of the closest are heard out, also those that are slow.  A conditional write
    needs it: a single holder may decide.
    """

    rules: RecordKind
    key: NodeID
    mode: Mode
    whole: bool = True
    gently: bool = False
    family: Family | None = None
    patient: bool = False


class Charged(NamedTuple):
    """A lookup that has ended, and how many datagrams the upkeep is charged for it."""

    lookup: Lookup
    cost: float


class Found(NamedTuple):
    """The end of one search over one link: the winner at each place, and the k closest nodes,
    closest first.  ``unread``: a holder has more than the first page that was asked for.  ``late``
    tells who of the closest answers after the end."""

    link: Link
    search: RecordSearch
    winners: tuple[Finding, ...]
    closest: tuple[Contact, ...]
    trace: Trace
    unread: bool = False
    late: Latecomers = Latecomers()

    def keepers(self, context: NodeContext) -> list[Contact]:
        """Who should keep a new record, closest first: the k closest, and maybe some more."""
        reached = self.search.closest(WIDEST * context.parameters.k)
        return keepers_of(context, self.link, self.search.target, reached)

    @property
    def answered(self) -> bool:
        """Whether any node answered, be it one that does not know the kind."""
        return bool(self.closest or self.search.passed_over())

    def passed_over(self, keepers: Sequence[Contact]) -> list[Contact]:
        """Who would have been one of these keepers, but does not know the kind."""
        target, k = self.search.target, self.search.k
        passed = self.search.passed_over()
        if len(keepers) < k:
            return passed
        farthest = max(distance(each.node_id, target) for each in keepers)
        return [each for each in passed if distance(each.node_id, target) < farthest]

    def lacking(self, version: bytes) -> list[Contact]:
        """Who of the closest does not hold this version."""
        return self.search.without_record(version)


def find_nodes(
    context: NodeContext, link: Link, target: NodeID, *, gently: bool = False
) -> Deferred[Lookup]:
    """Look up the nodes closest to ``target`` over one link; ``gently`` if nobody waits for it:
    then all of the closest are heard out, also those that are slow."""
    return find_at_cost(context, link, target, gently=gently).addCallback(lambda e: e.lookup)


def find_at_cost(
    context: NodeContext, link: Link, target: NodeID, *, gently: bool = True
) -> Deferred[Charged]:
    """The same, with the datagrams that the upkeep is charged for it."""
    breadth = breadth_of(context)._replace(patient=gently)
    lookup = Lookup(target, breadth, context.world.now())
    driver = LookupDriver(context, link, lookup, gently=gently)
    return driver.run().addCallback(lambda _: Charged(lookup, LOOKUP_COST + driver.pings))


def find_region(context: NodeContext, link: Link, target: NodeID) -> Deferred[LookupDriver]:
    """Look up the closest nodes to ``target`` for all keys near it: on as many paths as a search
    that liars must not mislead.  The driver whose lookup has ended."""
    paths = disjoint_paths(context, link)
    lookup = _lookup(target, breadth_of(context), paths, context.world.now())
    driver = LookupDriver(context, link, lookup)
    return driver.run().addCallback(lambda _: driver)


def refresh_bucket(
    context: NodeContext, link: Link, index: int, *, gently: bool = False
) -> Deferred[float]:
    """Look up a random ID in this bucket, and learn the size of the network from what is there; the
    datagrams that the upkeep is charged for it."""
    target = link.table.random_id_in(index, context.world.random)

    def ended(charged: Charged) -> float:
        note_size(context, link, target, charged.lookup.closest())
        return charged.cost

    return find_at_cost(context, link, target, gently=gently).addCallback(ended)


def measure_network(context: NodeContext, link: Link) -> Deferred[None]:
    """Look up as many random IDs as the estimate of the network's size needs, if it needs any; a
    write waits for it."""
    if not is_size_needed(context, link):
        return succeed(None)

    def measure(target: NodeID) -> Deferred[None]:
        looking = find_nodes(context, link, target)
        return looking.addCallback(lambda e: note_size(context, link, target, e.closest()))

    random, bits = context.world.random, context.parameters.id_bits
    missing = range(link.sizes.missing(len(link.table)))
    measuring = all_of([measure(random_id(random, bits)) for _ in missing])
    return measuring.addCallback(lambda _: None)


def find_records(
    context: NodeContext,
    link: Link,
    query: Query,
    *,
    paths: int = 1,
    since: float | None = None,
) -> Deferred[Found]:
    """Search the records of one kind under a key over one link, on so many disjoint paths.

    The trace counts from ``since``, or from now.
    """
    started = context.world.now() if since is None else since
    search = _record_search(context, link, query, paths, started)
    return Deferred.fromCoroutine(_find_records(context, link, query, search))


async def _find_records(
    context: NodeContext, link: Link, query: Query, search: RecordSearch
) -> Found:
    findings = Findings(query.rules, query.key, context.parameters.max_remaining)
    pages_at_once = context.parameters.alpha if query.whole else 0
    driver = RecordDriver(context, link, search, findings, pages_at_once, gently=query.gently)
    await driver.run()
    unread, late = driver.unread, driver.late
    farther = Farther(query.key, search.k, context.parameters.id_bits)
    farther.found(each.node_id for each in (*search.passed_over(), *search.closest()))
    while _lacks_nodes(search, farther) and (target := farther.next()) is not None:
        found = (await find_nodes(context, link, target, gently=query.gently)).closest()
        farther.found(each.node_id for each in found)
        driver.hand_over()
        search.add(found, context.world.now())
        driver = RecordDriver(context, link, search, findings, pages_at_once, gently=query.gently)
        await driver.run()
        unread = unread or driver.unread
    trace = search.trace(context.world.now())
    return Found(link, search, driver.winners(), tuple(search.closest()), trace, unread, late)


def _lacks_nodes(search: RecordSearch, farther: Farther) -> bool:
    """Whether nodes that know the kind may be closer than some of those found: then some were
    passed over, and the others have told of the nodes around the key alone."""
    if search.satisfied or not search.passed_over():
        return False
    return not farther.enough(each.node_id for each in search.closest())


def _record_search(
    context: NodeContext, link: Link, query: Query, paths: int, started: float
) -> RecordSearch:
    breadth = breadth_of(context)._replace(patient=query.patient or query.gently)
    if query.mode == "first" and paths == 1:
        breadth = breadth._replace(first_wave=FIRST_WAVE)
    if query.mode != "first" or paths > 1:
        breadth = breadth._replace(radius=radius_of(context, link))
    return RecordSearch(_lookup(query.key, breadth, paths, started), query.mode)


def _lookup(
    target: NodeID, breadth: Breadth, paths: int, started: float
) -> Lookup | DisjointLookup:
    """Every path gets the whole alpha: each must find its k nodes, and dead contacts on a path with
    one slot would be waited for one after the other."""
    if paths == 1:
        return Lookup(target, breadth, started)
    return DisjointLookup(target, breadth._replace(alpha=paths * breadth.alpha), paths, started)


def all_of(running: Sequence[Deferred[T]]) -> Deferred[list[T]]:
    """Wait for all; the first failure cancels the others and is raised as itself."""

    def first_failure(failure: Failure) -> Failure:
        for each in running:
            each.cancel()
        error = failure.value
        return error.subFailure if isinstance(error, FirstError) else failure

    gathered = gatherResults(list(running), consumeErrors=True)
    return gathered.addErrback(first_failure)


def first_of(running: Sequence[Deferred[T]], good: Callable[[T], bool]) -> Deferred[list[T]]:
    """Wait until one result is ``good`` and cancel the others, or else for all.

    Fires with the results that came in, the good one last.
    """
    if not running:
        return succeed([])
    results: list[T] = []

    def cancel_all(_: object) -> None:
        for each in running:
            each.cancel()

    done: Deferred[list[T]] = Deferred(cancel_all)
    waiting = len(running)

    def ended(result: T | Failure) -> None:
        nonlocal waiting
        waiting -= 1
        if done.called:
            return
        if isinstance(result, Failure):
            done.errback(result)
        else:
            results.append(result)
            if waiting and not good(result):
                return
            done.callback(results)
        cancel_all(None)

    for each in running:
        each.addBoth(ended)
    return done


def merge_traces(traces: Sequence[Trace]) -> Trace:
    """One trace of lookups that ran side by side."""
    steps = sorted((s for trace in traces for s in trace.steps), key=lambda step: step.asked)
    duration = max((trace.duration for trace in traces), default=0.0)
    return Trace(tuple(steps), duration, max((trace.hops for trace in traces), default=0))
