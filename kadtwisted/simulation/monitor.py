"""How an experiment tells how far it has come.

Whoever runs an experiment hands in a :class:`Monitor`, which never changes the results.  It may end
the run by raising from :meth:`Monitor.step`, so that is called between simulated events only.
"""

from __future__ import annotations

from typing import Protocol


class Monitor(Protocol):
    """What an experiment calls while it runs."""

    def phase(self, text: str, total: int) -> None:
        """A new phase begins, of ``total`` steps."""

    def step(self, count: int = 1) -> None:
        """``count`` more steps are done; may raise, which ends the run."""

    def exchanged(self, rpcs: int) -> None:
        """All nodes together exchanged ``rpcs`` more RPCs since the last call."""


class NullMonitor:
    """A monitor that ignores everything."""

    def phase(self, text: str, total: int) -> None:
        """Ignored."""

    def step(self, count: int = 1) -> None:
        """Ignored."""

    def exchanged(self, rpcs: int) -> None:
        """Ignored."""
