"""The command: choose a campaign, set its sizes, run it, judge it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Protocol

from kadtwisted.testing.campaigns.announcements import Announcements
from kadtwisted.testing.campaigns.churn import Churn
from kadtwisted.testing.campaigns.clocks import WrongClocks
from kadtwisted.testing.campaigns.counter import Counting
from kadtwisted.testing.campaigns.crash import Crash
from kadtwisted.testing.campaigns.day import Day
from kadtwisted.testing.campaigns.loss import Loss
from kadtwisted.testing.campaigns.outage import Outage
from kadtwisted.testing.campaigns.partition import Partition
from kadtwisted.testing.campaigns.replacement import Replacement
from kadtwisted.testing.campaigns.report import OutOfTime, Report
from kadtwisted.testing.campaigns.restart import Restart
from kadtwisted.testing.campaigns.watch import Watch


class Campaign(Protocol):
    """A campaign; its sizes are the fields of its dataclass."""

    def run(self, report: Report) -> None:
        """Run it and report the figures."""


CAMPAIGNS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "announcements": Announcements,
        "churn": Churn,
        "clocks": WrongClocks,
        "counter": Counting,
        "crash": Crash,
        "day": Day,
        "loss": Loss,
        "outage": Outage,
        "partition": Partition,
        "replacement": Replacement,
        "restart": Restart,
        "watch": Watch,
    }
)


def main(arguments: list[str]) -> int:
    """Run the campaign that the command line names; 0 if every figure was kept, else 1."""
    campaign, minutes = parse(arguments)
    report = Report(sys.stdout, time.monotonic, 60 * minutes)
    report.note(repr(campaign))
    try:
        with report.errors_counted():
            campaign.run(report)
    except OutOfTime as error:
        report.note(f"MISSED: {error}; give it fewer --nodes, or more --minutes")
        return 1
    report.note(f"{len(report.missed)} of {len(report.rows)} figures missed")
    return 1 if report.missed else 0


def parse(arguments: list[str]) -> tuple[Campaign, float]:
    """The campaign with its sizes, and the minutes it may take."""
    parser = argparse.ArgumentParser(prog="python -m kadtwisted.testing.campaigns")
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, made in CAMPAIGNS.items():
        summary = (sys.modules[made.__module__].__doc__ or "").splitlines()[0]
        own = names.add_parser(name, help=summary, description=made.__doc__)
        own.add_argument("--minutes", type=float, default=30.0, help="it may take so long")
        for each in fields(made):
            kind = type(each.default)
            own.add_argument(f"--{each.name}", type=kind, default=each.default, metavar="N")
    chosen = vars(parser.parse_args(arguments))
    name, minutes = chosen.pop("name"), chosen.pop("minutes")
    return CAMPAIGNS[name](**chosen), minutes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
