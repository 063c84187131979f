"""What HTTP costs: ``python -m benchmarks.http``.

A bare resource of twisted.web and two nodes with a gateway each are processes of their own on one
processor; the client has another.  It keeps :data:`CONNECTIONS` connections, and asks on all of
them before it reads.  Each round measures all scenarios, one after the other; medians count.

The unit is answers per second of the server's own CPU time.  Quote the ratio to the bare resource
of the same run: absolute figures belong to the machine.  ``get first`` is read from the node's own
storage (``mode=first``), ``get latest`` asks the other node, too; of a ``put`` the two nodes, both
in the measured process, store a copy each.  ``not modified`` has the ETag of what is there.

The latency of a watch is the time from the write of a PUT to the gateway of one node until its
event is there at the client of the other node's gateway; beside it, the time until the PUT was
answered.

``ping_ms`` is how long a node takes to have a PING answered by the other one, whose gateway has
:data:`SLOW` slow clients meanwhile, or none: each sends a byte now and then and never a whole
request, and comes back when it is cut off.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.harness.load import choose_processors, describe_machine, pin
from benchmarks.harness.server_process import ServerProcess
from benchmarks.servers.web import TOKEN

CONNECTIONS = 8
VALUE = b"v" * 100
SLOW = 1000
PINGS = 200
WATCHED = 50
"""Changes of which the latency is measured in each round."""

Make = Callable[[int], bytes]


def request(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of one request."""
    told = {"Host": "localhost", "Authorization": f"Bearer {TOKEN}", **(headers or {})}
    if body:
        told["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in told.items()), "", ""]
    return "\r\n".join(lines).encode() + body


class Asker:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def send(self, data: bytes) -> None:
        """Send a request."""
        self._socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        """The status of the next answer, and its head."""
        status, head, _ = self.whole()
        return status, head

    def whole(self) -> tuple[int, bytes, bytes]:
        """The same, and its body."""
        while b"\r\n\r\n" not in self._read:
            self._fill()
        head, _, rest = self._read.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            self._read = rest
            self._fill()
            rest = self._read
        self._read = rest[length:]
        return int(head.split()[1]), head, rest[:length]

    def until(self, words: bytes) -> None:
        """Read until these words have come, and forget all before them."""
        while words not in self._read:
            self._fill()
        self._read = self._read.partition(words)[2]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _fill(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise SystemExit("the server hung up")
        self._read += data


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used (proc(5))."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / float(os.sysconf("SC_CLK_TCK"))


def measure(server: ServerProcess, make: Make, expected: int, seconds: float) -> float:
    """Answers per second of CPU time."""
    askers = [Asker(server.port) for _ in range(CONNECTIONS)]
    numbers = itertools.count()
    count, before, until = 0, cpu_seconds(server.pid), time.monotonic() + seconds
    while time.monotonic() < until:
        for each in askers:
            each.send(make(next(numbers)))
        for each in askers:
            status, head = each.answer()
            if status != expected:
                raise SystemExit(f"{status} instead of {expected}: {head!r}")
            count += 1
    used = cpu_seconds(server.pid) - before
    for each in askers:
        each.close()
    return count / used


def latencies(server: ServerProcess) -> tuple[list[float], list[float]]:
    """Seconds until the events of a watch came, and until their writes were answered."""
    watcher, writer = Asker(server.told["other"]), Asker(server.port)
    watcher.send(request("GET", "/v1/values/watched/events"))
    watcher.until(b"event: change")
    events, answers = [], []
    for number in range(WATCHED):
        value = f"value-{time.monotonic_ns()}-{number}"
        began = time.monotonic()
        writer.send(request("PUT", "/v1/values/watched", value.encode()))
        # What comes first is waited for first; nearly always the answer.
        writer.answer()
        answers.append(time.monotonic() - began)
        watcher.until(value.encode())
        events.append(time.monotonic() - began)
    watcher.close()
    writer.close()
    return events, answers


def pings(server: ServerProcess, slow_clients: int) -> list[float]:
    """Seconds that PINGs took, as the node that sent them says."""
    asker = Asker(server.told["other"])
    asking = request("POST", f"/v1/ping/{server.told['node']}")
    slow: list[socket.socket | None] = [None] * slow_clients
    found = []
    for number in range(PINGS):
        for place in range(number % 10, slow_clients, 10):
            slow[place] = drip(slow[place], server.port)
        asker.send(asking)
        status, _, body = asker.whole()
        if status != 200:
            raise SystemExit(f"a PING was not answered: {body!r}")
        found.append(float(json.loads(body)["rtt_seconds"]))
    asker.close()
    for each in slow:
        if each is not None:
            each.close()
    return found


def drip(client: socket.socket | None, port: int) -> socket.socket | None:
    """One more byte of a slow client, or the first ones of another, if it was cut off."""
    try:
        if client is None:
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            client.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        client.sendall(b"y")
    except OSError:
        if client is not None:
            client.close()
        return None
    return client


def scenarios(server: ServerProcess) -> Mapping[str, tuple[Make, int]]:
    """The requests of each scenario, and the status that they get."""
    asker = Asker(server.port)
    asker.send(request("PUT", "/v1/values/there", VALUE))
    asker.answer()
    asker.send(request("GET", "/v1/values/there?mode=first"))
    _, head = asker.answer()
    asker.close()
    tag = head.partition(b"ETag: ")[2].partition(b"\r\n")[0].decode()
    first = request("GET", "/v1/values/there?mode=first")
    known = request("GET", "/v1/values/there?mode=first", headers={"If-None-Match": tag})
    latest = request("GET", "/v1/values/there")
    health = request("GET", "/healthz")
    return {
        "healthz": (lambda _: health, 200),
        "get first": (lambda _: first, 200),
        "not modified": (lambda _: known, 304),
        "get latest": (lambda _: latest, 200),
        "put": (lambda number: request("PUT", f"/v1/values/n{number % 64}", VALUE), 201),
    }


def summary(
    found: Mapping[str, Sequence[float]], events: Sequence[float], answers: Sequence[float]
) -> dict[str, Any]:
    """The medians of all rounds, and their ratios to the bare resource."""
    bare = median(found["bare get"]), median(found["bare put"])
    rows = {}
    for name, each in found.items():
        middle = median(each)
        to = bare[1] if name.endswith("put") else bare[0]
        rows[name] = {"per_cpu_second": round(middle), "to_bare": round(middle / to, 3)}
    return {
        "rows": rows,
        "watch_ms": {"event": percentiles(events), "put answered": percentiles(answers)},
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds: the median, and the 99th percentile."""
    ordered = sorted(seconds)
    last = ordered[int(0.99 * (len(ordered) - 1))]
    return {"p50": round(1000 * median(ordered), 2), "p99": round(1000 * last, 2)}


def allow_files(wanted: int) -> None:
    """As many open files as the slow clients are, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    processors = choose_processors()
    pin(processors.generator)
    found: dict[str, list[float]] = {}
    events: list[float] = []
    answers: list[float] = []
    alone: list[float] = []
    beside: list[float] = []
    allow_files(SLOW + 200)
    module = "benchmarks.servers.web"
    with (
        ServerProcess(module, "bare", processors.server) as bare,
        ServerProcess(module, "gateway", processors.server) as gateway,
    ):
        plain, written = request("GET", "/"), request("PUT", "/", VALUE)
        asked: list[tuple[str, ServerProcess, Make, int]] = [
            ("bare get", bare, lambda _: plain, 200),
            ("bare put", bare, lambda _: written, 200),
        ]
        asked += [
            (name, gateway, make, status) for name, (make, status) in scenarios(gateway).items()
        ]
        for _ in range(given.rounds):
            for name, server, make, status in asked:
                found.setdefault(name, []).append(measure(server, make, status, given.seconds))
            came, answered = latencies(gateway)
            events += came
            answers += answered
            alone += pings(gateway, 0)
            beside += pings(gateway, SLOW)
    told = {
        **summary(found, events, answers),
        "ping_ms": {"alone": percentiles(alone), "beside 1,000 slow clients": percentiles(beside)},
        **describe_machine(processors),
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
