"""What new settings mean for a running daemon: some apply at once, the others at its next start.

The table of options says which.  This file only compares settings and writes to the log; it applies
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from twisted.logger import Logger

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.settings.options import OPTIONS


class Reload(NamedTuple):
    """``running`` are the settings that the daemon then has: the old ones, with the changes that
    ``applied`` names by their keys.  ``deferred`` names those that need a restart."""

    running: DaemonSettings
    applied: tuple[str, ...]
    deferred: tuple[str, ...]


def compare(old: DaemonSettings, new: DaemonSettings) -> Reload:
    """What changes in a daemon that runs with ``old`` settings and is given the ``new`` ones."""
    changed = [each for each in OPTIONS.values() if each.of(old) != each.of(new)]
    running = old
    for option in changed:
        if option.reloadable:
            running = option.put(running, option.of(new))
    return Reload(
        running,
        tuple(each.key for each in changed if each.reloadable),
        tuple(each.key for each in changed if not each.reloadable),
    )


def tell(log: Logger, reload: Reload, file: Path | None) -> None:
    """Log one line on what changed, and one on what needs a restart."""
    place = "the configuration" if file is None else str(file)
    if reload.applied:
        log.info("{keys}: applied from {place}", keys=", ".join(reload.applied), place=place)
    if reload.deferred:
        log.warn(
            "{keys}: changed in {place}, but this needs a restart",
            keys=", ".join(reload.deferred),
            place=place,
        )
    if not reload.applied and not reload.deferred:
        log.info("nothing has changed in {place}", place=place)


def reread(log: Logger, read: Callable[[], DaemonSettings]) -> DaemonSettings | None:
    """The settings as they are now; ``None`` if they cannot be used, and the log says why."""
    try:
        return read()
    except ConfigurationProblems as wrong:
        for problem in wrong.problems:
            log.error("{problem}", problem=problem)
        log.error("nothing was changed: the configuration has mistakes")
    return None
