"""What a service manager is told of a node: when it is ready, how it is, that it reloads or stops.

Readiness is the first verdict with which the node is of use, as :mod:`kadtwisted.upkeep.health`
gives it: ports bound, storage open, and in its network or knowingly the first of it.  It is told
once; a node that is isolated later is still a running service, and says so in its status line.
"""

from __future__ import annotations

from collections.abc import Callable

from kadtwisted.daemon.supervision.systemd import Notifier
from kadtwisted.model.health import Health
from kadtwisted.model.status import NodeStatus

STATUS_EVERY = 30.0
"""Seconds after which the status line is told again although the verdict is the same."""
OF_USE = frozenset({Health.SERVING, Health.DEGRADED})


class Reporter:
    """Tells ``notifier`` of one node; ``now`` is a clock, ``status`` a picture of the node."""

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
        """This is the verdict now."""
        if health in OF_USE and not self._ready:
            self._ready = True
            self._notifier.ready()
        now = self._now()
        if health is not self._told or now - self._told_at >= STATUS_EVERY:
            self._told, self._told_at = health, now
            self._notifier.status(status_line(health, self._status()))

    def reloading(self) -> None:
        """The settings are being read again; nothing to tell before the node was ready."""
        if self._ready:
            self._notifier.reloading()

    def reloaded(self) -> None:
        """They have been, for better or worse: the node runs on."""
        if self._ready:
            self._notifier.ready()


def status_line(health: Health, status: NodeStatus) -> str:
    """What ``systemctl status`` shows: the verdict, contacts, records."""
    contacts = sum(link.contacts + link.tentative for link in status.links)
    return f"{health.word}: {health.sentence}; contacts {contacts}, records {status.stored_records}"
