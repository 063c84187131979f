"""The node's lookups over all its address families: for nodes, and for the records under a key.

Each family has its own table and its own lookup; they run side by side and are combined here.

On a network without a secret anyone may join and lie.  So a search that reads all versions (a put
begins with one) runs over disjoint paths there, and so does the second search that confirms a miss.
How many paths there are, and how far from the key a record belongs, follows from the number of
nodes that the density of our own neighbourhood suggests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults, succeed
from twisted.python.failure import Failure

from kadtwisted.lookup.disjoint import DisjointLookup, effective_paths
from kadtwisted.lookup.iterative import Breadth, Lookup
from kadtwisted.lookup.records import Mode, RecordSearch
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID, distance
from kadtwisted.model.results import Trace
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.lookup_driver import LookupDriver
from kadtwisted.node.operations.record_driver import RecordDriver
from kadtwisted.node.port.link import Link
from kadtwisted.records.findings import Finding, Findings
from kadtwisted.records.kinds import RecordKind
from kadtwisted.routing.size import estimate_size

T = TypeVar("T")

KEEPERS_FACTOR = 3
"""At most this many times k nodes are asked to store one record.  MAGIC: a simulation of liars who
choose their IDs near a key would settle it."""


class Query(NamedTuple):
    """What to search: the records of one kind under one key.

    ``whole`` says whether all of many records are wanted, or those of the first answers suffice.
    """

    rules: RecordKind
    key: NodeID
    mode: Mode
    whole: bool = True


class Found(NamedTuple):
    """The end of one search over one link: the winner at each place, the k closest nodes, and those
    that should keep a new record: the same and maybe some more.  Both closest first."""

    link: Link
    search: RecordSearch
    winners: tuple[Finding, ...]
    closest: tuple[Contact, ...]
    keepers: tuple[Contact, ...]
    trace: Trace

    def lacking(self, version: bytes) -> list[Contact]:
        """Who of the closest does not hold this version."""
        return self.search.without_record(version)


def estimated_size(context: NodeContext, link: Link) -> float:
    """How many nodes the network has in this link's family, by how close our neighbours are."""
    parameters = context.parameters
    known = (each.node_id for each in link.table.contacts())
    wanted = max(parameters.k, 3)  # the estimate needs three, however small k is
    return estimate_size(context.node_id, known, wanted, parameters.id_bits)


def disjoint_paths(context: NodeContext, link: Link) -> int:
    """How many paths a search takes over this link that liars must not mislead."""
    if not context.open_network:
        return 1
    parameters = context.parameters
    return effective_paths(parameters.disjoint_paths, estimated_size(context, link), parameters.k)


def find_nodes(context: NodeContext, link: Link, target: NodeID) -> Deferred[Lookup]:
    """Look up the nodes closest to ``target`` over one link."""
    lookup = Lookup(target, breadth_of(context), context.world.now())
    driver = LookupDriver(context, link, lookup)
    return driver.run().addCallback(lambda _: lookup)


def breadth_of(context: NodeContext) -> Breadth:
    """How widely this node's lookups search on one path."""
    parameters = context.parameters
    return Breadth(parameters.k, parameters.alpha, context.node_id)


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
    search = _record_search(context, query, paths, started)
    findings = Findings(query.rules, query.key, context.parameters.max_remaining)
    pages_at_once = context.parameters.alpha if query.whole else 0
    driver = RecordDriver(context, link, search, findings, pages_at_once)

    def ended(_: None) -> Found:
        trace = search.trace(context.world.now())
        closest, keepers = tuple(search.closest()), _keepers(context, link, search)
        return Found(link, search, driver.winners(), closest, keepers, trace)

    return driver.run().addCallback(ended)


def _record_search(context: NodeContext, query: Query, paths: int, started: float) -> RecordSearch:
    """Every path gets the whole alpha: each must find its k nodes, and dead contacts on a path with
    one slot would be waited for one after the other."""
    breadth = breadth_of(context)
    if paths == 1:
        return RecordSearch(Lookup(query.key, breadth, started), query.mode)
    wider = breadth._replace(alpha=paths * breadth.alpha)
    return RecordSearch(DisjointLookup(query.key, wider, paths, started), query.mode)


def _keepers(context: NodeContext, link: Link, lookup: RecordSearch) -> tuple[Contact, ...]:
    """The k closest; on an open network of at least 2k nodes also whoever else is as near to the
    key as the k-th closest should be.

    Nodes that crowd nearer than chance allows then push nobody out who would have kept the record
    without them, until they are 3k.
    """
    k = context.parameters.k
    if not context.open_network or lookup.mode == "first":
        return tuple(lookup.closest())
    size = estimated_size(context, link)
    if size < 2 * k:
        return tuple(lookup.closest())
    expected = (1 << context.parameters.id_bits) * k / size
    reached = enumerate(lookup.closest(KEEPERS_FACTOR * k))
    key = lookup.target
    return tuple(c for place, c in reached if place < k or distance(c.node_id, key) <= expected)


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
