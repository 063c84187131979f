"""Requests in flight: which reply belongs to which, and which of them have waited too long.

This file decides whether a reply is accepted: only if the endpoint, the public key and the
transaction ID all are those of one request in flight, and then exactly once.  A transaction ID
alone would let a stranger answer for the node asked.  It also keeps the moments at which patience
ends: the soft one, at which a request is suspected and retransmitted but stays in flight, and the
hard one, at which it has failed.

It never sends, never opens a datagram, draws no transaction IDs and does not measure time: ``now``
is an argument, in seconds of a monotonic clock.  Every table in it is bounded by ``capacity``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from heapq import heapify, heappop, heappush, heapreplace
from itertools import islice
from typing import Generic, TypeVar

from kadtwisted.errors import InvalidInput, TooManyRequests
from kadtwisted.model.contact import Endpoint
from kadtwisted.rpc.endpoints import Patience

T = TypeVar("T")

EXPECTED_KEYS = 3
"""With how many keys a reply from one endpoint is tried (``docs/protocol.md``): each costs an
attempt at opening, and nobody may make us try thousands."""

HEAP_SLACK = 64
"""Stale entries of the heap tolerated beyond one for each request in flight.  MAGIC: any small
number keeps compaction rare; a profile that shows it would settle another."""


class Due(Enum):
    """What has come to pass for a request: its slot is free but a reply still counts, or it has
    failed and was removed."""

    SOFT = "soft"
    HARD = "hard"


@dataclass(slots=True, eq=False)
class Transaction(Generic[T]):
    """One request in flight; changed by :class:`Transactions` only.

    ``key`` is the public key that must have sealed the reply.  It is empty for a hello, whose
    answer shows its key: any will do, unless ``pinned`` names the one.  ``context`` is the
    caller's.  ``sent_at`` is when the latest datagram left, ``sends`` how many did; ``order``
    counts the requests ever begun.
    """

    transaction_id: bytes
    endpoint: Endpoint
    key: bytes
    context: T
    sent_at: float
    soft_at: float
    hard_at: float
    pinned: bytes | None
    order: int
    sends: int = 1
    soft_fired: bool = False

    def rtt(self, now: float) -> float | None:
        """The round trip that a reply at ``now`` measures, in seconds.

        ``None`` once the request was sent again: nobody can tell which datagram was answered
        (Karn's rule; RFC 6298, section 3).
        """
        return now - self.sent_at if self.sends == 1 else None


class Transactions(Generic[T]):
    """The table of requests in flight, at most ``capacity`` of them.

    ``_live`` finds a request by its transaction ID.  ``_keys`` counts, for each endpoint, the
    requests under each key; a key asked again moves to the end.  ``_heap`` holds
    ``(moment, order, transaction ID)``, exactly one entry for each request in flight; entries of
    requests that ended stay behind until they surface or outnumber the others.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._live: dict[bytes, Transaction[T]] = {}
        self._keys: dict[Endpoint, dict[bytes, int]] = {}
        self._heap: list[tuple[float, int, bytes]] = []
        self._begun = 0

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, transaction: object) -> bool:
        """Whether this very request is still in flight."""
        return (
            isinstance(transaction, Transaction)
            and self._live.get(transaction.transaction_id) is transaction
        )

    def begin(
        self,
        transaction_id: bytes,
        endpoint: Endpoint,
        key: bytes,
        context: T,
        now: float,
        patience: Patience,
        *,
        pinned: bytes | None = None,
    ) -> Transaction[T]:
        """Enter a request that is sent to ``endpoint`` now.

        ``key`` is empty for a hello; ``pinned`` is then the key its answer must show, if that is
        known.  ``patience.hard`` is no shorter than ``patience.soft``.  Raises
        :class:`TooManyRequests` when the table is full, and :class:`InvalidInput` for a
        transaction ID that is in flight already.
        """
        live = self._live
        if len(live) >= self._capacity:
            raise TooManyRequests(f"{len(live)} requests are in flight; wait for some to end")
        if transaction_id in live:
            raise InvalidInput(f"transaction ID {transaction_id.hex()} is in flight already")
        self._begun = order = self._begun + 1
        soft_at = now + patience.soft
        transaction: Transaction[T] = Transaction(
            transaction_id,
            endpoint,
            key,
            context,
            now,
            soft_at,
            now + patience.hard,
            pinned,
            order,
        )
        live[transaction_id] = transaction
        keys = self._keys.get(endpoint)
        if keys is None:
            self._keys[endpoint] = {key: 1}
        else:
            keys[key] = keys.pop(key, 0) + 1
        heappush(self._heap, (soft_at, order, transaction_id))
        return transaction

    def expected_keys(self, endpoint: Endpoint) -> tuple[bytes, ...]:
        """The keys a reply from ``endpoint`` may be sealed by: at most 3 different ones, the most
        recently asked first.  Empty when nothing but hellos is in flight there."""
        keys = self._keys.get(endpoint)
        if keys is None:
            return ()
        return tuple(islice(filter(None, reversed(keys)), EXPECTED_KEYS))

    def hello_pending(self, endpoint: Endpoint) -> bool:
        """Whether a hello, to a node whose key is not known, is in flight to ``endpoint``."""
        return b"" in self._keys.get(endpoint, ())

    def in_flight_to(self, endpoint: Endpoint) -> int:
        """How many requests are in flight to ``endpoint``, hellos included."""
        keys = self._keys.get(endpoint)
        return sum(keys.values()) if keys is not None else 0

    def to(self, endpoint: Endpoint) -> list[Transaction[T]]:
        """The requests in flight to ``endpoint``.  Looks at all there are: for rare questions."""
        return [each for each in self._live.values() if each.endpoint == endpoint]

    def match(self, endpoint: Endpoint, key: bytes, transaction_id: bytes) -> Transaction[T] | None:
        """Remove and return the request that this reply answers; ``None`` if it answers none.

        All three must agree: the exact endpoint asked, the key that sealed the reply (for a hello
        the pinned one, else any) and the transaction ID.  What does not agree changes nothing.
        """
        transaction = self._live.get(transaction_id)
        if transaction is None or transaction.endpoint != endpoint:
            return None
        expected = transaction.key or transaction.pinned
        if expected is not None and expected != key:
            return None
        self._forget(transaction)
        return transaction

    def resent(self, transaction: Transaction[T], now: float) -> None:
        """Note that the request's datagram was sent once more; its patience stays as it was."""
        transaction.sends += 1
        transaction.sent_at = now

    def cancel(self, transaction: Transaction[T]) -> None:
        """Forget a request nobody waits for any more; no effect once it has ended."""
        if transaction in self:
            self._forget(transaction)

    def due(self, now: float) -> list[tuple[Transaction[T], Due]]:
        """What has come due, in order of its moments.

        :attr:`Due.SOFT` comes once and leaves the request in flight, :attr:`Due.HARD` has removed
        it.  A request past both moments is only reported as failed: to retransmit it would be
        pointless.
        """
        heap, live = self._heap, self._live
        found: list[tuple[Transaction[T], Due]] = []
        while heap and heap[0][0] <= now:
            _, order, transaction_id = heap[0]
            transaction = live.get(transaction_id)
            if transaction is None or transaction.order != order:
                heappop(heap)
            elif transaction.soft_fired:
                heappop(heap)
                self._forget(transaction)
                found.append((transaction, Due.HARD))
            else:
                transaction.soft_fired = True
                heapreplace(heap, (transaction.hard_at, order, transaction_id))
                if transaction.hard_at > now:
                    found.append((transaction, Due.SOFT))
        return found

    def wakes_at(self) -> float | None:
        """The earliest moment at which :meth:`due` has something to tell; ``None`` when idle."""
        heap, live = self._heap, self._live
        while heap:
            moment, order, transaction_id = heap[0]
            transaction = live.get(transaction_id)
            if transaction is not None and transaction.order == order:
                return moment
            heappop(heap)
        return None

    def drain(self) -> list[Transaction[T]]:
        """Remove and return every request in flight, the oldest first."""
        drained = list(self._live.values())
        self._live.clear()
        self._keys.clear()
        self._heap.clear()
        return drained

    def _forget(self, transaction: Transaction[T]) -> None:
        del self._live[transaction.transaction_id]
        keys = self._keys[transaction.endpoint]
        left = keys[transaction.key] - 1
        if left:
            keys[transaction.key] = left
        elif len(keys) > 1:
            del keys[transaction.key]
        else:
            del self._keys[transaction.endpoint]
        if len(self._heap) > 2 * len(self._live) + HEAP_SLACK:
            self._compact()

    def _compact(self) -> None:
        # In place: ``due`` walks the same list.
        self._heap[:] = [
            (each.hard_at if each.soft_fired else each.soft_at, each.order, each.transaction_id)
            for each in self._live.values()
        ]
        heapify(self._heap)
