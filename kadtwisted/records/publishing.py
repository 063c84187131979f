"""With which time a record of ours is published, and with which when holders say it is superseded.

The rules of this file:

* A record is dated by the network's clock, but later than what its writer has seen under the key.
* It is dated no further ahead than holders accept, whatever was seen.  A record that is further
  ahead is a liar's, whom nobody believes, or our own clock is wrong.
* At first it stays below that limit by as much as honest clocks differ: a liar may name, without
  having stored it anywhere, a record that is as far ahead as our own clock accepts.
* Only when holders refuse it as superseded, a later time is tried: they may have forgotten the
  record, and remember what it keeps out.  A time beyond the limit is the last resort.

Whatever time means to a kind, its own ``publish`` and ``check`` decide; one without times makes the
same record each time, and it is tried once.  Pure: who asks the holders is ``node/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from kadtwisted.constants import CLOCK_SKEW_LIMIT
from kadtwisted.errors import ClockSkew
from kadtwisted.records.kinds import RecordKind

CLOCKS_DIFFER: Final = 5.0
"""MAGIC: seconds by which the clocks of honest nodes differ, most of which ask time servers.  The
clocks in PONGs of a live network would settle it."""


def records_to_try(
    rules: RecordKind, wanted: Any, seen: Sequence[bytes], unix_now: float
) -> Iterator[bytes]:
    """The next record under a key, and the ones to try after it: each only if holders say that the
    one before is superseded.  None of them is further ahead than holders accept.

    ``wanted`` and ``seen`` are what the kind's ``publish`` takes.  Fails as that does.
    """
    tried: list[bytes] = []
    for most_ahead in (CLOCK_SKEW_LIMIT - CLOCKS_DIFFER, CLOCK_SKEW_LIMIT):
        near = [each for each in seen if not _is_ahead(rules, each, unix_now, most_ahead)]
        dates = [unix_now] if len(near) == len(seen) else []
        for date in (*dates, unix_now + most_ahead):
            record = rules.publish(wanted, near, date)
            if record not in tried:
                tried.append(record)
                yield record


def last_resort(
    rules: RecordKind, wanted: Any, seen: Sequence[bytes], unix_now: float
) -> bytes | None:
    """What wins over all that was seen, if some of that is further ahead than holders accept.

    Fails as the kind's ``publish`` does.
    """
    if any(_is_ahead(rules, each, unix_now, CLOCK_SKEW_LIMIT) for each in seen):
        return rules.publish(wanted, seen, unix_now)
    return None


def _is_ahead(rules: RecordKind, record: bytes, unix_now: float, seconds: float) -> bool:
    """Whether a record comes from further ahead than so many seconds, at most the limit."""
    try:
        rules.check(record, unix_now - (CLOCK_SKEW_LIMIT - seconds))
    except ClockSkew:
        return True
    return False
