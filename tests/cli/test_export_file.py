"""Files of exported records: written, read, and every accident noticed."""

from __future__ import annotations

import io
import json
from hashlib import blake2b

from twisted.trial import unittest

from kadtwisted.cli.export_file import MAX_LINE, BadExport, Writer, read
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import DatedRecord, Kind, StorageKey
from kadtwisted.records.kinds import NATIVE_KINDS
from tests.cli.shelf import a_record


def dated(key: int, data: bytes | None = None) -> DatedRecord:
    return DatedRecord(
        StorageKey(Kind.VALUE, NodeID(key)), a_record(key) if data is None else data, 2e9, 1.7e9
    )


RECORDS = [dated(3), dated(2**160 - 1)]


def written(*records: DatedRecord) -> bytes:
    stream = io.BytesIO()
    writer = Writer(stream, 1.7e9, "ab" * 20)
    for record in records:
        writer.add(record)
    writer.finish()
    return stream.getvalue()


def sealed(*lines: object) -> bytes:
    """A file of these lines with a last line that fits: made by somebody on purpose."""
    text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    digest = blake2b(text, digest_size=32).hexdigest()
    last = {"records": len(lines) - 1, "blake2b": digest}
    return text + json.dumps(last).encode() + b"\n"


HEADER = {"format": "kadtwisted-records-1", "exported_unix": 1.0}


class FileTests(unittest.SynchronousTestCase):
    def read(self, data: bytes) -> list[DatedRecord]:
        return list(read(io.BytesIO(data), NATIVE_KINDS.identify))

    def refused(self, data: bytes) -> str:
        return str(self.assertRaises(BadExport, self.read, data))

    def test_there_and_back(self) -> None:
        for records in ([], RECORDS):
            self.assertEqual(self.read(written(*records)), records)

    def test_lines(self) -> None:
        data = written(*RECORDS)
        header, first, _, last = (json.loads(line) for line in data.splitlines())
        self.assertEqual(
            header,
            {"format": "kadtwisted-records-1", "exported_unix": 1.7e9, "node_id": "ab" * 20},
        )
        self.assertEqual((first["kind"], first["key"], first["sub"]), (1, f"{3:040x}", ""))
        self.assertEqual((first["expires_unix"], first["arrived_unix"]), (2e9, 1.7e9))
        before = data[: data.rindex(b"\n", 0, -1) + 1]
        digest = blake2b(before, digest_size=32).hexdigest()
        self.assertEqual(last, {"records": 2, "blake2b": digest})

    def test_cut_off_anywhere(self) -> None:
        data = written(*RECORDS)
        for end in range(len(data)):
            self.assertRaises(BadExport, self.read, data[:end])

    def test_any_changed_byte(self) -> None:
        data = written(*RECORDS)
        for at in range(0, len(data), 7):
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            self.assertRaises(BadExport, self.read, changed)

    def test_a_line_that_is_missing_or_there_twice(self) -> None:
        lines = written(*RECORDS).splitlines(keepends=True)
        self.assertIn("tells others", self.refused(b"".join(lines[:2] + lines[3:])))
        self.assertIn("out of order", self.refused(b"".join(lines[:2] + lines[1:])))
        self.assertIn("behind line 4", self.refused(b"".join([*lines, lines[0]])))

    def test_what_is_no_such_file(self) -> None:
        self.assertIn("no file of exported records", self.refused(b""))
        self.assertIn("no file of exported records", self.refused(b"{}\n"))
        self.assertIn("line 1 is no JSON object", self.refused(b"\x00\xff\n"))
        self.assertIn("line 1 is no JSON object", self.refused(b"[]\n"))
        self.assertIn("line 1 is no JSON object", self.refused(b"[" * 60000 + b"\n"))
        self.assertIn("line 1 is cut off", self.refused(b"{}"))
        self.assertIn("line 1 is too long", self.refused(b" " * MAX_LINE + b"\n"))

    def test_a_newer_format(self) -> None:
        newer = sealed({**HEADER, "format": "kadtwisted-records-2"})
        self.assertIn("a newer version", self.refused(newer))

    def test_records_are_held_against_the_rules(self) -> None:
        line = json.loads(written(dated(3)).splitlines()[1])
        for changes, said in (
            ({"data": "AAAA"}, "unknown-kind"),
            ({"data": ""}, "empty"),
            ({"data": "AQ=="}, "truncated"),
            ({"key": f"{4:040x}"}, "belongs elsewhere"),
            ({"sub": "00"}, "belongs elsewhere"),
            ({"kind": 2}, "belongs elsewhere"),
            ({"kind": 256}, "no record"),
            ({"kind": 2**80}, "no record"),
            ({"key": "3"}, "no record"),
            ({"key": None}, "no record"),
            ({"sub": "0"}, "no record"),
            ({"data": "%"}, "no record"),
            ({"data": 7}, "no record"),
            ({"expires_unix": float("inf")}, "no record"),
            ({"arrived_unix": float("nan")}, "no record"),
            ({"arrived_unix": None}, "no record"),
        ):
            text = self.refused(sealed(HEADER, {**line, **changes}))
            self.assertIn(said, text, changes)
            self.assertIn("line 2", text)
        self.assertEqual(len(self.read(sealed(HEADER, line))), 1)
        del line["data"]
        self.assertIn("no record", self.refused(sealed(HEADER, line)))
