"""UPnP through a library that waits and raises plain exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial import unittest

from kadtwisted.nat.mapping import Grant, Heard, Refused, Wish
from kadtwisted.node.portmap.upnp import MISSING, Upnp
from tests.node.portmap.test_threads import Turns

WISH = Wish("10.0.0.2", 8000, 8001, 7200)


class Device:
    """What the library makes: a gateway that is there or not, and does what it is told or not."""

    def __init__(self, *, there: bool = True, obeys: bool = True) -> None:
        self.there = there
        self.obeys = obeys
        self.searches = 0
        self.mapped: dict[int, tuple[Any, ...]] = {}

    def discover(self) -> int:
        self.searches += 1
        return int(self.there)

    def selectigd(self) -> str:
        if not self.there:
            raise Exception("No UPnP device discovered")
        return "http://10.0.0.1/"

    def addportmapping(self, outer: int, *rest: Any) -> bool:
        if not self.obeys:
            raise Exception("ConflictInMappingEntry")
        self.mapped[outer] = rest
        return True

    def deleteportmapping(self, outer: int, protocol: str) -> bool:
        assert protocol == "UDP"
        del self.mapped[outer]
        return True

    def externalipaddress(self) -> str:
        return "198.51.100.7"


class UpnpTests(unittest.SynchronousTestCase):
    def asked(self, upnp: Callable[[Wish], Any], wish: Wish = WISH) -> Heard:
        done = upnp(wish)
        self.turns.turn()
        found: Heard = self.successResultOf(done)
        return found

    def setUp(self) -> None:
        self.turns = Turns()
        self.device = Device()
        self.upnp = Upnp(self.turns, lambda host: self.device)

    def test_a_mapping_and_its_end(self) -> None:
        self.assertEqual(self.asked(self.upnp.ask), Grant("198.51.100.7", 8001, 7200))
        mapped = ("UDP", "10.0.0.2", 8000, "kademlia", "", 7200)
        self.assertEqual(self.device.mapped, {8001: mapped})
        self.asked(self.upnp.ask)
        self.assertEqual(self.device.searches, 1)
        self.asked(self.upnp.ask, WISH._replace(lifetime=0))
        self.assertEqual(self.device.mapped, {})

    def test_no_gateway(self) -> None:
        self.device.there = False
        found = self.asked(self.upnp.ask)
        assert isinstance(found, Refused)
        self.assertIn("no gateway speaks UPnP", found.reason)
        self.assertTrue(found.speaks_not)

    def test_a_refusal_leads_to_a_new_search(self) -> None:
        self.device.obeys = False
        found = self.asked(self.upnp.ask)
        self.assertEqual(found, Refused("the gateway refuses by UPnP: ConflictInMappingEntry"))
        self.device.obeys = True
        self.asked(self.upnp.ask)
        self.assertEqual(self.device.searches, 2)

    def test_without_the_library(self) -> None:
        def missing(host: str) -> Any:
            raise ImportError("No module named 'miniupnpc'")

        self.assertEqual(self.asked(Upnp(self.turns, missing).ask), Refused(MISSING, True))
