"""What a node counts, and how it speaks of faults without letting anyone fill its disk.

:class:`Counters` are totals since the start under fixed names; the set of names is bounded, because
every reason is a literal of this package.  :class:`FaultLog` folds identical faults: one line per
kind in ten seconds, with the number of those it stands for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from twisted.logger import Logger
from twisted.python.failure import Failure

FOLD_SECONDS = 10.0
"""Identical faults within this time become one line."""
MAX_KINDS = 256
"""Kinds of fault remembered; more are folded into one called ``other``."""


class Counters:
    """Totals by name.  ``counts`` is open to the hot path: ``counters.counts["in.ping"] += 1``."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, int] = defaultdict(int)

    def add(self, name: str, amount: int = 1) -> None:
        self.counts[name] += amount

    def dropped(self, reason: str) -> None:
        """One more datagram dropped for this reason."""
        self.counts["dropped." + reason] += 1

    def snapshot(self) -> dict[str, int]:
        """A copy, ordered by name."""
        return dict(sorted(self.counts.items()))


class FaultLog:
    """Writes one log line per kind of fault in :data:`FOLD_SECONDS`, with a count."""

    def __init__(self, log: Logger, now: Callable[[], float]) -> None:
        self._log = log
        self._now = now
        self._kinds: dict[str, tuple[float, int]] = {}

    def report(self, kind: str, text: str, failure: Failure | None = None) -> None:
        """Tell of a fault, unless its kind was told of just now; then it is only counted."""
        if kind not in self._kinds and len(self._kinds) >= MAX_KINDS:
            kind = "other"
        told_at, folded = self._kinds.get(kind, (float("-inf"), 0))
        now = self._now()
        if now - told_at < FOLD_SECONDS:
            self._kinds[kind] = (told_at, folded + 1)
            return
        self._kinds[kind] = (now, 0)
        more = f" (and {folded} more like it before)" if folded else ""
        if failure is None:
            self._log.warn("{text}{more}", text=text, more=more)
        else:
            self._log.failure("{text}{more}", failure, text=text, more=more)
