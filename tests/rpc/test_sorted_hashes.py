"""A place in a sorted column of hashes, found as by looking at all of them."""

from __future__ import annotations

from array import array
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.rpc.sorted_hashes import place_in


class PlaceTests(SynchronousTestCase):
    def test_as_by_looking_at_all(self) -> None:
        random = Random(1)
        hashes = array("q", sorted(random.sample(range(-50, 50), 40)))
        for hashed in range(-52, 52):
            place, known = place_in(hashes, hashed)
            self.assertEqual(place, sum(each < hashed for each in hashes))
            self.assertEqual(known, hashed in hashes)
        self.assertEqual(place_in(array("q"), 7), (0, False))
