"""What an idle network sends to keep its tables right: datagrams and bytes in simulated time.

Real nodes, sealed, on the simulated network: each datagram is counted when it is sent, so the
figures are exact and the same on every machine.  Nobody puts or gets, so all of it is upkeep.  The
nodes have just joined; the count begins after some time to settle.
"""

from __future__ import annotations

from collections import Counter
from statistics import mean
from typing import Any

from kadtwisted.constants import HOUR, MINUTE
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import Swarm

SETTLING = 15 * MINUTE
SECRET = bytes(range(32))
HEADERS = 28
"""Bytes of the IPv4 and UDP headers, which each datagram also costs."""


def measure_idle(nodes: int, hours: float, seed: int) -> dict[str, Any]:
    """Let a network of ``nodes`` be idle for some simulated hours and count what it sends."""
    swarm = Swarm(nodes, seed, network_secrets=(SECRET,))
    swarm.clock.advance(SETTLING)
    before = contacts(swarm)
    seen: Counter[str] = Counter()

    def count(datagram: Datagram) -> None:
        seen["datagrams"] += 1
        seen["bytes"] += len(datagram.data)

    swarm.network.watch(count)
    swarm.clock.advance(hours * HOUR)
    after = contacts(swarm)
    swarm.stop()
    node_seconds = nodes * hours * HOUR
    return {
        "nodes": nodes,
        "simulated_hours": hours,
        "contacts_before": before,
        "contacts_after": after,
        "datagrams_per_node_second": seen["datagrams"] / node_seconds,
        "bytes_per_node_second": seen["bytes"] / node_seconds,
        "bytes_per_node_second_with_headers": (
            (seen["bytes"] + HEADERS * seen["datagrams"]) / node_seconds
        ),
    }


def contacts(swarm: Swarm) -> dict[str, float]:
    """How many contacts a node has in the mean, by what is known of them."""
    links = [node.status().links[0] for node in swarm.nodes]
    return {
        "verified": mean(link.contacts for link in links),
        "tentative": mean(link.tentative for link in links),
    }
