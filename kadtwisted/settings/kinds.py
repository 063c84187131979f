"""Kinds of values beside those of :mod:`~kadtwisted.model.settings.value_kinds`: paths, and
several values.

A path needs the machine: relative paths start at a directory, ``~`` at somebody's home.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kadtwisted.model.settings.value_kinds import ValueKind, quoted, refused


@dataclass(frozen=True, slots=True)
class FilePath:
    """The path of a file or directory; it becomes absolute."""

    expected: str

    def of_toml(self, value: object, base: Path) -> Path:
        """A string of TOML."""
        if not isinstance(value, str) or not value or "\0" in value:
            raise refused(self.expected, value)
        return base / os.path.expanduser(value)

    def of_text(self, text: str, base: Path) -> Path:
        """The path as it is."""
        return self.of_toml(text, base)

    def to_toml(self, value: Path) -> str:
        """A basic string."""
        return quoted(str(value))


@dataclass(frozen=True, slots=True)
class Several:
    """One value of a kind, or more; they become a tuple."""

    kind: ValueKind

    @property
    def expected(self) -> str:
        """As ``one or more values, each a whole number from 2 to 100``."""
        return f"one or more values, each {self.kind.expected}"

    def of_toml(self, value: object, base: Path) -> tuple[Any, ...]:
        """A value as the kind takes it, or an array of them that is not empty."""
        if value == []:
            raise refused(self.expected, value)
        given = value if isinstance(value, list) else [value]
        return tuple(self.kind.of_toml(each, base) for each in given)

    def of_text(self, text: str, base: Path) -> tuple[Any, ...]:
        """Values with commas between them."""
        return tuple(self.kind.of_text(each.strip(), base) for each in text.split(","))

    def to_toml(self, value: tuple[Any, ...]) -> str:
        """A single value as the kind writes it, others as an array."""
        written = [self.kind.to_toml(each) for each in value]
        return written[0] if len(written) == 1 else f"[{', '.join(written)}]"
