"""A node state in a Python object, for nodes of a simulated network that are started again.

It holds what a disk would hold.  If a node is thrown away in the middle of its life, as by a crash,
and the next one is given this object, it finds everything that was reported as kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from kadtwisted.errors import StorageError
from kadtwisted.interfaces import INodeState, Remembered
from kadtwisted.model.contact import Contact
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey


@implementer(INodeState)
class RememberedInMemory:
    """Remembers as long as the object lives; it can be opened again, even if it was not closed."""

    def __init__(self) -> None:
        self._contacts: tuple[Contact, ...] = ()
        self._publications: dict[StorageKey, Publication] = {}
        self._is_open = False

    def remembered(self) -> Remembered:
        """What is kept now."""
        return Remembered(self._contacts, tuple(self._publications.values()))

    def open(self) -> Deferred[Remembered]:
        """See :meth:`INodeState.open`."""
        self._is_open = True
        return succeed(self.remembered())

    def close(self) -> Deferred[None]:
        """See :meth:`INodeState.close`."""
        self._is_open = False
        return succeed(None)

    def save_contacts(self, contacts: Sequence[Contact]) -> Deferred[None]:
        """See :meth:`INodeState.save_contacts`."""
        if not self._is_open:
            return _closed()
        self._contacts = tuple(contacts)
        return succeed(None)

    def keep(self, publication: Publication) -> Deferred[None]:
        """See :meth:`INodeState.keep`."""
        if not self._is_open:
            return _closed()
        self._publications[publication.where] = publication
        return succeed(None)

    def withdraw(self, where: StorageKey) -> Deferred[None]:
        """See :meth:`INodeState.withdraw`."""
        if not self._is_open:
            return _closed()
        self._publications.pop(where, None)
        return succeed(None)


def _closed() -> Deferred[None]:
    return fail(StorageError("the node state is not open"))
