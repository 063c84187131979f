"""The schemas of our SQLite databases, step by step: ``NNNN_NAME.sql`` leads NAME to version NNNN.

A released file never changes; a new schema is a new file with the next number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files


def versions_of(name: str) -> tuple[tuple[str, ...], ...]:
    """The statements of each version of one database, in order."""
    scripts = files(__name__).iterdir()
    numbered = sorted((each.name, each) for each in scripts if each.name.endswith(f"_{name}.sql"))
    return tuple(tuple(_statements(each.read_text("utf-8"))) for _, each in numbered)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script without their comments, which run from ``--`` to a line's end."""
    statement = ""
    for line in script.splitlines():
        statement += line.partition("--")[0].strip() + " "
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
