"""Lookups on routing tables alone: the real lookup and the real table, and nothing between them.

There is no protocol, no upkeep and no loss: an answer comes after one round trip of the latency
model.  So a hundred thousand nodes fit into memory.  A node is just an ID until somebody asks it;
then its table is made, from a seed of its own, and forgotten when others need the room.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from heapq import heappop, heappush

from kadtwisted.lookup.iterative import Breadth, Lookup
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID, random_id
from kadtwisted.model.results import Trace
from kadtwisted.routing.nearest import nearest
from kadtwisted.routing.table import RoutingTable
from kadtwisted.simulation.models.latency import Delays
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.table_filling import TableFiller
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.nodes import PORT

TABLES_KEPT = 4096
"""MAGIC: about 200 MB of tables; the time to make them again would settle it."""
NEVER = float("inf")
"""The patience of a lookup where everybody answers."""


class TableNetwork:
    """``size`` node IDs, and their tables, which are made when they are needed."""

    def __init__(self, scenario: Scenario, size: int) -> None:
        self._scenario = scenario
        drawing = random.Random(f"identities {scenario.seed}")
        bits = scenario.parameters.id_bits
        ids: dict[NodeID, int] = {}
        while len(ids) < size:
            ids[random_id(drawing, bits)] = len(ids)
        self._numbers = ids
        self.ids = sorted(ids)
        self.latency = Delays(scenario.latency, scenario.seed)
        self.table = lru_cache(TABLES_KEPT)(self._make_table)
        self.contact = lru_cache(None)(self._make_contact)

    def _make_contact(self, node_id: NodeID) -> Contact:
        number = self._numbers[node_id]
        host = f"{20 + number % 70}.{number // 70 % 256}.{number // 17_920}.1"
        return Contact.at(node_id, Endpoint(host, PORT))

    def _make_table(self, node_id: NodeID) -> RoutingTable:
        parameters = self._scenario.parameters
        table = RoutingTable(node_id, bits=parameters.id_bits, k=parameters.k)
        drawing = random.Random(f"table {self._scenario.seed} {node_id:x}")
        TableFiller(parameters, drawing).fill(table, self.ids, self.contact, 0.0)
        return table

    def look_up(self, asker: NodeID, target: NodeID) -> tuple[Trace, bool]:
        """One lookup: its trace, and whether it found exactly the k nearest nodes."""
        parameters = self._scenario.parameters
        lookup = Lookup(target, Breadth(parameters.k, parameters.alpha, asker))
        lookup.add(self.table(asker).closest(target, lookup.seeds), 0.0)
        own = self.contact(asker).endpoint.host
        answers: list[tuple[float, int, Contact]] = []
        asked, now = 0, 0.0
        while not lookup.finished:
            for contact in lookup.next(now):
                lookup.asked(contact, now, NEVER)
                asked += 1
                answer = now + self.latency.rtt(own, contact.endpoint.host)
                heappush(answers, (answer, asked, contact))
            now, _, contact = heappop(answers)
            lookup.replied(contact, self.table(contact.node_id).closest(target), now)
        truly = [each for each in nearest(self.ids, target, parameters.k + 1) if each != asker]
        found = [each.node_id for each in lookup.closest()]
        return lookup.trace(now), found == truly[: parameters.k]


def look_up_in_tables(
    scenario: Scenario, size: int, monitor: Monitor
) -> Iterator[tuple[Trace, bool]]:
    """Lookups of random targets by random nodes among ``size`` nodes."""
    monitor.phase(f"drawing {size:,} IDs", 1)
    network = TableNetwork(scenario, size)
    monitor.step()
    drawing = random.Random(f"experiment {scenario.seed}")
    count = scenario.operations
    monitor.phase(f"looking up {count:,} random targets in tables", count)
    for _ in range(count):
        asker = network.ids[int(size * drawing.random())]
        trace, exact = network.look_up(asker, random_id(drawing, scenario.parameters.id_bits))
        monitor.step()
        monitor.exchanged(len(trace.steps))
        yield trace, exact
