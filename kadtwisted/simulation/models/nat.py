"""NATs in front of hosts: which datagrams they let in, and from which port others go out.

There are the four classic kinds, in the words of RFC 4787.  *Mapping* is endpoint-independent (one
port outside for each port inside), except that a symmetric NAT has another port for each
destination.  *Filtering*: a full cone lets in all datagrams to a mapped port; an address-restricted
NAT those from an address to which the host has sent; a port-restricted or symmetric NAT only those
from an endpoint to which it has sent.

A mapping, and the permission to come in, last for a lifetime after the last datagram that went out
(REQ-5, REQ-6: datagrams that come in refresh nothing).  A port that was given up is not used again
soon, and ports are not preserved.  Each host is alone behind its NAT and keeps its address; only
the port is another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kadtwisted.model.settings.fields import setting
from kadtwisted.model.settings.value_kinds import Choice, Duration, Number
from kadtwisted.settings.kinds import Several
from kadtwisted.testing.network.port import Address

FULL_CONE = "full-cone"
ADDRESS_RESTRICTED = "address-restricted"
PORT_RESTRICTED = "port-restricted"
SYMMETRIC = "symmetric"

PORTS = range(1024, 65536)
"""Ports that mappings may use (RFC 4787, REQ-3: no well-known port for another one)."""
SWEEP = 64
"""MAGIC: after so many new destinations the lapsed ones are removed; any small number will do."""
ANSWERED_WITHIN = 5.0
"""MAGIC: what goes to an endpoint that has come through the relay so recently is the answer; nodes
in simulation answer at once, or after one look-up of their own."""

ASSUME = "assume"
MEASURE = "measure"
RELAY = "relay"
RULES = (ASSUME, MEASURE, RELAY)
"""What is done about NATs."""


@dataclass(frozen=True, slots=True)
class NatSettings:
    """The NATs of a network: how many there are of each kind in relation to the others, how long
    their mappings last, and what the nodes behind them do.

    The parts are those of two crawls.  Halkes and Pouwelse 2011, "UDP NAT and firewall puncturing
    in the wild" (Tribler): 79 of 100 peers could not be reached, and the mapping of 11 of these
    depended on the destination.  Jimenez, Osmani and Knutsson 2009, "Connectivity properties of
    Mainline BitTorrent DHT nodes" (3.6 million nodes): 31.3 % behaved as behind a port-restricted
    or symmetric NAT, 2.7 % as behind a full cone.
    """

    full_cone: float = setting(
        0.08, Number(0, 1000), "The share of full-cone NATs, in relation to the others."
    )
    # MAGIC: no census tells these from port-restricted ones; most say that they are rare.
    address_restricted: float = setting(
        0.05, Number(0, 1000), "The share of address-restricted NATs."
    )
    port_restricted: float = setting(0.73, Number(0, 1000), "The share of port-restricted NATs.")
    symmetric: float = setting(0.14, Number(0, 1000), "The share of symmetric NATs.")
    # The times are those of the field: 30 s was the least of 34 home gateways (Haetoenen et al.
    # 2010, "An experimental study of home gateway characteristics"); nearly all mappings last if
    # something goes out every 55 s (Halkes and Pouwelse 2011); 120 s is what RFC 4787 asks for,
    # and Linux's for an exchange; 180 s was Linux's until 2018.
    # MAGIC: equal parts; a census of the lifetimes in a live network would settle them.
    lifetime: tuple[float, ...] = setting(
        (30.0, 60.0, 120.0, 180.0),
        Several(Duration(1.0, 86400.0)),
        "How long a mapping lasts after the last datagram out. Several times go to equal parts of "
        "the NATs. RFC 4787 asks for 2 min or more.",
    )
    reachability: tuple[str, ...] = setting(
        (MEASURE,),
        Several(Choice(RULES)),
        "What is done about NATs, a case each. measure: every node finds out whether others can "
        "reach it, and serves if so. assume: every node serves. relay: every node serves, and what "
        "a NAT would drop comes through a neighbour without one.",
    )

    def weights(self) -> dict[str, float]:
        """The parts by kind."""
        return {
            FULL_CONE: self.full_cone,
            ADDRESS_RESTRICTED: self.address_restricted,
            PORT_RESTRICTED: self.port_restricted,
            SYMMETRIC: self.symmetric,
        }

    def kinds(self, count: int) -> list[str]:
        """``count`` kinds, in these parts as far as whole numbers allow; one part is above 0."""
        weights = self.weights()
        total = sum(weights.values())
        found: list[str] = []
        passed = 0.0
        for kind, weight in weights.items():
            passed += weight
            found += [kind] * (round(count * passed / total) - len(found))
        return found


@dataclass(slots=True, eq=False)
class Mapping:
    """A port outside that stands for one inside, and when the host last sent to each remote."""

    inside: Address
    outside: Address
    used: float
    sent: dict[Address | str, float] = field(default_factory=dict)


class Nat:
    """The NAT of one host, a :class:`~kadtwisted.testing.network.network.Middlebox`.

    ``kind`` is one of the four, ``lifetime`` in seconds.
    """

    def __init__(self, kind: str, lifetime: float) -> None:
        self.kind = kind
        self._lifetime = lifetime
        self._mappings: dict[tuple[Address, Address | None], Mapping] = {}
        self._by_port: dict[int, Mapping] = {}
        self._next = 0

    def leaves(self, source: Address, destination: Address, now: float) -> Address:
        """The source that others see of a datagram from inside."""
        key = (source, destination if self.kind == SYMMETRIC else None)
        mapping = self._mappings.get(key)
        if mapping is None or self._lapsed(mapping.used, now):
            mapping = self._map(key, now)
        mapping.used = now
        mapping.sent[self._remote(destination)] = now
        if len(mapping.sent) % SWEEP == 0:
            mapping.sent = {to: at for to, at in mapping.sent.items() if not self._lapsed(at, now)}
        return mapping.outside

    def enters(self, source: Address, destination: Address, now: float) -> Address | None:
        """The destination inside of a datagram from outside; ``None`` if it is dropped."""
        mapping = self._by_port.get(destination[1])
        return mapping.inside if mapping and self._lets_in(mapping, source, now) else None

    def is_open(self, inside: Address, remote: Address, now: float) -> bool:
        """Whether a datagram from ``remote`` would reach this port of the host, at whatever port
        outside."""
        mapping = self._mappings.get((inside, remote if self.kind == SYMMETRIC else None))
        return mapping is not None and self._lets_in(mapping, remote, now)

    def _lets_in(self, mapping: Mapping, source: Address, now: float) -> bool:
        if self._lapsed(mapping.used, now):
            return False
        if self.kind == FULL_CONE:
            return True
        sent = mapping.sent.get(self._remote(source))
        return sent is not None and not self._lapsed(sent, now)

    def _remote(self, endpoint: Address) -> Address | str:
        """The part of a remote endpoint that filtering looks at."""
        return endpoint[0] if self.kind in (FULL_CONE, ADDRESS_RESTRICTED) else endpoint

    def _lapsed(self, since: float, now: float) -> bool:
        return now - since > self._lifetime

    def _map(self, key: tuple[Address, Address | None], now: float) -> Mapping:
        """A new mapping, at the next free port."""
        self._forget_lapsed(now)
        while (port := PORTS[self._next]) in self._by_port:
            self._next = (self._next + 1) % len(PORTS)
        self._next = (self._next + 1) % len(PORTS)
        mapping = Mapping(key[0], (key[0][0], port), now)
        self._mappings[key] = self._by_port[port] = mapping
        return mapping

    def _forget_lapsed(self, now: float) -> None:
        for key, mapping in list(self._mappings.items()):
            if self._lapsed(mapping.used, now):
                del self._mappings[key]
                del self._by_port[mapping.outside[1]]


class Relayed:
    """A NAT whose host others reach through a relay if they cannot otherwise; a
    :class:`~kadtwisted.testing.network.network.Middlebox`.

    One endpoint outside stands for the host, whatever its NAT does.  What the NAT would drop comes
    through the relay, and so does the answer to it; everything else goes its own way.  The mapping
    to the relay itself is supposed to be kept alive.
    """

    def __init__(self, nat: Nat) -> None:
        self.by_relay = False
        """Whether the last datagram that left went through the relay."""
        self._nat = nat
        self._asked: dict[Address, float] = {}

    def leaves(self, source: Address, destination: Address, now: float) -> Address:
        """The source that others see: always the same."""
        asked = self._asked.pop(destination, None)
        self.by_relay = asked is not None and now - asked <= ANSWERED_WITHIN
        if not self.by_relay:
            self._nat.leaves(source, destination, now)
        return source

    def enters(self, source: Address, destination: Address, now: float) -> Address:
        """The destination inside; nothing is dropped."""
        if not self.is_open(destination, source, now):
            if len(self._asked) >= SWEEP:
                still = now - ANSWERED_WITHIN
                self._asked = {one: at for one, at in self._asked.items() if at >= still}
            self._asked[source] = now
        return destination

    def is_open(self, inside: Address, remote: Address, now: float) -> bool:
        """Whether a datagram from ``remote`` comes in without the relay."""
        return self._nat.is_open(inside, remote, now)
