"""The command: choose an attack, set its sizes, play it, judge it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from kadtwisted.node.world import steady_seconds
from kadtwisted.testing.attacks.door.amplification import Amplification
from kadtwisted.testing.attacks.door.cost import Cost
from kadtwisted.testing.attacks.door.flood import Flood
from kadtwisted.testing.attacks.door.malformed import Malformed
from kadtwisted.testing.attacks.door.ports import Ports
from kadtwisted.testing.attacks.door.replay import Replay
from kadtwisted.testing.attacks.door.writes import Writes
from kadtwisted.testing.attacks.introductions.asking import Introductions
from kadtwisted.testing.attacks.introductions.introducers import Introducers
from kadtwisted.testing.attacks.introductions.verdicts import Verdicts
from kadtwisted.testing.attacks.records.announcements import Announcements
from kadtwisted.testing.attacks.records.clock import Clock
from kadtwisted.testing.attacks.records.forgery import Forgery
from kadtwisted.testing.attacks.records.hurry import Hurry
from kadtwisted.testing.attacks.records.junk import Junk
from kadtwisted.testing.attacks.records.listening import Listening
from kadtwisted.testing.attacks.records.rollback import Rollback
from kadtwisted.testing.attacks.records.sybils import Sybils
from kadtwisted.testing.attacks.records.vouching import Vouching
from kadtwisted.testing.attacks.tables.carpet import Carpet
from kadtwisted.testing.attacks.tables.observed import Observed
from kadtwisted.testing.attacks.tables.prefixes import Prefixes
from kadtwisted.testing.attacks.tables.relays import Relays
from kadtwisted.testing.campaigns.report import OutOfTime, Report
from kadtwisted.testing.processes.daemon import DaemonTrouble


class Attack(Protocol):
    """An attack on the simulated network; its sizes are the fields of its dataclass.

    ``lasts`` says how long it takes in its default sizes.
    """

    lasts: ClassVar[str]

    def run(self, report: Report) -> None:
        """Play it and report the figures."""


class RealAttack(Protocol):
    """An attack on a real daemon on loopback, with fields and ``lasts`` as :class:`Attack`."""

    lasts: ClassVar[str]

    async def run(self, reactor: Any, report: Report) -> None:
        """Play it and report the figures."""


ATTACKS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "amplification": Amplification,
        "announcements": Announcements,
        "carpet": Carpet,
        "clock": Clock,
        "cost": Cost,
        "forgery": Forgery,
        "hurry": Hurry,
        "introducers": Introducers,
        "introductions": Introductions,
        "junk": Junk,
        "listening": Listening,
        "malformed": Malformed,
        "observed": Observed,
        "ports": Ports,
        "prefixes": Prefixes,
        "relays": Relays,
        "replay": Replay,
        "rollback": Rollback,
        "sybils": Sybils,
        "verdicts": Verdicts,
        "vouching": Vouching,
        "writes": Writes,
    }
)


REAL: Mapping[str, type[Any]] = MappingProxyType({"flood": Flood})
"""Those that need real processes."""


def main(arguments: list[str]) -> int:
    """Play what the command line names; 0 if every figure was kept, else 1."""
    attack, minutes = parse(arguments)
    report = Report(sys.stdout, time.monotonic, 60 * minutes)
    report.note(f"{attack!r}; in its default sizes it takes {attack.lasts}")
    if type(attack) in REAL.values():
        react(_play_for_real, (attack, report))  # which leaves with the exit code
    return _play(attack, report)


def _play_for_real(reactor: Any, attack: RealAttack, report: Report) -> Deferred[None]:
    # The reactor's own clock is the wall's: setting that would stall or storm every timer.
    reactor.seconds = steady_seconds

    async def play() -> None:
        try:
            with report.errors_counted():
                await attack.run(reactor, report)
        except (DaemonTrouble, OutOfTime) as error:
            report.note(f"MISSED: {error}")
            raise SystemExit(1) from None
        raise SystemExit(_said(report))

    return Deferred.fromCoroutine(play())


def _play(attack: Attack, report: Report) -> int:
    try:
        with report.errors_counted():
            attack.run(report)
    except OutOfTime as error:
        report.note(f"MISSED: {error}; give it smaller sizes, or more --at-most")
        return 1
    return _said(report)


def _said(report: Report) -> int:
    """The exit code, with the last line of the report."""
    report.note(f"{len(report.missed)} of {len(report.rows)} figures missed")
    return 1 if report.missed else 0


def parse(arguments: list[str]) -> tuple[Any, float]:
    """The attack with its sizes, and the minutes it may take."""
    parser = argparse.ArgumentParser(prog="python -m kadtwisted.testing.attacks")
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, made in {**ATTACKS, **REAL}.items():
        summary = (sys.modules[made.__module__].__doc__ or "").splitlines()[0]
        own = names.add_parser(name, help=summary, description=made.__doc__)
        own.add_argument("--at-most", type=float, default=30.0, help="minutes it may take")
        for each in fields(made):
            option = "--" + each.name.replace("_", "-")
            kind = type(each.default)
            own.add_argument(option, type=kind, default=each.default, metavar="N")
    chosen = vars(parser.parse_args(arguments))
    name, minutes = chosen.pop("name"), chosen.pop("at_most")
    return {**ATTACKS, **REAL}[name](**chosen), minutes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
