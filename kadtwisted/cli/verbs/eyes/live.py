"""Looks at a running node again and again: ``kad status --watch`` and ``kad top``.

Each look is shown in place of the one before on a terminal, behind it where the terminal is dumb or
the output is a pipe or a file, and as one line with ``--json``.  A node that goes away is waited
for.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

from kadtwisted.api.answers import ControlUnavailable
from kadtwisted.cli.limits import OutOfTime
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described
from kadtwisted.errors import NodeStopped

GONE = "gone"
"""The key of a look at a node that is not there: why."""
USUAL_SIZE = os.terminal_size((80, 24))


async def looks(
    session: Session, verbs: Sequence[str], every: float, count: int | None
) -> AsyncIterator[dict[str, Any]]:
    """What each verb says, under its name; ``count`` of them, or without end.

    Fails as the verbs do if there is no node at the first look; later that is a look, too.  So is
    a node that does not answer within ``--timeout``.
    """
    seen = False
    while True:
        try:
            with session.world.limited(session.arguments.timeout):
                look = await _look(session, verbs)
            seen = True
        except (ControlUnavailable, NodeStopped, OutOfTime) as error:
            if not seen:
                raise
            session.close()
            session.client = None
            silent = f"it has not answered within {session.arguments.timeout:g} s"
            look = {GONE: {"sentence": silent if isinstance(error, OutOfTime) else str(error)}}
        yield look
        if count is not None:
            count -= 1
            if not count:
                return
        session.world.pause(every)


async def _look(session: Session, verbs: Sequence[str]) -> dict[str, Any]:
    if session.client is None:
        session.look_for_node()
    client = session.client
    assert client is not None, "or it was not there, which was raised"
    return {verb: await client.perform(verb, {}) for verb in verbs}


class Screen:
    """Where looks are shown."""

    def __init__(self, session: Session) -> None:
        stdout = session.world.stdout
        dumb = session.world.environ.get("TERM") in (None, "", "dumb")
        self._output = session.output
        self._size: Callable[[], os.terminal_size] | None = None
        if stdout.isatty() and not dumb:
            self._size = lambda: _size_of(stdout)

    def show(self, described: Described, compose: Callable[[Described], str]) -> None:
        """Show one look."""
        self._output.frame(described, compose, None if self._size is None else self._size())


def _size_of(stream: Any) -> os.terminal_size:
    with suppress(OSError, ValueError, AttributeError):
        found = os.get_terminal_size(stream.fileno())
        if found.columns and found.lines:  # a serial line, or a container's, says 0
            return found
    return USUAL_SIZE
