"""Numbers drawn without repetition."""

from __future__ import annotations

from collections.abc import Sequence

from kadtwisted.model.ids import RandomBits


def sample(low: int, high: int, count: int, random: RandomBits) -> Sequence[int]:
    """``count`` different whole numbers from ``low`` to below ``high``, in the order drawn.

    If there are no more than ``count``, all of them in ascending order.
    """
    size = high - low
    if size <= count:
        return range(low, high)
    found: dict[int, None] = {}
    while len(found) < count:
        found[low + int(size * random.random())] = None
    return list(found)
