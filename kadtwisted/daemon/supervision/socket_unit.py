"""Notices that a socket unit is enabled for this service and has given it no socket.

The socket unit says on which addresses the node listens.  If its socket could not be made, the
settings say others, perhaps all of this machine; a node that then listened there would do so
without anybody's wish.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kadtwisted.errors import CannotListen

CGROUP = Path("/proc/self/cgroup")
UNITS = (Path("/etc/systemd/system"), Path("/run/systemd/system"))
"""Where systemd links the units that are enabled (systemd.unit(5))."""


def check_no_socket_is_missing(
    environ: Mapping[str, str], cgroup: Path = CGROUP, units: tuple[Path, ...] = UNITS
) -> None:
    """:class:`~kadtwisted.errors.CannotListen` if the socket unit of our service is enabled.

    To be asked where no socket was handed over.  The service manager may try again: it starts the
    socket, too.
    """
    unit = _own_unit(cgroup) if "INVOCATION_ID" in environ else ""
    if not unit:
        return
    name = unit.removesuffix(".service") + ".socket"
    links = (wants / name for each in units for wants in each.glob("*.wants"))
    if any(map(os.path.lexists, links)):
        raise CannotListen(
            f"{name} is enabled but has handed over no socket, and this node listens nowhere else; "
            f"see: systemctl status {name}; or: systemctl disable {name}"
        )


def _own_unit(cgroup: Path) -> str:
    """The name of the service that this process is of; empty if it is of none."""
    try:
        lines = cgroup.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    names = (line.rpartition(":")[2].rpartition("/")[2] for line in lines)
    return next((each for each in names if each.endswith(".service")), "")
