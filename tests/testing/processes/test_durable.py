"""When a record is safe: each database's order of writing, and every way to break it."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.testing.processes.durable import LMDBRule, Rule, Safe, SQLiteRule, when_safe
from kadtwisted.testing.processes.order import offending
from kadtwisted.testing.processes.tracing import Call
from tests.testing.processes.test_tracing import hexed

WAL = "/state/records.sqlite-wal"
DATABASE = "/state/records.lmdb"
MARKERS = re.compile(b"<[a-z]>")
COMMIT = bytes((0, 0, 0, 9, 0, 0, 0, 3)) + bytes(16)
FRAME = bytes((0, 0, 0, 9, 0, 0, 0, 0)) + bytes(16)


def write(at: int, data: bytes, path: str = WAL, *, result: int | None = None) -> Call:
    size = len(data) if result is None else result
    text = f'write(5<{hexed(path.encode())}>, "{hexed(data)}", {len(data)}) = {size}'
    return Call("write", 5, path, at, at, size, text)


def sync(began: int, ended: int, path: str = WAL, result: int = 0) -> Call:
    return Call("fdatasync", 5, path, began, ended, result, "")


def meta(at: int, descriptor: int = 6) -> Call:
    text = f'pwrite64({descriptor}<{hexed(DATABASE.encode())}>, "{hexed(b"meta")}", 4, 4112) = 4'
    return Call("pwrite64", descriptor, DATABASE, at, at, 4, text)


def opened(descriptor: int, flags: str) -> Call:
    text = f'openat(AT_FDCWD, "f", {flags}) = {descriptor}<{hexed(DATABASE.encode())}>'
    return Call("openat", -1, "", 0, 0, descriptor, text)


class RuleTestCase(SynchronousTestCase):
    def safe(self, rule: Rule, *calls: Call) -> dict[bytes, Safe]:
        ordered = sorted(calls, key=lambda call: call.ended)
        return when_safe(ordered, rule, "/state/records", MARKERS.findall)


class SQLiteTests(RuleTestCase):
    def test_page_commit_sync(self) -> None:
        calls = (write(1, COMMIT), write(2, b"..<a>.."), sync(3, 5))
        self.assertEqual(self.safe(SQLiteRule(), *calls), {b"<a>": Safe(2, 5)})

    def test_a_group_shares_a_sync(self) -> None:
        frames = (write(1, FRAME), write(2, b"<a><b>"), write(3, COMMIT), write(4, b"<c>"))
        found = self.safe(SQLiteRule(), *frames, sync(5, 6))
        self.assertEqual({m: each.safe for m, each in found.items()}, dict.fromkeys(found, 6))
        self.assertEqual(len(found), 3)

    def test_never_without_a_sync(self) -> None:
        self.assertEqual(self.safe(SQLiteRule(), write(1, COMMIT), write(2, b"<a>")), {})

    def test_not_by_a_sync_that_began_before_the_page_was_written(self) -> None:
        calls = (write(1, COMMIT), write(3, b"<a>"), sync(2, 4))
        self.assertEqual(self.safe(SQLiteRule(), *calls), {})

    def test_not_by_a_sync_of_another_file(self) -> None:
        calls = (write(1, COMMIT), write(2, b"<a>"), sync(3, 4, "/state/records.sqlite"))
        self.assertEqual(self.safe(SQLiteRule(), *calls), {})

    def test_not_by_a_sync_that_failed(self) -> None:
        calls = (write(1, COMMIT), write(2, b"<a>"), sync(3, 4, result=-1))
        self.assertEqual(self.safe(SQLiteRule(), *calls), {})

    def test_not_before_the_frame_that_commits(self) -> None:
        calls = (write(1, FRAME), write(2, b"<a>"), sync(3, 4))
        self.assertEqual(self.safe(SQLiteRule(), *calls), {})
        more = (write(5, COMMIT), write(6, b"..."), sync(7, 8))
        self.assertEqual(self.safe(SQLiteRule(), *calls, *more), {b"<a>": Safe(2, 8)})

    def test_not_in_the_database_alone(self) -> None:
        path = "/state/records.sqlite"
        self.assertEqual(self.safe(SQLiteRule(), write(1, b"<a>", path), sync(2, 3, path)), {})

    def test_the_first_write_counts(self) -> None:
        calls = (write(1, COMMIT), write(2, b"<a>"), sync(3, 4))
        again = (write(5, COMMIT), write(6, b"<a><b>"), sync(7, 8))
        found = self.safe(SQLiteRule(), *calls, *again)
        self.assertEqual(found, {b"<a>": Safe(2, 4), b"<b>": Safe(6, 8)})


class LMDBTests(RuleTestCase):
    def test_page_sync_meta_page_through(self) -> None:
        calls = (opened(6, "O_WRONLY|O_DSYNC"), write(1, b"<a>", DATABASE), sync(2, 3, DATABASE))
        self.assertEqual(self.safe(LMDBRule(), *calls, meta(4)), {b"<a>": Safe(1, 4)})

    def test_page_sync_meta_page_sync(self) -> None:
        calls = (write(1, b"<a>", DATABASE), sync(2, 3, DATABASE), meta(4))
        self.assertEqual(self.safe(LMDBRule(), *calls), {})
        self.assertEqual(self.safe(LMDBRule(), *calls, sync(5, 6, DATABASE)), {b"<a>": Safe(1, 6)})

    def test_a_descriptor_is_what_it_was_opened_as_last(self) -> None:
        calls = (write(1, b"<a>", DATABASE), sync(2, 3, DATABASE), meta(4))
        before = (opened(6, "O_WRONLY|O_DSYNC"), opened(6, "O_RDWR"))
        self.assertEqual(self.safe(LMDBRule(), *before, *calls), {})

    def test_not_without_a_sync_of_the_pages(self) -> None:
        calls = (opened(6, "O_WRONLY|O_DSYNC"), write(1, b"<a>", DATABASE), meta(2))
        self.assertEqual(self.safe(LMDBRule(), *calls), {})

    def test_not_by_a_sync_that_began_before(self) -> None:
        calls = (opened(6, "O_WRONLY|O_DSYNC"), write(2, b"<a>", DATABASE), sync(1, 3, DATABASE))
        self.assertEqual(self.safe(LMDBRule(), *calls, meta(4)), {})

    def test_not_by_a_meta_page_before_the_sync_had_ended(self) -> None:
        calls = (opened(6, "O_WRONLY|O_DSYNC"), write(1, b"<a>", DATABASE), sync(2, 4, DATABASE))
        early = meta(3)._replace(ended=5)
        self.assertEqual(self.safe(LMDBRule(), *calls, early), {})


class OffenderTests(SynchronousTestCase):
    def offenders(self, began: int | None, safe: Safe | None) -> list[str]:
        sent = {} if began is None else {b"nonce": Call("sendto", 3, "", began, began, 9, "")}
        when = {} if safe is None else {b"a": safe}
        return list(offending({b"a": b"nonce"}, when, sent))

    def test_an_acknowledgement_after_its_sync_is_right(self) -> None:
        self.assertEqual(self.offenders(5, Safe(1, 4)), [])

    def test_every_other_one_is_named(self) -> None:
        self.assertIn("safe at line 4", self.offenders(3, Safe(1, 4))[0])
        self.assertIn("safe at line 4", self.offenders(4, Safe(1, 4))[0])
        self.assertIn("never safe", self.offenders(5, None)[0])
        self.assertIn("no call in the trace", self.offenders(None, Safe(1, 4))[0])
