"""Counts the datagrams of a simulated network by host: what each sends, and what comes to it.

Bytes are those of the UDP payload, without the 28 bytes of IPv4 and UDP.  What comes to a host is
counted at its line: what its NAT drops is counted, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from kadtwisted.simulation.results.figures import rounded
from kadtwisted.testing.network.network import Datagram


class Traffic(NamedTuple):
    """Bytes and datagrams, sent and received."""

    sent_bytes: float = 0
    received_bytes: float = 0
    sent: float = 0
    received: float = 0

    def rates(self, hosts: int, seconds: float) -> dict[str, Any]:
        """The same for each of so many hosts and each second, by name; ``None`` of nobody."""
        whole = hosts * seconds
        return {
            name: rounded(each / whole) if whole else None for name, each in self._asdict().items()
        }


class TrafficMeter:
    """Counts from now on; hosts are their addresses."""

    def __init__(self) -> None:
        self._counted: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])

    def count(self, datagram: Datagram, relays: Sequence[str] = ()) -> None:
        """Count one datagram, which these hosts have passed on."""
        size = len(datagram.data)
        for each in (datagram.source[0], *relays):
            counts = self._counted[each]
            counts[0] += size
            counts[2] += 1
        for each in (datagram.destination[0], *relays):
            counts = self._counted[each]
            counts[1] += size
            counts[3] += 1

    def of(self, hosts: Iterable[str]) -> Traffic:
        """What has been counted of these hosts, all together."""
        totals = [0, 0, 0, 0]
        for host in hosts:
            for place, each in enumerate(self._counted.get(host, ())):
                totals[place] += each
        return Traffic(*totals)

    def restart(self) -> None:
        """Forget what was counted."""
        self._counted.clear()
