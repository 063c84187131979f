"""The gateway of this machine, or none."""

from __future__ import annotations

from pathlib import Path

from twisted.trial import unittest

from kadtwisted.node import routes
from kadtwisted.node.portmap import gateway
from tests.nat.test_routes import HEAD, route


class FindGatewayTests(unittest.SynchronousTestCase):
    def found(self, text: str | None) -> gateway.Gateway | None:
        place = Path(self.mktemp())
        if text is not None:
            place.write_text(text, encoding="utf-8")
        self.patch(routes, "ROUTES", place)
        return gateway.find_gateway()

    def test_by_which_of_our_addresses_it_is_reached(self) -> None:
        text = HEAD + route("lo", "00000000", "0100007F", "0003", 0, "00000000")
        self.assertEqual(self.found(text), gateway.Gateway("127.0.0.1", "127.0.0.1"))

    def test_none(self) -> None:
        for text in (
            None,
            "",
            HEAD,
            HEAD + "torn\n",
            HEAD + route("e", "x", "y", "z", 0, "q"),
            "é",
        ):
            self.assertIsNone(self.found(text), text)
