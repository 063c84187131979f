"""The PID file of ``twistd``, which must not keep a node from starting.

``twistd`` refuses to start while the process that its file names is alive.  In a container the file
may stay over a crash, and then the number in it is our own, or that of a process that has ended
and that nobody has looked after.  And the usual file appears in the
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
        _forget_the_dead(Path(named))
        if not os.access(Path(named).absolute().parent, os.W_OK | os.X_OK):
            raise ConfigurationError(
                f"cannot write the PID file {named}: its directory is missing or not for writing; "
                "choose another --pidfile, or --pidfile= for none"
            )


def _forget_the_dead(file: Path) -> None:
    """Remove a file that names this process, or one that has ended: it is of another run."""
    with suppress(OSError, ValueError):
        pid = int(file.read_text("ascii"))
        if pid == os.getpid() or _has_ended(pid):
            file.unlink()


def _has_ended(pid: int) -> bool:
    """Whether there is no such process, or only what is left of it until its parent looks.

    A signal finds such a remainder (a zombie), too, and ``twistd`` takes it for a live process.
    Where init looks late, or never, as in some containers, that lasts.  Elsewhere than on Linux
    only what is gone altogether is known to have ended.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    # proc_pid_stat(5): the state stands behind the name, which may contain anything.
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    return stat.rpartition(b")")[2].split()[0] in (b"Z", b"X")
