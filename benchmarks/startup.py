"""How long programs take to start: ``python -m benchmarks.startup``.

* ``twistd -n kademlia`` from its start as a process to ``READY=1`` on the service manager's socket,
  with a new state directory and with 100,000 records in SQLite, which is the default storage.
* ``kad --help``, and ``kad ping`` of a daemon on loopback, from start to end.
* ``import kadtwisted.node.node``.

Beside them the interpreter alone, and the interpreter that imports Twisted's reactor, which all but
``kad --help`` need: the ratio to the latter is the figure to quote.  One after the other in each
round; medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness.load import Processors, describe_machine

PATIENCE = 60.0
HOST = "127.0.0.1"
KAD = (sys.executable, "-m", "kadtwisted.cli")
AS_TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
"""The program ``twistd``, wherever it is installed."""
TWISTD = (sys.executable, "-c", AS_TWISTD, "-n", "--pidfile=", "kademlia", "--interface", HOST)
ROOT = Path(__file__).resolve().parents[1]


REACTOR = "import of the reactor"


class Workshop:
    """A directory for the daemons' state, and how programs are run in it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("KADTWISTED_")}
        self._environment = {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory / "config"),
            "NOTIFY_SOCKET": str(directory / "notify"),
        }
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(self._environment["NOTIFY_SOCKET"])
        self._ear.settimeout(PATIENCE)
        self._daemon: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> float:
        """Seconds from the program's start to its end."""
        began = time.perf_counter()
        subprocess.run(
            words,
            check=True,
            env=self._environment,
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - began

    def start(self, state: Path, port: int) -> float:
        """Seconds from a daemon's start to its being ready; it goes on."""
        words = [*TWISTD, "--state-dir", str(state), "--port", str(port)]
        log = (self._directory / "log").open("wb")
        began = time.perf_counter()
        self._daemon = subprocess.Popen(
            words, env=self._environment, cwd=self._directory, stdout=log, stderr=log
        )
        log.close()
        while b"READY=1" not in self._hear():
            pass
        return time.perf_counter() - began

    def _hear(self) -> bytes:
        try:
            return self._ear.recv(4096)
        except TimeoutError:
            said = (self._directory / "log").read_text("utf-8")
            raise SystemExit(f"a daemon was not ready in time: {said}") from None

    def stop(self) -> None:
        """End the daemon, and forget what it told meanwhile."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGTERM)
        self._daemon.wait(PATIENCE)
        self._ear.setblocking(False)
        try:
            while self._ear.recv(4096):
                pass
        except BlockingIOError:
            self._ear.settimeout(PATIENCE)

    def started(self, state: Path) -> float:
        """Seconds until a daemon with this state is ready; it is ended again."""
        seconds = self.start(state, 0)
        self.stop()
        return seconds

    def started_anew(self) -> float:
        """The same with a new state directory."""
        state = self._directory / "new"
        try:
            return self.started(state)
        finally:
            shutil.rmtree(state)


def fill(state: Path, records: int) -> None:
    """Store so many fresh records where a daemon with this state directory finds them."""
    words = (sys.executable, "-m", "benchmarks.servers.storing", "alone", "sqlite", str(state))
    process = subprocess.Popen(
        [*words, "", str(records)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdout.readline()  # it is ready
    process.stdin.write("\n")
    process.stdin.flush()
    process.stdout.readline()  # all are stored
    process.communicate(timeout=PATIENCE)


def free_port() -> int:
    """A UDP port that nobody has just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def measurements(shop: Workshop, directory: Path, records: int) -> dict[str, Callable[[], float]]:
    """What is measured in each round, by name."""
    full = directory / "full"
    full.mkdir(mode=0o700)
    shop.started(full)
    fill(full, records)

    def ping() -> float:
        port = free_port()
        shop.start(directory / "pinged", port)
        try:
            return shop.run(*KAD, "ping", f"{HOST}:{port}")
        finally:
            shop.stop()

    return {
        "interpreter": lambda: shop.run(sys.executable, "-c", ""),
        REACTOR: lambda: shop.run(sys.executable, "-c", "from twisted.internet import reactor"),
        "import kadtwisted.node.node": lambda: shop.run(
            sys.executable, "-c", "import kadtwisted.node.node"
        ),
        "kad --help": lambda: shop.run(*KAD, "--help"),
        "kad ping": ping,
        "twistd kademlia, new": shop.started_anew,
        f"twistd kademlia, {records:,} records": lambda: shop.started(full),
    }


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """Milliseconds, one program a line; the ratio first."""
    print(f"{'from start to end or READY':<36}{'ratio':>7}{'ms':>8}{'slowest':>9}")
    for name, row in rows.items():
        print(f"{name:<36}{row['ratio']:>7.2f}{row['ms']:>8.0f}{row['slowest_ms']:>9.0f}")


def summary(samples: dict[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Medians over the rounds, and the ratio to the import of the reactor."""
    reactor = median(samples[REACTOR])
    return {
        name: {
            "ratio": median(seconds) / reactor,
            "ms": 1000 * median(seconds),
            "slowest_ms": 1000 * max(seconds),
        }
        for name, seconds in samples.items()
    }


def run(rounds: int, records: int) -> dict[str, Any]:
    """Measure everything in a directory of its own."""
    samples: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="startup-") as made:
        directory = Path(made)
        todo = measurements(Workshop(directory), directory, records)
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for name, measure in todo.items():
                samples.setdefault(name, []).append(measure())
    return {
        "unit": "milliseconds, medians over the rounds; ratio: to the import of the reactor",
        "settings": {"rounds": rounds, "records": records},
        "machine": describe_machine(Processors(None, None)),
        "load": os.getloadavg()[0],
        "programs": summary(dict(samples)),
    }


def main() -> None:
    """Read the command line, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--json", type=Path, default=Path("build/startup.json"), metavar="FILE")
    options = parser.parse_args()
    result = run(options.rounds, options.records)
    print_table(result["programs"])
    print(f"load average of this machine: {result['load']}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"written to {options.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
