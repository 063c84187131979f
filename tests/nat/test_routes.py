"""The ways to everywhere among what Linux says of its routes."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.nat.routes import DefaultRoute, default_route, way_out, way_out_ipv6

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def route(
    interface: str,
    destination: str,
    gateway: str,
    flags: str = "0003",
    metric: int = 0,
    mask: str = "00000000",
) -> str:
    return f"{interface}\t{destination}\t{gateway}\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0  \n"


def route6(
    interface: str,
    destination: str = "0" * 32 + " 00",
    gateway: str = "fe80" + "0" * 27 + "1",
    flags: int = 3,
    metric: int = 0x400,
) -> str:
    rest = f"{metric:08x} 00000003 00000000 {flags:08x} {interface:>8}"
    return f"{destination} {'0' * 32} 00 {gateway} {rest}\n"


class DefaultRouteTests(unittest.SynchronousTestCase):
    def test_none(self) -> None:
        self.assertIsNone(default_route(""))
        own = route("eth0", "0001000A", "00000000", "0001", 0, "00FFFFFF")
        without_gateway = route("tun0", "00000000", "00000000", "0001", 0, "00000000")
        half = route("tun0", "00000000", "0100000A", "0003", 0, "00000080")
        down = route("eth1", "00000000", "0100000A", "0002", 0, "00000000")
        self.assertIsNone(default_route(HEAD + own + without_gateway + half + down + "torn li"))

    def test_the_least_metric(self) -> None:
        wifi = route("wlan0", "00000000", "0101A8C0", "0003", 600, "00000000")
        wire = route("eth0", "00000000", "0100000A", "0003", 100, "00000000")
        self.assertEqual(default_route(HEAD + wifi + wire), DefaultRoute("10.0.0.1", "eth0"))
        self.assertEqual(default_route(HEAD + wifi), DefaultRoute("192.168.1.1", "wlan0"))


class WayOutTests(unittest.SynchronousTestCase):
    def test_a_tunnel_has_no_gateway(self) -> None:
        tunnel = route("tun0", "00000000", "00000000", "0001", 50)
        wire = route("eth0", "00000000", "0100000A", "0003", 100)
        self.assertEqual(way_out(HEAD + wire + tunnel), DefaultRoute("0.0.0.0", "tun0"))
        self.assertEqual(way_out(HEAD + wire), DefaultRoute("10.0.0.1", "eth0"))

    def test_what_leads_nowhere_is_no_way(self) -> None:
        unreachable = route("*", "00000000", "00000000", "0201", 0)
        down = route("eth1", "00000000", "0100000A", "0002", 0)
        self.assertIsNone(way_out(HEAD + unreachable + down))

    def test_ipv6(self) -> None:
        own = route6("eth0", "fd" + "0" * 30 + " 40", "0" * 32, 1)
        nowhere = route6("lo", gateway="0" * 32, flags=0x00200200, metric=0xFFFFFFFF)
        wifi = route6("wlan0", gateway="fe80" + "0" * 27 + "2", metric=0x600)
        found = way_out_ipv6(own + wifi + route6("eth0") + nowhere + "torn li")
        self.assertEqual(found, DefaultRoute("fe80::1", "eth0"))
        self.assertIsNone(way_out_ipv6(own + nowhere))
        self.assertIsNone(way_out_ipv6(""))
