"""The command: choose a campaign, set its sizes, run it on the reactor, judge it.

The exit code is 0 if every figure was kept, 1 if one was missed, and 69 (``EX_UNAVAILABLE``) if
this machine lacks what the campaign needs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from kadtwisted.node.world import steady_seconds
from kadtwisted.testing.campaigns.report import OutOfTime, Report
from kadtwisted.testing.processes.daemon import DaemonTrouble
from kadtwisted.testing.processes.kill import Kill
from kadtwisted.testing.processes.order import Order
from kadtwisted.testing.processes.restart import Restart
from kadtwisted.testing.processes.tracing import CannotTrace


class Campaign(Protocol):
    """A campaign; its sizes are the fields of its dataclass."""

    minutes: float

    async def run(self, reactor: Any, report: Report) -> None:
        """Run it and report the figures."""


CAMPAIGNS: Mapping[str, type[Any]] = MappingProxyType(
    {"kill": Kill, "order": Order, "restart": Restart}
)


def main(reactor: Any, *arguments: str) -> Deferred[None]:
    """Run the campaign that the command line names, and exit with its code."""
    # The reactor's own clock is the wall clock: if that is set, timers stall or all fire at once.
    reactor.seconds = steady_seconds
    return Deferred.fromCoroutine(_main(reactor, parse(arguments)))


async def _main(reactor: Any, campaign: Campaign) -> None:
    report = Report(sys.stdout, time.monotonic, 60 * campaign.minutes)
    report.note(repr(campaign))
    try:
        with report.errors_counted():
            await campaign.run(reactor, report)
    except CannotTrace as error:
        report.note(str(error))
        raise SystemExit(os.EX_UNAVAILABLE) from None
    except (DaemonTrouble, OutOfTime) as error:
        report.note(f"MISSED: {error}")
        raise SystemExit(1) from None
    report.note(f"{len(report.missed)} of {len(report.rows)} figures missed")
    raise SystemExit(1 if report.missed else 0)


def parse(arguments: tuple[str, ...]) -> Campaign:
    """The campaign with its sizes."""
    parser = argparse.ArgumentParser(prog="python -m kadtwisted.testing.processes")
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, made in CAMPAIGNS.items():
        summary = (sys.modules[made.__module__].__doc__ or "").splitlines()[0]
        own = names.add_parser(name, help=summary, description=made.__doc__)
        for each in fields(made):
            kind = type(each.default)
            option = "--" + each.name.replace("_", "-")
            own.add_argument(option, type=kind, default=each.default, metavar="N")
    chosen = vars(parser.parse_args(arguments))
    campaign: Campaign = CAMPAIGNS[chosen.pop("name")](**chosen)
    return campaign


if __name__ == "__main__":
    react(main, sys.argv[1:])
