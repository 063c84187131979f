"""The umask of a process, which may forbid a program to open the files that it makes itself."""

from __future__ import annotations

import os

_OTHERS = 0o077


def keep_own_rights() -> None:
    """Take the bits of the owner out of the umask.

    ``umask 777`` is meant to shut others out.  But a state directory that its own node cannot
    enter, or a secret that nobody can read, is of no use to anybody.
    """
    mask = os.umask(_OTHERS)  # it can only be read by setting it
    os.umask(mask & _OTHERS)
