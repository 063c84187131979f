"""Who gives way is told without a search, whatever has come and gone."""

from __future__ import annotations

import random
from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.rpc.crowd import Crowd


@dataclass(slots=True, eq=False)
class One:
    provider: bytes


class CrowdTests(SynchronousTestCase):
    def test_against_a_search(self) -> None:
        source = random.Random(4)
        crowd: Crowd[One] = Crowd()
        there: list[One] = []
        for _ in range(600):
            if there and source.random() < 0.45:
                gone = there.pop(source.randrange(len(there)))
                crowd.remove(gone)
            elif there and source.random() < 0.2:
                renewed = there.pop(source.randrange(len(there)))
                there.append(renewed)
                crowd.add(renewed)
            else:
                there.append(One(b"%d" % source.randrange(6)))
                crowd.add(there[-1])
            of = {
                each.provider: [o for o in there if o.provider == each.provider] for each in there
            }
            first = crowd.first_of_most()
            most = max(map(len, of.values()), default=0)
            self.assertEqual(first is not None and len(of[first.provider]), most or False)
            for provider in map(b"%d".__mod__, range(6)):
                found = of.get(provider, [])
                self.assertEqual(crowd.count(provider), len(found))
                self.assertIs(crowd.first_of(provider), found[0] if found else None)

    def test_those_without_a_provider_are_no_part_of_it(self) -> None:
        crowd: Crowd[One] = Crowd()
        crowd.add(nobody := One(b""))
        self.assertIsNone(crowd.first_of_most())
        crowd.remove(nobody)
        self.assertEqual(crowd.count(b""), 0)
