"""What a lookup costs, and how far it goes, against the size of the network:
``python -m benchmarks.lookup``.

Whole nodes on the simulated network (``kadtwisted.simulation``), unsealed, with tables as after a
long life, look up random targets on one path, three requests at a time.  Hops and requests are
exact and the same on every machine.  They are shown beside those of an idealised lookup of the same
k and alpha, in which everybody knows k nodes of each bucket and nothing is ever lost.  CPU time is
that of both ends of all requests, of the simulated network, and of the upkeep of all nodes.

Then the routing table alone: how long it takes to find and write the 20 nearest of 2,000 contacts
and of 200, which is what a FIND_NODE costs beyond a PING.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Any

from benchmarks.codec import encode, microseconds
from benchmarks.harness.load import Processors, describe_machine
from kadtwisted.identity.keys import node_id_of
from kadtwisted.model.contact import KEY_BYTES, Contact, Endpoint
from kadtwisted.model.ids import NodeID, random_id
from kadtwisted.model.messages import Nodes, Reply
from kadtwisted.parameters import Parameters
from kadtwisted.routing.table import RoutingTable
from kadtwisted.simulation.experiments.hops import look_up
from kadtwisted.simulation.garbage import collecting_seldom
from kadtwisted.simulation.scenario.scenario import Scenario

IDEAL = {1000: (1.9, 21.0), 10_000: (2.5, 23.0)}
"""Hops and requests of idealised lookups with k = 20 and alpha = 3, by the number of nodes."""
ALPHA = 3
CONTACTS = (200, 2000)
BUCKETS = 400
"""The size of buckets that lets a table hold so many contacts."""
TARGETS = 200


class Stopwatch:
    """A monitor that measures the CPU time of each phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.rpcs: dict[str, int] = {}
        self._name = ""
        self._began = 0.0

    def phase(self, text: str, total: int) -> None:
        """A new phase begins."""
        self.end()
        self._name = text.partition(" ")[0]

    def step(self, count: int = 1) -> None:
        """Ignored."""

    def exchanged(self, rpcs: int) -> None:
        """These belong to the present phase."""
        self.rpcs[self._name] = self.rpcs.get(self._name, 0) + rpcs

    def end(self) -> None:
        """The present phase ends."""
        now = time.process_time()
        if self._name:
            self.seconds[self._name] = self.seconds.get(self._name, 0.0) + now - self._began
        self._began = now


def measure_lookups(nodes: int, lookups: int) -> dict[str, Any]:
    """One network's figures; this process should make no other."""
    parameters = replace(Parameters(), alpha=ALPHA)
    scenario = Scenario(nodes=(nodes,), operations=lookups, parameters=parameters, rate=50.0)
    monitor = Stopwatch()
    with collecting_seldom(monitor) as told:
        found = look_up(scenario, nodes, told)
    monitor.end()
    cpu = monitor.seconds["looking"]
    row = {
        "lookups": lookups,
        "failed": lookups - len(found),
        "exact_percent": 100 * mean(each.exact for each in found),
        "hops": mean(each.trace.hops for each in found),
        "requests": mean(len(each.trace.steps) for each in found),
        "p50_simulated_s": median(each.trace.duration for each in found),
        "cpu_ms_a_lookup": 1000 * cpu / lookups,
        "requests_a_cpu_second": monitor.rpcs["looking"] / cpu,
        "making_s": sum(monitor.seconds.values()) - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }
    if nodes in IDEAL:
        hops, requests = IDEAL[nodes]
        row["hops_to_ideal"] = row["hops"] / hops
        row["requests_to_ideal"] = row["requests"] / requests
    return row


def stocked_table(contacts: int) -> RoutingTable:
    """A table of random contacts."""
    random = Random(20021007)
    table = RoutingTable(random_id(random), k=BUCKETS)
    while len(table) < contacts:
        key = random.randbytes(KEY_BYTES)
        endpoint = Endpoint(f"198.18.{random.randrange(256)}.{random.randrange(256)}", 8000)
        table.answered(Contact.at(node_id_of(key), endpoint, key), 0.0)
    return table


def answer_all(table: RoutingTable, targets: Sequence[NodeID]) -> None:
    """Find and write the 20 nearest of each target."""
    for target in targets:
        encode(Reply(bytes(8), Nodes(tuple(table.closest(target, 20))), bytes(8)))


def measure_tables(runs: int) -> dict[str, float]:
    """Microseconds of the 20 nearest, found and written; and the larger table's to the other's."""
    random = Random(20021007)
    targets = [random_id(random) for _ in range(TARGETS)]
    found: dict[str, float] = {}
    for contacts in CONTACTS:
        work = partial(answer_all, stocked_table(contacts), targets)
        found[f"{contacts:,}"] = microseconds(work, runs, 1) / TARGETS
    few, many = found.values()
    return {**found, "ratio": many / few}


def run_child(nodes: int, lookups: int) -> dict[str, Any]:
    """Measure a network in a process of its own."""
    print(f"{nodes:,} nodes", file=sys.stderr)
    words = [sys.executable, "-m", "benchmarks.lookup", "--lookups", str(lookups)]
    found: dict[str, Any] = json.loads(
        subprocess.check_output([*words, "--child", "--nodes", str(nodes)])
    )
    return found


def print_tables(result: dict[str, Any]) -> None:
    """One network a line, then the tables."""
    titles = ("nodes", "hops", "requests", "exact %", "cpu ms", "RPC/cpu-s", "peak MB", "to ideal")
    print("".join(f"{title:>10}" for title in titles))
    for nodes, row in result["lookups"].items():
        ideal = "-"
        if "hops_to_ideal" in row:
            ideal = f"{row['hops_to_ideal']:.2f}/{row['requests_to_ideal']:.2f}"
        print(
            f"{int(nodes):>10,}{row['hops']:>10.2f}{row['requests']:>10.1f}"
            f"{row['exact_percent']:>10.1f}{row['cpu_ms_a_lookup']:>10.1f}"
            f"{row['requests_a_cpu_second']:>10,.0f}{row['peak_mb']:>10.0f}{ideal:>10}"
        )
    for contacts, figure in result["tables"].items():
        print(f"20 nearest found and written, contacts {contacts}: {figure:.2f}")
    print(f"load average of this machine: {result['load']}")


def main() -> None:
    """Read the command line, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lookup", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--lookups", type=int, default=500)
    parser.add_argument("--runs", type=int, default=50, help="of the tables")
    parser.add_argument("--json", type=Path, default=Path("build/lookup.json"), metavar="FILE")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure_lookups(options.nodes[0], options.lookups)))
        return
    result = {
        "unit": "a lookup's hops and requests; CPU time of all nodes together",
        "settings": {"lookups": options.lookups, "alpha": ALPHA, "paths": 1},
        "machine": describe_machine(Processors(None, None)),
        "load": os.getloadavg()[0],
        "lookups": {str(nodes): run_child(nodes, options.lookups) for nodes in options.nodes},
        "tables": measure_tables(options.runs),
    }
    print_tables(result)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"written to {options.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
