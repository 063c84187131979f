"""ping and find-node."""

from __future__ import annotations

import tempfile
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import NoContacts, RequestTimedOut
from kadtwisted.model.ids import id_to_hex
from kadtwisted.settings import interfaces
from tests.cli.harness import Kad
from tests.daemon.fakes import CONTACT, NAME_KEY, OTHER, FakeNode, a_ping

VIA = ("--bootstrap", "192.0.2.7:8000")


class PingTests(unittest.SynchronousTestCase):
    def test_asks_without_joining(self) -> None:
        kad = Kad()
        self.assertEqual(kad("ping", "192.0.2.7:8000"), 0)
        self.assertEqual(kad.node.calls, [("start",), ("ping", "192.0.2.7:8000"), ("stop",)])
        self.assertEqual(
            kad.printed.decode(),
            f"{OTHER.public_key.hex()}@192.0.2.7:8000 answered in 4.20 ms, kad/1; "
            "it sees us at 198.51.100.1:9\n",
        )

    def test_a_modest_answer(self) -> None:
        kad = Kad(FakeNode(ping=a_ping(None)._replace(observed=None)))
        kad("ping", "192.0.2.7:8000")
        self.assertTrue(kad.printed.endswith(b"answered in 4.20 ms\n"))

    def test_in_the_addresss_own_family(self) -> None:
        kad = Kad()
        kad("ping", "[2001:db8::1]:8000")
        self.assertEqual(kad.settings[0].node.interfaces, ("::",))

    def test_a_name_may_be_of_either_family(self) -> None:
        kad = Kad()
        with mock.patch.object(interfaces, "ipv6_works", return_value=True):
            kad("ping", "host.example:8000")
        self.assertEqual(kad.settings[0].node.interfaces, ("0.0.0.0", "::"))

    def test_json(self) -> None:
        kad = Kad()
        kad("ping", "192.0.2.7:8000", "--json")
        self.assertEqual(kad.json["rtt_seconds"], 0.0042)

    def test_failures(self) -> None:
        kad = Kad(FakeNode(ping=RequestTimedOut("no answer")))
        self.assertEqual(kad("ping", "192.0.2.7:8000"), 69)
        self.assertEqual(kad("ping", "nowhere"), 64)

    def test_with_a_state_directory_nobody_runs_in(self) -> None:
        with tempfile.TemporaryDirectory(prefix="kad") as directory:
            kad = Kad()
            self.assertEqual(kad("ping", "192.0.2.7:8000", "--state-dir", directory), 0)
        self.assertEqual(kad.node.names(), ["start", "ping", "stop"])


class FindNodeTests(unittest.SynchronousTestCase):
    def test_by_id_and_by_name(self) -> None:
        for arguments in ((id_to_hex(NAME_KEY),), ("--key", "name")):
            kad = Kad()
            self.assertEqual(kad("find-node", *arguments, *VIA), 0)
            self.assertIn(("find_node", NAME_KEY), kad.node.calls)
            lines = kad.printed.decode().splitlines()
            self.assertEqual(lines[0].split(), ["NODE", "ID", "ENDPOINT", "SHARED", "BITS"])
            self.assertTrue(lines[1].startswith(f"{CONTACT.node_id:040x}  192.0.2.7:8000"))

    def test_nobody(self) -> None:
        kad = Kad(FakeNode(find_node=NoContacts("no contacts")))
        self.assertEqual(kad("find-node", "--key", "name", *VIA), 69)

    def test_either_an_id_or_a_name(self) -> None:
        for arguments in ((), (id_to_hex(NAME_KEY), "--key", "name"), ("12",)):
            self.assertEqual(Kad()("find-node", *arguments, *VIA), 64)
