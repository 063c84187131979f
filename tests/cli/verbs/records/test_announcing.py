"""``kad announce``, ``kad withdraw`` and ``kad providers``, at a running node and without one."""

from __future__ import annotations

import json
import os
from argparse import ArgumentTypeError
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.cli.announcing_verbs import announced_port
from kadtwisted.errors import NotStored
from kadtwisted.model.announcing import Providers
from tests.cli.harness import FakeClient, Kad
from tests.cli.hostile import VIA
from tests.daemon.fakes import NAME_KEY, PROVIDERS, FakeNode, a_get


class AnnouncingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = FakeNode()
        self.kad = Kad(self.node)
        self.kad.connect = lambda path: FakeClient(self.node)

    def calls(self) -> list[object]:
        names = ("announce", "withdraw", "providers")
        return [call for call in self.node.calls if call[0] in names]


class OfferTests(AnnouncingCase):
    def test_the_running_node_announces(self) -> None:
        options = ("--port", "631", "--attributes", "colour=1", "--lifetime", "1h")
        self.assertEqual(self.kad("announce", "name", *options), os.EX_OK, self.kad.said)
        self.assertIn("announced 'name' on", self.kad.said)
        self.assertEqual(self.kad("announce", "name"), os.EX_OK)
        self.assertEqual(self.kad("withdraw", "name"), os.EX_OK)
        self.assertIn("withdrew 'name' on", self.kad.said)
        told = [("announce", "name", 631, b"colour=1", 3600)]
        more = [("announce", "name", None, b"", None), ("withdraw", "name")]
        self.assertEqual(self.calls(), [*told, *more])

    def test_the_port_of_the_node_stands_before_the_verb(self) -> None:
        self.assertEqual(
            self.kad("--state-dir", "/d", "announce", "name", "--port", "9"),
            os.EX_OK,
            self.kad.said,
        )
        self.assertEqual(self.calls(), [("announce", "name", 9, b"", None)])

    def test_attributes_from_a_file(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"\0\xff")
        self.assertEqual(self.kad("announce", "name", "--attributes", f"@{path}"), os.EX_OK)
        self.assertEqual(self.calls(), [("announce", "name", None, b"\0\xff", None)])
        path.write_bytes(bytes(401))
        code = self.kad("announce", "name", "--attributes", f"@{path}")
        self.assertEqual((code, len(self.calls())), (os.EX_DATAERR, 1))
        self.assertEqual(self.kad("announce", "name", "--attributes", "@/no/such"), os.EX_USAGE)
        self.assertIn("cannot read /no/such", self.kad.said)

    def test_a_reference_is_no_name(self) -> None:
        for verb in ("announce", "withdraw", "providers"):
            self.assertEqual(self.kad(verb, "kad:q7y"), os.EX_USAGE, self.kad.said)
            self.assertIn("not under a reference", self.kad.said)
        self.assertEqual(self.calls(), [])

    def test_a_port_to_announce_begins_at_1(self) -> None:
        for port in ("0", "70000", "x"):
            error = self.assertRaises(ArgumentTypeError, announced_port, port)
            self.assertIn("from 1 to 65535", str(error))
            self.assertEqual(self.kad("announce", "name", "--port", port), os.EX_USAGE)

    def test_bad_input(self) -> None:
        for wrong in (("--port", "0"), ("--port", "65536"), ("--lifetime", "0"), ("more",)):
            self.assertEqual(self.kad("announce", "name", *wrong), os.EX_USAGE, wrong)
        self.assertEqual(self.kad("announce"), os.EX_USAGE)
        long = ("--attributes", "x" * 401)
        self.assertEqual(self.kad("announce", "name", *long), os.EX_DATAERR)
        self.assertEqual(self.calls(), [])

    def test_what_the_node_says_passes(self) -> None:
        self.node.answers["announce"] = NotStored("none of 3 nodes stored the record", {})
        self.assertEqual(self.kad("announce", "name"), os.EX_UNAVAILABLE)
        self.assertIn("none of 3 nodes", self.kad.said)

    def test_a_node_of_kads_own_is_refused(self) -> None:
        kad = Kad(self.node)
        for verb in ("announce", "withdraw"):
            self.assertEqual(kad(verb, *VIA, "name"), os.EX_USAGE)
            self.assertIn("only a node that stays announces", kad.said)
            self.assertEqual(kad(verb, "name"), os.EX_UNAVAILABLE)
            self.assertIn("no running node answers", kad.said)
        self.assertEqual(self.calls(), [])


class ProvidersTests(AnnouncingCase):
    def test_one_a_line(self) -> None:
        self.assertEqual(self.kad("providers", "name"), os.EX_OK, self.kad.said)
        first, second, note = self.kad.printed.decode().splitlines()
        self.assertTrue(first.startswith("192.0.2.9:631  "))
        self.assertTrue(first.endswith("  for 10 min  colour=1"))
        self.assertTrue(second.endswith("  for 1 min  /xs= (base64)"))
        self.assertEqual(note, "(a sample; --all shows all)")
        self.assertEqual(self.calls(), [("providers", "name", 20)])

    def test_how_many(self) -> None:
        self.node.answers["providers"] = PROVIDERS._replace(complete=True)
        self.assertEqual(self.kad("providers", "name", "--all"), os.EX_OK)
        self.assertNotIn(b"sample", self.kad.printed)
        self.assertEqual(self.kad("providers", "name", "--limit", "3"), os.EX_OK)
        self.assertEqual(self.kad("providers", "name", "--all", "--limit", "3"), os.EX_USAGE)
        called = [("providers", "name", None), ("providers", "name", 3)]
        self.assertEqual(self.calls(), called)

    def test_nobody(self) -> None:
        self.node.answers["providers"] = Providers(NAME_KEY, (), True, a_get().trace)
        self.assertEqual(self.kad("providers", "name"), os.EX_OK)
        self.assertEqual(self.kad.printed, b"nobody announces under this name\n")

    def test_json(self) -> None:
        self.assertEqual(self.kad("providers", "name", "--json"), os.EX_OK)
        found = json.loads(self.kad.printed)
        self.assertEqual([each["attributes"] for each in found["providers"]], ["colour=1", None])

    def test_a_node_of_kads_own_may_ask(self) -> None:
        self.assertEqual(Kad(self.node)("providers", *VIA, "name"), os.EX_OK)
        self.assertEqual(self.calls(), [("providers", "name", 20)])
