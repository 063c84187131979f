"""The default gateway among what Linux says of its routes."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.nat.routes import DefaultRoute, default_route

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def route(
    interface: str, destination: str, gateway: str, flags: str, metric: int, mask: str
) -> str:
    return f"{interface}\t{destination}\t{gateway}\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0  \n"


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
