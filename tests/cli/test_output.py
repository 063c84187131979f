"""Texts for people."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.cli import output
from kadtwisted.daemon import describe
from kadtwisted.model.results import NodesResult
from kadtwisted.node.status import RoutingStatus
from tests.daemon.fakes import KEY, NAME_KEY, OTHER, TRACE, a_routing, a_status


class NumberTests(unittest.SynchronousTestCase):
    def test_durations(self) -> None:
        for seconds, text in ((0, "0 s"), (59.9, "59 s"), (60, "1 min"), (61, "1 min 1 s"),
                              (3600, "1 h"), (3601, "1 h"), (7980, "2 h 13 min"),
                              (90061, "1 d 1 h")):  # fmt: skip
            self.assertEqual(output.duration(seconds), text)

    def test_milliseconds(self) -> None:
        self.assertEqual(
            [output.milliseconds(each) for each in (0.00042, 0.0173, 1.204)],
            ["0.42 ms", "17.3 ms", "1,204 ms"],
        )

    def test_sizes(self) -> None:
        self.assertEqual(
            [output.size(each) for each in (0, 1023, 1024, 5 << 20, 3 << 40)],
            ["0 bytes", "1,023 bytes", "1.0 KiB", "5.0 MiB", "3,072.0 GiB"],
        )

    def test_prefixes(self) -> None:
        self.assertEqual(output.prefix_text("00" * 20, 0), "whole space")
        self.assertEqual(output.prefix_text("80" + "00" * 19, 1), "1 (1 bit)")
        self.assertEqual(output.prefix_text("0f" + "00" * 19, 20), "0000111100000000... (20 bits)")

    def test_printable(self) -> None:
        self.assertEqual(output.printable("a\x1b[1m\n\x00é"), "a?[1m\n?é")


class PictureTests(unittest.SynchronousTestCase):
    def test_status(self) -> None:
        text = output.status_text(describe.of_status(a_status()))
        self.assertEqual(
            text.splitlines(),
            [
                f"Node     {KEY.node_id:040x}",
                f"Address  {KEY.public_key.hex()}@127.0.0.1:8000",
                "Network  kad (open)",
                "Running  for 2 h 13 min, full node",
                "Records  1,234 (4.9 KiB)",
                "",
                "FAMILY  LISTENING     SEEN BY OTHERS AS   CONTACTS  TENTATIVE  IN FLIGHT",
                "IPv4    0.0.0.0:8000  -                         57          2          1",
                "IPv6    -             [2001:db8::1]:8000         0          0          0",
                "",
                "COUNTER   TOTAL",
                "in.Ping  12,345",
            ],
        )

    def test_status_of_another_kind(self) -> None:
        changed = a_status(running=False, read_only=True, private=True, counters={})
        text = output.status_text(describe.of_status(changed))
        self.assertIn("kad (private)", text)
        self.assertIn("no: stopped, read-only", text)
        self.assertNotIn("COUNTER", text)

    def test_routing(self) -> None:
        lines = output.routing_text(describe.of_routing(a_routing())).splitlines()
        self.assertEqual(lines[0], f"node {KEY.node_id:040x}: 2 contacts in 1 k-bucket")
        self.assertEqual(
            lines[2],
            "IPv4 101 (3 bits): 2 contacts, 4 replacements, last lookup 4 min ago",
        )
        self.assertEqual(
            lines[4].split(),
            [f"{OTHER.node_id:040x}", "192.0.2.7:8000", "verified", "2", "h", "1", "min", "1", "s",
             "ago", "17.3", "ms", "0"],
        )  # fmt: skip
        self.assertIn("  -  ", lines[5])

    def test_an_empty_table(self) -> None:
        empty = RoutingStatus(KEY.node_id, ())
        self.assertEqual(
            output.routing_text(describe.of_routing(empty)),
            f"node {KEY.node_id:040x}: 0 contacts in 0 k-buckets",
        )

    def test_a_bucket_of_replacements_only(self) -> None:
        routing = a_routing()
        bucket = routing.buckets[0]._replace(contacts=())
        text = output.routing_text(describe.of_routing(routing._replace(buckets=(bucket,))))
        self.assertTrue(text.endswith("0 contacts, 4 replacements, last lookup 4 min ago"))

    def test_a_bucket_no_lookup_went_through(self) -> None:
        routing = a_routing()
        bucket = routing.buckets[0]._replace(last_lookup=None)
        text = output.routing_text(describe.of_routing(routing._replace(buckets=(bucket,))))
        self.assertIn("4 replacements, last lookup never", text)

    def test_no_nodes(self) -> None:
        nothing = describe.of_nodes(NodesResult(NAME_KEY, (), TRACE))
        self.assertEqual(output.nodes_text(nothing), "no nodes")
