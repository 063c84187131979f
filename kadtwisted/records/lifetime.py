"""When records die: seconds left on the wire, a monotonic deadline at the holder.

Clocks differ, so messages contain no moments, only the seconds that are left, rounded down.  The
rules of this file: to pass a record on never makes its life longer (except by the fraction of a
second that a datagram is on its way, which nobody can measure); to hear of it again never makes its
life shorter.  Nothing here knows a clock; ``now`` and deadlines are seconds of the holder's
monotonic clock.
"""

from __future__ import annotations

import math

from kadtwisted.model.record import StoredRecord

ROUNDING = 1e-6
"""Seconds by which a deadline computed in floating point may miss a whole second."""


def clamp(remaining: float, maximum: float) -> float:
    """The seconds that a holder grants if it is asked for ``remaining``: from 0 to ``maximum``."""
    return min(max(remaining, 0.0), maximum)


def remaining_at(expires: float, now: float) -> int:
    """The whole seconds left until ``expires``, rounded down; 0 if it has passed."""
    return max(math.floor(expires - now + ROUNDING), 0)


def deadline(
    existing: StoredRecord | None,
    same_record: bool,
    remaining: float,
    now: float,
    maximum: float,
) -> float:
    """When a record expires that arrives ``now`` with ``remaining`` seconds left.

    ``existing`` is what is stored at its place.  If that is the ``same_record``, the later of both
    deadlines holds.  The deadline of another record does not count.
    """
    own = now + clamp(remaining, maximum)
    if existing is not None and same_record:
        return max(own, existing.expires)
    return own
