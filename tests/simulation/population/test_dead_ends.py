"""Contacts where nobody lives."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.identity.keys import node_id_of
from kadtwisted.model.ids import key_of_name
from kadtwisted.simulation.population.dead_ends import MOST, SETS, DeadEnds
from kadtwisted.testing.nodes import BLOCKS, block_address

KEY = key_of_name("k")


class DeadEndsTests(SynchronousTestCase):
    def test_they_are_those_nearest_to_a_target(self) -> None:
        made = DeadEnds(60, 3)
        sets = [made.near(KEY, drawn) for drawn in range(SETS)]
        self.assertEqual([len(each) for each in sets], [3] * SETS)
        heard = {each.node_id for found in sets for each in found}
        every = [
            each.node_id for drawn in range(SETS) for each in DeadEnds(60, 15).near(KEY, drawn)
        ]
        self.assertEqual(len(every), len(made))
        self.assertEqual(heard, set(sorted(every, key=KEY.__xor__)[: 3 * SETS]))
        self.assertEqual(made.near(KEY, SETS), made.near(KEY, 0))

    def test_each_has_a_key_that_implies_its_id_and_a_block_where_no_member_lives(self) -> None:
        named = DeadEnds(40, 10).near(KEY, 1)
        self.assertEqual([node_id_of(each.key) for each in named], [e.node_id for e in named])
        hosts = {each.endpoint.host for each in named}
        self.assertEqual(len(hosts), 10)
        self.assertFalse(hosts & {block_address(number) for number in range(1000)})
        self.assertLess(MOST, BLOCKS)

    def test_a_seed_makes_others_and_none_may_be_wanted(self) -> None:
        self.assertEqual(DeadEnds(9, 2, 1).near(KEY, 0), DeadEnds(9, 2, 1).near(KEY, 0))
        self.assertNotEqual(DeadEnds(9, 2, 1).near(KEY, 0), DeadEnds(9, 2, 2).near(KEY, 0))
        self.assertEqual((len(DeadEnds(0, 0)), DeadEnds(0, 0).near(KEY, 3)), (0, ()))
