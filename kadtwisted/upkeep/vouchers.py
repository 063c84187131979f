"""Who has said that it holds a copy, too, and for how long that excuses ours from replication.

If a holder hears from another one that it holds the same version, it need not replicate the record
as well: one holder's work serves all.  But the other may lie.  So

* the word of a node counts for a while from the first time that it is heard, however often it is
  said again, until that node was silent for :data:`SILENCE` periods;
* whatever is said, the record is replicated now and then (:meth:`Vouchers.believes`), so that
  several liars who take turns only delay it.

Whose word counts at all is decided elsewhere.  Pure; bounded by :data:`REMEMBERED` words for each
record that is stored.
"""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.model.ids import NodeID, RandomBits
from kadtwisted.model.record import StorageKey

REMEMBERED = 3
"""Nodes whose word on one record is remembered.  MAGIC: one more than the honest ones that speak
while a liar keeps silent, so that it is known again."""

SILENCE = 2
"""Periods of silence after which a node's word counts anew: an honest holder among 20 speaks once
in 14."""


class _Word(NamedTuple):
    """Who spoke, since when, and when last."""

    voucher: NodeID
    since: float
    said: float


class Vouchers:
    """What other holders say; ``k`` of them hold each record."""

    def __init__(self, k: int, random: RandomBits) -> None:
        self._k = k
        self._random = random
        self._words: dict[StorageKey, tuple[_Word, ...]] = {}

    def __len__(self) -> int:
        return len(self._words)

    def vouch(self, where: StorageKey, voucher: NodeID, now: float) -> None:
        """This node says that it holds the version that is stored here."""
        words = self._words.get(where, ())
        since = next((each.since for each in words if each.voucher == voucher), now)
        others = [each for each in words if each.voucher != voucher]
        self._words[where] = (_Word(voucher, since, now), *others[: REMEMBERED - 1])

    def excuse(self, where: StorageKey, now: float, within: float) -> bool:
        """Whether somebody began to vouch for a record within the last seconds."""
        return any(now - each.since < within for each in self._words.get(where, ()))

    def believes(self, passes: int) -> bool:
        """Drawn for neighbouring records in each of so many passes a period: whether to leave them
        to others.

        The k holders of a record together do not believe once in a period.  So liars delay it by a
        period on average, and honest holders do a part of the work twice.
        """
        return self._random.random() * passes * self._k >= 1

    def forget(self, now: float, period: float) -> None:
        """Forget those who have said nothing for some periods."""
        before = now - SILENCE * period
        kept = {
            where: tuple([each for each in words if each.said >= before])
            for where, words in self._words.items()
        }
        self._words = {where: words for where, words in kept.items() if words}
