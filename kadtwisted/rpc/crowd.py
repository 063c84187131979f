"""Those who have a place at a node, by providers: where there is no room, who has most gives way.

Each call takes the same time, however many there are.  Bounded by whoever adds them.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Provided(Protocol):
    """Whoever has a place; ``provider`` is the /16 or /32, empty if that does not matter."""

    @property
    def provider(self) -> bytes:
        """Whose network it is in."""


M = TypeVar("M", bound=Provided)


class Crowd(Generic[M]):
    """Members by their providers, and which provider has most of them.

    Those without a provider (at addresses that are not public) are no part of it.
    """

    def __init__(self) -> None:
        self._of: dict[bytes, dict[M, None]] = {}
        self._sized: dict[int, dict[bytes, None]] = {}
        self._most = 0

    def count(self, provider: bytes) -> int:
        """How many a provider has."""
        return len(self._of.get(provider, ()))

    def add(self, member: M) -> None:
        """One more; or one that was renewed, and is the last to give way now."""
        provider = member.provider
        if not provider:
            return
        here = self._of.setdefault(provider, {})
        if member in here:
            del here[member]
            here[member] = None
            return
        here[member] = None
        self._moved(provider, len(here) - 1, len(here))

    def remove(self, member: M) -> None:
        """One fewer."""
        here = self._of.get(member.provider)
        if here is None:
            return
        del here[member]
        if not here:
            del self._of[member.provider]
        self._moved(member.provider, len(here) + 1, len(here))

    def first_of(self, provider: bytes) -> M | None:
        """Of this provider, who was not renewed for longest."""
        return next(iter(self._of.get(provider, ())), None)

    def first_of_most(self) -> M | None:
        """Of the provider with most, who was not renewed for longest."""
        if not self._most:
            return None
        return self.first_of(next(iter(self._sized[self._most])))

    def _moved(self, provider: bytes, before: int, now: int) -> None:
        """A provider has another number of them."""
        if before:
            del self._sized[before][provider]
            if not self._sized[before]:
                del self._sized[before]
        if now:
            self._sized.setdefault(now, {})[provider] = None
        if now > self._most or self._most not in self._sized:
            self._most = now  # by one more, or by one fewer, than there were
