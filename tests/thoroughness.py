"""How much a test tries: what is quick, or all of it.

The sizes of a plain run take minutes for the whole suite.  ``KAD_TESTS=thorough``, before the test
command, chooses the larger ones, for the whole suite or for the tests that are named there.
"""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

VARIABLE = "KAD_TESTS"
THOROUGH = "thorough"


def sized(quick: T, thorough: T) -> T:
    """One of two sizes; ``ValueError`` if the variable holds another word."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen not in ("", THOROUGH):
        raise ValueError(f"{VARIABLE} is {chosen!r}: it is {THOROUGH} or not set")
    return thorough if chosen else quick
