"""How ``kad`` reads a command line: the parser, the table of verbs, and the types of arguments.

Whatever is wrong is one sentence, a :class:`Misuse`.  What Python's argument parser does not do is
done here: words of a verb may stand on both sides of its options, a slip of the pen gets the word
that was probably meant, and an argument may be ``--`` if it is written ``--value=--``.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from kadtwisted.model.printable import printable
from kadtwisted.model.settings.durations import seconds_of

_ESCAPE = "\0"
"""Stands before an argument that the parser would take for the end of all options.  No argument of
a process has this character."""
_NO_SUCH_VERB = "argument VERB: invalid choice: "
_NO_ARGUMENT = "expected one argument"


class Misuse(Exception):
    """A mistake in the command line; ``program`` is the one whose help says what is right."""

    def __init__(self, message: str, program: str) -> None:
        super().__init__(printable(" ".join(message.split())))
        self.program = program


class Wanted(Exception):
    """A text that was asked for, as by ``--help``; it ends the program."""


class Show(argparse.Action):
    """Raises :class:`Wanted` with the help of the parser, or with a text."""

    def __init__(self, *, text: str = "", **keywords: Any) -> None:
        super().__init__(nargs=0, default=argparse.SUPPRESS, **keywords)
        self._text = text

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        raise Wanted(self._text or parser.format_help())


class _HelpFormatter(argparse.HelpFormatter):
    """The usual one.  Each option that is added makes one, and the usual one then asks how wide the
    terminal is, by a module that is imported for this alone."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """The width of the terminal, as ``shutil.get_terminal_size`` finds it."""
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(1).columns or 80
    except (OSError, ValueError):
        return 80


class Parser(argparse.ArgumentParser):
    """A parser that complains in one sentence.  ``verbs`` are the parsers of all verbs, by their
    names and other names."""

    def __init__(self, *, with_help: bool = True, **kwargs: Any) -> None:
        super().__init__(
            allow_abbrev=False, add_help=False, formatter_class=_HelpFormatter, **kwargs
        )
        self.verbs: Mapping[str, Parser] = {}
        if with_help:
            self.add_argument("-h", "--help", action=Show, help="show this help and exit")

    def error(self, message: str) -> NoReturn:
        if message.startswith(_NO_SUCH_VERB):
            verb = message.removeprefix(_NO_SUCH_VERB).partition(" (choose")[0][1:-1]
            message = f"there is no verb {verb!r}{_alike(verb, self.verbs)}"
        elif message.endswith(_NO_ARGUMENT):
            option = message.partition(":")[0].split()[-1].rpartition("/")[2]
            message += f"; one that begins with a dash is written {option}=-x"
        raise Misuse(message, self.prog)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """There are no such options or arguments."""
        named = unknown[0].partition("=")[0]
        if not named.startswith("-"):
            raise Misuse(f"unrecognized arguments: {' '.join(unknown)}", self.prog)
        options = [name for action in self._actions for name in action.option_strings]
        hint = _alike(named, options)
        if not hint and any(action.dest == "words" for action in self._actions):
            hint = "; a name or value that begins with a dash comes after --, as in: -- NAME VALUE"
        raise Misuse(f"there is no option {named!r}{hint}", self.prog)


def _alike(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]}?" if found else ""


def parsed(parser: Parser, given: Sequence[str]) -> argparse.Namespace:
    """What a command line says; :class:`Misuse`, or :class:`Wanted`."""
    escaped = [_escaped(each) for each in given]
    found, surplus = parser.parse_known_args(escaped)
    for name, value in vars(found).items():
        if isinstance(value, str | list):
            setattr(found, name, _unescaped(value))
    verb = parser.verbs[found.verb]
    words = getattr(found, "words", None)
    wrong = [each for each in surplus if words is None or (each.startswith("-") and each != "-")]
    if wrong:
        verb.refuse([_unescaped(each) for each in wrong])
    if words is not None:
        found.words = [*words, *surplus]
    return found


def _escaped(argument: str) -> str:
    name, equals, value = argument.partition("=")
    if value == "--" and name.startswith("--") and len(name) > 2:
        return f"{name}{equals}{_ESCAPE}{value}"
    return argument


def _unescaped(value: Any) -> Any:
    if isinstance(value, list):
        return [_unescaped(each) for each in value]
    return value.removeprefix(_ESCAPE) if isinstance(value, str) else value


def settle_words(found: argparse.Namespace, program: str, *, nameless: bool = False) -> None:
    """Name and value, which may be given as words or by options."""
    words = list(found.words)
    if found.key is None and not nameless:
        if not words:
            raise Misuse("give the NAME of the value", program)
        found.key = words.pop(0)
    if getattr(found, "value", "") is None:
        if not words:
            raise Misuse("give the VALUE, or - to read it from standard input", program)
        found.value = words.pop(0)
    if words:
        raise Misuse(f"unrecognized arguments: {' '.join(words)}", program)


# --- Types of arguments ----------------------------------------------------------------------


def port(text: str) -> int:
    """A UDP port, 0 to 65535."""
    number = whole_number(text)
    if number is None or number > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return number


def whole_number(text: str) -> int | None:
    """A number of at most five digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def positive(text: str) -> int:
    """A number from 1 to 99,999."""
    number = whole_number(text)
    if not number:
        raise argparse.ArgumentTypeError(f"it is a number of at least 1, not {text!r}")
    return number


def kind(text: str) -> int:
    """A kind of record, by its name or its number."""
    from kadtwisted.model.record import Kind

    named = {each.name.lower(): each.value for each in Kind}
    number = named.get(text.lower(), whole_number(text))
    if number is None or number > 255:
        known = ", ".join(named)
        raise argparse.ArgumentTypeError(f"a kind is {known} or a number up to 255, not {text!r}")
    return number


def sequence(text: str) -> int:
    """A sequence number, 0 to 2^63 - 2: one more comes after it."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not 0 <= number < 2**63 - 1:
        raise argparse.ArgumentTypeError(f"a number is from 0 to 2^63 - 2, not {text!r}")
    return number


def seconds(text: str) -> float:
    """A time above zero: seconds, or a number with one of the units ms, s, m, h, d."""
    value = seconds_of(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"a time is written as 10, 90m, 24h or 2d, not {text!r}")
    return value


def verdicts(text: str) -> tuple[str, ...]:
    """Verdicts on a node, with commas between them."""
    from kadtwisted.model.health import Health

    found = tuple(each.strip() for each in text.split(","))
    known = [health.word for health in Health]
    for each in found:
        if each not in known:
            hint = _alike(each, known) or f"; there are {', '.join(known)}"
            raise argparse.ArgumentTypeError(f"there is no verdict {each!r}{hint}")
    return found
