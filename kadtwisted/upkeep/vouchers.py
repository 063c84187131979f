"""Who has said that it holds a copy, too, and for how long that excuses ours from replication.

If a holder hears from another one that it holds the same version, it need not replicate the record
as well: one holder's work serves all.  But the other may lie.  So

* a word counts only for a while;
* the word of one node counts for one period: after that the record is replicated, however often it
  says the same again, until another node has spoken in its place;
* whatever is said, the record is replicated now and then (:meth:`Vouchers.believes`), so that
  several liars who take turns only delay it.

Whose word counts at all is decided elsewhere.  Pure; bounded by the records that are stored.
"""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.model.ids import NodeID, RandomBits
from kadtwisted.model.record import StorageKey


class _Word(NamedTuple):
    """Who spoke last, when, and since when nobody else has."""

    voucher: NodeID
    said: float
    since: float


class Vouchers:
    """What other holders say; ``k`` of them hold each record."""

    def __init__(self, k: int, random: RandomBits) -> None:
        self._k = k
        self._random = random
        self._words: dict[StorageKey, _Word] = {}

    def __len__(self) -> int:
        return len(self._words)

    def vouch(self, where: StorageKey, voucher: NodeID, now: float) -> None:
        """This node says that it holds the version that is stored here."""
        last = self._words.get(where)
        since = last.since if last is not None and last.voucher == voucher else now
        self._words[where] = _Word(voucher, now, since)

    def excuse(self, where: StorageKey, now: float, within: float, period: float) -> bool:
        """Whether somebody vouched for a record ``within`` the last seconds, and not the same one
        for a whole ``period``."""
        word = self._words.get(where)
        return word is not None and now - word.said < within and now - word.since < period

    def believes(self, passes: int) -> bool:
        """Drawn for neighbouring records in each of so many passes a period: whether to leave them
        to others.

        The k holders of a record together do not believe once in a period.  So liars delay it by a
        period on average, and honest holders do a part of the work twice.
        """
        return self._random.random() * passes * self._k >= 1

    def forget(self, before: float) -> None:
        """Forget those who said nothing since this moment."""
        self._words = {w: each for w, each in self._words.items() if each.said >= before}
