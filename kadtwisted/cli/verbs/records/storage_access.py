"""Opens a storage for one verb of ``kad``, while no node uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

from twisted.internet.task import deferLater

from kadtwisted.cli.session import Session, UsageError
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.plugins.builtin import DURABLE
from kadtwisted.settings.daemon_settings import DEFAULT_STORAGE, DaemonSettings
from kadtwisted.settings.storage_context import storage_context
from kadtwisted.settings.whereabouts import whereabouts
from kadtwisted.state.directory import StateDirectory
from kadtwisted.storage.belongings import given_to_owners

BATCH = 64
"""MAGIC: records that are read or written at a time; these writes share one flush."""
UNBOUNDED = 1 << 40
"""Records, and bytes.  All that a node kept is restored, whatever its bounds are: because of them a
node refuses new records, but removes none."""


@asynccontextmanager
async def opened_storage(
    session: Session, *, for_reading: bool = False
) -> AsyncIterator[tuple[IStorage, StorageContext]]:
    """The storage that the options name, open.  No node may use it or its state directory.

    ``for_reading``: the storage must exist, since opening it would make an empty one.  The default
    storage is refused if the node of the state directory uses another one.
    """
    option, state_dir = session.arguments.storage, session.state_dir
    if option is None and state_dir is None:
        state_dir = _state_dir_here(session)
    settings = DaemonSettings(storage=option or DEFAULT_STORAGE, state_dir=state_dir)
    context = storage_context(settings, session.reactor)
    context = context._replace(max_records=UNBOUNDED, max_bytes=UNBOUNDED)
    if option is None and state_dir is not None:
        _check_is_the_nodes(state_dir)
    storage = session.world.find_plugins().storage(settings.storage).make(context)
    if for_reading:
        _check_is_there(storage, state_dir)
    state = None if state_dir is None else StateDirectory(state_dir, of_any_user=True)
    file = getattr(storage, "path", None)
    file = file if isinstance(file, Path) else None  # of a storage of somebody else
    directories = {each for each in (state_dir, None if file is None else file.parent) if each}
    with given_to_owners(directories, "" if file is None else file.name):
        try:
            if state is not None:
                state.open()
            await storage.open()
            try:
                yield storage, context
            finally:
                await storage.close()
        finally:
            if state is not None:
                state.close()


def _state_dir_here(session: Session) -> Path:
    """That of the daemon of this machine, which does not run now."""
    found = whereabouts(session.world.environ, None, session.arguments.port)
    there = [each for each in found.directories if found.is_named or each.exists()]
    if not there:
        raise UsageError(
            "give --storage NAME:ARGUMENT, or --state-dir of a node: there is none at "
            f"{' or '.join(map(str, found.directories))}"
        )
    return there[0]


def _check_is_the_nodes(state_dir: Path) -> None:
    used = [each.name for each in DURABLE if (state_dir / each.file).exists()]
    if used and DEFAULT_STORAGE not in used:
        raise UsageError(f"the node with {state_dir} uses another storage: add --storage {used[0]}")


def _check_is_there(storage: IStorage, state_dir: Path | None) -> None:
    # Our own durable storages have a path.  Of others only the state directory can be checked.
    for path in (state_dir, getattr(storage, "path", None)):
        if isinstance(path, Path) and not path.exists():
            raise UsageError(f"there are no records: {path} does not exist")


def breathe(session: Session) -> Awaitable[None]:
    """Let the reactor handle signals: if a storage answers at once, it gets no turn otherwise."""
    return deferLater(session.reactor, 0)
