"""What many values at once cost: ``python -m benchmarks.bulk``.

Sixty real nodes on loopback sockets run in this process; one of them has a state directory, and so
a control socket.  ``kad put --from`` stores a file of values through it, is interrupted by SIGINT
halfway, and goes on; ``kad get --from`` fetches them all, is interrupted and goes on, too.  Every
value that comes back is compared.  Before that as many values as ``--alone`` says are put and got
one by one, in the same network and through the same node.

Requests are those that the node has sent to others and that have ended.  A value is *doubled* if
the node was asked to put it twice, and *lost* if it did not come back as it was.

All nodes share one processor with each other, so values a second belong to the machine; requests a
value do not.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater, react
from twisted.python.failure import Failure

from benchmarks.harness.load import Processors, describe_machine
from benchmarks.networks.processes import HOST, SECRET, KadtwistedNetwork
from kadtwisted.application.service import NodeService
from kadtwisted.model.observed import RequestEnded
from kadtwisted.parameters import NodeSettings

VALUE_BYTES = 100
LOOK_EVERY = 0.05
"""Seconds between two looks at how far kad has come."""


class Kad(ProcessProtocol):
    """One run of ``kad``; its errors go to ours, its output into a file."""

    def __init__(self, output: Path) -> None:
        self.ended: Deferred[int] = Deferred()
        self.is_over = False
        self._output = output

    def outReceived(self, data: bytes) -> None:
        with self._output.open("ab") as file:
            file.write(data)

    def errReceived(self, data: bytes) -> None:
        sys.stderr.buffer.write(data)
        sys.stderr.flush()

    def processEnded(self, reason: Failure) -> None:
        self.is_over = True
        assert isinstance(reason.value, ProcessDone | ProcessTerminated)
        self.ended.callback(reason.value.exitCode if reason.value.exitCode is not None else -1)


class Bench:
    """One network, and what is measured in it."""

    def __init__(self, reactor: Any, options: argparse.Namespace, directory: Path) -> None:
        self._reactor = reactor
        self._options = options
        self._directory = directory
        self._requests = 0
        self._random = Random(options.seed)
        self._values = {
            f"value {number}": self._random.randbytes(VALUE_BYTES // 2).hex()
            for number in range(options.values)
        }

    async def run(self) -> dict[str, Any]:
        """Start the network, measure, stop it."""
        secrets = (SECRET,) if self._options.network == "private" else ()
        network = KadtwistedNetwork(self._reactor, self._options.seed, secrets)
        await network.start(self._options.nodes - 1)
        settings = NodeSettings(interfaces=(HOST,), network="benchmark", network_secrets=secrets)
        service = NodeService(
            self._reactor,
            settings,
            state_dir=self._directory / "state",
            bootstrap=network.first_address,
            storage="memory",
        )
        service.privilegedStartService()
        service.startService()
        await service.whenJoined()
        self._node = service.node
        self._node.observe(self._observe)
        try:
            return await self._measure()
        finally:
            await service.stopService()
            await network.stop()

    def _observe(self, event: object) -> None:
        self._requests += isinstance(event, RequestEnded)

    def _handled(self, what: str) -> int:
        """How many values the node was asked to put or get."""
        counts = self._node.status().counters
        return sum(counts.get(f"bulk.{what}_{how}", 0) for how in ("directly", "alone"))

    async def _measure(self) -> dict[str, Any]:
        names, lines = self._directory / "names", self._directory / "values.jsonl"
        names.write_text("".join(f"{name}\n" for name in self._values))
        entries = [{"key": name, "value": value} for name, value in self._values.items()]
        lines.write_text("".join(f"{json.dumps(each)}\n" for each in entries))
        found = self._directory / "found.jsonl"
        alone = await self._one_by_one()
        put = await self._in_two("put", ["put", "--from", str(lines)], self._directory / "nothing")
        journal = ["--resume", str(self._directory / "got")]
        get = await self._in_two("get", ["get", "--from", str(names), *journal], found)
        back = [json.loads(line) for line in found.read_bytes().splitlines()]
        right = {each["key"] for each in back if self._values[each["key"]] == each.get("value")}
        return {
            "network": self._options.network,
            "many": {"put": put, "get": get},
            "lost": len(self._values) - len(right),
            "wrong": sum(self._values[each["key"]] != each.get("value") for each in back),
            "came_back_twice": len(back) - len({each["key"] for each in back}),
            "one_by_one": alone,
        }

    async def _in_two(self, what: str, words: list[str], output: Path) -> dict[str, Any]:
        """Run ``kad`` until half is done, interrupt it, and run it again to the end."""
        begun, requests, before = time.perf_counter(), self._requests, self._handled(what)
        first = self._kad(words, output)
        while self._handled(what) - before < len(self._values) // 2 and not first.is_over:
            await deferLater(self._reactor, LOOK_EVERY)
        if not first.is_over:
            first.transport.signalProcess(signal.SIGINT)
        codes = [await first.ended]
        half = self._handled(what) - before
        codes.append(await self._kad(words, output).ended)
        seconds = time.perf_counter() - begun
        asked = self._handled(what) - before
        return {
            "exit_codes": codes,
            "done_when_interrupted": half,
            "asked_twice": asked - len(self._values),
            "values_a_second": len(self._values) / seconds,
            "requests_a_value": (self._requests - requests) / len(self._values),
        }

    def _kad(self, words: list[str], output: Path) -> Any:
        state = ["--state-dir", str(self._directory / "state")]
        protocol = Kad(output)
        command = [sys.executable, "-m", "kadtwisted.cli", *words, *state]
        self._reactor.spawnProcess(protocol, sys.executable, command, env=None)
        return protocol

    async def _one_by_one(self) -> dict[str, Any]:
        node, count = self._node, self._options.alone
        values = {f"alone {number}": b"%d" % number * 20 for number in range(count)}

        async def put(name: str) -> bool:
            return bool((await node.put(name, values[name], wait="all")).acknowledged)

        async def latest(name: str) -> bool:
            return bool((await node.get(name)).value == values[name])

        return {
            "put": await self._timed(values, put),
            "get": await self._timed(values, latest),
        }

    async def _timed(
        self, names: dict[str, bytes], operate: Callable[[str], Awaitable[bool]]
    ) -> dict[str, Any]:
        begun, requests = time.perf_counter(), self._requests
        good = [await operate(name) for name in names]
        return {
            "good": sum(good),
            "values_a_second": len(names) / (time.perf_counter() - begun),
            "requests_a_value": (self._requests - requests) / len(names),
        }


def with_ratios(result: dict[str, Any]) -> dict[str, Any]:
    """The result, with requests a value and values a second beside those one by one."""
    many, alone = result["many"], result["one_by_one"]

    def total(of: dict[str, Any]) -> float:
        return float(of["put"]["requests_a_value"] + of["get"]["requests_a_value"])

    ratios = {
        what: {
            "requests": many[what]["requests_a_value"] / alone[what]["requests_a_value"],
            "speed": many[what]["values_a_second"] / alone[what]["values_a_second"],
        }
        for what in ("put", "get")
    }
    return {**result, "ratios": {**ratios, "requests_of_both": total(many) / total(alone)}}


def print_table(result: dict[str, Any]) -> None:
    """What people want to know."""
    print(f"{result['network']}: {'many':>10} {'one by one':>10} {'ratio':>8}")
    for what in ("put", "get"):
        many, alone = result["many"][what], result["one_by_one"][what]
        for name in ("requests_a_value", "values_a_second"):
            ratio = many[name] / alone[name]
            print(f"{what} {name:<18}{many[name]:>10.2f} {alone[name]:>10.2f} {ratio:>8.2f}")
    print(f"both, requests: {result['ratios']['requests_of_both']:.2f}")
    print(
        f"lost {result['lost']}, wrong {result['wrong']}, put twice "
        f"{result['many']['put']['asked_twice']}, back twice {result['came_back_twice']}"
    )


def options_of(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--network", choices=("private", "open"), default="private")
    parser.add_argument("--nodes", type=int, default=60)
    parser.add_argument("--values", type=int, default=10_000)
    parser.add_argument("--alone", type=int, default=200, help="values put and got one by one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("build/bulk.json"), metavar="FILE")
    return parser.parse_args(words)


def main() -> None:
    """Read the command line, measure, print, write the JSON."""
    options = options_of()

    async def measure(reactor: Any) -> None:
        with tempfile.TemporaryDirectory() as directory:
            result = with_ratios(await Bench(reactor, options, Path(directory)).run())
        print_table(result)
        result["machine"] = describe_machine(Processors(None, None))
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")

    react(lambda reactor: Deferred.fromCoroutine(measure(reactor)))


if __name__ == "__main__":
    main()
