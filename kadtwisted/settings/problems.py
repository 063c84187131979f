"""All that is wrong with a configuration, told in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from kadtwisted.errors import ConfigurationError, InvalidInput

T = TypeVar("T")


class ConfigurationProblems(ConfigurationError):
    """What is wrong: ``problems`` holds one sentence each; the message is these, one a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Problems:
    """Collects what is wrong, instead of ending with the first; begins with those of another."""

    def __init__(self, earlier: Problems | None = None) -> None:
        self._found: list[str] = [] if earlier is None else [*earlier._found]

    def add(self, place: str, sentence: str) -> None:
        """Something is wrong at a place, which people find by its name."""
        self._found.append(f"{place}: {sentence}")

    def of(self, place: str, read: Callable[[], T]) -> T | None:
        """What ``read`` returns, or ``None`` once its refusal has been noted."""
        try:
            return read()
        except ConfigurationProblems as several:
            for each in several.problems:
                self.add(place, each)
        except InvalidInput as error:
            self.add(place, str(error))
        return None

    def tell(self) -> None:
        """:class:`ConfigurationProblems` if there are any."""
        if self._found:
            raise ConfigurationProblems(self._found)
