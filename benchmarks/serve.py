"""How many requests a second of CPU time serves: ``python -m benchmarks.serve``.

A bare Twisted echo, a sealed node and an unsealed one are processes of their own on one processor;
the load generator has another.  Each round measures all scenarios, one after the other, so that
whatever slows the machine down slows all of them; the medians of all rounds count.

The unit is replies per second of the server's own CPU time.  Quote the ratio to the echo of the
same run: absolute times belong to the machine.

Beside them, if the extra ``bench`` is installed: the server of bmuller's ``kademlia`` (the same
three requests, unsealed, answers of 20 contacts too) and libtorrent's DHT (answers of 8).

Scenarios of a node: PING, FIND_NODE answered with k contacts, FIND_VALUE answered with a record of
100 bytes and the contacts that fit.  Each request comes with a valid token from one sender, for
whom the node's table has no room (``token``), and padded from strangers without a token
(``padded``: 64 identities in turn, because a node never remembers a stranger's public-key work).
``2,000`` is a sealed node with so many contacts in its table; all others have 200.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness.asker import Asker, Server, Writer
from benchmarks.harness.load import (
    Generator,
    Processors,
    Sample,
    choose_processors,
    describe_machine,
    pin,
)
from benchmarks.harness.others_datagrams import OTHERS, Bmuller, Libtorrent, Make
from benchmarks.harness.server_process import ServerProcess
from benchmarks.servers.nodes import CONTACTS, MANY_CONTACTS, settings
from kadtwisted.identity.keys import node_id_of
from kadtwisted.model import bencode
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    FindNode,
    FindValue,
    Nodes,
    Ping,
    Pong,
    Records,
    RequestBody,
    Store,
    Stored,
)
from kadtwisted.model.record import Kind, Value
from kadtwisted.records.value import encode
from kadtwisted.rpc.replays import SERVED_REMEMBERED

DATAGRAMS = 256
"""Different datagrams of one measurement; the generator cycles through them."""
DATAGRAMS_PROVEN = 3 * SERVED_REMEMBERED
"""The same for a sender with a token: a node remembers the datagrams of two generations, and does
not answer them again."""
STRANGERS = 64
LARGE = f"{MANY_CONTACTS:,}"
"""The name of the sealed node with many contacts."""
ANY = "127.0.0.1:0"
VALUE = bytes(100)
ECHOED = bytes(100)
"""Payload of the echo: the length of a sealed PING, to ten bytes."""
K = 20

MakeBody = Callable[[], RequestBody]


def bodies(key: NodeID) -> dict[str, MakeBody]:
    """The requests of the scenarios, by method; the record stands under ``key``."""
    return {
        "PING": Ping,
        "FIND_NODE": lambda: FindNode(NodeID(int.from_bytes(os.urandom(20), "big"))),
        "FIND_VALUE": lambda: FindValue(key, Kind.VALUE),
    }


class NodeUnderTest:
    """A node that holds a record; makes the datagrams of each scenario."""

    def __init__(self, name: str, sealer: str, process: ServerProcess) -> None:
        self.name = name
        self.process = process
        self._settings = settings(sealer)
        key = bytes.fromhex(process.told["key"])
        server = Server(Endpoint("127.0.0.1", process.port), key)
        self.asker = Asker(server, self._settings)
        # Right beside its ID: a node refuses records that others are much closer to.
        self._key = NodeID(node_id_of(key) ^ 1)
        self.bodies = bodies(self._key)
        self._strangers = [Writer(server, self._settings) for _ in range(STRANGERS)]
        self._prepare()

    def _prepare(self) -> None:
        """Store the record, and see that every answer is the one meant."""
        self.asker.renew_token()
        published = int(time.time() * 1e6)
        record = encode(Value(self._key, published, False, bencode.encode(VALUE)))
        expect(Stored, self.asker.ask(Store(record, 24 * 3600)).body)
        expect(Pong, self.asker.ask(Ping()).body)
        nodes = expect(Nodes, self.asker.ask(self.bodies["FIND_NODE"]()).body)
        found = expect(Records, self.asker.ask(self.bodies["FIND_VALUE"]()).body)
        if len(nodes.contacts) != K or [each.record for each in found.items] != [record]:
            raise SystemExit(f"{self.name}: a FIND answer is not the one to be measured")
        self.asker.close()

    def proven(self, make: MakeBody) -> list[bytes]:
        """Requests of one sender, with a token just given out."""
        self.asker.open()
        self.asker.renew_token()
        self.asker.close()
        writer, token = self.asker.writer, self.asker.token
        return [writer.request(make(), token) for _ in range(DATAGRAMS_PROVEN)]

    def padded(self, make: MakeBody) -> list[bytes]:
        """Requests of strangers in turn, as long as the answers they want."""
        turns = itertools.islice(itertools.cycle(self._strangers), DATAGRAMS)
        return [writer.request(make()) for writer in turns]


def expect(kind: type[Any], body: object) -> Any:
    """``body``, if it is of the kind that a scenario measures."""
    if not isinstance(body, kind):
        raise SystemExit(f"expected {kind.__name__}, got {body}")
    return body


Measure = Callable[[], Sample]


def node_scenarios(nodes: Sequence[NodeUnderTest], generator: Generator) -> dict[str, Measure]:
    """What is measured of nodes in each round, by name."""

    def scenario(
        node: NodeUnderTest,
        datagrams: Callable[[MakeBody], list[bytes]],
        make: MakeBody,
    ) -> Measure:
        port, pid = node.process.port, node.process.pid
        bind_to = str(node.asker.endpoint)
        return lambda: generator.measure(port, pid, bind_to, datagrams(make))

    found = {}
    for node in nodes:
        methods = ["FIND_NODE"] if node.name == LARGE else list(node.bodies)
        ways = (("token", node.proven), ("padded", node.padded))
        for way, datagrams in ways[: 1 if node.name == LARGE else 2]:
            for method in methods:
                measure = scenario(node, datagrams, node.bodies[method])
                found[f"{node.name} {method} {way}"] = measure
    return found


def other_scenarios(
    asked: Bmuller | Libtorrent, process: ServerProcess, generator: Generator
) -> dict[str, Measure]:
    """What is measured of somebody else's server in each round, by name."""

    def scenario(make: Make) -> Measure:
        return lambda: generator.measure(
            process.port, process.pid, ANY, [make() for _ in range(DATAGRAMS)]
        )

    return {f"{asked.name} {name}": scenario(make) for name, make in asked.scenarios().items()}


def summary(samples: dict[str, list[Sample]]) -> dict[str, dict[str, float]]:
    """Medians over the rounds and the ratio to the echo, by scenario."""
    echo = median(each.per_cpu_second for each in samples["echo"])
    rows = {}
    for name, rounds in samples.items():
        row = {field: median(getattr(each, field) for each in rounds) for field in Sample._fields}
        rows[name] = {"to_echo": row["per_cpu_second"] / echo, **row}
    return rows


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """The medians, one scenario a line."""
    print(f"{'scenario':<26}{'to echo':>8}{'per CPU-s':>11}{'reply B':>9}{'p50 us':>9}{'lost':>6}")
    for name, row in rows.items():
        print(
            f"{name:<26}{row['to_echo']:>8.3f}{row['per_cpu_second']:>11,.0f}"
            f"{row['reply_bytes']:>9.0f}{row['p50_us']:>9.0f}{row['lost']:>6.0f}"
        )


def ratios(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """The ratios between scenarios that there is a target for."""
    wanted = {
        "sealed FIND_NODE to bmuller's": ("sealed FIND_NODE token", "bmuller find_node"),
        "sealed FIND_NODE to libtorrent's": ("sealed FIND_NODE token", "libtorrent find_node"),
        "plain FIND_NODE to libtorrent's": ("plain FIND_NODE token", "libtorrent find_node"),
        f"cost of FIND_NODE with {MANY_CONTACTS:,} contacts to {CONTACTS}": (
            "sealed FIND_NODE token",
            f"{LARGE} FIND_NODE token",
        ),
    }
    return {
        name: rows[one]["per_cpu_second"] / rows[other]["per_cpu_second"]
        for name, (one, other) in wanted.items()
        if one in rows and other in rows
    }


def start_others(
    servers: ExitStack, processor: int | None, generator: Generator
) -> dict[str, Measure]:
    """The scenarios of those that are installed; what is not is said."""
    found: dict[str, Measure] = {}
    for name, package, make in OTHERS:
        if find_spec(package) is None:
            print(f"{name}: not measured, {package} is not installed", file=sys.stderr)
            continue
        process = servers.enter_context(ServerProcess("benchmarks.servers.others", name, processor))
        found.update(other_scenarios(make(process), process, generator))
    return found


def run(rounds: int, seconds: float, window: int, processors: Processors) -> dict[str, Any]:
    """Start the servers, measure all rounds, end the servers."""
    samples: dict[str, list[Sample]] = {}
    loads = [os.getloadavg()[0]]
    with ExitStack() as servers, Generator(seconds, window) as generator:
        processes = {
            name: servers.enter_context(
                ServerProcess("benchmarks.servers.nodes", name, processors.server)
            )
            for name in ("echo", "box", "plain", "large")
        }
        others = start_others(servers, processors.server, generator)
        pin(processors.generator)
        nodes = [
            NodeUnderTest("sealed", "box", processes["box"]),
            NodeUnderTest("plain", "plain", processes["plain"]),
            NodeUnderTest(LARGE, "box", processes["large"]),
        ]
        echo = processes["echo"]
        todo = {
            "echo": lambda: generator.measure(echo.port, echo.pid, ANY, [ECHOED]),
            **node_scenarios(nodes, generator),
            **others,
        }
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for name, measure in todo.items():
                samples.setdefault(name, []).append(measure())
            loads.append(os.getloadavg()[0])
    rows = summary(samples)
    return {
        "unit": "replies per second of the server's CPU time, medians of interleaved rounds",
        "settings": {"rounds": rounds, "seconds": seconds, "window": window, "contacts": CONTACTS},
        "machine": describe_machine(processors),
        "load": loads,
        "ratios": ratios(rows),
        "scenarios": rows,
    }


def main() -> None:
    """Read the command line, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--window", type=int, default=64, help="requests open at a time")
    parser.add_argument("--json", type=Path, default=Path("build/serve.json"), metavar="FILE")
    options = parser.parse_args()
    processors = choose_processors()
    if processors.server is None:
        print("only one processor: generator and server disturb each other", file=sys.stderr)
    result = run(options.rounds, options.seconds, options.window, processors)
    print_table(result["scenarios"])
    for name, ratio in result["ratios"].items():
        print(f"{name}: {ratio:.2f}")
    print(f"load average of this machine: {min(result['load'])} to {max(result['load'])}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"written to {options.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
