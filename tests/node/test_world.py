"""What a node asks of its surroundings: from which address the system would send."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from twisted.internet.defer import fail
from twisted.trial import unittest

from kadtwisted.errors import Unavailable
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.node import routes
from kadtwisted.node.routes import default_way, source_address
from kadtwisted.node.world import World, real_world
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import simulated_world
from tests.nat.test_routes import HEAD, route, route6


class Asked:
    """A socket that has a name once it is connected, and can do nothing else."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.connected: list[tuple[str, int]] = []

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def connect(self, address: tuple[str, int]) -> None:
        self.connected.append(address)
        if self.name is None:
            raise OSError("no route")

    def getsockname(self) -> tuple[str, int]:
        assert self.name is not None
        return self.name, 40000


class SourceAddressTests(unittest.SynchronousTestCase):
    def asked(self, name: str | None, endpoint: Endpoint) -> tuple[str | None, Asked]:
        made = Asked(name)
        self.patch(routes.socket, "socket", lambda *_: made)
        return source_address(endpoint), made

    def test_the_name_of_a_connected_socket(self) -> None:
        there = Endpoint("192.0.2.9", 4000)
        found, made = self.asked("10.1.2.3", there)
        self.assertEqual((found, made.connected), ("10.1.2.3", [("192.0.2.9", 4000)]))

    def test_a_scope_is_dropped_and_the_shortest_form_is_given(self) -> None:
        found, _ = self.asked("fe80:0::1%eth0", Endpoint("fe80::9", 4000))
        self.assertEqual(found, "fe80::1")
        found, _ = self.asked("2001:0db8:0::1", Endpoint("2001:db8::9", 4000))
        self.assertEqual(found, "2001:db8::1")

    def test_an_address_of_one_link_leads_nowhere_else(self) -> None:
        for host, there in (("fe80::1%eth0", "2001:db8::9"), ("169.254.0.1", "192.0.2.1")):
            self.assertIsNone(self.asked(host, Endpoint(there, 4000))[0])

    def test_no_route(self) -> None:
        self.assertIsNone(self.asked(None, Endpoint("192.0.2.9", 4000))[0])

    def test_the_loopback_of_this_machine(self) -> None:
        self.assertEqual(source_address(Endpoint("127.0.0.1", 9)), "127.0.0.1")

    def test_what_cannot_be_never_raises(self) -> None:
        for host, port in (("127.0.0.1", 70000), ("no address", 9), ("", -1), ("x:y", 9)):
            self.assertIsNone(source_address(Endpoint(host, port)), (host, port))


class DefaultWayTests(unittest.SynchronousTestCase):
    def way(self, family: Family, name: str, text: str | None) -> str:
        place = Path(self.mktemp())
        if text is not None:
            place.write_text(text, encoding="utf-8")
        self.patch(routes, name, place)
        return default_way(family)

    def test_ipv4(self) -> None:
        text = HEAD + route("wlan0", "00000000", "0101A8C0")
        self.assertEqual(self.way(Family.IPV4, "ROUTES", text), "192.168.1.1 by wlan0")

    def test_ipv6(self) -> None:
        text = route6("wlan0", gateway="fe80" + "0" * 27 + "1")
        self.assertEqual(self.way(Family.IPV6, "ROUTES_IPV6", text), "fe80::1 by wlan0")

    def test_nobody_tells(self) -> None:
        for text in (None, "", "torn", "é"):
            self.assertEqual(self.way(Family.IPV4, "ROUTES", text), "")
            self.assertEqual(self.way(Family.IPV6, "ROUTES_IPV6", text), "")


class WorldTests(unittest.SynchronousTestCase):
    def test_a_world_that_cannot_tell(self) -> None:
        clock, source = HeapClock(), random.Random(1)
        bare = World(
            clock.seconds, clock.seconds, lambda _: fail(Unavailable()), source.randbytes, source
        )
        self.assertFalse(bare.tells_sources)
        self.assertIsNone(bare.source_address(Endpoint("192.0.2.9", 4000)))
        self.assertEqual(bare.default_way(Family.IPV4), "")

    def test_the_real_one_can(self) -> None:
        reactor: Any = HeapClock()
        self.assertTrue(real_world(reactor).tells_sources)

    def test_a_simulated_one_follows_its_host(self) -> None:
        network = Network(HeapClock())
        host = network.host("192.0.2.1", "2001:db8::1")
        made = simulated_world(host, 1)
        self.assertTrue(made.tells_sources)
        one, other = Endpoint("198.51.100.1", 9), Endpoint("2001:db8:7::1", 9)
        self.assertEqual(made.source_address(one), "192.0.2.1")
        self.assertEqual(made.source_address(other), "2001:db8::1")
        network.move(host, "10.0.0.7")
        self.assertEqual(made.source_address(one), "10.0.0.7")
        self.assertIsNone(made.source_address(other))
