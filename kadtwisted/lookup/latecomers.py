"""Who of the closest nodes answers when the lookup is over: told to whom it concerns.

A lookup ends without the suspects (``ending``).  Their requests run to their end all the same.  Who
answers late is one of the closest, and should get what the others got: the record of a put, the
repair of a get.  There are no more of them than requests were in flight at the end, and each is
decided by its own time-out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID

Tell = Callable[[Sequence[bytes] | None], None]
"""What is called with the versions of the records that a contact has answered with; with ``None``
if it will not answer."""


class _Ended(Protocol):
    """A lookup that is over; the attributes are those of every lookup."""

    target: NodeID
    k: int
    radius: int

    def closest(self, count: int | None = None) -> list[Contact]: ...

    def is_silent(self, contact: Contact) -> bool: ...


class Latecomers:
    """Those that may still answer of the contacts that are being asked when a lookup ends."""

    def __init__(self, waiting: Iterable[Contact] = ()) -> None:
        self._waiting: dict[Contact, list[Tell]] = {each: [] for each in waiting}
        self._answered: dict[Contact, tuple[bytes, ...]] = {}

    @classmethod
    def of(cls, lookup: _Ended, asked: Iterable[Contact]) -> Latecomers:
        """Of those asked, who is among the closest of this lookup and has not answered."""
        closest = lookup.closest()
        farthest: float = float("inf")
        if len(closest) >= lookup.k:
            farthest = max(closest[-1].node_id ^ lookup.target, lookup.radius)
        return cls(
            each
            for each in asked
            if each.node_id ^ lookup.target <= farthest and lookup.is_silent(each)
        )

    def __contains__(self, contact: Contact) -> bool:
        """Whether this one is still waited for."""
        return contact in self._waiting

    @property
    def contacts(self) -> list[Contact]:
        """Who has answered since the lookup ended, and who still may."""
        return [*self._answered, *self._waiting]

    def when(self, contact: Contact, tell: Tell) -> None:
        """Tell once, when one of the ``contacts`` has answered or will not; it may be at once."""
        if contact in self._waiting:
            self._waiting[contact].append(tell)
        else:
            tell(self._answered.get(contact))

    def answered(self, contact: Contact, versions: Sequence[bytes] = ()) -> None:
        """This one has answered; nothing, if it is not waited for."""
        if contact in self._waiting:
            self._answered[contact] = tuple(versions)
            self.settled(contact)

    def settled(self, contact: Contact) -> None:
        """This one is not waited for any more."""
        for tell in self._waiting.pop(contact, ()):
            tell(self._answered.get(contact))
