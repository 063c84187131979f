"""What --from notes while it works: what is done stays done, whatever happens to the file."""

from __future__ import annotations

import errno
import io
import os
from contextlib import closing
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.cli.exit_codes import exit_code_of
from kadtwisted.cli.verbs.records.journal import BadJournal, CannotNote, Done, Journal
from kadtwisted.cli.verbs.records.lines import Line, to_get
from tests.cli.full_disk import FullDisk

NOW = 1000.0


def line(number: int, name: str = "name") -> Line:
    return to_get(number, name.encode())


class JournalTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def journal(self, verb: str = "put", network: str = "kad", now: float = NOW) -> Journal:
        opened = Journal(self.path, verb, network, now)
        self.addCleanup(opened.close)
        return opened

    def test_what_is_done_is_done(self) -> None:
        first = self.journal()
        first.note([Done(line(2), 0.0), Done(line(70), NOW + 5)])
        first.note([])
        first.close()
        again = self.journal()
        self.assertEqual([again.has(line(e)) for e in (1, 2, 3, 70, 71)], [0, 1, 0, 1, 0])
        self.assertFalse(again.has(line(2, "changed")))

    def test_what_has_expired_is_not(self) -> None:
        first = self.journal()
        first.note([Done(line(1), NOW + 5), Done(line(2), NOW + 50), Done(line(3), 0.0)])
        first.close()
        again = self.journal(now=NOW + 10)
        self.assertEqual([again.has(line(e)) for e in (1, 2, 3)], [False, True, True])

    def test_the_last_word_counts(self) -> None:
        first = self.journal()
        first.note([Done(line(1, "old"), 0.0)])
        first.note([Done(line(1, "new"), 0.0)])
        first.close()
        again = self.journal()
        self.assertEqual([again.has(line(1, e)) for e in ("old", "new")], [False, True])

    def test_wherever_it_was_torn(self) -> None:
        first = self.journal()
        first.note([Done(line(number), 0.0) for number in range(1, 4)])
        first.close()
        whole = self.path.read_bytes()
        head = whole.index(b"\n") + 1
        for length in range(head, len(whole) + 1):
            self.path.write_bytes(whole[:length])
            again = self.journal()
            done = whole[head:length].count(b"\n")
            self.assertEqual([again.has(line(e)) for e in (1, 2, 3)], [done > e for e in range(3)])
            again.note([Done(line(9), 0.0)])
            again.close()
            with closing(self.journal()) as third:
                self.assertTrue(third.has(line(9)))

    def test_of_something_else(self) -> None:
        self.journal().close()
        for verb, network in (("get", "kad"), ("put", "other")):
            self.assertRaises(BadJournal, self.journal, verb, network)
        head = self.path.read_bytes()
        for text in (
            b"my thesis",
            b"my thesis\n",
            head + b"nonsense\n",
            head + b"1 xyz 0\n",
            head + b"-1 0 0\n",
            head + b"9999999999999 0 0\n",
            head + b"1 " + b"f" * 17 + b" 0\n",
        ):
            self.path.write_bytes(text)
            error = self.assertRaises(BadJournal, self.journal)
            self.assertIn("--resume", str(error))
            self.assertEqual(self.path.read_bytes(), text)

    def test_nobody_else_uses_it_meanwhile(self) -> None:
        first = self.journal()
        first.note([Done(line(1), 0.0)])
        error = self.assertRaises(BadJournal, self.journal)
        self.assertIn("in use", str(error))
        first.note([Done(line(2), 0.0)])
        first.close()
        again = self.journal()
        self.assertTrue(again.has(line(1)) and again.has(line(2)))

    def test_whoever_opens_it_just_before_it_goes_has_another_one(self) -> None:
        first = self.journal()
        late = self.path.open("a+b")
        first.remove()
        with late, mock.patch.object(Path, "open", side_effect=[late, self.path.open("a+b")]):
            second = self.journal()
        second.note([Done(line(1), 0.0)])
        self.assertEqual(self.path.read_bytes().count(b"\n"), 2)

    def test_where_there_are_no_locks(self) -> None:
        with mock.patch("fcntl.flock", side_effect=OSError(errno.ENOLCK, "no locks")):
            first = self.journal()
        first.note([Done(line(1), 0.0)])
        self.assertEqual(self.path.read_bytes().count(b"\n"), 2)

    def test_lines_that_the_input_does_not_have_take_no_memory(self) -> None:
        first = self.journal()
        first.note([Done(line(3), 0.0), Done(line(4)._replace(number=(1 << 40) - 1), 0.0)])
        first.close()
        again = Journal(self.path, "put", "kad", NOW, 3)
        self.addCleanup(again.close)
        self.assertEqual(again.noted, 3)
        self.assertTrue(again.has(line(3)))

    def test_where_nothing_can_be_written(self) -> None:
        error = self.assertRaises(CannotNote, Journal, Path("/nowhere/file"), "put", "kad", NOW)
        self.assertIn("/nowhere/file", str(error))

    def test_a_full_disk(self) -> None:
        """Python would write once more when the file is closed; that fails, too."""
        full = io.BufferedRandom(FullDisk(self.path, "a+"))
        with mock.patch.object(Path, "open", return_value=full):
            error = self.assertRaises(CannotNote, self.journal)
        self.assertIn("no space left", str(error).lower())
        self.journal().close()
        full = io.BufferedRandom(FullDisk(self.path, "a+"))
        with mock.patch.object(Path, "open", return_value=full):
            journal = self.journal()
        error = self.assertRaises(CannotNote, journal.note, [Done(line(1), 0.0)])
        self.assertIn("no space left", str(error).lower())
        self.assertEqual(exit_code_of(error), os.EX_OSERR)
        journal.close()
        self.assertTrue(full.closed)

    def test_none_at_all(self) -> None:
        none = Journal(None, "put", "kad", NOW)
        none.note([Done(line(1), 0.0)])
        self.assertFalse(none.has(line(1)))
        none.remove()

    def test_when_all_is_done_it_goes(self) -> None:
        done = self.journal()
        done.remove()
        done.remove()
        self.assertFalse(self.path.exists())
