"""Which keys were put anew."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.cli.verbs.records.again import Keys
from kadtwisted.model.ids import key_of_name


class KeysTests(unittest.SynchronousTestCase):
    def test_those_that_were_added(self) -> None:
        keys = Keys(1000)
        names = [key_of_name(str(number)) for number in range(2000)]
        for each in names[:1000]:
            keys.add(each)
        self.assertTrue(all(each in keys for each in names[:1000]))
        self.assertLessEqual(sum(each in keys for each in names[1000:]), 1)

    def test_where_none_are_expected(self) -> None:
        self.assertNotIn(key_of_name("a"), Keys(0))
