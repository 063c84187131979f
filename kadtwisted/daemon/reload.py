"""What a running daemon does about new settings: some apply at once, the rest at its next start.

Which is which stands in the table of options.  Nothing is applied here: this file compares, and
tells the log.
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
    """``running`` are the settings that a daemon then runs with: the old ones with those changes
    that ``applied`` names by their keys; ``deferred`` names those that only a restart applies."""

    running: DaemonSettings
    applied: tuple[str, ...]
    deferred: tuple[str, ...]


def compare(old: DaemonSettings, new: DaemonSettings) -> Reload:
    """What becomes of a daemon that runs with ``old`` settings and is told the new ones."""
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
    """One line of what changed, and one of what did not though it should."""
    place = "the configuration" if file is None else str(file)
    if reload.applied:
        log.info("{keys}: changed as {place} says", keys=", ".join(reload.applied), place=place)
    if reload.deferred:
        log.warn(
            "{keys}: changed in {place}, but only a restart applies that",
            keys=", ".join(reload.deferred),
            place=place,
        )
    if not reload.applied and not reload.deferred:
        log.info("nothing has changed in {place}", place=place)


def reread(log: Logger, read: Callable[[], DaemonSettings]) -> DaemonSettings | None:
    """The settings as they are now; ``None`` if they cannot be used, once the log knows why."""
    try:
        return read()
    except ConfigurationProblems as wrong:
        for problem in wrong.problems:
            log.error("{problem}", problem=problem)
        log.error("nothing is changed: the configuration cannot be used")
    return None
