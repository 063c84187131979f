"""The kinds of NAT, and homes: one or two gateways with hosts behind them.

====================  =============================================================================
cone                  endpoint-independent mapping, filtering by address and port (masquerade)
symmetric             a random port for each destination (masquerade fully-random)
full cone             whoever sends to the outer port reaches the host behind it
====================  =============================================================================

The input chain of a gateway drops what it does not know.  Without that, a datagram that comes from
outside before the host behind has sent one is delivered to the gateway itself; its flow keeps the
host's outer port, the host gets another one, and a cone looks like a symmetric NAT.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.traversal.namespaces import Namespaces

MAPPING = 120
"""Seconds for which a mapping lives: what Linux gives a flow with answers (RFC 4787 asks for at
least 120)."""
PORT = 8000


@dataclass(frozen=True)
class Kind:
    """A kind of home: how its gateway translates, and what a node there should find out.

    ``lifetime`` is that of its mappings in seconds, ``mapped`` whether the gateway maps ports on
    request, ``double`` whether another, plain NAT stands before it, ``hosts`` how many are behind.
    """

    name: str
    nat: str = "cone"
    lifetime: int = MAPPING
    mapped: bool = False
    double: bool = False
    hairpin: bool = False
    hosts: int = 1
    reachable: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind("cone"),
        Kind("symmetric", "symmetric"),
        Kind("full cone", "full", reachable=True),
        Kind("double", double=True),
        Kind("short", lifetime=30),
        Kind("cone, maps", mapped=True, reachable=True),
        Kind("symmetric, maps", "symmetric", mapped=True),
        Kind("full cone, maps", "full", mapped=True, reachable=True),
        Kind("double, maps", double=True, mapped=True),
        Kind("short, maps", lifetime=30, mapped=True, reachable=True),
        Kind("same cone", hosts=5),
        Kind("same full cone", "full", hairpin=True, hosts=5, reachable=True),
    )
}


@dataclass(frozen=True)
class Host:
    """A machine behind a NAT: its namespace, and the port that its node shall have."""

    namespace: str
    port: int


class Home:
    """Gateways and the hosts behind them; ``number`` says its public address."""

    def __init__(self, spaces: Namespaces, kind: Kind, number: int, work: Path) -> None:
        self.kind = kind
        self.address = f"31.{number}.0.1"
        self._spaces = spaces
        self._work = work
        self._daemon: subprocess.Popen[Any] | None = None
        name = f"h{number}"
        subnet = "192.168.1" if kind.double else "10.0.1"
        self.gateways = [spaces.add(f"{name}g", forwards=True)]
        spaces.public(self.gateways[0], self.address)
        if kind.double:
            self.gateways.append(spaces.add(f"{name}i", forwards=True))
            spaces.private(self.gateways[0], "10.0.0")
            spaces.behind(self.gateways[1], self.gateways[0], "10.0.0.2", "wan")
        inner = self.gateways[-1]
        spaces.private(inner, subnet)
        self.hosts = []
        for each in range(kind.hosts):
            host = Host(spaces.add(f"{name}m{each}"), PORT + each)
            spaces.behind(host.namespace, inner, f"{subnet}.{2 + each}")
            self.hosts.append(host)
        for gateway in self.gateways:
            self._translate(gateway, subnet)
        if kind.mapped:
            self._map_ports(inner)

    def _translate(self, gateway: str, subnet: str) -> None:
        inner = gateway == self.gateways[-1]
        addresses = [f"{subnet}.{2 + each}" for each in range(self.kind.hosts)]
        rules = _RULES % _translation(
            self.kind if inner else KINDS["cone"], addresses, self.address
        )
        self._spaces.inside(gateway, "nft", "-f", "-", text=rules)
        names = ("udp_timeout", "udp_timeout_stream")
        lifetimes = [f"net.netfilter.nf_conntrack_{each}={self.kind.lifetime}" for each in names]
        self._spaces.set(gateway, *lifetimes)

    def _map_ports(self, gateway: str) -> None:
        place = self._work / f"{gateway}.conf"
        options = [*_MINIUPNPD, f"lease_file={self._work / gateway}.leases"]
        place.write_text("\n".join([*options, "allow 1024-65535 0.0.0.0/0 1024-65535", ""]))
        with place.with_suffix(".log").open("wb") as log:
            self._daemon = subprocess.Popen(
                ["ip", "netns", "exec", gateway, "miniupnpd", "-d", "-f", str(place),
                 "-P", str(place.with_suffix(".pid"))],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def forget_mappings(self) -> None:
        """What a restart of the gateways does to flows."""
        for gateway in self.gateways:
            self._spaces.forget_mappings(gateway)


def _translation(kind: Kind, addresses: Sequence[str], outside: str) -> dict[str, str]:
    hosts = ", ".join(f"{PORT + each} : {address}" for each, address in enumerate(addresses))
    inward = f"dnat ip to udp dport map {{ {hosts} }}"
    full = kind.nat == "full"
    return {
        "masquerade": "masquerade fully-random" if kind.nat == "symmetric" else "masquerade",
        "inward": f"iifname wan {inward}" if full else "",
        "turn": f"iifname lan ip daddr {outside} {inward}" if kind.hairpin else "",
        "turned": f"oifname lan ct status dnat ip saddr {{ {', '.join(addresses)} }} snat ip to "
        f"{outside}" if kind.hairpin else "",
        "admitted": "ct status dnat accept" if full else "",
    }  # fmt: skip


_RULES = """
table inet filter {
  chain miniupnpd { }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain input { type filter hook input priority filter; policy accept;
    iifname wan ct state established,related accept
    iifname wan drop
  }
  chain forward { type filter hook forward priority filter; policy drop;
    ct state established,related accept
    %(admitted)s
    iifname lan oifname wan accept
    jump miniupnpd
  }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept;
    jump prerouting_miniupnpd
    %(inward)s
    %(turn)s
  }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept;
    jump postrouting_miniupnpd
    %(turned)s
    oifname wan %(masquerade)s
  }
}
"""

_MINIUPNPD = (
    "ext_ifname=wan", "listening_ip=lan", "enable_natpmp=yes", "enable_upnp=yes",
    "secure_mode=yes", "system_uptime=yes", "uuid=6fa8e3c5-0000-4000-8000-000000000001",
    "upnp_forward_chain=miniupnpd", "upnp_nat_chain=prerouting_miniupnpd",
    "upnp_nat_postrouting_chain=postrouting_miniupnpd", "upnp_table_name=filter",
    "upnp_nat_table_name=filter", "min_lifetime=10", "max_lifetime=3600",
    "clean_ruleset_interval=600", "clean_ruleset_threshold=20",
)  # fmt: skip
