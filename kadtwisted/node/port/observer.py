"""What others can be told of one link: where it is bound and seen, and who its contacts are."""

from __future__ import annotations

from kadtwisted.model.contact import Contact, Endpoint


class LinkObserver:
    """Is told what changes at a link; each method does nothing unless it is overridden."""

    def bound(self, endpoint: Endpoint) -> None:
        """The port is bound here; told again whenever a port that died is back."""

    def observed(self, endpoint: Endpoint) -> None:
        """Enough others agree that they see us at this endpoint, and not where it was before; its
        port is 0 if they do not agree on one."""

    def moved(self) -> None:
        """This machine is in another network, or in one again: what others said of us before is
        forgotten."""

    def serves(self, serves: bool) -> None:
        """The link serves others from now on, or is read-only."""

    def added(self, contact: Contact) -> None:
        """A contact entered the routing table."""

    def removed(self, contact: Contact, known_for: float) -> None:
        """A verified contact was dropped because it was silent; it had been known for so many
        seconds."""


class Observers(LinkObserver):
    """Tells several observers in the order in which they came."""

    def __init__(self) -> None:
        self._observers: list[LinkObserver] = []

    def add(self, observer: LinkObserver) -> None:
        """One more is told from now on."""
        self._observers.append(observer)

    def bound(self, endpoint: Endpoint) -> None:
        for each in self._observers:
            each.bound(endpoint)

    def observed(self, endpoint: Endpoint) -> None:
        for each in self._observers:
            each.observed(endpoint)

    def moved(self) -> None:
        for each in self._observers:
            each.moved()

    def serves(self, serves: bool) -> None:
        for each in self._observers:
            each.serves(serves)

    def added(self, contact: Contact) -> None:
        for each in self._observers:
            each.added(contact)

    def removed(self, contact: Contact, known_for: float) -> None:
        for each in self._observers:
            each.removed(contact, known_for)
