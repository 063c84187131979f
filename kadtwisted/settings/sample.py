"""All options as a TOML file with explanations, every line of it commented out.

Made from the table of options alone, so it never differs from what the daemon reads.  Here, and
only here, the help under the settings' fields is read from their source text.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from kadtwisted.settings.options import FILE_VARIABLE, OPTIONS, TABLES, Option

WIDTH = 98
_HEAD = (
    "A node's settings. Every line that sets something is commented out and shows the default, or "
    "an example where there is none.",
    f"twistd kademlia reads the file that --config or ${FILE_VARIABLE} names, else the first of "
    "$CONFIGURATION_DIRECTORY/node.toml, /etc/kademlia/node.toml and ~/.config/kademlia/node.toml. "
    "The environment wins over the file, the command line over both. Options without an argument "
    "of their own are given there as --set KEY=VALUE.",
    "`kad config check` tells what is wrong with a file, and what it changes. SIGHUP makes a "
    "running node read it again; what is not marked as applied then waits for a restart. Times are "
    'seconds, or texts such as "90s", "15m", "12h" and "2d".',
)


def sample() -> str:
    """The file, as ``kad config show`` prints it."""
    return "\n".join(_lines()) + "\n"


def describe_options() -> list[dict[str, Any]]:
    """All options in plain values, in the order of the file."""
    helps = helps_of_fields()
    return [
        {
            "key": option.key,
            "default": _shown(option.default) if _has_default(option) else None,
            "expected": option.kind.expected,
            "help": helps.get(option.key, option.help),
            "variable": option.variable,
            "argument": f"--{option.argument}" if option.argument else None,
            "reloadable": option.reloadable,
        }
        for option in OPTIONS.values()
    ]


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _has_default(option: Option) -> bool:
    """Not so where the value comes from elsewhere, or there is none: then it has an example."""
    return option.example is None


def _lines() -> Iterator[str]:
    for number, paragraph in enumerate(_HEAD):
        yield from ("#",) if number else ()
        yield from _comment(paragraph)
    helps = helps_of_fields()
    table = ""
    for option in OPTIONS.values():
        of, _, name = option.key.rpartition(".")
        if of != table:
            table = of
            yield from ("", f"[{table}]")
            if table in TABLES:
                yield from _comment(inspect.getdoc(TABLES[table]) or "")
        yield ""
        yield from _comment(helps.get(option.key, option.help))
        yield from _comment(_facts(option))
        value = option.default if _has_default(option) else option.example
        yield f"#{name} = {option.kind.to_toml(value)}"


def _facts(option: Option) -> str:
    names = f"--{option.argument}, {option.variable}" if option.argument else option.variable
    expected = option.kind.expected
    applied = " Applied by SIGHUP." if option.reloadable else ""
    return f"{expected[0].upper()}{expected[1:]}; {names}.{applied}"


def _comment(text: str) -> Iterator[str]:
    plain = " ".join(text.replace("``", "").split())
    wrapped = textwrap.wrap(plain, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return (f"# {line}" for line in wrapped)


def helps_of_fields() -> Mapping[str, str]:
    """The texts under the fields of the settings' classes, by the keys of their options."""
    return {
        f"{table}.{name}": text
        for table, settings in TABLES.items()
        for name, text in _texts_under_fields(settings)
    }


def _texts_under_fields(settings: type[Any]) -> Iterator[tuple[str, str]]:
    (tree,) = ast.parse(inspect.getsource(settings)).body
    assert isinstance(tree, ast.ClassDef)
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            yield field.target.id, " ".join(below.value.value.split())
