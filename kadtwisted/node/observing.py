"""Who is told what a node does: nobody, as long as nobody asks.

The parts of a node look at ``callbacks`` before they make anything to tell, so a node that is not
observed pays for one look.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.logger import Logger

from kadtwisted.errors import InvalidInput
from kadtwisted.model.observed import Observation, Observer
from kadtwisted.model.printable import described


class NodeObservers:
    """The observers of one node; ``callbacks`` is empty if there are none."""

    _log = Logger(namespace="kadtwisted.node")

    def __init__(self) -> None:
        self.callbacks: tuple[Observer, ...] = ()
        self._lookups = 0

    def add(self, observer: Observer) -> Callable[[], None]:
        """One more; what is returned removes it, once or more often."""
        if not callable(observer):
            raise InvalidInput(f"an observer is a function, not {described(observer)}")
        entry = partial(observer)  # the same function may observe twice
        self.callbacks = (*self.callbacks, entry)

        def remove() -> None:
            self.callbacks = tuple(each for each in self.callbacks if each is not entry)

        return remove

    def next_lookup(self) -> int:
        """A number for a lookup whose beginning is told."""
        self._lookups += 1
        return self._lookups

    def tell(self, told: Observation) -> None:
        """Tell all of them; never raises."""
        for each in self.callbacks:
            try:
                each(told)
            except Exception:
                self._log.failure("an observer of this node failed")
