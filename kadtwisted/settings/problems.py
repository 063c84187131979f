"""Collects all that is wrong with a configuration, so that people are told in one go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kadtwisted.errors import ConfigurationProblems, InvalidInput

T = TypeVar("T")


class Problems:
    """Collects what is wrong, instead of ending with the first; begins with those of another."""

    def __init__(self, earlier: Problems | None = None) -> None:
        self._found: list[str] = [] if earlier is None else [*earlier._found]

    def add(self, place: str, sentence: str) -> None:
        """Something is wrong at a place; people find the place by its name."""
        self._found.append(f"{place}: {sentence}")

    def of(self, place: str, read: Callable[[], T]) -> T | None:
        """The result of ``read``, or ``None`` if it refuses; then its reasons are collected."""
        try:
            return read()
        except ConfigurationProblems as several:
            for each in several.problems:
                self.add(place, each)
        except InvalidInput as error:
            self.add(place, str(error))
        return None

    def tell(self) -> None:
        """:class:`~kadtwisted.errors.ConfigurationProblems` if there are any."""
        if self._found:
            raise ConfigurationProblems(self._found)
