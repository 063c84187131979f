"""How long operations take in a whole network: ``python -m benchmarks.network``.

A hundred nodes on loopback sockets run in one process, and as many of bmuller's ``kademlia`` (PyPI,
asyncio; the extra ``bench`` installs it) in another, each through the same procedure
(``benchmarks/networks/procedure.py``).  The processes of a round run one after the other, so that
whatever slows the machine down slows all of them; percentiles are medians over the rounds.

Operations run one at a time, and all nodes share one processor: the time of an operation is the sum
of what all nodes did for it.  On a real network the round trips count more.  So quote the ratio to
the other network; absolute times belong to the machine.

After the crash random survivors read at once, one value after the other, for at most ``--budget``
seconds: the column ``good`` says how many operations that were, and how many were right.

The upkeep of an idle network is measured in simulated time (``benchmarks/networks/idle.py``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.harness.load import Processors, describe_machine
from benchmarks.networks.idle import measure_idle
from benchmarks.networks.procedure import Plan

AFTER = {"private": ("first", "latest", "missing"), "open": ("first", "latest", "missing")}
AFTER_BMULLER = ("first", "missing")
"""It has one kind of read."""
MISSING_EXTRA = (
    "the package kademlia is not installed, so nothing is measured beside; "
    "pip install '.[bench]' in a checkout brings it"
)
OTHER = "bmuller"


class Row(NamedTuple):
    """One operation of one network: milliseconds, operations measured, how many were good."""

    p50: float
    p95: float
    measured: int
    good: int


def run_round(name: str, plan: Plan) -> dict[str, Any]:
    """One network from its start to its end, in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.networks.processes", name]
    told = json.dumps(asdict(plan))
    done = subprocess.run(words, input=told, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"a round of the network {name!r} failed; what it said stands above")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def percentile(seconds: Sequence[float], share: float) -> float:
    """The nearest rank, in milliseconds."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(rounds: Iterable[dict[str, Any]]) -> dict[str, Row]:
    """The rows of one network: medians over its rounds of each round's percentiles."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in rounds:
        for name, samples in each["measures"].items():
            found.setdefault(name, []).append(samples)
    return {
        name: Row(
            median(percentile(each["seconds"], 0.5) for each in samples),
            median(percentile(each["seconds"], 0.95) for each in samples),
            sum(len(each["seconds"]) for each in samples),
            sum(each["good"] for each in samples),
        )
        for name, samples in found.items()
    }


def measure_networks(names: Sequence[str], rounds: int, plan: Plan) -> dict[str, dict[str, Row]]:
    """All rounds of all networks, interleaved."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
            for after in AFTER.get(name, AFTER_BMULLER):
                chosen = Plan(plan.nodes, plan.values, plan.seed + number, after, plan.budget)
                results[name].append(run_round(name, chosen))
    return {name: summary(each) for name, each in results.items()}


def ratios(rows: dict[str, dict[str, Row]]) -> dict[str, dict[str, float]]:
    """How many times longer bmuller's operation takes (p50), for each network of ours."""
    theirs = rows.get(OTHER, {})
    return {
        name: {each: theirs[each].p50 / ours[each].p50 for each in ours if each in theirs}
        for name, ours in rows.items()
        if name != OTHER and theirs
    }


def print_table(rows: dict[str, dict[str, Row]], faster: dict[str, dict[str, float]]) -> None:
    """One operation of one network a line; the ratio first."""
    print(f"{'operation':<26}{'network':<10}{'ratio':>8}{'p50 ms':>10}{'p95 ms':>10}{'good':>12}")
    for operation in dict.fromkeys(each for network in rows.values() for each in network):
        for name, network in rows.items():
            if operation not in network:
                continue
            row = network[operation]
            ratio = faster.get(name, {}).get(operation)
            shown = f"{ratio:.2f}" if ratio is not None else "1" if name == OTHER else "-"
            good = f"{row.good}/{row.measured}"
            print(f"{operation:<26}{name:<10}{shown:>8}{row.p50:>10.2f}{row.p95:>10.2f}{good:>12}")


def print_idle(idle: dict[str, Any]) -> None:
    """The upkeep of one node, in a sentence."""
    kept = idle["contacts_after"]
    print(
        f"idle, {idle['nodes']} nodes, {idle['simulated_hours']:g} simulated hours: a node sends "
        f"{idle['datagrams_per_node_second']:.3f} datagrams and "
        f"{idle['bytes_per_node_second']:.1f} bytes a second "
        f"and has {kept['verified']:.1f} verified and {kept['tentative']:.1f} tentative contacts"
    )


def describe() -> dict[str, Any]:
    """The machine, and the versions of what is measured beside."""
    described = describe_machine(Processors(None, None))
    others = [each for each in ("kademlia", "rpcudp") if find_spec(each) is not None]
    described["libraries"].update({each: metadata.version(each) for each in others})
    return described


def options_of(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--values", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--rounds", type=int, default=3, help="0: measure the upkeep only")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds, after each crash")
    parser.add_argument("--open", action="store_true", help="beside: a network without a secret")
    parser.add_argument("--hours", type=float, default=2.0, help="simulated and idle; 0: none")
    parser.add_argument("--json", type=Path, default=Path("build/network.json"), metavar="FILE")
    return parser.parse_args(words)


def main() -> None:
    """Read the command line, measure, print, write the JSON."""
    options = options_of()
    names = ["private", *(["open"] if options.open else [])]
    if find_spec("kademlia") is not None:
        names.append(OTHER)
    else:
        print(MISSING_EXTRA, file=sys.stderr)
    plan = Plan(options.nodes, options.values, options.seed, budget=options.budget)
    rows = measure_networks(names, options.rounds, plan)
    faster = ratios(rows)
    print_table(rows, faster)
    idle = measure_idle(options.nodes, options.hours, options.seed) if options.hours else None
    if idle is not None:
        print_idle(idle)
    result = {
        "unit": "milliseconds, medians over the rounds; ratio: theirs to ours, p50",
        "settings": {name: value for name, value in vars(options).items() if name != "json"},
        "machine": describe(),
        "ratios": faster,
        "networks": {n: {o: r._asdict() for o, r in each.items()} for n, each in rows.items()},
        "idle": idle,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"written to {options.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
