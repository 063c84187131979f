"""A monitor that remembers what it was told, and can end a run."""

from __future__ import annotations


class RecordingMonitor:
    """Remembers what an experiment said; raises after ``patience`` steps."""

    def __init__(self, patience: int | None = None) -> None:
        self.phases: list[str] = []
        self.steps = 0
        self.rpcs = 0
        self._patience = patience

    def phase(self, text: str, total: int) -> None:
        self.phases.append(text)

    def step(self, count: int = 1) -> None:
        self.steps += count
        if self._patience is not None and self.steps > self._patience:
            raise InterruptedError

    def exchanged(self, rpcs: int) -> None:
        self.rpcs += rpcs
