"""The command: build the internet, run every case in it, and say what was measured."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from math import ceil
from pathlib import Path
from typing import Any

from kadtwisted.testing.campaigns.report import Report
from tests.traversal import cases, moving
from tests.traversal.homes import KINDS, Kind
from tests.traversal.internet import Internet
from tests.traversal.namespaces import Namespaces

MINUTES = 90.0
"""More than the campaign in README.md takes on a busy machine."""


def main() -> int:
    """Run it; the exit code is the number of figures that were missed."""
    chosen = _arguments()
    signal.signal(signal.SIGTERM, _interrupted)
    report = Report(sys.stdout, time.monotonic, 60 * MINUTES)
    work = Path(tempfile.mkdtemp(prefix="kadn"))
    spaces = Namespaces()
    internet = Internet(spaces, work)
    try:
        _run(internet, report, chosen)
    finally:
        internet.stop()
        spaces.take_down()
        if chosen.keep:
            report.note(f"the nodes' files are in {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    report.note(f"{len(report.missed)} of {len(report.rows)} figures missed")
    for row in report.missed:
        report.note(f"MISSED {row.what}: {row.figure:g}, {row.bound}")
    return min(len(report.missed), 100)


def _run(internet: Internet, report: Report, chosen: argparse.Namespace) -> None:
    kinds = [KINDS[name] for name in chosen.kinds]
    internet.add_public()
    for kind in kinds:
        internet.add_homes(kind, min(chosen.homes, _homes(kind, chosen.tries)))
    report.note(f"{len(internet.private)} nodes in homes")
    internet.start_public()
    report.note(f"{len(internet.public) + len(internet.crowd)} public nodes run")
    cases.start(internet, report)
    for case in chosen.cases:
        _CASES[case](internet, report, chosen)
    counted = min((len(internet.of(kind)) for kind in kinds), default=1)
    for _ in range(ceil(chosen.starts / counted) - 1):
        cases.start_again(internet, report)
    cases.say_verdicts(internet, report)


def _homes(kind: Kind, tries: int) -> int:
    """How many homes have so many pairs of nodes among them."""
    if kind.hosts > 1:
        return ceil(tries / (kind.hosts * (kind.hosts - 1) // 2))
    return next(count for count in range(2, 999) if count * (count - 1) // 2 >= tries)


_CASES: dict[str, Any] = {
    "records": lambda internet, report, chosen: cases.records(internet, report),
    "tables": lambda internet, report, chosen: cases.tables(internet, report),
    "idle": lambda internet, report, chosen: cases.idle(internet, report, chosen.idle),
    "paths": lambda internet, report, chosen: cases.paths(internet, report, chosen.tries),
    "moving": lambda internet, report, chosen: moving.run(internet, report),
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/traversal/run", description=__doc__)
    parser.add_argument("--tries", type=int, default=3, help="paths of each pair of kinds")
    parser.add_argument("--homes", type=int, default=999, help="at most so many homes of a kind")
    parser.add_argument("--starts", type=int, default=3, help="starts of nodes in each kind")
    parser.add_argument("--idle", type=float, default=60, help="seconds to count idle bytes")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--cases", nargs="*", default=list(_CASES), choices=list(_CASES))
    parser.add_argument("--keep", action="store_true", help="leave state and logs for a look")
    return parser.parse_args()


def _interrupted(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
