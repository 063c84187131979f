"""Many requests of one sender at a time, sealed, with a valid token, and what came of them.

``python -m benchmarks.harness.pipeline PORT KEY COUNT RATE NAMES`` reads values.  It waits for a
line on standard input, then asks for the names ``stored 0`` to ``stored NAMES - 1`` in turn, COUNT
times in all, RATE a second, and prints the :class:`Outcome` as JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from benchmarks.harness.asker import Asker, Server
from benchmarks.harness.lag import percentile
from benchmarks.harness.load import pin
from benchmarks.servers.nodes import settings
from kadtwisted.constants import DATAGRAM_LIMIT, TRANSACTION_ID_BYTES
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.messages import FindValue, Records, ReplyBody, RequestBody
from kadtwisted.model.record import Kind

WINDOW = 64
"""Requests on their way at a time."""
LOST_AFTER = 1.0
"""Seconds without any reply after which the requests under way count as lost."""
PAUSE = 0.0005
"""Seconds of waiting for a reply between two looks at whether the next request is due."""


class Outcome(NamedTuple):
    """What came of the requests: ``good`` replies were the expected ones, ``bad`` were others.

    Latencies are those of both, in milliseconds.
    """

    good: int
    bad: int
    lost: int
    per_second: float
    p50_ms: float
    p99_ms: float


class Pipeline(Asker):
    """An :class:`Asker` that need not wait for one reply before it asks again."""

    def send(
        self,
        bodies: Sequence[RequestBody],
        is_good: Callable[[ReplyBody], bool],
        rate: float = float("inf"),
    ) -> Outcome:
        """Send them in order, at most ``rate`` a second and at most :data:`WINDOW` unanswered."""
        numbers = [n.to_bytes(TRANSACTION_ID_BYTES, "big") for n in range(len(bodies))]
        requests = [
            self.writer.request(body, self.token, number)
            for body, number in zip(bodies, numbers, strict=True)
        ]
        forget_preparations()
        return self._drive(numbers, requests, is_good, rate)

    def _drive(
        self,
        numbers: Sequence[bytes],
        requests: Sequence[bytes],
        is_good: Callable[[ReplyBody], bool],
        rate: float,
    ) -> Outcome:
        waiting: dict[bytes, float] = {}
        latencies: list[float] = []
        good = sent = lost = 0
        paced = rate < float("inf")
        self._socket.settimeout(PAUSE if paced else LOST_AFTER)
        began = heard = now = time.perf_counter()
        while sent < len(requests) or waiting:
            while (
                sent < len(requests)
                and len(waiting) < WINDOW
                and (not paced or sent <= (now - began) * rate)
            ):
                self._socket.sendto(requests[sent], self.writer.server.endpoint)
                waiting[numbers[sent]] = time.perf_counter()
                sent += 1
            try:
                reply = self._take(self._socket.recv(DATAGRAM_LIMIT))
            except TimeoutError:
                reply = None
            now = time.perf_counter()
            if reply is not None and (asked := waiting.pop(reply.transaction_id, 0.0)):
                heard = now
                latencies.append((now - asked) * 1000)
                good += is_good(reply.body)
            elif now - heard > LOST_AFTER:
                lost += len(waiting)
                waiting.clear()
                heard = now
        rank = (percentile(latencies, 0.5), percentile(latencies, 0.99))
        return Outcome(good, len(latencies) - good, lost, good / (heard - began), *rank)


def forget_preparations() -> None:
    """Let the garbage collector leave out what was made before the measurement."""
    gc.collect()
    gc.freeze()


def is_found(body: ReplyBody) -> bool:
    """Whether the reply has the value."""
    return isinstance(body, Records) and bool(body.items)


def finds(count: int, names: int) -> list[RequestBody]:
    """Requests for values that were stored."""
    keys = [key_of_name(f"stored {number}") for number in range(names)]
    return [FindValue(keys[number % names], Kind.VALUE) for number in range(count)]


def main(port: str, key: str, count: str, rate: str, names: str, processor: str = "") -> None:
    """Read when told to."""
    pin(int(processor) if processor else None)
    server = Server(Endpoint("127.0.0.1", int(port)), bytes.fromhex(key))
    pipeline = Pipeline(server, settings("box"))
    pipeline.renew_token()
    bodies = finds(int(count), int(names))
    print(json.dumps("ready"), flush=True)
    sys.stdin.readline()
    outcome: Any = pipeline.send(bodies, is_found, float(rate))
    print(json.dumps(outcome._asdict()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
