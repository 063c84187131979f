"""kad import: a sound file only, and no record in place of a better one."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from twisted.internet.defer import Deferred, fail
from twisted.trial import unittest

from kadtwisted.errors import StorageError, StorageFull
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StoredRecord
from kadtwisted.node.world import steady_seconds
from kadtwisted.parameters import Bounds
from kadtwisted.records.floor import floor_place
from kadtwisted.records.value import floor
from kadtwisted.settings.plugin_registry import PluginRegistry
from kadtwisted.state.directory import StateDirectory
from tests.cli.harness import Kad
from tests.cli.shelf import (
    DAY,
    Installed,
    Shelf,
    ShelfFactory,
    a_record,
    kad_with,
    patiently,
)


class ImportTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.file = self.path / "records.jsonl"
        self.source, self.target = Shelf(), Shelf()

    def export(self) -> bytes:
        kad = kad_with(self.source)
        code = kad("export", "--storage", "shelf", str(self.file), meanwhile=patiently)
        self.assertEqual(code, 0, kad.said)
        return self.file.read_bytes()

    def run_import(self, *argv: str, stdin: bytes = b"", code: int = 0) -> Kad:
        kad = kad_with(self.target, stdin=stdin)
        ended = kad("--json", "import", "--storage", "shelf", *argv, meanwhile=patiently)
        self.assertEqual(ended, code, kad.said)
        return kad

    def assert_same(self, found: list[StoredRecord], expected: list[StoredRecord]) -> None:
        self.assertEqual([each[:2] for each in found], [each[:2] for each in expected])
        for one, other in zip(found, expected, strict=True):
            self.assertApproximates(one.expires, other.expires, 0.1)
            self.assertApproximates(one.arrived, other.arrived, 0.1)

    def test_there_and_back(self) -> None:
        for n in range(150):
            self.source.add(n, a_record(n, bytes([n])), arrived=-float(n))
        self.export()
        kad = self.run_import(str(self.file))
        self.assertEqual(
            kad.json,
            {"imported": 150, "already_there": 0, "older": 0, "expired": 0, "refused": 0},
        )
        self.assert_same(self.target.all(), self.source.all())
        self.assertEqual((self.target.opened, self.target.closed), (1, 1))
        self.assertEqual(self.run_import(str(self.file)).json["already_there"], 150)

    def test_from_standard_input(self) -> None:
        self.source.add(1, a_record(1))
        self.run_import(stdin=self.export())
        self.assert_same(self.target.all(), self.source.all())

    def test_what_is_no_file_is_an_error_and_no_wait(self) -> None:
        pipe = self.path / "pipe"
        os.mkfifo(pipe)
        for place, said in (
            (pipe, "it is a named pipe, not a file"),
            (self.path, "is a directory"),
            ("/dev/zero", "it is a device, not a file"),
        ):
            kad = self.run_import(str(place), code=65)
            self.assertIn(f"kad: cannot read {place}: {said}", kad.said)

    def test_what_wins(self) -> None:
        older, newer = a_record(1, age=100.0), a_record(1, age=50.0)
        self.source.add(1, older)
        self.source.add(2, a_record(2, b"newer", age=1.0))
        self.target.add(1, newer)
        self.target.add(2, a_record(2, b"older", age=2.0))
        self.export()
        found = self.run_import(str(self.file)).json
        self.assertEqual((found["imported"], found["older"]), (1, 1))
        first, second = self.target.all()
        self.assertEqual(first.data, newer)
        self.assertEqual(second.data, self.source.all()[1].data)

    def test_an_older_one_comes_back_by_no_import(self) -> None:
        """A record that was there and has expired keeps older ones out, as in a node."""
        older, newer = a_record(1, age=100.0), a_record(1, age=50.0)
        self.source.add(1, older)
        self.target.add_floor(1, newer)
        self.assertEqual(self.run_import(stdin=self.export()).json["older"], 1)
        self.source.add(1, newer)
        self.assertEqual(self.run_import(stdin=self.export()).json["imported"], 1)

    def test_a_record_that_takes_a_place_for_a_short_time_leaves_a_floor(self) -> None:
        older, newer = a_record(1, age=100.0), a_record(1, age=50.0)
        self.target.add(1, older)
        self.source.add(1, newer, lives=600.0)
        self.assertEqual(self.run_import(stdin=self.export()).json["imported"], 1)
        left, there = self.target.all()
        self.assertEqual((left.where, left.data), (floor_place(there.where), floor(newer)))
        self.assertApproximates(left.expires - there.expires, DAY - 600.0, 5.0)
        kad = kad_with(self.target)
        kad("export", "--storage", "shelf", str(self.file), meanwhile=patiently)
        self.assertIn("exported 1 record", kad.said)

    def test_the_same_record_lives_until_the_later_deadline(self) -> None:
        data = {n: a_record(n) for n in (1, 2)}
        self.source.add(1, data[1], lives=500.0)
        self.source.add(2, data[2], lives=50.0)
        for n in (1, 2):
            self.target.add(n, data[n], lives=100.0)
        self.export()
        self.assertEqual(self.run_import(str(self.file)).json["already_there"], 2)
        now = steady_seconds()
        for record, lives in zip(self.target.all(), (500.0, 100.0), strict=True):
            self.assertApproximates(record.expires - now, lives, 5.0)

    def test_what_may_not_come_in(self) -> None:
        self.source.add(1, a_record(1), lives=10 * DAY, arrived=3600.0)
        self.source.add(2, a_record(2, age=-3600.0))
        dying = self.source.add(3, a_record(3), lives=1.0)
        data = self.export()
        self.patch(time, "monotonic", lambda: dying.expires + 1.0)
        ahead = time.time() + 2.0
        self.patch(time, "time", lambda: ahead)
        found = self.run_import(stdin=data).json
        self.assertEqual((found["imported"], found["refused"], found["expired"]), (1, 1, 1))
        (record,) = self.target.all()
        now = steady_seconds()
        self.assertApproximates(record.expires - now, 2 * DAY, 0.1)
        self.assertLessEqual(record.arrived, now)

    def test_a_bad_file_changes_nothing(self) -> None:
        self.source.add(1, a_record(1))
        data = self.export()
        for bad, said in (
            (data[:-1], "cut off"),
            (data.replace(b'"sub": ""', b'"sub":  ""'), "tells others"),
            (b"", "no file of exported records"),
        ):
            kad = self.run_import(stdin=bad, code=65)
            self.assertIn(said, kad.said)
        kad = self.run_import(str(self.path / "missing"), code=65)
        self.assertIn("cannot read", kad.said)
        self.assertEqual(self.target.opened, 0)

    def test_more_than_a_node_takes_by_default(self) -> None:
        factory = ShelfFactory(self.target)
        self.source.add(1, a_record(1))
        self.export()
        kad = Kad()
        kad.plugins = PluginRegistry(
            lambda group: [Installed(factory)] if group == "kadtwisted.storage" else []
        )
        argv = ("import", "--storage", "shelf", str(self.file))
        self.assertEqual(kad(*argv, meanwhile=patiently), 0, kad.said)
        (context,) = factory.contexts
        self.assertGreater(context.max_records, 1000 * Bounds().stored_records)
        self.assertGreater(context.max_bytes, 1000 * Bounds().stored_bytes)

    def test_no_storage_beside_the_one_that_the_node_uses(self) -> None:
        self.source.add(1, a_record(1))
        self.export()
        state_dir = self.path / "node"
        state_dir.mkdir()
        (state_dir / "records.lmdb").touch()
        for verb in ("import", "export"):
            kad = Kad()
            argv = (verb, "--state-dir", str(state_dir), str(self.file))
            self.assertEqual(kad(*argv, meanwhile=patiently), 64, kad.said)
            self.assertIn("add --storage lmdb", kad.said)
        self.assertEqual(os.listdir(state_dir), ["records.lmdb"])

    def test_a_full_storage(self) -> None:
        for n in range(10):
            self.source.add(n, a_record(n))
        self.export()
        self.target = Shelf(room=4)
        kad = self.run_import(str(self.file), code=73)
        self.assertIn("the storage is full: 4 of 10 records were imported", kad.said)
        self.assertEqual(len(self.target.all()), 4)
        self.assertEqual(self.target.closed, 1)
        self.assertEqual(kad.json["error"]["type"], StorageFull.__name__)

    def test_a_storage_that_fails(self) -> None:
        for n in range(10):
            self.source.add(n, a_record(n))
        self.export()
        self.target = Shelf(room=3, refusal=StorageError("the disk is gone"))
        kad = self.run_import(str(self.file), code=73)
        self.assertIn("the disk is gone; 3 of 10 records were imported", kad.said)
        self.patch(self.target, "open", lambda: fail(StorageError("no such disk")))
        self.assertIn("no such disk", self.run_import(str(self.file), code=73).said)

    def test_interrupted(self) -> None:
        self.source.add(1, a_record(1))
        self.export()
        putting: Deferred[None] = Deferred()
        self.patch(self.target, "put", lambda record, now: putting)

        def meanwhile(kad: Kad, running: Deferred[int]) -> None:
            while not self.target.opened:
                kad.clock.advance(0)
            running.cancel()

        kad = kad_with(self.target)
        code = kad("import", "--storage", "shelf", str(self.file), meanwhile=meanwhile)
        self.assertEqual((code, self.target.closed), (130, 1))
        self.assertEqual(kad.said, "kad: importing 1 record\n")

    def test_not_under_a_running_node(self) -> None:
        self.source.add(1, a_record(1))
        self.export()
        state = StateDirectory(self.path)
        state.open()
        self.addCleanup(state.close)
        kad = self.run_import("--state-dir", str(self.path), str(self.file), code=73)
        self.assertIn("another node is running", kad.said)
        self.assertEqual(self.target.opened, 0)

    def test_for_people(self) -> None:
        self.source.add(NodeID(1), a_record(1))
        self.export()
        kad = kad_with(self.target)
        kad("import", "--storage", "shelf", str(self.file), meanwhile=patiently)
        self.assertEqual(kad.printed, b"")
        self.assertEqual(
            kad.said.splitlines()[-1],
            "kad: imported 1 of 1 record; left out: 0 already there, "
            "0 older than what is there, 0 expired, 0 from the future",
        )

    def test_needs_a_storage(self) -> None:
        self.export()
        kad = Kad()
        self.assertEqual(kad("import", str(self.file), meanwhile=patiently), 64)
        self.assertIn("give --storage", kad.said)
