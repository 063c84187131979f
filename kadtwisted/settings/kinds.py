"""Kinds of options: how a value is read from TOML or from text, and written back.

Each kind refuses with an :class:`~kadtwisted.errors.InvalidInput` that says what was expected.  A
kind looks at the value alone: not at other options, and not at the world.  Relative paths are taken
from the directory it is told, that of the file they stand in.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from kadtwisted.errors import ConfigurationError, InvalidInput
from kadtwisted.settings.problems import ConfigurationProblems

_UNITS = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0})
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d)?", re.ASCII)
_BETWEEN = re.compile(r"[\s,]+")


class Kind(Protocol):
    """``expected`` says in a few words what values are good."""

    @property
    def expected(self) -> str:
        """What a value of this kind is, as ``a whole number from 0 to 65535``."""

    def of_toml(self, value: object, base: Path) -> Any:
        """The value of what TOML made of a file in the directory ``base``."""

    def of_text(self, text: str, base: Path) -> Any:
        """The value of a text from the environment or the command line."""

    def to_toml(self, value: Any) -> str:
        """The value as it is written in TOML."""


def _refused(expected: str, value: object) -> ConfigurationError:
    shown = repr(value)
    return ConfigurationError(
        f"expected {expected}, not {shown if len(shown) <= 60 else shown[:57] + '...'}"
    )


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """An integer from ``low`` to ``high``."""

    low: int
    high: int

    @property
    def expected(self) -> str:
        """As ``a whole number from 0 to 65535``."""
        if self.low == self.high:
            return f"the number {self.low}"
        return f"a whole number from {self.low} to {self.high}"

    def of_toml(self, value: object, base: Path) -> int:
        """TOML's integers; its booleans are none."""
        if type(value) is not int or not self.low <= value <= self.high:
            raise _refused(self.expected, value)
        return value

    def of_text(self, text: str, base: Path) -> int:
        """Decimal digits."""
        digits = text.strip().replace("_", "")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise _refused(self.expected, text)
        return self.of_toml(int(digits), base)

    def to_toml(self, value: int) -> str:
        """In groups of three digits, once there are more than four."""
        return f"{value:_}" if value >= 100_000 else str(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A float from ``low`` to ``high``."""

    low: float
    high: float

    @property
    def expected(self) -> str:
        """As ``a number from 0.1 to 1000``."""
        return f"a number from {_plain(self.low)} to {_plain(self.high)}"

    def of_toml(self, value: object, base: Path) -> float:
        """TOML's floats and integers; neither infinity nor NaN."""
        if type(value) not in (int, float) or not self.low <= value <= self.high:  # type: ignore[operator]
            raise _refused(self.expected, value)
        return float(value)  # type: ignore[arg-type]

    def of_text(self, text: str, base: Path) -> float:
        """As Python writes floats."""
        try:
            number = float(text)
        except ValueError:
            raise _refused(self.expected, text) from None
        if not self.low <= number <= self.high:
            raise _refused(self.expected, text)
        return number

    def to_toml(self, value: float) -> str:
        """Without a fraction where there is none."""
        return _plain(value)


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds from ``low`` to ``high``: a number, or a text as ``"90m"``."""

    low: float
    high: float

    @property
    def expected(self) -> str:
        """As ``a time from 1s to 365d``."""
        return f"a time from {_short(self.low)} to {_short(self.high)}"

    def of_toml(self, value: object, base: Path) -> float:
        """A number of seconds, or a text."""
        seconds = _seconds(value) if isinstance(value, str) else value
        if type(seconds) not in (int, float) or not self.low <= seconds <= self.high:  # type: ignore[operator]
            raise _refused(f'{self.expected} (seconds, or as "90m")', value)
        return float(seconds)  # type: ignore[arg-type]

    def of_text(self, text: str, base: Path) -> float:
        """As in TOML."""
        return self.of_toml(text, base)

    def to_toml(self, value: float) -> str:
        """In the largest unit that needs no fraction, as a text; below a minute in seconds."""
        short = _short(value)
        return _plain(value) if short.endswith("s") else f'"{short}"'


def _short(seconds: float) -> str:
    for unit in ("d", "h", "m"):
        if seconds >= _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{_plain(seconds)}s"


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text.strip())
    return math.nan if found is None else float(found[1]) * _UNITS[found[2] or "s"]


def _quoted(text: str) -> str:
    """TOML's basic strings are JSON's, but for DEL, which they do not hold as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


@dataclass(frozen=True, slots=True)
class Text:
    """A text that ``check`` accepts; it returns the value, or raises what is wrong with it."""

    expected: str
    check: Callable[[str], str] = str

    def of_toml(self, value: object, base: Path) -> str:
        """TOML's strings."""
        if not isinstance(value, str):
            raise _refused(self.expected, value)
        return self.check(value)

    def of_text(self, text: str, base: Path) -> str:
        """The text as it is."""
        return self.check(text)

    def to_toml(self, value: str) -> str:
        """A basic string."""
        return _quoted(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        """As ``one of box, plain``."""
        return f"one of {', '.join(self.words)}"

    def of_toml(self, value: object, base: Path) -> str:
        """TOML's strings."""
        if value not in self.words:
            raise _refused(self.expected, value)
        return str(value)

    def of_text(self, text: str, base: Path) -> str:
        """The word."""
        return self.of_toml(text, base)

    def to_toml(self, value: str) -> str:
        """A basic string."""
        return _quoted(value)


@dataclass(frozen=True, slots=True)
class TextList:
    """Several texts, which ``check`` accepts together."""

    expected: str
    check: Callable[[tuple[str, ...]], tuple[str, ...]]

    def of_toml(self, value: object, base: Path) -> tuple[str, ...]:
        """TOML's arrays of strings."""
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise _refused(self.expected, value)
        return self._checked(tuple(value))

    def of_text(self, text: str, base: Path) -> tuple[str, ...]:
        """Texts with commas or blanks between them."""
        return self._checked(tuple(each for each in _BETWEEN.split(text) if each))

    def _checked(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [sentence for each in texts if (sentence := self._wrong_with(each))]
        if wrong:
            raise ConfigurationProblems(wrong)
        return self.check(texts)

    def _wrong_with(self, text: str) -> str:
        try:
            self.check((text,))
        except InvalidInput as error:
            return str(error)
        return ""

    def to_toml(self, value: tuple[str, ...]) -> str:
        """An array."""
        return f"[{', '.join(_quoted(each) for each in value)}]"


@dataclass(frozen=True, slots=True)
class FilePath:
    """The path of a file or directory; becomes absolute."""

    expected: str

    def of_toml(self, value: object, base: Path) -> Path:
        """TOML's strings."""
        if not isinstance(value, str) or not value or "\0" in value:
            raise _refused(self.expected, value)
        return base / os.path.expanduser(value)

    def of_text(self, text: str, base: Path) -> Path:
        """The path as it is."""
        return self.of_toml(text, base)

    def to_toml(self, value: Path) -> str:
        """A basic string."""
        return _quoted(str(value))
