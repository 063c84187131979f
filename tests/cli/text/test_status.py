"""A running node as people are shown it."""

from __future__ import annotations

from typing import Any

from twisted.trial import unittest

from kadtwisted.api import describe_status
from kadtwisted.cli.text.status import prefix_text, routing_text, status_text
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.status import ReachStatus, RoutingStatus
from tests.daemon.fakes import KEY, a_routing, a_status


class StatusTests(unittest.SynchronousTestCase):
    def text(self, **changes: Any) -> str:
        return status_text(describe_status.of_status(a_status(**changes)))

    def test_a_node_that_is_well(self) -> None:
        self.assertEqual(
            self.text(own_records=3).splitlines(),
            [
                "Serving: in its network, reading and writing.",
                "",
                "Network      kad (open)",
                "Uptime       2 h 13 min, full node",
                f"Address      {KEY.public_key.hex()}@127.0.0.1:8000",
                "Listening    IPv4 0.0.0.0:8000",
                "             IPv6 not at all, seen by others as [2001:db8::1]:8000 (so say 7)",
                "Contacts     57 over IPv4 (and 2 to be verified), 0 over IPv6",
                "Stored       1,234 records, 4.9 KiB",
                "Own records  3 kept published",
                "Replication  every 1 h",
                f"Node ID      {KEY.node_id:040x}",
            ],
        )

    def test_a_clock_that_is_wrong_is_told_first(self) -> None:
        for ahead, expected in (
            (3600.4, "Its clock is 3,600 s ahead of the network's: set it."),
            (-200.0, "Its clock is 200 s behind the network's: set it."),
            (150.0, ""),
            (None, ""),
        ):
            lines = self.text(clock_ahead=ahead).splitlines()
            self.assertEqual(lines[2] if expected else "", expected)
            self.assertEqual("clock" in "".join(lines), bool(expected))

    def test_where_others_see_it(self) -> None:
        for observed, observers, expected in (
            (None, 0, "0.0.0.0:8000"),
            (Endpoint("203.0.113.7", 8000), 0, "seen by others as 203.0.113.7:8000"),
            (Endpoint("203.0.113.7", 9), 12, "seen by others as 203.0.113.7:9 (so say 12)"),
            (Endpoint("203.0.113.7", 0), 3, "as 203.0.113.7 on changing ports (so say 3)"),
            (Endpoint("2001:db8::7", 0), 3, "as [2001:db8::7] on changing ports (so say 3)"),
        ):
            link = a_status().links[0]._replace(observed=observed, observers=observers)
            listening = self.text(links=(link,)).splitlines()[5]
            self.assertTrue(listening.endswith(expected), listening)

    def test_whether_others_can_reach_it(self) -> None:
        told = {
            ("unknown", "", "unknown", 0): "",
            ("assumed", "", "independent", 0): "",
            ("reachable", "", "none", 0): "others can reach this node, no NAT",
            ("unknown", "because", "independent", 3): (
                "not known yet whether others can reach this node, behind a NAT that keeps its "
                "port, read-only to others, 3 introducers pinged every 20 s"
            ),
            ("unreachable", "because", "dependent", 0): (
                "others cannot reach this node (5 networks tried), behind a NAT that changes its "
                "port, read-only to others"
            ),
        }
        for (verdict, why, nat, introducers), expected in told.items():
            reach = ReachStatus(
                verdict, 60.0, 5.0, 0, 5, nat, why, 25.0, introducers, 20.0 if introducers else None
            )
            link = a_status().links[0]._replace(reach=reach)
            lines = self.text(links=(link,)).splitlines()
            shown = [each for each in lines if each.startswith("From outside")]
            self.assertEqual(shown, [f"From outside  IPv4: {expected}"] if expected else [])

    def test_a_node_of_another_kind(self) -> None:
        text = self.text(health="stopped", running=False, read_only=True, private=True, links=())
        self.assertTrue(text.startswith("Stopped: not running.\n"), text)
        self.assertIn("kad (private)", text)
        self.assertIn("2 h 13 min, read-only", text)
        self.assertNotIn("Address", text)

    def test_a_node_with_more_records_than_its_upkeep_can_send(self) -> None:
        text = self.text(own_records=20_000, own_records_kept=False, replication_kept=False)
        self.assertIn("20,000 kept published, but too many to keep up: some expire\n", text)
        self.assertIn("every 1 h, but too many records to keep up\n", text)

    def test_a_node_without_room(self) -> None:
        self.assertIn("1,234 records, 4.9 KiB (full)\n", self.text(storage_full=True))

    def test_dropped_datagrams_by_reason_if_there_are_any(self) -> None:
        counters = {"in.Ping": 9, "dropped.tag": 1, "dropped.oversized": 1200, "dropped.box": 0}
        shown = self.text(counters=counters).split("\n\n")[2]
        self.assertEqual(
            shown.splitlines(),
            ["DATAGRAMS DROPPED  TOTAL", "oversized          1,200", "tag                    1"],
        )
        self.assertNotIn("DROPPED", self.text(counters={"in.Ping": 9, "dropped.box": 0}))


class RoutingTests(unittest.SynchronousTestCase):
    def text(self, *buckets: Any) -> str:
        return routing_text(describe_status.of_routing(RoutingStatus(KEY.node_id, buckets)))

    def test_columns_run_through_all_buckets(self) -> None:
        (full, _) = a_routing().buckets
        quick, slow = full.contacts
        slow = slow._replace(known_for=90061.0, rtt=1.204)
        other = full._replace(prefix=NodeID(0), length=1, contacts=(slow,), replacements=1)
        known = f"{quick.node_id:040x}  192.0.2.7:8000"
        self.assertEqual(
            self.text(full._replace(contacts=(quick,)), other).splitlines(),
            [
                f"node {KEY.node_id:040x}: 2 contacts in 2 k-buckets",
                "",
                f"{'NODE ID':<40}  ENDPOINT        STATE      "
                "KNOWN FOR      LAST SEEN       RTT  FAILURES",
                "",
                "IPv4 101 (3 bits): 1 contact, 4 replacements, last lookup 4 min ago",
                f"{known}  verified         2 h  1 min 1 s ago   17.3 ms         0",
                "",
                "IPv4 0 (1 bit): 1 contact, 1 replacement, last lookup 4 min ago",
                f"{known}  tentative    1 d 1 h        0 s ago  1,204 ms         1",
            ],
        )

    def test_a_contact_whose_rtt_is_unknown(self) -> None:
        last = self.text(*a_routing().buckets).splitlines()[-1]
        self.assertEqual(last.split()[-2:], ["-", "1"])

    def test_an_empty_table(self) -> None:
        text = self.text(a_routing().buckets[1])
        self.assertEqual(text, f"node {KEY.node_id:040x}: 0 contacts in 0 k-buckets")

    def test_a_bucket_of_replacements_only(self) -> None:
        bucket = a_routing().buckets[0]._replace(contacts=())
        text = self.text(bucket)
        self.assertTrue(text.endswith("0 contacts, 4 replacements, last lookup 4 min ago"))
        self.assertNotIn("ENDPOINT", text)

    def test_a_bucket_no_lookup_went_through(self) -> None:
        bucket = a_routing().buckets[0]._replace(last_lookup=None)
        self.assertIn("4 replacements, last lookup never", self.text(bucket))

    def test_prefixes(self) -> None:
        self.assertEqual(prefix_text("00" * 20, 0), "whole space")
        self.assertEqual(prefix_text("80" + "00" * 19, 1), "1 (1 bit)")
        self.assertEqual(prefix_text("0f" + "00" * 19, 20), "0000111100000000... (20 bits)")
