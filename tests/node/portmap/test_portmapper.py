"""A port is mapped at a gateway, kept so, and given back, on the network in memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import DatagramProtocol
from twisted.trial import unittest

from kadtwisted.errors import Unavailable
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.status import PortMapping
from kadtwisted.nat.lease import AGAIN_AFTER, LIFETIME, RENEW_AFTER
from kadtwisted.nat.mapping import GATEWAY_PORT, Grant, Heard, Refused, Wish
from kadtwisted.node.portmap.gateway import Gateway
from kadtwisted.node.portmap.portmapper import LOOK_EVERY, Portmapper
from kadtwisted.parameters import NodeSettings
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import simulated_world
from tests.node.contexts import make_context

OUTSIDE = bytes((198, 51, 100, 7))
GATEWAY = Gateway("10.0.0.1", "10.0.0.2")
WITHOUT = Gateway("10.0.0.9", "10.0.0.2")


class Box(DatagramProtocol):
    """A gateway, written from RFC 6886 and RFC 6887; ``mappings`` are its outer ports."""

    def __init__(self, *, pcp: bool) -> None:
        self.pcp = pcp
        self.mappings: dict[int, int] = {}
        self.asked: list[bytes] = []
        self.askers: list[Any] = []
        self.silent = False

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.asked.append(datagram)
        self.askers.append(addr)
        if self.silent:
            return
        answer = self._by_pcp(datagram) if datagram[0] == 2 else self._by_natpmp(datagram)
        assert self.transport is not None
        self.transport.write(answer, addr)

    def _by_natpmp(self, datagram: bytes) -> bytes:
        if datagram == b"\0\0":
            return b"\0\x80\0\0\0\0\0\1" + OUTSIDE
        port, _, lifetime = struct.unpack("!4xHHI", datagram)
        self._set(port, lifetime)
        return b"\0\x81\0\0\0\0\0\1" + struct.pack("!HHI", port, port + 1, lifetime)

    def _by_pcp(self, datagram: bytes) -> bytes:
        if not self.pcp:
            return b"\0\x80\0\1\0\0\0\1"
        nonce, port, lifetime = (
            datagram[24:36],
            *struct.unpack("!H", datagram[40:42]),
            datagram[4:8],
        )
        self._set(port, int.from_bytes(lifetime, "big"))
        head = b"\2\x81\0\0" + lifetime + bytes(16)
        ports = struct.pack("!HH", port, port + 1)
        return head + nonce + b"\x11\0\0\0" + ports + b"\0" * 10 + b"\xff\xff" + OUTSIDE

    def _set(self, port: int, lifetime: int) -> None:
        if lifetime:
            self.mappings[port] = lifetime
        else:
            self.mappings.pop(port, None)


class FakeUpnp:
    """Answers as it is told."""

    def __init__(self, answer: Callable[[Wish], Deferred[Heard]]) -> None:
        self.asked: list[Wish] = []
        self._answer = answer

    def ask(self, wish: Wish) -> Deferred[Heard]:
        self.asked.append(wish)
        return self._answer(wish)


class PortmapperCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock)
        self.host = self.network.host("10.0.0.2")
        self.gateway_host = self.network.host("10.0.0.1")
        self.found: Gateway | None = GATEWAY

    def box(self, *, pcp: bool = True) -> Box:
        made = Box(pcp=pcp)
        self.gateway_host.listenUDP(GATEWAY_PORT, made)
        return made

    def mapper(self, wanted: str = "auto", bound: str = "0.0.0.0", upnp: Any = None) -> Portmapper:
        settings = NodeSettings(portmap=wanted)
        context = replace(make_context(simulated_world(self.host, 1), settings), reactor=self.host)
        silent: Any = upnp or FakeUpnp(lambda _: succeed(Refused("no UPnP", speaks_not=True)))
        made = Portmapper(context, lambda: self.found, silent)
        made.start(Endpoint(bound, 8000))
        self.addCleanup(self.check_end, made)
        return made

    def check_end(self, made: Portmapper) -> None:
        self.stop(made)
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def stop(self, made: Portmapper) -> None:
        stopping = made.stop()
        self.clock.advance(0)
        self.successResultOf(stopping)


class MappingTests(PortmapperCase):
    def test_pcp(self) -> None:
        box, mapper = self.box(), self.mapper()
        self.clock.advance(0.1)
        outer = Endpoint("198.51.100.7", 8001)
        mapping = mapper.mapping
        assert mapping is not None
        self.assertEqual(mapping, PortMapping("pcp", outer, mapping.left, ""))
        self.assertAlmostEqual(mapping.left, LIFETIME, -1)
        self.assertEqual(box.mappings, {8000: LIFETIME})

    def test_natpmp_where_pcp_is_unknown(self) -> None:
        self.box(pcp=False)
        mapper = self.mapper()
        self.clock.advance(0.2)
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping.protocol, "natpmp")
        self.assertEqual(mapper.mapping.outer, Endpoint("198.51.100.7", 8001))

    def test_natpmp_alone(self) -> None:
        box, mapper = self.box(), self.mapper("natpmp")
        self.clock.advance(0.2)
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping.protocol, "natpmp")
        self.assertEqual({each[0] for each in box.asked}, {0})

    def test_a_stop_gives_it_back(self) -> None:
        box = self.box()
        for wanted in ("pcp", "natpmp"):
            mapper = self.mapper(wanted)
            self.clock.advance(0.2)
            self.assertEqual(len(box.mappings), 1)
            self.stop(mapper)
            self.assertIsNone(mapper.mapping)
            self.clock.advance(0.2)
            self.assertEqual(box.mappings, {})

    def test_a_gateway_that_was_restarted_has_it_again(self) -> None:
        box, mapper = self.box(), self.mapper()
        self.clock.advance(0.2)
        box.mappings.clear()
        self.clock.advance(RENEW_AFTER + LOOK_EVERY)
        self.assertEqual(list(box.mappings), [8000])
        self.assertLess(len(box.asked), 4)
        assert mapper.mapping is not None

    def test_another_gateway(self) -> None:
        mapper = self.mapper()
        self.clock.advance(1)
        self.found = WITHOUT
        self.clock.advance(LOOK_EVERY)
        box, self.found = self.box(), GATEWAY
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(list(box.mappings), [8000])
        self.found = None
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(box.mappings, {})
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping.problem, "this machine has no default gateway")

    def test_only_the_gateway_is_heard(self) -> None:
        box = self.box()
        box.silent = True
        mapper = self.mapper("natpmp")
        self.clock.advance(0.2)
        stranger = Box(pcp=False)
        self.host.listenUDP(GATEWAY_PORT, stranger)
        mine = box.askers[-1][1]
        assert stranger.transport is not None
        stranger.transport.write(
            b"\0\x81\0\0\0\0\0\1" + struct.pack("!HHI", 8000, 8001, 60), ("10.0.0.2", mine)
        )
        self.clock.advance(0.2)
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping.protocol, "")


class WithoutTests(PortmapperCase):
    def test_not_wanted(self) -> None:
        self.assertIsNone(self.mapper("none").mapping)

    def test_others_reach_us_anyway(self) -> None:
        for bound in ("127.0.0.1", "198.51.101.1", "::"):
            self.assertIsNone(self.mapper("auto", bound).mapping, bound)
        self.found = Gateway("8.8.4.1", "8.8.4.4")
        mapper = self.mapper()
        self.clock.advance(1)
        assert mapper.mapping is not None

    def test_a_silent_gateway_is_asked_seldom(self) -> None:
        box = self.box()
        box.silent = True
        mapper = self.mapper()
        self.clock.advance(AGAIN_AFTER)
        self.assertEqual(len(box.asked), 10)
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping, PortMapping("", None, 0.0, "no UPnP"))

    def test_no_address_to_ask_from(self) -> None:
        self.found = Gateway("10.0.0.1", "10.0.0.77")
        mapper = self.mapper()
        self.clock.advance(1)
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping.protocol, "")
        self.found = GATEWAY
        box = self.box()
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(list(box.mappings), [8000])


class NeededTests(PortmapperCase):
    """The gateway is asked only where somebody outside has answered, and we are inside."""

    def setUp(self) -> None:
        super().setUp()
        self.gateway = self.box()

    def asked(self) -> int:
        self.clock.advance(LOOK_EVERY)
        return len(self.gateway.asked)

    def test_nobody_has_answered(self) -> None:
        mapper = self.mapper("needed")
        mapper.look_again()
        self.assertEqual(self.asked(), 0)
        self.assertIsNone(mapper.mapping)

    def test_nodes_of_this_machine_and_site_are_reached_without(self) -> None:
        mapper = self.mapper("needed")
        for host in ("127.0.0.1", "10.0.0.77", "192.168.1.9", "169.254.0.1", "100.64.0.1"):
            mapper.answered(Endpoint(host, 8000))
        self.assertEqual(self.asked(), 0)

    def test_a_public_node_has_answered(self) -> None:
        mapper = self.mapper("needed")
        mapper.answered(Endpoint("192.0.2.9", 8000))
        self.clock.advance(0.2)
        self.assertEqual(list(self.gateway.mappings), [8000])
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping.protocol, "pcp")

    def test_our_own_address_is_public(self) -> None:
        self.network.move(self.host, "198.51.100.1")
        mapper = self.mapper("needed")
        mapper.answered(Endpoint("192.0.2.9", 8000))
        self.assertEqual(self.asked(), 0)
        self.network.move(self.host, "10.0.0.2")
        mapper.look_again()
        self.assertGreater(self.asked(), 0)

    def test_a_port_on_a_private_address(self) -> None:
        self.mapper("needed", "10.0.0.2").answered(Endpoint("192.0.2.9", 8000))
        self.assertGreater(self.asked(), 0)

    def test_a_port_that_has_closed(self) -> None:
        mapper = self.mapper("needed")
        self.stop(mapper)
        mapper.answered(Endpoint("192.0.2.9", 8000))
        self.assertEqual(self.asked(), 0)


class ChangeTests(PortmapperCase):
    """Who has to know of another mapping is told, and who doubts it is heard."""

    SEEN = Endpoint("198.51.100.7", 8001)

    def test_observers_are_called_once_for_each_change(self) -> None:
        self.box()
        told: list[PortMapping | None] = []
        mapper = self.mapper()
        mapper.watch(lambda: told.append(mapper.mapping))
        self.clock.advance(2 * RENEW_AFTER)
        self.assertEqual([each.outer for each in told if each], [self.SEEN])
        self.found = None
        mapper.moved()
        self.assertEqual([each.outer for each in told if each], [self.SEEN, None])

    def test_what_others_see_decides_whether_it_is_of_use(self) -> None:
        self.box()
        mapper = self.mapper()
        self.assertFalse(mapper.agrees(self.SEEN))
        self.clock.advance(0.2)
        self.assertTrue(mapper.agrees(self.SEEN))
        for seen in (None, Endpoint("198.51.100.7", 9), Endpoint("203.0.113.1", 8001)):
            self.assertFalse(mapper.agrees(seen), seen)

    def test_a_doubt_is_shown(self) -> None:
        self.box()
        mapper = self.mapper()
        self.assertEqual(mapper.shown(self.SEEN), mapper.mapping)
        self.clock.advance(0.2)
        self.assertEqual(mapper.shown(self.SEEN), mapper.mapping)
        self.assertEqual(mapper.shown(None), mapper.mapping)
        doubted = mapper.shown(Endpoint("203.0.113.1", 8001))
        assert doubted is not None
        self.assertIn("203.0.113.1, not at 198.51.100.7", doubted.problem)

    def test_a_move_begins_anew_behind_another_gateway_with_the_same_address(self) -> None:
        box = self.box()
        mapper = self.mapper("pcp")
        self.clock.advance(0.2)
        box.silent = True
        mapper.moved()
        self.assertFalse(mapper.agrees(self.SEEN))
        self.clock.advance(20)
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping.problem, "no gateway answers")

    def test_a_move_to_another_gateway_frees_the_port_at_the_old_one(self) -> None:
        box = self.box()
        mapper = self.mapper()
        self.clock.advance(0.2)
        self.assertEqual(list(box.mappings), [8000])
        self.found = WITHOUT
        mapper.moved()
        self.clock.advance(0.2)
        self.assertEqual(box.mappings, {})

    def test_a_move_back_finds_the_mapping_ours(self) -> None:
        box = self.box()
        mapper = self.mapper("pcp")
        self.clock.advance(0.2)
        mapper.moved()
        self.clock.advance(0.2)
        self.assertTrue(mapper.agrees(self.SEEN))
        self.assertEqual(len({each[24:36] for each in box.asked}), 1)


class UpnpTests(PortmapperCase):
    def test_the_last_one_that_is_tried(self) -> None:
        upnp = FakeUpnp(lambda wish: succeed(Grant("198.51.100.7", wish.outer_port, wish.lifetime)))
        mapper = self.mapper("auto", upnp=upnp)
        self.clock.advance(20)
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping.outer, Endpoint("198.51.100.7", 8000))
        self.assertEqual(upnp.asked, [Wish("10.0.0.2", 8000, 8000, LIFETIME)])
        self.clock.advance(RENEW_AFTER)
        self.assertEqual(len(upnp.asked), 2)
        self.stop(mapper)
        self.assertEqual(upnp.asked[-1], Wish("10.0.0.2", 8000, 8000, 0))

    def test_a_stop_waits_for_a_silent_one_a_moment_only(self) -> None:
        silent: Deferred[Heard] = Deferred()
        upnp = FakeUpnp(lambda w: succeed(Grant(None, 8000, 60)) if w.lifetime else silent)
        mapper = self.mapper("upnp", upnp=upnp)
        self.clock.advance(0.1)
        stopping = mapper.stop()
        self.assertNoResult(stopping)
        self.clock.advance(3)
        self.successResultOf(stopping)

    def test_no_thread(self) -> None:
        def refuse(wish: Wish) -> Deferred[Heard]:
            failing: Deferred[Heard] = Deferred()
            failing.errback(Unavailable("the system grants no thread"))
            return failing

        mapper = self.mapper("upnp", upnp=FakeUpnp(refuse))
        assert mapper.mapping is not None
        self.assertEqual(mapper.mapping.problem, "the system grants no thread")
