"""``kad watch``: a line for each change, at a running node and with a node of its own."""

from __future__ import annotations

import json
import os

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.api.describe import of_change
from kadtwisted.cli.exit_codes import INTERRUPTED
from kadtwisted.cli.verbs.records.watching import change_text
from kadtwisted.errors import NodeStopped, TooManyRequests
from kadtwisted.model.announcing import Announcement
from kadtwisted.model.contact import Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import Change
from tests.cli.harness import FakeClient, Kad
from tests.cli.hostile import VIA
from tests.daemon.fakes import FakeNode, a_change

CHANGES = (
    a_change(None),
    a_change(sub=b"\1"),
    a_change(b"0:", deleted=True, sub=b"\2"),
    a_change(b"4:\xff\xfe\n\x1b", sub=b"\3"),
)


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = FakeNode(watch=CHANGES)
        self.kad = Kad(self.node)

    def at_daemon(self) -> None:
        self.kad.connect = lambda path: FakeClient(self.node)

    def test_a_line_for_each_change(self) -> None:
        for at_daemon in (False, True):
            self.setUp()
            if at_daemon:
                self.at_daemon()
            via = () if at_daemon else VIA
            code = self.kad("watch", *via, "name", "--count", "4")
            self.assertEqual(code, os.EX_OK, self.kad.said)
            self.assertEqual(
                self.kad.printed.splitlines(),
                [
                    b"nothing is there",
                    b"01: value (for 1 h)",
                    b"02: deleted",
                    b"03: //4KGw== (base64, for 1 h)",
                ],
            )
            self.assertIn(("watch", "name", None), self.node.calls)

    def test_json_has_one_object_a_line(self) -> None:
        self.at_daemon()
        self.assertEqual(self.kad("watch", "--json", "name", "--count", "2"), os.EX_OK)
        first, second = map(json.loads, self.kad.printed.splitlines())
        self.assertEqual((first["gone"], first["value"]), (True, None))
        self.assertEqual((second["gone"], second["value"], second["sub"]), (False, "value", "01"))

    def test_who_announces_no_more(self) -> None:
        public_key = bytes(range(32))
        where = StorageKey(Kind.ANNOUNCEMENT, NodeID(7), public_key + b"\0")
        withdrawn = Announcement(where.key, public_key, 1, 0, Family.IPV4, None)
        for change, word in (
            (Change(where, withdrawn, b"record", 60), "withdrawn"),
            (Change(where), "gone"),
        ):
            self.assertEqual(change_text(of_change(change)), f"{public_key.hex()}  {word}")
        empty = Change(StorageKey(Kind.ANNOUNCEMENT, NodeID(7)))
        self.assertEqual(change_text(of_change(empty)), "nothing is there")

    def test_what_is_watched(self) -> None:
        self.at_daemon()
        reference = Reference(Kind.IMMUTABLE, bytes(20))
        self.kad("watch", "name", "--kind", "announcement", "--count", "1")
        self.kad("watch", str(reference), "--count", "1")
        self.kad("watch", "name", "--kind", "200", "--count", "1")
        watched = [call[1:] for call in self.node.calls if call[0] == "watch"]
        self.assertEqual(watched, [("name", 4), (reference, None), ("name", 200)])

    def test_mistakes_in_the_command_line(self) -> None:
        for wrong in (("--kind", "valve"), ("--kind", "256"), ("--count", "0"), ("--count", "x")):
            self.assertEqual(Kad(self.node)("watch", "name", *wrong), os.EX_USAGE, wrong)
        self.at_daemon()
        self.assertEqual(self.kad("watch", "kad:mistyped", "--count", "1"), os.EX_DATAERR)
        self.assertIn("copy it again", self.kad.said)

    def test_a_node_that_cannot_or_does_not_go_on(self) -> None:
        self.at_daemon()
        self.node.answers["watch"] = TooManyRequests("as many as may")
        self.assertEqual(self.kad("watch", "name"), os.EX_UNAVAILABLE)
        self.node = FakeNode(watch=())
        kad = Kad(self.node)

        def stops(kad: Kad, running: Deferred[int]) -> None:
            self.node.watches[0].end(NodeStopped())

        self.assertEqual(kad("watch", *VIA, "name", meanwhile=stops), os.EX_UNAVAILABLE)

    def test_an_interrupt_ends_it_and_the_node(self) -> None:
        def interrupt(kad: Kad, running: Deferred[int]) -> None:
            running.cancel()

        code = self.kad("watch", *VIA, "name", meanwhile=interrupt)
        self.assertEqual(code, INTERRUPTED)
        self.assertEqual(self.node.names()[-1], "stop")
        self.assertEqual(len(self.kad.printed.splitlines()), len(CHANGES))
