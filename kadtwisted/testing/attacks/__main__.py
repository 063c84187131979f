"""The command: choose an attack, set its sizes, play it, judge it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from kadtwisted.testing.attacks.door.amplification import Amplification
from kadtwisted.testing.attacks.door.cost import Cost
from kadtwisted.testing.attacks.door.malformed import Malformed
from kadtwisted.testing.attacks.door.replay import Replay
from kadtwisted.testing.attacks.door.writes import Writes
from kadtwisted.testing.attacks.records.clock import Clock
from kadtwisted.testing.attacks.records.junk import Junk
from kadtwisted.testing.attacks.records.rollback import Rollback
from kadtwisted.testing.attacks.records.sybils import Sybils
from kadtwisted.testing.attacks.records.vouching import Vouching
from kadtwisted.testing.attacks.tables.carpet import Carpet
from kadtwisted.testing.attacks.tables.observed import Observed
from kadtwisted.testing.attacks.tables.prefixes import Prefixes
from kadtwisted.testing.attacks.tables.relays import Relays
from kadtwisted.testing.campaigns.report import OutOfTime, Report


class Attack(Protocol):
    """What every attack can do; its sizes are the fields of its dataclass.

    ``lasts`` says how long it takes in its default sizes.
    """

    lasts: ClassVar[str]

    def run(self, report: Report) -> None:
        """Play it and report the figures."""


ATTACKS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "amplification": Amplification,
        "carpet": Carpet,
        "clock": Clock,
        "cost": Cost,
        "junk": Junk,
        "malformed": Malformed,
        "observed": Observed,
        "prefixes": Prefixes,
        "relays": Relays,
        "replay": Replay,
        "rollback": Rollback,
        "sybils": Sybils,
        "vouching": Vouching,
        "writes": Writes,
    }
)


def main(arguments: list[str]) -> int:
    """Play what the command line names; 0 if every figure was kept, else 1."""
    attack, minutes = parse(arguments)
    report = Report(sys.stdout, time.monotonic, 60 * minutes)
    report.note(f"{attack!r}; in its default sizes it takes {attack.lasts}")
    try:
        with report.errors_counted():
            attack.run(report)
    except OutOfTime as error:
        report.note(f"MISSED: {error}; give it smaller sizes, or more --minutes")
        return 1
    report.note(f"{len(report.missed)} of {len(report.rows)} figures missed")
    return 1 if report.missed else 0


def parse(arguments: list[str]) -> tuple[Attack, float]:
    """The attack with its sizes, and the minutes it may take."""
    parser = argparse.ArgumentParser(prog="python -m kadtwisted.testing.attacks")
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, made in ATTACKS.items():
        summary = (sys.modules[made.__module__].__doc__ or "").splitlines()[0]
        own = names.add_parser(name, help=summary, description=made.__doc__)
        own.add_argument("--at-most", type=float, default=30.0, help="minutes it may take")
        for each in fields(made):
            option = "--" + each.name.replace("_", "-")
            kind = type(each.default)
            own.add_argument(option, type=kind, default=each.default, metavar="N")
    chosen = vars(parser.parse_args(arguments))
    name, minutes = chosen.pop("name"), chosen.pop("at_most")
    return ATTACKS[name](**chosen), minutes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
