"""When records die: seconds left on the wire, a monotonic deadline at the holder.

Clocks differ, so no moment travels, only what is left, in whole seconds rounded down.  The rule
kept here: passing a record on never lengthens its life (but for the fraction of a second that a
datagram is under way, which nobody can measure), and hearing of it again never shortens it.
Nothing here knows a clock; ``now`` and deadlines are seconds of the holder's monotonic one.
"""

from __future__ import annotations

import math

from kadtwisted.model.record import StoredRecord

ROUNDING = 1e-6
"""Seconds by which a deadline computed in floating point may miss a whole second."""


def clamp(remaining: float, maximum: float) -> float:
    """The seconds a holder grants of those it is asked for: from 0 to ``maximum``."""
    return min(max(remaining, 0.0), maximum)


def remaining_at(expires: float, now: float) -> int:
    """Whole seconds left until ``expires``, rounded down; 0 when it has passed."""
    return max(math.floor(expires - now + ROUNDING), 0)


def deadline(
    existing: StoredRecord | None,
    same_record: bool,
    remaining: float,
    now: float,
    maximum: float,
) -> float:
    """When a record that arrives ``now`` with ``remaining`` seconds left is to expire.

    ``existing`` is what is stored at its place.  If that is the ``same_record``, the later of both
    deadlines holds; another one has no say, for its life was another record's.
    """
    own = now + clamp(remaining, maximum)
    if existing is not None and same_record:
        return max(own, existing.expires)
    return own
