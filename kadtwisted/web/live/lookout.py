"""Looking at a node again and again, and hearing what it tells, while somebody listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall


class Lookout:
    """``look`` is called every so many seconds, from :meth:`begin` to :meth:`end`."""

    def __init__(self, look: Callable[[], object], every: float, clock: Any) -> None:
        self._looking = LoopingCall(look)
        self._looking.clock = clock
        self._every = every
        self._unhear: Callable[[], None] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether it looks and hears."""
        return self._unhear is not None

    def begin(self, unhear: Callable[[], None]) -> None:
        """Look from now on; ``unhear`` ends what is heard."""
        self._unhear = unhear
        self._looking.start(self._every, now=False)

    def end(self) -> None:
        """Look and hear no more.  Idempotent."""
        unhear, self._unhear = self._unhear, None
        if self._looking.running:
            self._looking.stop()
        if unhear is not None:
            unhear()
