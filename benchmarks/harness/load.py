"""Measuring one server: the load generator, the processors, and what machine this is.

The generator (``udpload.c``) is compiled anew for each run into a temporary directory.  It gets one
processor and the servers another, so that neither takes time from the other.
"""

from __future__ import annotations

import json
import os
import platform
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

SOURCE = Path(__file__).with_name("udpload.c")
LIBRARIES = ("twisted", "zope.interface", "cbor2", "PyNaCl")


class Processors(NamedTuple):
    """Which processor each side is pinned to; ``None`` where there are not two to choose from."""

    server: int | None
    generator: int | None


def choose_processors() -> Processors:
    """The first two processors this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Processors(usable[0], usable[1]) if len(usable) > 1 else Processors(None, None)


def pin(processor: int | None) -> None:
    """Keep this process, and those it will start, on one processor."""
    if processor is not None:
        os.sched_setaffinity(0, {processor})


class Sample(NamedTuple):
    """One measurement; ``per_cpu_second`` is replies per second of the server's own CPU time."""

    per_cpu_second: float
    per_second: float
    reply_bytes: float
    lost: int
    p50_us: float
    p99_us: float


class Generator:
    """The compiled load generator; a context manager, because it lives in a temporary directory."""

    def __init__(self, seconds: float, window: int) -> None:
        self._seconds = seconds
        self._window = window
        self._directory = tempfile.TemporaryDirectory(prefix="udpload-")
        self._program = Path(self._directory.name, "udpload")

    def __enter__(self) -> Generator:
        compiler = os.environ.get("CC", "gcc")
        subprocess.run([compiler, "-O2", "-o", self._program, SOURCE], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()

    def measure(self, port: int, pid: int, bind_to: str, datagrams: Sequence[bytes]) -> Sample:
        """Send ``datagrams`` over and over from ``bind_to`` to a loopback port."""
        path = Path(self._directory.name, "datagrams")
        path.write_bytes(b"".join(struct.pack("<I", len(each)) + each for each in datagrams))
        words = [self._program, "-p", port, "-c", pid, "-b", bind_to, "-f", path]
        words += ["-t", self._seconds, "-w", self._window]
        done = subprocess.run([str(w) for w in words], check=True, stdout=subprocess.PIPE)
        return _sample(json.loads(done.stdout))


def _sample(seen: dict[str, Any]) -> Sample:
    if not seen["replies"]:
        raise SystemExit("the server answered nothing; its limits or its requests are wrong")
    return Sample(
        seen["replies"] / seen["cpu"],
        seen["replies"] / seen["wall"],
        seen["reply_bytes"],
        seen["lost"],
        seen["p50_us"],
        seen["p99_us"],
    )


def describe_machine(processors: Processors) -> dict[str, Any]:
    """What figures depend on: processor, kernel, interpreter, libraries, pinning."""
    return {
        "processor": _processor_model(),
        "processors": os.cpu_count(),
        "pinned": processors._asdict(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {sys.version.split()[0]}",
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "kadtwisted": metadata.version("kadtwisted"),
    }


def _processor_model() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
