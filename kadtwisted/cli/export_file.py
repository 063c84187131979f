"""The file of exported records: lines of JSON that show whether anything is missing or altered.

The first line names the format.  Each of the next lines is one record, in ascending order of their
places.  The last line has the number of records, and the digest of all lines before it::

    {"format": "kadtwisted-records-1", "exported_unix": 1700000000.0, "node_id": "40 hex digits"}
    {"kind": 1, "key": "40 hex digits", "sub": "", "data": "base64", "expires_unix": ..., ...}
    {"records": 1, "blake2b": "BLAKE2b-256 of the lines above, in hexadecimal"}

Neither side ever holds more than one line in memory.  The digest notices accidents, not attacks:
an attacker who can write the file can write its last line, too.  So records are checked by the
rules of their kinds, as if they came from the network.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import IO, Any, Protocol

from kadtwisted.api.describe import of_record
from kadtwisted.errors import InvalidInput, InvalidRecord
from kadtwisted.model.ids import id_from_hex
from kadtwisted.model.record import DatedRecord, StorageKey

FORMAT_STEM = "kadtwisted-records-"
FORMAT = f"{FORMAT_STEM}1"
MAX_LINE = 65536
"""MAGIC: bytes of a line; that of the largest record has some 2,000."""
DIGEST_BYTES = 32

Identify = Callable[[bytes], tuple[object, StorageKey]]
"""Checks the bytes of a record and says which rules it falls under and where it is stored, or
raises ``InvalidRecord``."""


class BadExport(InvalidInput):
    """A file is truncated, altered, or no file of exported records at all."""


class ByteSink(Protocol):
    """Where bytes can be written, all at once."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...


class Writer:
    """Writes such a file to a stream."""

    def __init__(self, stream: ByteSink, exported_unix: float, node_id: str | None) -> None:
        self._stream = stream
        self._digest = blake2b(digest_size=DIGEST_BYTES)
        self.records = 0
        header = {"format": FORMAT, "exported_unix": exported_unix}
        self._line(header if node_id is None else {**header, "node_id": node_id})

    def add(self, record: DatedRecord) -> None:
        """Write one record; its place comes after that of the record before."""
        self._line(of_record(record))
        self.records += 1

    def finish(self) -> None:
        """Write the last line."""
        self._line({"records": self.records, "blake2b": self._digest.hexdigest()})
        self._stream.flush()

    def _line(self, described: Mapping[str, Any]) -> None:
        line = json.dumps(described).encode() + b"\n"
        self._digest.update(line)
        self._stream.write(line)


def read(stream: IO[bytes], identify: Identify) -> Iterator[DatedRecord]:
    """The records of such a file, in order.

    Raises :class:`BadExport` at the first line that is wrong, even after the last record: the file
    is sound only once the iteration has ended.
    """
    digest = blake2b(digest_size=DIGEST_BYTES)
    line = stream.readline(MAX_LINE)
    _check_header(_object(line, 1) if line else {})
    count, last = 0, None
    while True:
        digest.update(line)
        number = count + 2
        line = stream.readline(MAX_LINE)
        described = _object(line, number)
        if "records" in described:
            break
        record = _record(described, identify, number)
        if last is not None and record.where <= last:
            raise BadExport(f"line {number} is out of order")
        yield record
        count, last = count + 1, record.where
    if stream.read(1):
        raise BadExport(f"there is something behind line {number}, which should be the last")
    if described != {"records": count, "blake2b": digest.hexdigest()}:
        raise BadExport("the records are not those that were exported: the last line tells others")


def record_from(described: Mapping[str, Any]) -> DatedRecord:
    """The record that :func:`~kadtwisted.api.describe.of_record` described; ``LookupError``,
    ``TypeError`` or ``ValueError`` for anything else."""
    where = StorageKey(
        bytes([described["kind"]])[0],
        id_from_hex(described["key"]),
        bytes.fromhex(described["sub"]),
    )
    expires, arrived = float(described["expires_unix"]), float(described["arrived_unix"])
    if not (math.isfinite(expires) and math.isfinite(arrived)):
        raise ValueError("a moment is a number of seconds")
    return DatedRecord(where, b64decode(described["data"], validate=True), expires, arrived)


def _check_header(header: Mapping[str, Any]) -> None:
    named = header.get("format")
    if named == FORMAT:
        return
    if isinstance(named, str) and named.startswith(FORMAT_STEM):
        raise BadExport(f"the records were exported by a newer version of this program ({named})")
    raise BadExport("this is no file of exported records")


def _object(line: bytes, number: int) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        what = "is too long" if len(line) == MAX_LINE else "is cut off: the file is not whole"
        raise BadExport(f"line {number} {what}")
    try:
        described = json.loads(line)
    except (ValueError, RecursionError):
        described = None
    if not isinstance(described, dict):
        raise BadExport(f"line {number} is no JSON object")
    return described


def _record(described: Mapping[str, Any], identify: Identify, number: int) -> DatedRecord:
    try:
        record = record_from(described)
        _, where = identify(record.data)
    except InvalidRecord as error:
        raise BadExport(f"line {number} is {error}") from None
    except (LookupError, TypeError, ValueError, OverflowError):
        raise BadExport(f"line {number} is no record") from None
    if where != record.where:
        raise BadExport(f"line {number} has a record that belongs elsewhere")
    return record
