"""kad export: from a storage that no node uses, and from a running node."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.defer import fail
from twisted.trial import unittest

from kadtwisted.api.peers import ControlRefused
from kadtwisted.cli.export_file import read
from kadtwisted.errors import StorageError
from kadtwisted.model.ids import NodeID, id_to_hex
from kadtwisted.model.record import DatedRecord, Kind, RecordsPage, dated_page
from kadtwisted.node.world import steady_seconds
from kadtwisted.records.kinds import NATIVE_KINDS
from kadtwisted.state.directory import StateDirectory
from kadtwisted.storage import guard
from tests.cli.harness import Kad
from tests.cli.shelf import Shelf, a_record, kad_with, patiently
from tests.cli.verbs.test_running import FakeClient
from tests.daemon.fakes import KEY, FakeNode


class ExportTestCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.file = self.path / "records.jsonl"
        self.shelf = Shelf()

    def export(self, *argv: str, kad: Kad | None = None) -> Kad:
        kad = kad or kad_with(self.shelf)
        code = kad("export", *argv, meanwhile=patiently)
        self.assertEqual(code, 0, kad.said)
        return kad

    def read(self, path: Path) -> list[DatedRecord]:
        with path.open("rb") as stream:
            return list(read(stream, NATIVE_KINDS.identify))


class StorageTests(ExportTestCase):
    def test_everything_that_lives_byte_for_byte(self) -> None:
        records = [self.shelf.add(n, a_record(n, bytes([n])), arrived=-7.5) for n in range(150)]
        self.shelf.add(200, a_record(200), lives=-1.0)
        kad = self.export("--storage", "shelf", str(self.file))
        found = self.read(self.file)
        self.assertEqual([each[:2] for each in found], [each[:2] for each in records])
        ahead = time.time() - steady_seconds()
        for one, other in zip(found, records, strict=True):
            self.assertApproximates(one.expires_unix, other.expires + ahead, 0.1)
            self.assertApproximates(one.arrived_unix, other.arrived + ahead, 0.1)
        self.assertIn("exported 150 records to", kad.said)
        self.assertEqual((self.shelf.opened, self.shelf.closed), (1, 1))
        self.assertEqual(os.listdir(self.path), ["records.jsonl"])

    def test_to_standard_output(self) -> None:
        self.shelf.add(1, a_record(1))
        kad = self.export("--json", "--storage", "shelf")
        self.file.write_bytes(kad.printed)
        self.assertEqual(len(self.read(self.file)), 1)
        self.assertIn("kad: exported 1 record\n", kad.said)

    def test_announcements_are_left_out_and_that_is_said(self) -> None:
        value = self.shelf.add(1, a_record(1))
        where = value.where._replace(kind=Kind.ANNOUNCEMENT)
        for number in range(2):
            there = where._replace(key=NodeID(number))
            self.shelf.put(value._replace(where=there), value.arrived)
        kad = self.export("--storage", "shelf", str(self.file))
        self.assertIn("exported 1 record (and not 2 announcements: their", kad.said)
        self.assertEqual(len(self.read(self.file)), 1)

    def test_json(self) -> None:
        kad = self.export("--json", "--storage", "shelf", str(self.file))
        self.assertEqual(kad.json, {"exported": 0, "file": str(self.file)})

    def test_progress_on_a_terminal(self) -> None:
        self.shelf.add(1, a_record(1))
        kad = kad_with(self.shelf)
        with mock.patch.object(kad.stderr, "isatty", return_value=True):
            self.export("--storage", "shelf", str(self.file), kad=kad)
        self.assertIn("reading 1 record 1/1", kad.said)
        self.assertIn("\r\x1b[K", kad.said)

    def test_floors_are_not_counted(self) -> None:
        for number in range(300):
            self.shelf.add_floor(number, a_record(number))
        self.shelf.add(1, a_record(1))
        kad = kad_with(self.shelf)
        with mock.patch.object(kad.stderr, "isatty", return_value=True):
            self.export("--storage", "shelf", str(self.file), kad=kad)
        self.assertIn("reading 1 record 1/1", kad.said)

    def test_a_file_that_cannot_be_written(self) -> None:
        kad = kad_with(self.shelf)
        code = kad("export", "--storage", "shelf", str(self.path / "no" / "file"))
        self.assertEqual(code, 71)
        self.assertIn("cannot write", kad.said)
        self.assertEqual(self.shelf.closed, 1)

    def test_a_failure_leaves_the_old_file(self) -> None:
        self.file.write_text("old")
        self.patch(self.shelf, "page", lambda after, limit: fail(StorageError("the disk is gone")))
        kad = kad_with(self.shelf)
        self.assertEqual(kad("export", "--storage", "shelf", str(self.file)), 73)
        self.assertIn("the disk is gone", kad.said)
        self.assertEqual(self.file.read_text(), "old")
        self.assertEqual(os.listdir(self.path), ["records.jsonl"])

    def test_what_is_no_file_is_written_to_and_stays(self) -> None:
        self.shelf.add(1, a_record(1))
        pipe = self.path / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.export("--storage", "shelf", str(pipe))
        self.assertTrue(pipe.is_fifo())
        self.file.write_bytes(os.read(reader, 65536))
        self.assertEqual(len(self.read(self.file)), 1)

    def test_a_pipe_that_nobody_reads_keeps_nobody_waiting(self) -> None:
        pipe = self.path / "pipe"
        os.mkfifo(pipe)
        kad = kad_with(self.shelf)
        self.assertEqual(kad("export", "--storage", "shelf", str(pipe)), 71)
        self.assertIn(f"cannot write {pipe}: ", kad.said)

    def test_what_somebody_else_put_there(self) -> None:
        """As in ``/tmp``: a link to a file of ours, or a pipe that they read."""
        self.file.write_text("precious")
        link, pipe = self.path / "link", self.path / "pipe"
        link.symlink_to(self.file)
        os.mkfifo(pipe)
        us = os.geteuid()
        self.patch(os, "geteuid", lambda: us + 1)
        self.patch(guard, "ROOT", us + 1)
        for place in (link, pipe):
            kad = kad_with(self.shelf)
            self.assertEqual(kad("export", "--storage", "shelf", str(place)), 78)
            self.assertIn("was put there by", kad.said)
        self.assertEqual(self.file.read_text(), "precious")

    def test_a_link_stays_one(self) -> None:
        self.shelf.add(1, a_record(1))
        link = self.path / "link"
        link.symlink_to(self.file)
        self.export("--storage", "shelf", str(link))
        self.assertTrue(link.is_symlink())
        self.assertEqual(len(self.read(self.file)), 1)

    def test_from_a_state_directory_without_a_node(self) -> None:
        state = StateDirectory(self.path)
        state.open()
        key = state.identity(os.urandom)
        state.close()
        self.export("--storage", "shelf", "--state-dir", str(self.path), str(self.file))
        header = json.loads(self.file.read_bytes().splitlines()[0])
        self.assertEqual(header["node_id"], id_to_hex(key.node_id))
        self.export("--storage", "shelf", "--state-dir", str(self.path), str(self.file))

    def test_a_state_directory_in_use(self) -> None:
        state = StateDirectory(self.path)
        state.open()
        self.addCleanup(state.close)
        kad = kad_with(self.shelf)
        argv = ("export", "--storage", "shelf", "--state-dir", str(self.path))
        self.assertEqual(kad(*argv), 73)
        self.assertEqual(self.shelf.opened, 0)

    def test_refusals(self) -> None:
        for options, code, said in (
            ((), 64, "give --storage"),
            (("--state-dir", str(self.path / "missing")), 64, "missing does not exist"),
            (("--storage", "shilf"), 78, "there is no storage called 'shilf'"),
        ):
            kad = kad_with(self.shelf)
            self.assertEqual(kad("export", *options), code)
            self.assertIn(said, kad.said)
        self.assertFalse((self.path / "missing").exists())

    def test_no_storage_is_made_to_be_read(self) -> None:
        missing = (f"sqlite:{self.path}/x", f"lmdb:{self.path}/x")
        for options in (("--state-dir", str(self.path)), *(("--storage", x) for x in missing)):
            kad = Kad()
            self.assertEqual(kad("export", *options), 64)
            self.assertIn("there are no records", kad.said)
        self.assertEqual(os.listdir(self.path), [])


class RunningNodeTests(ExportTestCase):
    def running(self, node: FakeNode, *argv: str) -> Kad:
        client = FakeClient(node)
        kad = Kad()

        def connect(path: Path) -> Any:
            self.assertEqual(path, self.path / "control.sock")
            return client

        kad.connect = connect
        self.export("--state-dir", str(self.path), *argv, kad=kad)
        self.assertTrue(client.closed)
        return kad

    def test_a_running_node_is_asked(self) -> None:
        records = [self.shelf.add(n, a_record(n)) for n in range(3)]
        now, unix_time = steady_seconds(), time.time()
        last = records[1].where
        pages = [
            dated_page(records[:2], 2, now, unix_time),
            RecordsPage(dated_page(records[2:], 2, now, unix_time).records, None),
        ]
        node = FakeNode(records=pages)
        self.running(node, str(self.file))
        found = self.read(self.file)
        self.assertEqual([each[:2] for each in found], [each[:2] for each in records])
        self.assertApproximates(found[0].expires_unix - unix_time, records[0].expires - now, 1e-3)
        self.assertEqual(node.calls, [("records", None, 32), ("records", last, 32)])
        header = json.loads(self.file.read_bytes().splitlines()[0])
        self.assertEqual(header["node_id"], id_to_hex(KEY.node_id))

    def test_a_control_socket_of_somebody_else(self) -> None:
        kad = kad_with(self.shelf)

        def connect(path: Path) -> Any:
            raise ControlRefused("not yours")

        kad.connect = connect
        self.assertEqual(kad("export", "--state-dir", str(self.path)), 77)
