"""The node's lookups over all its address families: for nodes, and for the records under a key.

Each family has its own table and its own lookup; they run side by side and are combined here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.python.failure import Failure

from kadtwisted.dialects.dialect import Dialect
from kadtwisted.lookup.iterative import Lookup
from kadtwisted.lookup.values import Mode, ValueLookup
from kadtwisted.model.contact import Contact, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.results import Trace
from kadtwisted.node.link import Link
from kadtwisted.node.lookup_driver import Best, LookupDriver, ValueDriver
from kadtwisted.node.world import World
from kadtwisted.parameters import Parameters

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every operation of one node works with."""

    node_id: NodeID
    public_key: bytes
    dialect: Dialect
    parameters: Parameters
    world: World
    links: Mapping[Family, Link]

    def connected_links(self) -> list[Link]:
        """The links whose table has contacts."""
        return [link for link in self.links.values() if len(link.table)]


class Found(NamedTuple):
    """The end of one search over one link: the winner, if any, and the closest nodes."""

    link: Link
    best: Best | None
    closest: tuple[Contact, ...]
    trace: Trace


def find_nodes(around: Surroundings, link: Link, target: NodeID) -> Deferred[Lookup]:
    """Look up the nodes closest to ``target`` over one link."""
    parameters = around.parameters
    lookup = Lookup(
        target,
        k=parameters.k,
        alpha=parameters.alpha,
        own_id=around.node_id,
        now=around.world.now(),
    )
    driver = LookupDriver(link, around.world, lookup, around.public_key)
    return driver.run().addCallback(lambda _: lookup)


def find_records(
    around: Surroundings, link: Link, kind: int, key: NodeID, mode: Mode
) -> Deferred[Found]:
    """Search the records of ``kind`` under ``key`` over one link."""
    parameters = around.parameters
    lookup = ValueLookup(
        key,
        k=parameters.k,
        alpha=parameters.alpha,
        mode=mode,
        own_id=around.node_id,
        now=around.world.now(),
    )
    driver = ValueDriver(link, around.world, lookup, around.public_key, around.dialect.kinds, kind)

    def ended(_: None) -> Found:
        trace = lookup.trace(around.world.now())
        return Found(link, driver.best(), tuple(lookup.closest()), trace)

    return driver.run().addCallback(ended)


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
