"""What stands between a node and the others, by what they see of it."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.model.contact import Endpoint
from kadtwisted.nat.kind import NatKind, kind_of


class KindTests(unittest.SynchronousTestCase):
    def test_by_where_others_see_us_and_from_where_we_send(self) -> None:
        outside, changing = Endpoint("198.51.100.7", 8000), Endpoint("198.51.100.7", 0)
        for own, source, kind in (
            (None, None, NatKind.UNKNOWN),
            (None, "192.168.1.2", NatKind.UNKNOWN),
            (outside, "198.51.100.7", NatKind.NONE),
            (changing, "198.51.100.7", NatKind.NONE),
            (outside, "192.168.1.2", NatKind.INDEPENDENT),
            (changing, "192.168.1.2", NatKind.DEPENDENT),
            (outside, None, NatKind.UNKNOWN),
            (changing, None, NatKind.DEPENDENT),
        ):
            self.assertIs(kind_of(own, source), kind)

    def test_each_number_is_itself_and_any_other_is_unknown(self) -> None:
        self.assertEqual([NatKind.of(each) for each in range(4)], list(NatKind))
        self.assertEqual({NatKind.of(each) for each in (-1, 4, 255)}, {NatKind.UNKNOWN})
