"""Other rules for lookups, to compare ours with, on the same stack and from the same seed.

``plain`` is our rule with a fixed timeout: before it is over no contact is suspected, and no
request is sent again.  ``rounds`` is the rule of the Python program ``kademlia``: alpha nodes are
asked together, and the next round begins when all have answered or 5 seconds are over; if a round
found no nearer node, all of the k nearest that were not asked yet are asked at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from twisted.internet.defer import Deferred

from kadtwisted.errors import NotFound
from kadtwisted.lookup.iterative import Lookup
from kadtwisted.lookup.records import RecordSearch
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.model.results import Trace
from kadtwisted.node.operations.lookup_driver import LookupDriver
from kadtwisted.node.operations.record_driver import RecordDriver
from kadtwisted.node.operations.sizes import breadth_of
from kadtwisted.parameters import Timeouts
from kadtwisted.records.findings import Findings
from kadtwisted.records.kinds import VALUE
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.inspect import context_of, link_of
from kadtwisted.testing.nodes import Member


class InRounds(Lookup):
    """A lookup that asks again when all nodes of the last round have answered or failed."""

    _nearest_before: tuple[NodeID, ...] = ()
    _asks_all = False

    def next(self, now: float) -> list[Contact]:
        """The contacts of a new round, if the last one is over."""
        if self.in_flight or self.finished:
            return []
        nearest = tuple(
            NodeID(each.distance ^ self.target) for each in self.shortlist.candidates[: self.k]
        )
        self._asks_all = nearest == self._nearest_before
        self._nearest_before = nearest
        return super().next(now)

    def slots(self) -> int:
        """Alpha, or k in a round that asks all of the nearest."""
        return self.k if self._asks_all else self.alpha

    @property
    def finished(self) -> bool:
        """As in every lookup, but only at the end of a round."""
        return not self.in_flight and super().finished


class SearchInRounds(RecordSearch):
    """The same for the first record under a key, which counts when its round ends."""

    def __init__(self, lookup: InRounds) -> None:
        super().__init__(lookup, "first")
        self._rounds = lookup

    @property
    def finished(self) -> bool:
        """As in every search, but only at the end of a round."""
        return not self._rounds.in_flight and super().finished


class Rule(NamedTuple):
    """A rule for lookups; ``alpha`` and ``timeouts`` are the scenario's if they are ``None``."""

    name: str
    alpha: int | None = None
    timeouts: Timeouts | None = None
    in_rounds: bool = False

    def applied(self, scenario: Scenario) -> Scenario:
        """A scenario whose nodes follow this rule."""
        if self.alpha is not None:
            parameters = replace(scenario.parameters, alpha=self.alpha)
            scenario = replace(scenario, parameters=parameters)
        if self.timeouts is not None:
            scenario = replace(scenario, timeouts=self.timeouts)
        return scenario

    def find_node(self, asker: Member, target: NodeID) -> Deferred[Trace]:
        """A full lookup by a member."""
        if not self.in_rounds:
            return asker.node.find_node(target).addCallback(lambda found: found.trace)
        context = context_of(asker.node)
        lookup = InRounds(target, breadth_of(context), context.world.now())
        driver = LookupDriver(context, link_of(asker.node), lookup)
        return driver.run().addCallback(lambda _: lookup.trace(context.world.now()))

    def first_value(self, asker: Member, key: NodeID) -> Deferred[Trace]:
        """A lookup by a member for the first record under a key; fails with ``NotFound``."""
        if not self.in_rounds:
            raw = key.to_bytes(20, "big")
            return asker.node.get(raw, mode="first").addCallback(lambda found: found.trace)
        context = context_of(asker.node)
        search = SearchInRounds(InRounds(key, breadth_of(context), context.world.now()))
        findings = Findings(VALUE, key, context.parameters.max_remaining)
        driver = RecordDriver(context, link_of(asker.node), search, findings)

        def ended(_: None) -> Trace:
            if not driver.winners():
                raise NotFound("nobody asked has a record")
            return search.trace(context.world.now())

        return driver.run().addCallback(ended)


def fixed(seconds: float) -> Timeouts:
    """Every request is sent once, and its reply is awaited for exactly so long."""
    return Timeouts(
        initial=seconds,
        floor=seconds,
        ceiling=seconds,
        store_floor=seconds,
        ping_floor=seconds,
        hard_factor=1.0,
        hard_floor=0.0,
    )


RULES = (
    Rule("ours"),
    Rule("plain 1 s", alpha=3, timeouts=fixed(1.0)),
    Rule("rounds 5 s", alpha=3, timeouts=fixed(5.0), in_rounds=True),
)
"""The rules that are compared.  alpha 3 is that of the paper."""
