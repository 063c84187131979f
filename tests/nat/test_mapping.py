"""Whether what a gateway says of its address outside is believed."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.model.contact import Endpoint
from kadtwisted.nat.mapping import doubt

OUTER = Endpoint("198.51.100.7", 8001)


class DoubtTests(unittest.SynchronousTestCase):
    def test_others_see_us_there(self) -> None:
        self.assertEqual(doubt(OUTER, OUTER), "")

    def test_another_nat_behind_the_gateway(self) -> None:
        for host in ("100.64.0.7", "192.168.1.2", "10.1.1.1", "127.0.0.1", "0.0.0.0", "224.0.0.1"):
            self.assertIn("another NAT", doubt(Endpoint(host, 8001), Endpoint(host, 8001)), host)

    def test_others_see_something_else_or_nothing(self) -> None:
        for seen, said in (
            (None, "nobody has said"),
            (Endpoint("203.0.113.1", 8001), "at 203.0.113.1, not at 198.51.100.7"),
            (Endpoint("198.51.100.7", 9), "on 9, not on 8001"),
            (Endpoint("198.51.100.7", 0), "on changing ports, not on 8001"),
        ):
            self.assertIn(said, doubt(OUTER, seen))
