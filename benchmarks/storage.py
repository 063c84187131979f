"""Records stored a second so that they survive a crash: ``python -m benchmarks.storage``.

Each storage is measured in two forms, a process of its own each time: alone, by 64 writers, and in
a whole node that 64 STORE requests are on their way to, sealed, with a valid token, over a UDP
socket.  All records are fresh, with values of 200 bytes.  A request counts when STORED comes back;
a durable storage lets that happen when its commit has reached the disk.

Then FIND_VALUE requests, 500 a second, for values that are there: on their own, and beside 1,500
STORE requests a second, which must not slow them down.

The node is pinned to one processor with its storage's thread, who asks to another.  The reactor's
lag is how late a timer of 5 ms is in the process measured.  Everything is done once a round, one
storage after the other, and the medians count; ratios are to the storage in memory.  The flushes
that the disk itself does in a second (4 KiB appended to a file, fsync) are measured before each
round: what is durable cannot be faster than the disk allows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.harness.asker import Server
from benchmarks.harness.load import Processors, choose_processors, describe_machine, pin
from benchmarks.harness.pipeline import WINDOW, Outcome, Pipeline
from benchmarks.servers.nodes import settings
from benchmarks.servers.storing import LIFETIME, VALUE_BYTES, fresh_record
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.messages import ReplyBody, RequestBody, Store, Stored

STORAGES = ("memory", "sqlite", "lmdb")
BLOCK = bytes(4096)
FLUSHING = 1.0
"""Seconds for which the disk is measured."""
KNOWN = 1000
"""Values that are looked for."""
FINDS_A_SECOND = 500.0
STORES_A_SECOND = 1500.0
FIGURES: tuple[tuple[str, str, str], ...] = (
    ("alone, puts/s", "alone", "per_second"),
    ("alone, lag p99 ms", "alone", "lag_p99_ms"),
    ("alone, lag worst ms", "alone", "lag_worst_ms"),
    ("STORE, acknowledged/s", "store", "per_second"),
    ("STORE p50 ms", "store", "p50_ms"),
    ("STORE p99 ms", "store", "p99_ms"),
    ("STORE, not stored", "store", "bad"),
    ("STORE, lost", "store", "lost"),
    ("STORE, lag p99 ms", "store", "lag_p99_ms"),
    ("STORE, lag worst ms", "store", "lag_worst_ms"),
    ("FIND_VALUE, hits", "find", "hits"),
    ("FIND_VALUE p50 ms", "find", "p50_ms"),
    ("FIND_VALUE p99 ms", "find", "p99_ms"),
    ("FIND_VALUE beside STORE, hits", "find beside stores", "hits"),
    ("FIND_VALUE beside STORE p50 ms", "find beside stores", "p50_ms"),
    ("FIND_VALUE beside STORE p99 ms", "find beside stores", "p99_ms"),
    ("STORE beside, acknowledged/s", "stores beside", "per_second"),
    ("both, lag p99 ms", "stores beside", "lag_p99_ms"),
    ("both, lag worst ms", "stores beside", "lag_worst_ms"),
)
"""The lines of the table: title, measurement, its figure."""
RATIO = "per_second"
WORST = "lag_worst_ms"

Figures = dict[str, float]


class Plan(NamedTuple):
    """What is measured in each round."""

    storages: Sequence[str]
    stores: int
    seconds: float
    directory: Path
    processors: Processors


class Child:
    """A process of ``module`` that answers lines by lines of JSON."""

    def __init__(self, module: str, *words: object) -> None:
        command = [sys.executable, "-m", module, *map(str, words)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.told = self._hear()

    def ask(self) -> Any:
        """Write a line; what comes back."""
        self.tell()
        return self._hear()

    def tell(self) -> None:
        """Write a line."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def close(self) -> str:
        """Close its standard input, which ends it; what it said last."""
        return self._process.communicate(timeout=60)[0]

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.strip():
            raise SystemExit(f"{' '.join(map(str, self._process.args))} failed")  # type: ignore[arg-type]
        return json.loads(line)


def flushes(directory: Path) -> float:
    """How often a second a block is appended to a file and flushed to the disk."""
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        count, began = 0, time.perf_counter()
        while (passed := time.perf_counter() - began) < FLUSHING:
            file.write(BLOCK)
            os.fsync(file.fileno())
            count += 1
    return count / passed


def is_stored(body: ReplyBody) -> bool:
    """Whether the node has acknowledged."""
    return isinstance(body, Stored)


def stores(name: str, count: int) -> list[RequestBody]:
    """Requests to store fresh records under new names."""
    return [Store(fresh_record(f"{name} {number}"), int(LIFETIME)) for number in range(count)]


def measure_alone(plan: Plan, storage: str, directory: str) -> Figures:
    """The storage without a node."""
    words = (storage, directory, _word(plan.processors.server), plan.stores)
    child = Child("benchmarks.servers.storing", "alone", *words)
    figures: Figures = child.ask()
    child.close()
    return figures


def measure_node(plan: Plan, storage: str, directory: str) -> dict[str, Figures]:
    """The storage in a whole node."""
    words = (storage, directory, _word(plan.processors.server))
    child = Child("benchmarks.servers.storing", "node", *words)
    server = Server(Endpoint("127.0.0.1", child.told["port"]), bytes.fromhex(child.told["key"]))
    pipeline = Pipeline(server, settings("box"))
    pipeline.renew_token()
    if pipeline.send(stores("stored", KNOWN), is_stored).good != KNOWN:
        raise SystemExit(f"{storage}: the values to be looked for were not stored")
    bodies = stores("fresh", plan.stores)
    child.ask()
    found = {"store": pipeline.send(bodies, is_stored)._asdict() | child.ask()}
    found["find"] = _find(plan, child, [])
    bodies = stores("beside", int(STORES_A_SECOND * plan.seconds))
    beside: list[Outcome] = []
    found["find beside stores"] = _find(plan, child, beside, pipeline, bodies)
    found["stores beside"] = beside[0]._asdict() | child.ask()
    child.close()
    return found


def _find(
    plan: Plan,
    child: Child,
    beside: list[Outcome],
    pipeline: Pipeline | None = None,
    bodies: Sequence[RequestBody] = (),
) -> Figures:
    """Look for values, while the pipeline stores others, if there is one."""
    at = (child.told["port"], child.told["key"])
    count = int(FINDS_A_SECOND * plan.seconds)
    processor = _word(plan.processors.generator)
    reader = Child("benchmarks.harness.pipeline", *at, count, FINDS_A_SECOND, KNOWN, processor)
    child.ask()
    reader.tell()
    if pipeline is not None:
        beside.append(pipeline.send(bodies, is_stored, STORES_A_SECOND))
    found: Figures = json.loads(reader.close())
    return found | {"hits": found["good"] / count}


def measure_round(plan: Plan) -> dict[str, dict[str, Figures]]:
    """Every storage once."""
    found = {}
    for storage in plan.storages:
        with tempfile.TemporaryDirectory(prefix="storage-", dir=plan.directory) as directory:
            alone = measure_alone(plan, storage, directory)
        with tempfile.TemporaryDirectory(prefix="storage-", dir=plan.directory) as directory:
            found[storage] = {"alone": alone} | measure_node(plan, storage, directory)
    return found


def summary(rounds: Sequence[dict[str, dict[str, Figures]]]) -> dict[str, dict[str, Figures]]:
    """Medians over the rounds, the worst of the worst, and ratios to memory."""
    rows: dict[str, dict[str, Figures]] = {}
    for storage in rounds[0]:
        for what, figures in rounds[0][storage].items():
            row = rows.setdefault(storage, {}).setdefault(what, {})
            for figure in figures:
                values = [each[storage][what][figure] for each in rounds]
                row[figure] = max(values) if figure == WORST else median(values)
            if "memory" in rounds[0] and RATIO in figures:
                ratios = [r[storage][what][RATIO] / r["memory"][what][RATIO] for r in rounds]
                row["to_memory"] = median(ratios)
    return rows


def print_table(rows: dict[str, dict[str, Figures]], disk: float) -> None:
    """One figure a line, one storage a column; in brackets the ratio to memory."""
    print(f"the disk: {disk:,.0f} flushes a second")
    print(f"{'':<32}" + "".join(f"{name:>18}" for name in rows))
    for title, what, figure in FIGURES:
        cells = [_cell(row[what], figure) for row in rows.values()]
        print(f"{title:<32}" + "".join(f"{cell:>18}" for cell in cells))


def _cell(row: Figures, figure: str) -> str:
    value = row[figure]
    if figure == RATIO:
        ratio = f" ({row['to_memory']:.2f})" if "to_memory" in row else ""
        return f"{value:,.0f}{ratio}"
    return f"{value:.1%}" if figure == "hits" else f"{value:.2f}"


def _word(processor: int | None) -> str:
    return "" if processor is None else str(processor)


def run(plan: Plan, rounds: int) -> dict[str, Any]:
    """Measure all rounds."""
    pin(plan.processors.generator)
    disk, found, load = [], [], []
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        load.append(os.getloadavg()[0])
        disk.append(flushes(plan.directory))
        found.append(measure_round(plan))
    return {
        "unit": "acknowledged per second and milliseconds, medians of interleaved rounds",
        "settings": {
            "rounds": rounds,
            "stores": plan.stores,
            "window": WINDOW,
            "value_bytes": VALUE_BYTES,
            "seconds": plan.seconds,
        },
        "machine": describe_machine(plan.processors),
        "load": load,
        "flushes_per_second": median(disk),
        "storages": summary(found),
        "rounds": found,
    }


def main() -> None:
    """Read the command line, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stores", type=int, default=8000, help="records of each measurement")
    parser.add_argument("--seconds", type=float, default=4.0, help="of looking for values")
    parser.add_argument("--storages", nargs="+", choices=STORAGES, default=STORAGES)
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(tempfile.gettempdir()),
        help="on the disk to be measured; a temporary file system would flush nothing",
    )
    parser.add_argument("--json", type=Path, default=Path("build/storage.json"), metavar="FILE")
    options = parser.parse_args()
    processors = choose_processors()
    if processors.server is None:
        print("only one processor: node and askers disturb each other", file=sys.stderr)
    plan = Plan(options.storages, options.stores, options.seconds, options.directory, processors)
    result = run(plan, options.rounds)
    print_table(result["storages"], result["flushes_per_second"])
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"written to {options.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
