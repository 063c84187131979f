"""The PID file of ``twistd``, which must not keep a node from starting.

``twistd`` refuses to start while the process that its file names is alive.  In a container the file
may stay over a crash, and then the number in it is our own.  And the usual file appears in the
working directory, which may be read-only, or that of two nodes.  One state directory has one node
by a lock that dies with its holder, so in the foreground nobody needs the file.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kadtwisted.errors import ConfigurationError

USUAL = "twistd.pid"
"""The PID file of a twistd that is told nothing else."""


def settle_pid_file(twistd: MutableMapping[str, Any]) -> None:
    """Make good what ``twistd`` will find, before it looks: see above.

    Fails with :class:`~kadtwisted.errors.ConfigurationError` if the file cannot be written.
    """
    named = twistd["pidfile"]
    if named == USUAL and twistd["nodaemon"]:
        twistd["pidfile"] = ""
    elif named:
        _forget_ourselves(Path(named))
        if not os.access(Path(named).absolute().parent, os.W_OK | os.X_OK):
            raise ConfigurationError(
                f"cannot write the PID file {named}: its directory is missing or not for writing; "
                "choose another --pidfile, or --pidfile= for none"
            )


def _forget_ourselves(file: Path) -> None:
    """Remove a file that names this process: it is of another one, which is gone."""
    with suppress(OSError, ValueError):
        if int(file.read_text("ascii")) == os.getpid():
            file.unlink()
