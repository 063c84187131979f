"""How many streams and long polls there are at once: each holds a watch of the node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kadtwisted.api.streams import MOST_STREAMS
from kadtwisted.errors import TooManyRequests


class Places:
    """The places for streams of one gateway, :data:`~kadtwisted.api.streams.MOST_STREAMS`."""

    def __init__(self) -> None:
        self._taken = 0

    def __len__(self) -> int:
        return self._taken

    def take(self) -> None:
        """Take one; :class:`TooManyRequests` if all are taken."""
        if self._taken >= MOST_STREAMS:
            raise TooManyRequests(
                f"{MOST_STREAMS} streams and long polls are open; try again when one has ended"
            )
        self._taken += 1

    def leave(self) -> None:
        """Give it back."""
        self._taken -= 1

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One, for as long as something is done."""
        self.take()
        try:
            yield
        finally:
            self.leave()
