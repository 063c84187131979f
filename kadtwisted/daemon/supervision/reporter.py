"""Tells a service manager about a node: when it is ready, how it is, and that it reloads.

A node is ready when its ports are bound and its storage is open.  That is said once.  Whether it is
in its network is another question, whose answer may take for ever: if READY waited for it, so would
the boot of the machine.  The status line says it, and ``kad wait`` waits for it.
"""

from __future__ import annotations

from collections.abc import Callable

from kadtwisted.daemon.supervision.systemd import Notifier
from kadtwisted.model.health import Health, clock_fault
from kadtwisted.model.status import NodeStatus

STATUS_EVERY = 30.0
"""Seconds after which the status line is sent again although the health is the same."""
NOT_UP = frozenset({Health.STOPPED, Health.STARTING, Health.STOPPING})


class Reporter:
    """Tells ``notifier`` about one node; ``now`` is a clock, ``status`` the node's status now."""

    def __init__(
        self, notifier: Notifier, now: Callable[[], float], status: Callable[[], NodeStatus]
    ) -> None:
        self._notifier = notifier
        self._now = now
        self._status = status
        self._ready = False
        self._told: Health | None = None
        self._told_at = 0.0

    def looked(self, health: Health) -> None:
        """Take note of the health now."""
        if health not in NOT_UP and not self._ready:
            self._ready = True
            self._notifier.ready()
        now = self._now()
        if health is not self._told or now - self._told_at >= STATUS_EVERY:
            self._told, self._told_at = health, now
            self._notifier.status(status_line(health, self._status()))

    def reloading(self) -> None:
        """The settings are read again.  Before the node is ready there is nothing to say."""
        if self._ready:
            self._notifier.reloading()

    def reloaded(self) -> None:
        """They have been read, good or not, and the node runs on."""
        if self._ready:
            self._notifier.ready()


def status_line(health: Health, status: NodeStatus) -> str:
    """What ``systemctl status`` shows: health, contacts, records, whether others cannot reach the
    node, and a clock that is wrong."""
    contacts = sum(link.contacts + link.tentative for link in status.links)
    line = f"{health.word}: {health.sentence}; contacts {contacts}, records {status.stored_records}"
    for twin in filter(None, (link.twin for link in status.links)):
        line += f"; the same key is at {twin}"
    whys = {link.reach.read_only for link in status.links if link.reach is not None}
    if status.read_only and (why := "; ".join(sorted(whys - {""}))):
        line += f"; read-only to others: {why}"
    fault = clock_fault(status.clock_ahead)
    return f"{line}; {fault}" if fault else line
