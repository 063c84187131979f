"""Requests in flight: which reply belongs to which request, and which have waited too long.

This file decides whether a reply is accepted: once only, and only if the endpoint, the public key
and the transaction ID are all those of one request in flight.  With the transaction ID alone a
stranger could answer for the node that was asked.

It also keeps the two moments at which patience ends.  At the soft one a request is suspected and
retransmitted, but stays in flight; at the hard one it has failed.  Between them it may come due a
few times more, to be retransmitted again.

It never sends, never opens a datagram, draws no transaction IDs and does not measure time: ``now``
is an argument, in seconds of a monotonic clock.  ``capacity`` bounds every table in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from heapq import heapify, heappop, heappush, heapreplace
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from kadtwisted.errors import InvalidInput, TooManyRequests
from kadtwisted.model.contact import Endpoint
from kadtwisted.rpc.endpoints import Patience

T = TypeVar("T")

EXPECTED_KEYS = 3
"""How many keys are tried on a reply from one endpoint (``docs/protocol.md``): each try costs an
attempt to open it, and nobody may make us try thousands."""

HEAP_SLACK = 64
"""How many old entries the heap may have beyond one for each request in flight.  MAGIC: with any
small number the heap is seldom cleaned; a profile that shows the cleaning would settle another."""


class Due(Enum):
    """What has come due for a request: its slot is free but a reply still counts (SOFT), it is time
    to send it once more (AGAIN), or it has failed and was removed (HARD)."""

    SOFT = "soft"
    AGAIN = "again"
    HARD = "hard"


@dataclass(slots=True, eq=False)
class Transaction(Generic[T]):
    """One request in flight; changed by :class:`Transactions` only.

    ``key`` is the public key that must have sealed the reply.  It is empty for a hello, whose
    answer shows its key: any key will do, unless ``pinned`` names one.  ``context`` belongs to the
    caller.  ``sent_at`` is when the last datagram was sent, ``sends`` how many were sent; ``order``
    counts all requests that were ever begun.  ``wakes_at`` is when it comes due next, ``gap`` how
    long after the moment before, and ``repeats`` how often it may still come due before it fails.
    """

    transaction_id: bytes
    endpoint: Endpoint
    key: bytes
    context: T
    sent_at: float
    wakes_at: float
    hard_at: float
    gap: float
    repeats: int
    pinned: bytes | None
    order: int
    sends: int = 1
    suspected: bool = False

    def rtt(self, now: float) -> float | None:
        """The round trip that a reply at ``now`` measures, in seconds.

        ``None`` if the request was sent again: then nobody knows which datagram was answered
        (Karn's rule; RFC 6298, section 3).
        """
        return now - self.sent_at if self.sends == 1 else None


class Asked(NamedTuple):
    """Who must answer a request: the exact endpoint, and the public key.

    ``key`` is empty for a hello, to a node whose key is not known; then ``pinned`` is the key that
    its answer must show, if that is known.
    """

    endpoint: Endpoint
    key: bytes
    pinned: bytes | None = None


class Transactions(Generic[T]):
    """The table of requests in flight, at most ``capacity`` of them.

    ``_live`` finds a request by its transaction ID.  ``_keys`` counts, for each endpoint, the
    requests under each key; a key that is asked again moves to the end.  ``_heap`` holds
    ``(moment, order, transaction ID)``, exactly one entry for each request in flight.  Entries of
    requests that have ended stay in it until they come to the top or outnumber the others.
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
        """Whether exactly this request is still in flight."""
        return (
            isinstance(transaction, Transaction)
            and self._live.get(transaction.transaction_id) is transaction
        )

    def begin(
        self,
        transaction_id: bytes,
        asked: Asked,
        context: T,
        now: float,
        patience: Patience,
    ) -> Transaction[T]:
        """Enter a request that is sent now to the node asked.

        ``patience.hard`` is no shorter than ``patience.soft``.  Raises :class:`TooManyRequests` if
        the table is full, and :class:`InvalidInput` for a transaction ID that is in flight already.
        """
        endpoint, key, pinned = asked
        live = self._live
        if len(live) >= self._capacity:
            raise TooManyRequests(f"{len(live)} requests are in flight; wait for some to end")
        if transaction_id in live:
            raise InvalidInput(f"transaction ID {transaction_id.hex()} is in flight already")
        self._begun = order = self._begun + 1
        soft, hard, repeats = patience
        soft_at = now + soft
        transaction: Transaction[T] = Transaction(
            transaction_id,
            endpoint,
            key,
            context,
            now,
            soft_at,
            now + hard,
            soft,
            repeats,
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
        """The keys that may have sealed a reply from ``endpoint``: at most 3 different ones, the
        most recently asked first.  Empty if there are only hellos in flight, or nothing."""
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
        """The requests in flight to ``endpoint``.  It looks at all requests, so call it rarely."""
        return [each for each in self._live.values() if each.endpoint == endpoint]

    def find(self, transaction_id: bytes) -> Transaction[T] | None:
        """The request in flight with this transaction ID, if there is one."""
        return self._live.get(transaction_id)

    def match(self, endpoint: Endpoint, key: bytes, transaction_id: bytes) -> Transaction[T] | None:
        """Remove and return the request that this reply answers; ``None`` if it answers none.

        All three must agree: the exact endpoint that was asked, the key that sealed the reply (for
        a hello the pinned one, if there is one) and the transaction ID.  Otherwise nothing changes.
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
        """Note that the request was sent once more; its patience stays the same."""
        transaction.sends += 1
        transaction.sent_at = now

    def cancel(self, transaction: Transaction[T]) -> None:
        """Forget a request that nobody waits for any more; no effect if it has ended."""
        if transaction in self:
            self._forget(transaction)

    def due(self, now: float) -> list[tuple[Transaction[T], Due]]:
        """The requests that have come due, in the order of their moments.

        :attr:`Due.SOFT` comes once, and :attr:`Due.AGAIN` as often as the patience has more
        repeats; the request stays in flight.  :attr:`Due.HARD` means that the request was removed.
        If that moment has passed only the failure is reported, because a retransmission would be
        pointless.
        """
        heap, live = self._heap, self._live
        found: list[tuple[Transaction[T], Due]] = []
        while heap and heap[0][0] <= now:
            _, order, transaction_id = heap[0]
            transaction = live.get(transaction_id)
            if transaction is None or transaction.order != order:
                heappop(heap)
            elif not transaction.repeats:
                heappop(heap)
                self._forget(transaction)
                found.append((transaction, Due.HARD))
            else:
                due = Due.AGAIN if transaction.suspected else Due.SOFT
                self._postpone(transaction, now)
                heapreplace(heap, (transaction.wakes_at, order, transaction_id))
                if transaction.hard_at > now:
                    found.append((transaction, due))
        return found

    @staticmethod
    def _postpone(transaction: Transaction[T], now: float) -> None:
        """It has come due: the next time is twice as long away, or else the moment it fails."""
        transaction.suspected = True
        transaction.repeats -= 1
        transaction.gap *= 2
        again_at = now + transaction.gap
        if transaction.repeats and again_at < transaction.hard_at:
            transaction.wakes_at = again_at
        else:
            transaction.repeats = 0
            transaction.wakes_at = transaction.hard_at

    def wakes_at(self) -> float | None:
        """The earliest moment at which :meth:`due` will find something; ``None`` when idle."""
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
        if not self._live:
            self._heap.clear()  # most nodes are idle most of the time
        elif len(self._heap) > 2 * len(self._live) + HEAP_SLACK:
            self._compact()

    def _compact(self) -> None:
        # In place: ``due`` walks the same list.
        self._heap[:] = [
            (each.wakes_at, each.order, each.transaction_id) for each in self._live.values()
        ]
        heapify(self._heap)
