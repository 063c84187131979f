"""Kinds of values: how a setting is read from TOML or from text, and written back.

A kind looks at the value alone, not at other settings and not at the machine.  It refuses a value
with an :class:`~kadtwisted.errors.InvalidInput` that says what was expected.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kadtwisted.errors import ConfigurationError, ConfigurationProblems, InvalidInput
from kadtwisted.model.settings.durations import plain, seconds_of, short

_BETWEEN = re.compile(r"[\s,]+")
_SHOWN = 60
"""Characters of a refused value that a sentence repeats."""
_DIGITS = 20
"""A text with as many digits is no number of ours; Python refuses to convert 4,300 of them."""


class ValueKind(Protocol):
    """What the values of one setting are."""

    @property
    def expected(self) -> str:
        """The good values in a few words: ``a whole number from 0 to 65535``."""

    def of_toml(self, value: object, base: Path) -> Any:
        """The value for what stands in a TOML file; relative paths in it start at ``base``."""

    def of_text(self, text: str, base: Path) -> Any:
        """The value for a text from the environment or the command line."""

    def to_toml(self, value: Any) -> str:
        """The value as TOML writes it."""


def refused(expected: str, value: object) -> ConfigurationError:
    """The error for a value that is not what was expected."""
    shown = repr(value)
    if len(shown) > _SHOWN:
        shown = shown[: _SHOWN - 3] + "..."
    return ConfigurationError(f"expected {expected}, not {shown}")


def quoted(text: str) -> str:
    """A basic string of TOML: one of JSON, but DEL must be escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# --- Numbers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """An integer from ``low`` to ``high``; ``unit`` is what it counts, as ``bytes``."""

    low: int
    high: int
    unit: str = ""

    @property
    def expected(self) -> str:
        """As ``a whole number from 0 to 65535``."""
        if self.low == self.high:
            return f"the number {self.low}"
        return f"a whole number{_of(self.unit)} from {self.low} to {self.high}"

    def of_toml(self, value: object, base: Path) -> int:
        """An integer of TOML; ``true`` and ``false`` are none."""
        if type(value) is not int or not self.low <= value <= self.high:
            raise refused(self.expected, value)
        return value

    def of_text(self, text: str, base: Path) -> int:
        """Decimal digits, perhaps with ``_`` between them."""
        digits = text.strip().replace("_", "")
        if not (digits.isascii() and digits.isdigit() and len(digits) < _DIGITS):
            raise refused(self.expected, text)
        return self.of_toml(int(digits), base)

    def to_toml(self, value: int) -> str:
        """Large numbers in groups of three digits."""
        return f"{value:_}" if value >= 100_000 else str(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A float from ``low`` to ``high``; ``unit`` is what it counts, as ``datagrams a second``."""

    low: float
    high: float
    unit: str = ""

    @property
    def expected(self) -> str:
        """As ``a number from 0.1 to 1000``."""
        return f"a number{_of(self.unit)} from {plain(self.low)} to {plain(self.high)}"

    def of_toml(self, value: object, base: Path) -> float:
        """A float or an integer of TOML, but neither infinity nor NaN."""
        return self._within(value, value)

    def of_text(self, text: str, base: Path) -> float:
        """As Python writes floats."""
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        return self._within(number, text)

    def to_toml(self, value: float) -> str:
        """Without a fraction where there is none."""
        return plain(value)

    def _within(self, number: object, given: object) -> float:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise refused(self._wanted, given)
        if not self.low <= number <= self.high:
            raise refused(self._wanted, given)
        return float(number)

    @property
    def _wanted(self) -> str:
        return self.expected


@dataclass(frozen=True, slots=True)
class Duration(Number):
    """Seconds from ``low`` to ``high``: a number, or a text such as ``"90m"``."""

    @property
    def expected(self) -> str:
        """As ``a time from 1s to 365d``."""
        return f"a time from {short(self.low)} to {short(self.high)}"

    def of_toml(self, value: object, base: Path) -> float:
        """A number of seconds, or a text."""
        number = seconds_of(value) if isinstance(value, str) else value
        return self._within(number, value)

    def of_text(self, text: str, base: Path) -> float:
        """As in TOML."""
        return self.of_toml(text, base)

    def to_toml(self, value: float) -> str:
        """In the largest unit that needs no fraction, as a text; below a minute in seconds."""
        written = short(value)
        return plain(value) if written.endswith("s") else f'"{written}"'

    @property
    def _wanted(self) -> str:
        return f'{self.expected} (seconds, or as "90m")'


def _of(unit: str) -> str:
    return f" of {unit}" if unit else ""


# --- Words and texts -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        """As ``one of box, plain``."""
        return f"one of {', '.join(self.words)}"

    def of_toml(self, value: object, base: Path) -> str:
        """A string of TOML."""
        if value not in self.words:
            raise refused(self.expected, value)
        return str(value)

    def of_text(self, text: str, base: Path) -> str:
        """The word."""
        return self.of_toml(text, base)

    def to_toml(self, value: str) -> str:
        """A basic string."""
        return quoted(value)


@dataclass(frozen=True, slots=True)
class YesOrNo:
    """True or false."""

    @property
    def expected(self) -> str:
        """The two words."""
        return "true or false"

    def of_toml(self, value: object, base: Path) -> bool:
        """A boolean of TOML, or one of the words as a string."""
        if isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise refused(self.expected, value)
        return self.of_text(value, base)

    def of_text(self, text: str, base: Path) -> bool:
        """The word ``true`` or ``false``."""
        if text not in ("true", "false"):
            raise refused(self.expected, text)
        return text == "true"

    def to_toml(self, value: bool) -> str:
        """As TOML writes it."""
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Text:
    """A text; ``check`` returns it in its normal form, or raises what is wrong with it."""

    expected: str
    check: Callable[[str], str] = str

    def of_toml(self, value: object, base: Path) -> str:
        """A string of TOML."""
        if not isinstance(value, str):
            raise refused(self.expected, value)
        return self.check(value)

    def of_text(self, text: str, base: Path) -> str:
        """The text as it is."""
        return self.check(text)

    def to_toml(self, value: str) -> str:
        """A basic string."""
        return quoted(value)


@dataclass(frozen=True, slots=True)
class TextList:
    """Several texts.

    ``check`` returns one of them in its normal form, or raises what is wrong with it; ``together``
    does the same for all of them, each of which was good.
    """

    expected: str
    check: Callable[[str], str] = str
    together: Callable[[tuple[str, ...]], tuple[str, ...]] = tuple

    def of_toml(self, value: object, base: Path) -> tuple[str, ...]:
        """An array of strings of TOML."""
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise refused(self.expected, value)
        return self._checked(value)

    def of_text(self, text: str, base: Path) -> tuple[str, ...]:
        """Texts with commas or blanks between them."""
        return self._checked([each for each in _BETWEEN.split(text) if each])

    def to_toml(self, value: tuple[str, ...]) -> str:
        """An array."""
        return f"[{', '.join(quoted(each) for each in value)}]"

    def _checked(self, texts: list[str]) -> tuple[str, ...]:
        wrong: list[str] = []
        good = tuple(self._good(texts, wrong))
        if wrong:
            raise ConfigurationProblems(wrong)
        return self.together(good)

    def _good(self, texts: list[str], wrong: list[str]) -> Iterator[str]:
        for each in texts:
            try:
                yield self.check(each)
            except InvalidInput as error:
                wrong.append(str(error))
