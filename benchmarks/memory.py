"""What a node costs in memory: ``python -m benchmarks.memory``.

Many whole nodes run in one process on the simulated network, sealed, in a network with a secret.
Each has about a hundred contacts in its table and stores nothing.  They share what nodes of one
process may share: the serializer, and with it the contacts.  Measured are nodes that have just
begun, and the same nodes after some simulated minutes of upkeep, in which they have asked every
contact at least once.  A row more has nodes that share nothing of the kind, as a node that is alone
in its process.

Each measurement has a process of its own.  One measures the size of the process (its resident
pages, which include what the allocator keeps, but no kernel memory of a socket), the others what
Python has allocated (tracemalloc), which also tells in which files.  Counted is the growth for each
node; a few nodes made before pay for what all share.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.harness.load import Processors, describe_machine
from kadtwisted.constants import MINUTE
from kadtwisted.identity.keys import node_id_of
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.simulation.monitor import NullMonitor
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.nodes import NodeParts
from kadtwisted.wire.cbor import CBORSerializer
from kadtwisted.wire.packed import unpack_contact

ROWS = ("resident", "allocated", "lone")
"""What is measured: the size of the process, what Python allocated, and that of lone nodes."""
FILES = 12
"""How many files that hold most memory are told."""
ROOT = Path(__file__).resolve().parents[1]


def resident() -> int:
    """Bytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def allocated() -> int:
    """Bytes that Python has allocated since tracemalloc began."""
    return tracemalloc.get_traced_memory()[0]


def by_file(nodes: int) -> dict[str, float]:
    """Bytes a node by the file that allocated them, the most first."""
    found: Counter[str] = Counter()
    for each in tracemalloc.take_snapshot().statistics("filename"):
        name = each.traceback[0].filename
        path = Path(name)
        found[str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name] += each.size
    return {name: size / nodes for name, size in found.most_common(FILES)}


class LoneNodes(Population):
    """Nodes that share neither serializer nor contacts."""

    def parts_of(self, number: int) -> NodeParts:
        """Each has a serializer of its own."""
        return {"serializer": CBORSerializer(node_id_of)}

    def contact_of(self, node_id: NodeID) -> Contact:
        """A contact of the asker's own, as if it had just been read."""
        packed = super().contact_of(node_id).packed
        return unpack_contact(bytes(bytearray(packed)), node_id_of)


def measure(row: str, nodes: int, minutes: float) -> dict[str, Any]:
    """One process's figures, bytes a node; they begin after the interpreter and all modules."""
    scenario = Scenario(sealer="box", nodes=(nodes,), upkeep=True)
    traced = row != "resident"
    kind = LoneNodes if row == "lone" else Population
    warm = kind(scenario, 2, NullMonitor())
    warm.grow()
    warm.stop()
    del warm
    gc.collect()
    if traced:
        tracemalloc.start()
    size = allocated if traced else resident
    before = size()
    population = Population(scenario, nodes, NullMonitor())
    population.grow()
    gc.collect()
    idle = size() - before
    files = {"idle": by_file(nodes)} if traced else {}
    population.advance(minutes * MINUTE)
    gc.collect()
    tended = size() - before
    if traced:
        files["tended"] = by_file(nodes)
    return {
        "contacts": mean(len(each.table) for each in population.members),
        "idle": idle / nodes,
        "tended": tended / nodes,
        "files": files,
    }


def run_child(what: str, nodes: int, minutes: float) -> dict[str, Any]:
    """Measure in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.memory", "--child", what]
    words += ["--nodes", str(nodes), "--minutes", str(minutes)]
    found: dict[str, Any] = json.loads(subprocess.check_output(words))
    return found


def print_table(result: dict[str, Any]) -> None:
    """Kilobytes a node, and where they are."""
    print(f"{'KB a node':<20}{'idle':>8}{'tended':>8}{'contacts':>10}")
    for name in ROWS:
        row = result[name]
        figures = f"{row['idle'] / 1000:>8.1f}{row['tended'] / 1000:>8.1f}{row['contacts']:>10.0f}"
        print(f"{name:<20}{figures}")
    for name, size in result["allocated"]["files"]["tended"].items():
        print(f"  {size / 1000:>6.2f} KB  {name}")
    print(f"load average of this machine: {result['load']}")


def main() -> None:
    """Read the command line, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--nodes", type=int, default=300, help="300 know about 100 others each")
    parser.add_argument("--minutes", type=float, default=20.0, help="of upkeep, simulated")
    parser.add_argument("--json", type=Path, default=Path("build/memory.json"), metavar="FILE")
    parser.add_argument("--child", choices=ROWS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        found = measure(options.child, options.nodes, options.minutes)
        print(json.dumps(found))
        return
    result = {
        "unit": "bytes a node",
        "settings": {"nodes": options.nodes, "minutes": options.minutes},
        "machine": describe_machine(Processors(None, None)),
        "load": os.getloadavg()[0],
        **{row: run_child(row, options.nodes, options.minutes) for row in ROWS},
    }
    print_table(result)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"written to {options.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
