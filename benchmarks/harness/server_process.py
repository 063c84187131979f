"""A server under test as a child process that announces itself and ends with its context."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any


class ServerProcess:
    """``python -m MODULE NAME [CPU]``, which prints one line of JSON when it listens (``told``) and
    ends when its standard input closes."""

    def __init__(self, module: str, name: str, processor: int | None) -> None:
        words = [sys.executable, "-m", module, name]
        words += [] if processor is None else [str(processor)]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the server {name!r} did not start")
        self.told: dict[str, Any] = json.loads(line)
        self.port: int = self.told["port"]
        self.pid = self._process.pid

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Close its standard input, which ends it."""
        self._process.communicate(timeout=30)

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
