"""What a node remembers over a restart, in its state directory.

Rules: the records kept published (``publications.sqlite``) were promised to last, so a node does
not start with damaged ones.  The contacts of the last run (``contacts``) are a convenience, so a
damaged file is moved aside with a warning, and the node joins without it.  One thread does all
writing, in the order in which it was asked for; ``close`` fires when it has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from zope.interface import implementer

from kadtwisted.errors import StorageError, UnsupportedVersion, reason_of
from kadtwisted.interfaces import INodeState, Remembered
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.state.contacts import (
    MAX_BYTES,
    DamagedContacts,
    decode_contacts,
    encode_contacts,
)
from kadtwisted.state.directory import StateDirectory, StateDirectoryError
from kadtwisted.state.publications import PublicationChange, Publications
from kadtwisted.storage.files import write_atomically
from kadtwisted.storage.group_commit import GroupCommit
from kadtwisted.storage.guard import STATE, owner_of_directory, read_file

Writer = GroupCommit[PublicationChange]


@implementer(INodeState)
class DurableNodeState:
    """What the node that holds the lock of ``directory`` remembers.

    ``reactor`` provides ``IReactorFromThreads``; ``identify`` gives the node ID that a public key
    implies; ``unix_time`` is the wall clock, in seconds.
    """

    def __init__(
        self,
        reactor: Any,
        directory: StateDirectory,
        identify: Callable[[bytes], NodeID],
        unix_time: Callable[[], float],
    ) -> None:
        self._log = Logger(namespace="kadtwisted.state")
        self._reactor = reactor
        self._directory = directory
        self._identify = identify
        self._unix_time = unix_time
        self._publications = Publications(directory.publications_path)
        self._writer: Writer | None = None
        self._closing = False

    def open(self) -> Deferred[Remembered]:
        """See :meth:`INodeState.open`; done before it returns."""
        try:
            remembered = Remembered(self._recall_contacts(), self._publications.open())
        except StorageError as error:
            return fail(error)
        self._writer = GroupCommit(self._reactor, self._publications.commit, name="node state")
        self._closing = False
        return succeed(remembered)

    def close(self) -> Deferred[None]:
        """See :meth:`INodeState.close`."""
        writer = self._writer
        if writer is None:
            return succeed(None)
        if writer.began and not self._closing:
            self._closing = True
            # It writes, so it is done in the thread.  If that fails it is done again below.
            writer.exclusively(self._publications.close).addErrback(lambda _: None)
        return writer.close().addCallback(lambda _: self._publications.close())

    def save_contacts(self, contacts: Sequence[Contact]) -> Deferred[None]:
        """See :meth:`INodeState.save_contacts`; those beyond
        :data:`~kadtwisted.state.contacts.MAX_CONTACTS` are left out."""
        path, unix_time, kept = self._directory.contacts_path, self._unix_time(), tuple(contacts)
        return self._write(
            lambda writer: writer.exclusively(
                lambda: write_atomically(path, encode_contacts(kept, unix_time))
            )
        )

    def keep(self, publication: Publication) -> Deferred[None]:
        """See :meth:`INodeState.keep`."""
        return self._write(lambda writer: writer.submit(publication))

    def withdraw(self, where: StorageKey) -> Deferred[None]:
        """See :meth:`INodeState.withdraw`."""
        return self._write(lambda writer: writer.submit(where))

    def _write(self, ask: Callable[[Writer], Deferred[None]]) -> Deferred[None]:
        if self._writer is None:
            return fail(StorageError("the node state is not open"))
        return ask(self._writer)

    # --- Contacts ----------------------------------------------------------------------------

    def _recall_contacts(self) -> tuple[Contact, ...]:
        try:
            data = self._read_contacts()
            if data is None:
                return ()
            return decode_contacts(data, self._identify).contacts
        except DamagedContacts as error:
            self._move_aside(error)
            return ()
        except UnsupportedVersion as error:
            raise UnsupportedVersion(
                f"{self._directory.contacts_path} was written by a newer version of this program; "
                "upgrade, or move it away to start without remembered contacts"
            ) from error

    def _read_contacts(self) -> bytes | None:
        """The file's bytes, ``None`` if there is none.

        A file that cannot be read counts as damaged, unless permission is missing or other users
        could have written it.
        """
        path = self._directory.contacts_path
        try:
            return read_file(path, MAX_BYTES, STATE, "the contacts file", owner_of_directory(path))
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise StateDirectoryError(f"cannot read {path}: {reason_of(error)}") from error
        except OSError as error:
            raise DamagedContacts(f"it cannot be read: {reason_of(error)}") from error

    def _move_aside(self, error: DamagedContacts) -> None:
        path, aside = self._directory.contacts_path, self._directory.damaged_contacts_path
        try:
            path.replace(aside)
        except OSError as failed:
            raise StateDirectoryError(
                f"cannot move the damaged {path} away: {reason_of(failed)}"
            ) from failed
        self._log.warn(
            "the remembered contacts in {path} are damaged ({what}); the file is now {aside}, and "
            "the node joins through its bootstrap addresses alone",
            path=str(path),
            what=str(error),
            aside=aside.name,
        )
