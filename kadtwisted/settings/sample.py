"""All options as a TOML file with explanations, every line of it commented out.

Made from the table of options alone, so it never differs from what the daemon reads.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from kadtwisted.settings.directories import FILE_VARIABLE
from kadtwisted.settings.options import OPTIONS, TABLES, Option

WIDTH = 98
_HEAD = (
    "The settings of a node. Every line that sets something is commented out. It shows the "
    "default, or an example where there is no fixed default.",
    f"twistd kademlia reads the file that --config or ${FILE_VARIABLE} names. Without these it "
    "reads the first file it finds: $CONFIGURATION_DIRECTORY/node.toml, /etc/kademlia/node.toml, "
    "~/.config/kademlia/node.toml. The environment wins over the file, and the command line wins "
    "over both. An option without an argument of its own is given on the command line as --set "
    "KEY=VALUE.",
    "`kad config check` shows what is wrong with a file, and what the file changes. SIGHUP makes a "
    'running node read the file again: options marked "applied by SIGHUP" change at once, all '
    'others with the next restart. Times are seconds, or texts such as "90s", "15m", "12h" and '
    '"2d".',
)


def sample() -> str:
    """The file, as ``kad config show`` prints it."""
    return "\n".join(_lines()) + "\n"


def describe_options() -> list[dict[str, Any]]:
    """All options in plain values, in the order of the file."""
    return [
        {
            "key": option.key,
            "default": _plain(option.default) if option.example is None else None,
            "expected": option.kind.expected,
            "help": option.help,
            "variable": option.variable,
            "argument": f"--{option.argument}" if option.argument else None,
            "reloadable": option.reloadable,
        }
        for option in OPTIONS.values()
    ]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _lines() -> Iterator[str]:
    for number, paragraph in enumerate(_HEAD):
        yield from ("#",) if number else ()
        yield from _comment(paragraph)
    table = ""
    for option in OPTIONS.values():
        of, _, name = option.key.rpartition(".")
        if of != table:
            table = of
            yield from ("", f"[{table}]")
            if table in TABLES:
                yield from _comment(inspect.getdoc(TABLES[table]) or "")
        yield ""
        yield from _comment(option.help)
        yield from _comment(_facts(option))
        yield f"#{name} = {option.shown}"


def _facts(option: Option) -> str:
    names = f"--{option.argument}, {option.variable}" if option.argument else option.variable
    expected = option.kind.expected
    applied = " Applied by SIGHUP." if option.reloadable else ""
    return f"{expected[0].upper()}{expected[1:]}; {names}.{applied}"


def _comment(text: str) -> Iterator[str]:
    plain = " ".join(text.replace("``", "").split())
    wrapped = textwrap.wrap(plain, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return (f"# {line}" for line in wrapped)
