"""store, get and delete."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial import unittest

from kadtwisted.errors import (
    BootstrapFailed,
    CannotListen,
    ClockSkew,
    NotFound,
    NotStored,
)
from kadtwisted.model.results import Receipt
from kadtwisted.state.directory import StateDirectory
from tests.cli.harness import Kad, Meanwhile, Terminal
from tests.daemon.fakes import CONTACT, KEY, FakeNode, a_get, a_receipt

VIA = ("--bootstrap", "192.0.2.7:8000")


class StoreTests(unittest.SynchronousTestCase):
    def test_joins_stores_and_stops(self) -> None:
        kad = Kad()
        code = kad("--port", "8002", "store", *VIA, "--key", "name", "--value", "value")
        self.assertEqual(code, 0)
        self.assertEqual(
            kad.node.calls,
            [
                ("start",),
                ("bootstrap", ("192.0.2.7:8000",)),
                ("put", "name", b"value", None),
                ("stop",),
            ],
        )
        (settings,) = kad.settings
        self.assertEqual((settings.node.port, settings.node.read_only), (8002, True))
        self.assertEqual(settings.node.portmap, "none")
        self.assertEqual(settings.node.interfaces, ("0.0.0.0",))

    def test_the_receipt_goes_to_standard_error(self) -> None:
        kad = Kad()
        kad("store", *VIA, "--key", "name", "--value", "value")
        self.assertEqual(kad.printed, b"")
        self.assertEqual(
            kad.said.splitlines(),
            [
                f"stored 'name' on 1 node, under {a_receipt().reference}",
                "  this node keeps it for 1 h",
                "  192.0.2.7:8000 keeps it for 2 h",
                "  192.0.2.9:8000 did not: storage full",
            ],
        )

    def test_json(self) -> None:
        kad = Kad()
        kad("--json", "store", *VIA, "--key", "name", "--value", "value")
        self.assertEqual(kad.json["remote_acks"], 1)
        self.assertEqual(kad.said, "")

    def test_alone(self) -> None:
        kad = Kad(FakeNode(put=a_receipt(alone=True)))
        kad("store", *VIA, "--key", "name", "--value", "value")
        self.assertIn("on this node alone", kad.said)

    def test_value_from_standard_input_byte_for_byte(self) -> None:
        kad = Kad(stdin=b"\xff\x00\n")
        kad("store", *VIA, "--key", "name", "--value", "-", "--lifetime", "2h")
        self.assertIn(("put", "name", b"\xff\x00\n", 7200.0), kad.node.calls)

    def test_value_as_it_was_typed(self) -> None:
        kad = Kad()
        kad("store", *VIA, "--key", "name", "--value", b"\xffx".decode("utf-8", "surrogateescape"))
        self.assertIn(("put", "name", b"\xffx", None), kad.node.calls)

    def test_only_a_running_node_can_keep_it(self) -> None:
        for options in (VIA, (*VIA, "--state-dir", "/nonexistent")):
            kad = Kad()
            code = kad("store", "--keep", *options, "--key", "name", "--value", "v")
            self.assertEqual(code, 64)
            self.assertIn("--keep and --pin need a running node that can publish", kad.said)
            self.assertEqual(kad.node.calls, [])

    def test_a_long_value_is_refused_before_anything_is_sent(self) -> None:
        kad = Kad(stdin=bytes(1001))
        self.assertEqual(kad("store", *VIA, "--key", "name", "--value", "-"), 65)
        self.assertEqual(kad.node.calls, [])
        self.assertIn("1000 bytes", kad.said)

    def test_failures(self) -> None:
        for error, code in (
            (NotStored("no node stored it", {"192.0.2.9:8000": "full"}), 69),
            (ClockSkew("the clock is wrong"), 65),
        ):
            kad = Kad(FakeNode(put=error))
            self.assertEqual(kad("store", *VIA, "--key", "name", "--value", "v"), code)
            self.assertTrue(kad.said.startswith(f"kad: {error}"))
            self.assertEqual(kad.node.names()[-1], "stop")


class GetTests(unittest.SynchronousTestCase):
    def test_bytes_as_they_are(self) -> None:
        for value in (b"value", b"", b"\xff\x00\n"):
            kad = Kad(FakeNode(get=a_get(value)))
            self.assertEqual(kad("get", *VIA, "--key", "name"), 0)
            self.assertEqual(kad.printed, value)
            self.assertEqual(kad.said, "")
            self.assertIn(("get", "name", None), kad.node.calls)

    def test_a_terminal_gets_a_line_feed(self) -> None:
        kad = Kad()
        kad.stdout = Terminal()
        kad("get", *VIA, "--key", "name", "--first")
        self.assertEqual(kad.printed, b"value\n")
        self.assertIn(("get", "name", "first"), kad.node.calls)

    def test_what_is_no_byte_string_comes_as_bencode(self) -> None:
        kad = Kad(FakeNode(get=a_get(None, b"i7e")))
        kad("get", *VIA, "--key", "name")
        self.assertEqual(kad.printed, b"i7e")

    def test_trace(self) -> None:
        kad = Kad()
        kad("get", *VIA, "--key", "name", "--trace")
        self.assertEqual(kad.printed, b"value")
        lines = kad.said.splitlines()
        self.assertEqual(lines[0], "lookup: 20.0 ms, 1 hop")
        self.assertIn("12.3 ms   record  192.0.2.7:8000", lines[2])
        self.assertIn("-         silent", lines[3])

    def test_json(self) -> None:
        kad = Kad()
        kad("get", "--json", *VIA, "--key", "name")
        self.assertEqual(kad.json["value"], "value")
        self.assertEqual(kad.json["value_base64"], "dmFsdWU=")

    def test_not_found(self) -> None:
        kad = Kad(FakeNode(get=NotFound("'name' was not found")))
        self.assertEqual(kad("get", "--json", *VIA, "--key", "name"), 1)
        self.assertEqual(kad.said, "kad: 'name' was not found\n")
        self.assertEqual(
            kad.json, {"error": {"type": "NotFound", "message": "'name' was not found"}}
        )

    def test_not_found_is_told_by_name(self) -> None:
        kad = Kad(FakeNode(get=NotFound(f"{a_receipt().key:040x} was deleted")))
        self.assertEqual(kad("get", *VIA, "--key", "name"), 1)
        self.assertEqual(kad.said, "kad: 'name' was deleted\n")

    def test_nobody_answers_at_the_bootstrap_addresses(self) -> None:
        for sentence, said in (
            ("nobody answered", "nobody answered; 192.0.2.7:8000: silent"),
            ("nobody answered (all silent)", "nobody answered (all silent)"),
        ):
            kad = Kad(FakeNode(bootstrap=BootstrapFailed(sentence, {"192.0.2.7:8000": "silent"})))
            self.assertEqual(kad("get", *VIA, "--key", "name"), 69)
            self.assertEqual(kad.said, f"kad: {said}\n")
        self.assertEqual(kad.node.names(), ["start", "bootstrap", "stop"])

    def test_delete(self) -> None:
        kad = Kad()
        self.assertEqual(kad("delete", *VIA, "--key", "name"), 0)
        self.assertIn(("delete", "name"), kad.node.calls)
        self.assertIn("deleted 'name' on 1 node", kad.said)
        self.assertIn("192.0.2.7:8000 keeps the deletion for 2 h", kad.said)


class TimeTests(unittest.SynchronousTestCase):
    def test_nobody_answered_in_time(self) -> None:
        kad = Kad(FakeNode(bootstrap=Deferred()))
        code = kad(
            "get",
            "--timeout",
            "3",
            *VIA,
            "--key",
            "name",
            meanwhile=lambda k, _: k.clock.advance(3),
        )
        self.assertEqual(code, 69)
        self.assertIn("nobody answered within 3 s", kad.said)
        self.assertEqual(kad.node.names()[-1], "stop")

    def test_somebody_answered_but_the_time_ran_out(self) -> None:
        kad = Kad(FakeNode(get=Deferred()))
        code = kad("get", *VIA, "--key", "name", meanwhile=lambda k, _: k.clock.advance(10))
        self.assertEqual(code, 75)
        self.assertIn("no result within 10 s", kad.said)
        self.assertEqual(kad.node.names()[-1], "stop")

    def test_interrupted(self) -> None:
        kad = Kad(FakeNode(get=Deferred()))
        code = kad("get", *VIA, "--key", "name", meanwhile=lambda _, running: running.cancel())
        self.assertEqual(code, 130)
        self.assertEqual(kad.said, "")
        self.assertEqual(kad.node.names()[-1], "stop")
        self.assertEqual(kad.clock.getDelayedCalls(), [])


class GoingOnTests(unittest.SynchronousTestCase):
    """A write whose receipt came before all nodes had decided."""

    def setUp(self) -> None:
        self.whole: Deferred[Receipt] = Deferred()
        receipt = a_receipt(pending=(CONTACT,))._replace(complete=lambda: self.whole)
        self.kad = Kad(FakeNode(put=receipt, delete=receipt, put_record=receipt))

    def put(self, meanwhile: Meanwhile | None, *more: str) -> int:
        return self.kad("put", *VIA, "name", "value", *more, meanwhile=meanwhile)

    def test_the_receipt_comes_first_and_the_node_stops_last(self) -> None:
        def meanwhile(kad: Kad, _: object) -> None:
            self.said = kad.said.splitlines()
            self.assertNotIn("stop", kad.node.names())
            self.whole.callback(a_receipt())

        self.assertEqual(self.put(meanwhile), 0)
        first = self.said[0]
        self.assertIn("stored 'name' on 1 of 3 nodes so far, under kad:", first)
        self.assertEqual(self.said[-1], f"  {CONTACT} has not answered yet")
        said = self.kad.said.splitlines()[len(self.said) :]
        self.assertEqual(said, ["kad: all have answered: 1 of 2 keep it"])
        self.assertEqual(self.kad.node.names()[-1], "stop")

    def test_not_for_ever(self) -> None:
        code = self.put(lambda kad, _: kad.clock.advance(12), "--timeout", "60")
        self.assertEqual(code, 0)
        self.assertIn("kad: the others have not answered yet; some may keep it", self.kad.said)
        self.assertEqual(self.kad.node.names()[-1], "stop")
        self.assertEqual(self.kad.clock.getDelayedCalls(), [])

    def test_what_was_stored_is_stored_when_the_time_is_over(self) -> None:
        self.assertEqual(self.put(lambda kad, _: kad.clock.advance(10)), 0)
        self.assertEqual(self.kad.node.names()[-1], "stop")

    def test_a_deletion_and_a_signed_value_too(self) -> None:
        for argv in (("delete", "name"), ("put", "--immutable", "value")):
            kad = Kad(self.kad.node)
            kad.node.calls.clear()
            verb, *words = argv
            code = kad(verb, *VIA, *words, meanwhile=lambda kad, _: kad.clock.advance(12))
            self.assertEqual((code, kad.node.names()[-1]), (0, "stop"))
            self.assertIn("some may keep it", kad.said)
            self.whole = Deferred()

    def test_waiting_for_all(self) -> None:
        kad = Kad()
        self.assertEqual(kad("put", *VIA, "name", "value", "--wait", "all"), 0)
        self.assertEqual(kad("delete", *VIA, "name", "--wait", "all"), 0)
        self.assertEqual(kad("put", *VIA, "--immutable", "value", "--wait", "all"), 0)
        asked = [each for each in kad.node.calls if each[-1] == "wait for all"]
        self.assertEqual([each[0] for each in asked], ["put", "delete", "put_record"])
        self.assertEqual(kad("put", *VIA, "name", "value", "--wait", "most"), 64)


class OwnNodeTests(unittest.SynchronousTestCase):
    """The short-lived node's identity, addresses and network."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)

    def test_identity_from_a_state_directory(self) -> None:
        state = StateDirectory(self.path)
        state.open()
        key = state.identity(lambda count: b"\7" * count)
        state.close()
        kad = Kad()
        kad("get", *VIA, "--key", "name", "--state-dir", str(self.path))
        kad("get", *VIA, "--key", "name")
        self.assertEqual(kad.keys, [key, KEY])
        state.open()  # the lock was let go of
        state.close()

    def test_a_state_directory_in_use(self) -> None:
        state = StateDirectory(self.path)
        state.open()
        self.addCleanup(state.close)
        kad = Kad()
        self.assertEqual(kad("get", *VIA, "--key", "name", "--state-dir", str(self.path)), 73)
        self.assertIn("another node is running", kad.said)

    def test_interfaces_follow_from_the_addresses(self) -> None:
        kad = Kad()
        kad("get", "--bootstrap", "[::1]:8000", "--key", "name")
        kad("get", "--bootstrap", "[::1]:1", "--bootstrap", "127.0.0.1:1", "--interface",
            "127.0.0.1", "--key", "name")  # fmt: skip
        self.assertEqual([each.node.interfaces for each in kad.settings], [("::",), ("127.0.0.1",)])

    def test_network_and_secrets(self) -> None:
        secret = self.path / "secret"
        secret.write_text("new\nold\n")
        secret.chmod(0o600)
        kad = Kad()
        kad("--network", "fleet", "--network-secret-file", str(secret), "get", *VIA, "--key", "n")
        (settings,) = kad.settings
        self.assertEqual(settings.node.network, "fleet")
        self.assertEqual(settings.node.network_secrets, (b"new", b"old"))

    def test_a_secret_that_other_users_can_read(self) -> None:
        secret = self.path / "secret"
        secret.write_text("secret\n")
        secret.chmod(0o644)
        kad = Kad()
        code = kad("--network-secret-file", str(secret), "get", *VIA, "--key", "n")
        self.assertEqual((code, kad.settings), (78, []))
        self.assertIn(f"is open to other users; run: chmod 600 {secret}", kad.said)

    def test_a_state_directory_that_other_users_can_change(self) -> None:
        self.path.chmod(0o777)
        kad = Kad()
        code = kad("get", *VIA, "--key", "name", "--state-dir", str(self.path))
        self.assertEqual((code, kad.node.calls), (78, []))
        self.assertIn(f"can be changed by other users; run: chmod 700 {self.path}", kad.said)

    def test_refusals(self) -> None:
        for options, code in (
            ((), 69),
            (("--bootstrap", "nowhere"), 64),
            ((*VIA, "--network", "mainline"), 78),
            ((*VIA, "--network-secret-file", "missing"), 78),
            ((*VIA, "--interface", "eth0"), 64),
            (("--state-dir", str(self.path)), 69),
        ):
            kad = Kad()
            self.assertEqual(kad("get", "--key", "name", *options), code, options)
            self.assertEqual(kad.node.calls, [])
            self.assertEqual(kad.said.count("\n"), 1)

    def test_a_port_that_cannot_be_bound(self) -> None:
        kad = Kad(FakeNode(start=CannotListen("in use")))
        self.assertEqual(kad("get", *VIA, "--key", "name"), 71)

    def test_a_fault_of_ours_is_a_sentence(self) -> None:
        kad = Kad(FakeNode(get=RuntimeError("a\nfault")))
        self.assertEqual(kad("get", *VIA, "--key", "name"), 70)
        self.assertEqual(kad.said, "kad: a bug in this program: RuntimeError: a fault\n")
        self.assertEqual(kad.node.names()[-1], "stop")

    def test_words_of_other_nodes_reach_no_terminal_as_orders(self) -> None:
        kad = Kad(FakeNode(put=NotStored("refused", {"192.0.2.9:8000": "\x1b[2J\x07"})))
        kad("store", *VIA, "--key", "name", "--value", "v")
        self.assertNotIn("\x1b", kad.said)
        self.assertEqual(json.dumps(kad.said).count("\\u00"), 0)
