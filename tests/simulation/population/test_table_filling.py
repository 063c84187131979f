"""Tables filled from global knowledge hold what the paper says they should."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID, common_prefix
from kadtwisted.parameters import Parameters
from kadtwisted.routing.table import RoutingTable
from kadtwisted.simulation.population.table_filling import (
    LONGEST_KNOWN,
    TableFiller,
    known_ids,
)

networks = st.sets(st.integers(0, 255), min_size=1, max_size=120).map(sorted)


def contact(node_id: NodeID) -> Contact:
    return Contact.at(node_id, Endpoint(f"20.0.{node_id % 256}.1", 8000))


class KnownTests(SynchronousTestCase):
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(networks, st.integers(0, 1000), st.integers(1, 5))
    def test_each_range_has_k_nodes_or_all_there_are(
        self, ids: list[NodeID], seed: int, k: int
    ) -> None:
        own = ids[seed % len(ids)]
        known = list(known_ids(ids, own, k, 8, random.Random(seed)))
        self.assertEqual(len(known), len(set(known)))
        self.assertNotIn(own, known)
        for shared in range(8):
            there = [each for each in ids if common_prefix(own, each, 8) == shared]
            beyond = [each for each in ids if common_prefix(own, each, 8) >= shared]
            held = [each for each in known if common_prefix(own, each, 8) == shared]
            self.assertLessEqual(set(held), set(there))
            if len(beyond) > k + 1:
                self.assertEqual(len(held), min(k, len(there)))
            else:
                self.assertEqual(len(held), len(there))


class StockTests(SynchronousTestCase):
    def test_a_table_holds_all_that_it_is_given_and_is_verified(self) -> None:
        source = random.Random(3)
        ids = sorted({NodeID(source.getrandbits(160)) for _ in range(2000)})
        table = RoutingTable(ids[700])
        TableFiller(Parameters(), random.Random(5)).fill(table, ids, contact, 1e6)
        wanted = sorted(known_ids(ids, ids[700], 20, 160, random.Random(5)))
        self.assertEqual(len(table), len(wanted))
        self.assertEqual(table.tentative, 0)
        for view in table.buckets()[:5]:
            self.assertEqual(len(view.entries), 20)
        nearest = sorted(ids, key=ids[700].__xor__)[1:21]
        self.assertEqual([each.node_id for each in table.closest(ids[700])], nearest)

    def test_meetings_and_lookups_are_spread_over_the_past(self) -> None:
        source = random.Random(3)
        ids = sorted({NodeID(source.getrandbits(160)) for _ in range(500)})
        table, now = RoutingTable(ids[0]), 1e6
        parameters = Parameters()
        TableFiller(parameters, source).fill(table, ids, contact, now)
        silent = sorted(now - each.last_seen for each in table.entries())
        self.assertGreater(silent[-1], 850)
        self.assertLess(silent[-1], 900)
        self.assertLess(silent[0], 50)
        known = [each.last_seen - each.first_seen for each in table.entries()]
        self.assertGreater(min(known), 0)
        self.assertLess(max(known), LONGEST_KNOWN + 900)
        self.assertEqual(table.refresh_due(now, parameters.refresh_period), [])
        self.assertNotEqual(table.refresh_due(now + 3000, parameters.refresh_period), [])
