"""``kad export``: every record of a node, byte for byte, in one file.

A running node is asked through its control socket.  A storage that no node uses is opened here.
Expired records are left out, and announcements, which their nodes make anew within minutes.  A file
appears under its name once it is complete, or not at all.  A device or a pipe is written to
directly.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kadtwisted.api.arguments import MAX_RECORDS
from kadtwisted.cli.export_file import ByteSink, Writer, record_from
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import count_of
from kadtwisted.cli.text.progress import progress_of
from kadtwisted.cli.verbs.records.storage_access import BATCH, breathe, opened_storage
from kadtwisted.errors import LocalError, reason_of
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.model.ids import id_from_hex, id_to_hex
from kadtwisted.model.record import Kind, RecordsPage, StorageKey, dated_page
from kadtwisted.records.floor import FLOORS_END
from kadtwisted.state.directory import KEY_FILE
from kadtwisted.state.key_file import load_key
from kadtwisted.storage.files import sync_directory
from kadtwisted.storage.guard import is_stream, open_stream

if TYPE_CHECKING:
    from kadtwisted.api.operations import Performer

Page = Callable[[StorageKey | None], Awaitable[RecordsPage]]
"""Some records, those that come next after a place."""


class CannotWriteExport(LocalError):
    """The file of an export cannot be written."""


class Source(NamedTuple):
    """Where records come from: about how many there are, the ID of their node if it is known, and
    how to read them."""

    total: int
    node_id: str | None
    page: Page


async def export(session: Session) -> int:
    """Write all unexpired records to a file."""
    target = session.arguments.file
    async with _source(session) as source:
        session.somebody_answered = True
        with _target(session, target) as stream:
            count, left_out = await _write(session, source, stream)
    described = {"exported": count, "file": None if target == "-" else target}
    text = f"kad: exported {count_of(count, 'record')}"
    if left_out:
        text += f" (and not {count_of(left_out, 'announcement')}: their nodes make them anew)"
    if target == "-":
        session.output.note(text)  # standard output holds the records
    else:
        session.output.report(described, lambda shown: f"{text} to {shown['file']}")
    return os.EX_OK


async def _write(session: Session, source: Source, stream: ByteSink) -> tuple[int, int]:
    """How many records were written, and how many announcements were not."""
    left_out = 0
    writer = Writer(stream, time.time(), source.node_id)
    text = f"reading {count_of(source.total, 'record')}"
    with progress_of(session.world.stderr, text, source.total) as told:
        after: StorageKey | None = None
        while True:
            page = await source.page(after)
            for record in page.records:
                if record.where.kind != Kind.ANNOUNCEMENT:
                    writer.add(record)
                else:
                    left_out += 1
            told.step(len(page.records))
            if page.next is None:
                break
            after = page.next
            if session.client is None:
                await breathe(session)
    writer.finish()
    return writer.records, left_out


@asynccontextmanager
async def _source(session: Session) -> AsyncIterator[Source]:
    client = session.client
    if client is not None:
        status = await client.perform("status", {})
        yield Source(status["stored_records"], status["node_id"], _asking(client))
        return
    async with opened_storage(session, for_reading=True) as (storage, context):
        total = (await storage.usage()).records - await _floors(storage)
        yield Source(total, _node_id(session.state_dir), _reading(storage, context))


async def _floors(storage: IStorage) -> int:
    """How many of the records in a storage are floors, which nobody stored."""
    count, after = 0, None
    while True:
        page = await storage.page(after, BATCH)
        floors = [each.where for each in page if each.where <= FLOORS_END]
        count += len(floors)
        if len(floors) < BATCH:
            return count
        after = floors[-1]


def _asking(client: Performer) -> Page:
    async def page(after: StorageKey | None) -> RecordsPage:
        behind = None if after is None else (after.kind, id_to_hex(after.key), after.sub.hex())
        answer = await client.perform("records", {"limit": MAX_RECORDS, "after": behind})
        records = tuple(record_from(each) for each in answer["records"])
        place = answer["next"]
        return RecordsPage(records, None if place is None else _place(place))

    return page


def _place(described: list[Any]) -> StorageKey:
    kind, key, sub = described
    return StorageKey(kind, id_from_hex(key), bytes.fromhex(sub))


def _reading(storage: IStorage, context: StorageContext) -> Page:
    async def page(after: StorageKey | None) -> RecordsPage:
        found = await storage.page(FLOORS_END if after is None else after, BATCH)
        return dated_page(found, BATCH, context.now(), context.unix_time())

    return page


def _node_id(state_dir: Path | None) -> str | None:
    if state_dir is None or not (state_dir / KEY_FILE).exists():
        return None
    return id_to_hex(load_key(state_dir / KEY_FILE).node_id)


@contextmanager
def _target(session: Session, name: str) -> Iterator[ByteSink]:
    """The stream to write to; a file appears under its name once it is complete."""
    if name == "-":
        yield session.output
        return
    path = Path(name)
    try:
        if is_stream(path):  # a rename would replace it
            with open_stream(path) as stream:
                yield stream
            return
        path = Path(os.path.realpath(path))  # a link stays; its target is written
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
            with suppress(OSError):  # some file systems cannot
                sync_directory(path.parent)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotWriteExport(f"cannot write {name}: {reason_of(error)}") from error
