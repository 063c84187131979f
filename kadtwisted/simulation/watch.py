"""How an experiment tells how far it has come.

Whoever runs one hands in a :class:`Watch`; it never changes what an experiment finds.  It may end a
run by raising from :meth:`Watch.step`, which is therefore called between simulated events only.
"""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """What an experiment calls while it runs."""

    def phase(self, text: str, total: int) -> None:
        """A new phase begins, of ``total`` steps."""

    def step(self, count: int = 1) -> None:
        """So many steps more are done; may raise, to end the run."""

    def exchanged(self, rpcs: int) -> None:
        """So many RPCs were exchanged by all nodes since this was last called."""


class Unwatched:
    """A watch that looks away."""

    def phase(self, text: str, total: int) -> None:
        """Nobody is told."""

    def step(self, count: int = 1) -> None:
        """Nobody is told."""

    def exchanged(self, rpcs: int) -> None:
        """Nobody is told."""
