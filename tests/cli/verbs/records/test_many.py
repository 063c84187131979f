"""``kad put --from`` and ``kad get --from``."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.trial import unittest

from kadtwisted.cli.exit_codes import INTERRUPTED
from kadtwisted.cli.verbs.records.journal import Journal
from kadtwisted.cli.verbs.records.many import AT_A_TIME
from kadtwisted.errors import NotFound, NotStored, Unavailable
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.results import Receipt
from tests.cli.full_disk import FullDisk
from tests.cli.harness import FakeClient, Kad
from tests.daemon.fakes import FakeNode, a_get, a_receipt

VIA = ("--bootstrap", "192.0.2.7:8000")


class ManyTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.file = self.directory / "values.jsonl"
        self.journal = Path(f"{self.file}.progress")

    def write(self, count: int, value: str = "value") -> list[str]:
        names = [f"name {number}" for number in range(count)]
        lines = [json.dumps({"key": each, "value": value}) for each in names]
        self.file.write_text("".join(f"{each}\n" for each in lines))
        return names

    def put(self, kad: Kad, *words: str) -> list[str]:
        return [each[1] for each in kad.node.calls if each[0] == "put"]


class PutTests(ManyTests):
    def test_all_of_them(self) -> None:
        names = self.write(70)
        kad = Kad()
        self.assertEqual(kad("put", *VIA, "--from", str(self.file)), 0)
        self.assertEqual(sorted(self.put(kad)), sorted(names))
        self.assertEqual(kad.said, "kad: storing 70 values\nkad: stored 70 values\n")
        self.assertFalse(self.journal.exists())
        requests = [each for each in kad.node.calls if each[0] == "put_many"]
        self.assertEqual([len(each[1]) for each in requests], [32, 38])
        self.assertTrue(all(each[-1] == "wait for all" for each in requests))

    def test_a_terminal_sees_how_far_it_is(self) -> None:
        self.write(70)
        kad = Kad()
        self.patch(kad.stderr, "isatty", lambda: True)
        kad("put", *VIA, "--from", str(self.file))
        shown = kad.said.split("\r\x1b[K")
        self.assertEqual(
            [each for each in shown if each.startswith("kad: storing")],
            [f"kad: storing 70 values {done}/70" for done in (0, 0, 32, 70)],
        )
        self.assertEqual(shown[-1], "kad: stored 70 values\n")

    def test_at_a_running_node(self) -> None:
        names = self.write(3)
        kad = Kad()
        kad.connect = lambda path: FakeClient(kad.node)
        self.assertEqual(kad("put", "--lifetime", "2h", "--from", str(self.file)), 0)
        self.assertEqual({each[1] for each in kad.node.calls if each[0] == "put"}, {*names})
        self.assertEqual({each[3] for each in kad.node.calls if each[0] == "put"}, {7200.0})

    def test_standard_input(self) -> None:
        kad = Kad(stdin=b'{"key": "a", "value": "v", "lifetime": 60}\n')
        self.assertEqual(kad("--json", "put", *VIA, "--from", "-", "--lifetime", "2h"), 0)
        self.assertIn(("put", "a", b"v", 60.0), kad.node.calls)
        self.assertEqual(kad.json, {"done": 1, "failed": 0, "missing": 0, "before": 0})

    def test_a_pipe_to_which_nobody_writes_holds_nobody_up(self) -> None:
        os.mkfifo(self.file)
        kad = Kad()
        self.assertEqual(kad("put", *VIA, "--from", str(self.file)), 65)
        self.assertIn("it is a named pipe, not a file", kad.said)

    def test_standard_input_where_no_copy_can_be_made(self) -> None:
        kad = Kad(stdin=b'{"key": "a", "value": "v"}\n')
        for broken in (
            {"side_effect": OSError(errno.ENOSPC, "No space left on device")},
            {"return_value": io.BufferedRandom(FullDisk(self.journal, "a+"))},
        ):
            with mock.patch("tempfile.TemporaryFile", **broken):
                self.assertEqual(kad("put", *VIA, "--from", "-"), os.EX_OSERR)
            self.assertIn("cannot copy standard input: no space left on device\n", kad.said)
            self.assertEqual(kad.node.calls, [])

    def test_bad_lines_are_told_before_anything_is_sent(self) -> None:
        self.file.write_text('{"key": "a", "value": "v"}\nnonsense\n')
        kad = Kad()
        self.assertEqual(kad("put", *VIA, "--from", str(self.file)), 65)
        self.assertEqual(kad.node.calls, [])
        self.assertIn("kad: line 2: it is no object like", kad.said)
        self.assertIn("1 line is bad, of 2: nothing was sent", kad.said)
        self.assertFalse(self.journal.exists())

    def test_what_failed_is_reported_and_done_by_the_next_run(self) -> None:
        names = self.write(5)
        error = NotStored("nobody stored it", {})
        kad = Kad(FakeNode(put=[a_receipt(), error, a_receipt(), error, a_receipt()]))
        self.assertEqual(kad("put", *VIA, "--from", str(self.file)), 69)
        self.assertEqual(kad.said.count(": nobody stored it\n"), 2)
        self.assertIn("kad: stored 3 values; 2 failed, as told above\n", kad.said)
        failed = [name for name in names if f", {name}: nobody stored it" in kad.said]
        again = Kad()
        self.assertEqual(again("put", *VIA, "--from", str(self.file)), 0)
        self.assertEqual(sorted(self.put(again)), failed)
        self.assertIn("kad: stored 2 values; 3 were stored before\n", again.said)
        self.assertFalse(self.journal.exists())

    def test_interrupted_it_goes_on_there(self) -> None:
        names = self.write(80)
        answers: list[Receipt | Deferred[Receipt]] = [a_receipt()] * 32
        kad = Kad(FakeNode(put=[*answers, *(Deferred() for _ in range(48))]))

        def interrupt(_: Kad, running: Deferred[int]) -> None:
            running.cancel()

        code = kad("put", *VIA, "--from", str(self.file), meanwhile=interrupt)
        self.assertEqual(code, INTERRUPTED)
        self.assertIn(
            f"interrupted: 32 lines done; the same command goes on there, by {self.journal}",
            kad.said,
        )
        done = self.put(kad)[:32]
        again = Kad()
        self.assertEqual(again("put", *VIA, "--from", str(self.file)), 0)
        self.assertEqual(sorted([*done, *self.put(again)]), sorted(names))

    def test_the_last_line_of_a_key_wins_even_if_the_first_is_done_anew(self) -> None:
        lines = [("a", "old"), ("a", "new"), *((f"b{number}", "v") for number in range(20))]
        texts = [json.dumps({"key": key, "value": value}) for key, value in lines]
        self.file.write_text("".join(f"{each}\n" for each in texts))
        answers: list[Receipt | Exception] = [a_receipt() for _ in lines]
        before = sum(key_of_name(f"b{number}") < key_of_name("a") for number in range(20))
        answers[before] = NotStored("no", {})
        self.assertEqual(Kad(FakeNode(put=answers))("put", *VIA, "--from", str(self.file)), 69)
        again = Kad()
        self.assertEqual(again("put", *VIA, "--from", str(self.file)), 0)
        put = [each[1:3] for each in again.node.calls if each[0] == "put"]
        self.assertEqual(put, [("a", b"old"), ("a", b"new")])
        self.assertIn("kad: stored 2 values; 20 were stored before\n", again.said)

    def test_a_file_that_becomes_shorter(self) -> None:
        self.write(AT_A_TIME + 2000)
        kad = Kad()
        client = FakeClient(kad.node)
        perform = client.perform

        def truncate(verb: str, arguments: dict[str, Any]) -> Any:
            self.file.write_bytes(b"")
            return perform(verb, arguments)

        client.perform = truncate  # type: ignore[method-assign]
        kad.connect = lambda path: client
        self.assertEqual(kad("put", "--from", str(self.file)), 65)
        self.assertIn("kad: the file has become shorter while it was read\n", kad.said)
        self.assertTrue(self.journal.exists())

    def test_two_at_once(self) -> None:
        self.write(2)
        first = Journal(self.journal, "put-many", "kad", 0.0)
        kad = Kad()
        self.assertEqual(kad("put", *VIA, "--from", str(self.file)), 64)
        self.assertIn(f"{self.journal} is in use", kad.said)
        self.assertEqual(self.put(kad), [])
        first.close()
        self.assertEqual(kad("put", *VIA, "--from", str(self.file)), 0)

    def test_a_line_that_was_changed_is_stored_again(self) -> None:
        self.write(2)
        error = NotStored("no", {})
        Kad(FakeNode(put=[a_receipt(), error]))("put", *VIA, "--from", str(self.file))
        self.write(2, "another value")
        kad = Kad()
        kad("put", *VIA, "--from", str(self.file))
        self.assertEqual(len(self.put(kad)), 2)

    def test_a_node_that_goes_away(self) -> None:
        self.write(70)
        kad = Kad()
        kad.node.answers["put_many"] = [None, Unavailable("it has gone")]
        client = FakeClient(kad.node)
        kad.connect = lambda path: client
        self.assertEqual(kad("put", "--from", str(self.file), "--resume", str(self.journal)), 69)
        self.assertIn("interrupted: 32 lines done", kad.said)
        self.assertIn("kad: it has gone\n", kad.said)
        self.assertTrue(self.journal.exists())

    def test_options_that_do_not_go_together(self) -> None:
        for words in (
            ("put", "--resume", "f", "k", "v"),
            ("put", "--from", "f", "name"),
            ("put", "--from", "f", "--keep"),
            ("put", "--from", "f", "--immutable"),
            ("put", "--from", "f", "--cas", "0"),
            ("put", "--from", "f", "--value", ""),
            ("get", "--from", "f", "--key", "k"),
            ("get", "--from", "f", "--trace"),
        ):
            self.assertEqual(Kad()(*words), 64, words)

    def test_files_that_cannot_be_read(self) -> None:
        for name in ("/nowhere/file", str(self.directory)):
            kad = Kad()
            self.assertEqual(kad("put", *VIA, "--from", name), 65)
            self.assertIn(f"cannot read {name}", kad.said)


class GetTests(ManyTests):
    def test_as_lines_that_can_be_put(self) -> None:
        self.file.write_text('a\n{"key": "b"}\n')
        kad = Kad(FakeNode(get=[a_get(b"one"), a_get(b"\xff")]))
        self.assertEqual(kad("get", *VIA, "--first", "--from", str(self.file)), 0)
        lines = [json.loads(each) for each in kad.printed.splitlines()]
        self.assertEqual({each["key"] for each in lines}, {"a", "b"})
        self.assertEqual([each["lifetime"] for each in lines], [3600, 3600])
        self.assertEqual(lines[0]["value"], "one")
        self.assertEqual(lines[1]["value_base64"], "/w==")
        self.assertEqual({each[2] for each in kad.node.calls if each[0] == "get"}, {"first"})
        again = Kad(stdin=kad.printed)
        self.assertEqual(again("put", *VIA, "--from", "-"), 0)
        self.assertEqual(len(self.put(again)), 2)

    def test_what_is_missing(self) -> None:
        self.file.write_text("a\nb\nc\n")
        kad = Kad(FakeNode(get=[a_get(), NotFound("it was not found"), a_get(None, b"i7e")]))
        self.assertEqual(kad("get", *VIA, "--from", str(self.file)), 69)
        self.assertEqual(kad.printed.count(b"\n"), 1)
        self.assertIn(": it was not found\n", kad.said)
        self.assertIn(": what is stored there is no byte string\n", kad.said)
        self.assertIn("fetched 1 value; 1 were not found; 1 failed, as told above", kad.said)
        kad = Kad(FakeNode(get=[a_get(), a_get(), NotFound("it was not found")]))
        self.assertEqual(kad("get", *VIA, "--from", str(self.file)), 1)

    def test_it_goes_on_if_asked_to(self) -> None:
        self.file.write_text("a\nb\nc\n")
        words = ("get", *VIA, "--from", str(self.file), "--resume", str(self.journal))
        Kad(FakeNode(get=[a_get(), NotFound("no"), a_get()]))(*words)
        again = Kad()
        self.assertEqual(again(*words), 0)
        self.assertEqual(again.printed.count(b"\n"), 1)
        self.assertFalse(self.journal.exists())
        self.assertEqual(len([each for each in again.node.calls if each[0] == "get"]), 1)
