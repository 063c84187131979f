"""The health of a node, as one table: the log, the status, systemd and HTTP all show its verdict.

Pure: :func:`verdict` looks at :class:`Signs` and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.model.health import Health


class Signs(NamedTuple):
    """What the verdict is based on.

    ``contacts`` counts the contacts in all tables.  ``first`` says that the node was told of no
    other node, or is itself one of those that all join through and heard no other: being alone is
    no fault then.  ``heard`` says whether any node was heard since the
    start, ``doubled`` that another node answers under our own key.  ``offline`` says that there is
    no route to any node, ``blocked`` that nothing gets through from this network
    (:meth:`~kadtwisted.upkeep.uplink.Uplink.is_blocked`): of a node that is the first of its
    network and has no contacts, others are merely not there.
    """

    running: bool
    started: bool
    stopping: bool
    contacts: int
    first: bool
    heard: bool
    uplink_down: bool
    storage_failing: bool
    doubled: bool = False
    offline: bool = False
    blocked: bool = False


def verdict(signs: Signs) -> Health:
    """The verdict: the first line of the table that fits."""
    table = (
        (signs.stopping, Health.STOPPING),
        (not signs.started, Health.STOPPED),
        (not signs.running, Health.STARTING),
        (signs.offline, Health.OFFLINE),
        (signs.blocked and (bool(signs.contacts) or not signs.first), Health.BLOCKED),
        (signs.uplink_down, Health.ISOLATED),
        (signs.doubled, Health.DOUBLED),
        (not signs.contacts and signs.heard and not signs.first, Health.ISOLATED),
        (not signs.contacts and not signs.first, Health.JOINING),
        (signs.storage_failing, Health.DEGRADED),
        (True, Health.SERVING),
    )
    return next(health for fits, health in table if fits)
