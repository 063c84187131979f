"""Which values of a setting are good: the scales that several settings share."""

from __future__ import annotations

from kadtwisted.constants import DAY, MINUTE
from kadtwisted.model.settings.value_kinds import Duration, Number, WholeNumber

LONGEST = 365 * DAY
MOST = 1_000_000_000
"""MAGIC: no node needs as many of anything; a larger number is a slip of the pen."""

COUNT = WholeNumber(1, MOST)
PERIOD = Duration(1.0, LONGEST)
# None of these is zero: what is repeated after no time at all would leave no time for the rest.
PACE = Duration(0.1, LONGEST)
PATIENCE = Duration(0.001, 10 * MINUTE)
FACTOR = Number(1, 100)
RATE = Number(0.001, MOST, "datagrams a second")
BURST = Number(1, MOST, "datagrams")
