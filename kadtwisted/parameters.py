"""Protocol constants and settings: the only place where a default stands.

Options, configuration files and man pages derive from the classes below.  Durations are in
seconds, sizes in bytes, unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MINUTE = 60.0
HOUR = 60 * MINUTE

ID_BITS = 160
"""Width of node IDs and keys (Maymounkov and Mazieres 2002, section 2.1)."""

DATAGRAM_LIMIT = 1232
"""Largest UDP payload sent or accepted: IPv6's minimum MTU of 1,280 less 40 (IPv6) and 8 (UDP)."""

RECORD_LIMIT = 1000
"""Largest ``len(bencode(v)) + len(salt)``: the limit of BEP 44, made to fit into one datagram."""

TOKEN_BYTES = 8
"""Length of a write token (BEP 5 leaves it open)."""

TRANSACTION_ID_BYTES = 8
"""Length of a transaction ID: 64 random bits cannot be guessed within a request's life."""

NO_TOKEN = bytes(TOKEN_BYTES)
"""What stands in a request's header when the sender has no token yet."""

HAVE_LIMIT = 32
"""Largest number of records that one HAVE asks about."""

CLOCK_SKEW_LIMIT = 5 * MINUTE
"""A holder refuses a publication time further ahead of its own clock than this."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What all nodes of one network should agree on, and the pace at which they work."""

    id_bits: int = ID_BITS
    """Width of node IDs and keys; kad/1 has no other."""
    k: int = 20
    """Contacts per k-bucket and holders per record (paper, section 2.1)."""
    alpha: int = 5
    """Requests of one lookup in flight (paper: 3; 5 by simulating lookups with dead contacts)."""
    disjoint_paths: int = 4
    """Paths of a lookup that liars must not mislead, on networks without a secret, as far as the
    network has k nodes for each (S/Kademlia, Baumgart and Mies 2007, section 5: 4 to 8)."""
    replacement_cache: int = 20
    """Candidates remembered per k-bucket."""
    max_remaining: float = 48 * HOUR
    """Longest time a holder keeps a record without hearing of it again."""
    default_lifetime: float = 24 * HOUR
    """Lifetime of a put that names none (paper, section 2.5)."""
    token_rotation: float = 5 * MINUTE
    """A token's secret lives this long, and once more as the previous one (BEP 5)."""
    refresh_period: float = HOUR
    """A bucket without a lookup for this long is refreshed (paper, section 2.3)."""
    replication_period: float = HOUR
    """Holders replicate this often until session lengths are measured (paper, section 2.5)."""
    verification_quiet: float = 90.0
    """A tentative contact is pinged again no sooner than this after its last datagram: longer than
    most UDP mappings of NATs live (RFC 4787, REQ-5 allows 120 s, many use 30 to 60)."""
    drop_after_failures: int = 3
    """Failures in a row, in separate probes, before a contact is dropped."""
    drop_after_seconds: float = MINUTE
    """...spread over at least this long, so that one outage is one failure."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a request is waited for; adaptive between these bounds."""

    initial: float = 1.0
    """Patience for an endpoint never asked while no RTT was ever measured (RFC 6298, 2.1)."""
    floor: float = 0.05
    """At least this much: it costs a nearby node that is busy a retransmission, no more."""
    ceiling: float = 2.0
    """At most this much, however slow an endpoint was before."""
    unknown_factor: float = 1.0
    """Patience for an endpoint never asked: this times the p99 of the node's recent RTTs.  More was
    no gain: with 3, lookups among dead contacts took more than twice as long in simulation."""
    samples: int = 256
    """Recent RTTs the p99 is taken over."""
    store_floor: float = 2.0
    """A STORE has an fsync in it."""
    ping_floor: float = 1.0
    """A PING decides whether a node is there at all, so it is patient where a lookup is not."""
    hard_factor: float = 3.0
    """A request fails after this many soft timeouts (the retransmission is sent at the first)..."""
    hard_floor: float = 0.2
    """...but not sooner than this: a busy node may pause so long (Linux's least TCP timeout)."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Budgets in datagrams per second, and how many sources are remembered."""

    proven_rate: float = 2000.0
    """From one endpoint that holds a valid token."""
    proven_burst: float = 4000.0
    """As many of them may come at once, after a pause."""
    stranger_rate: float = 50.0
    """From one source (IPv4 address, IPv6 /64) that has not shown a token."""
    stranger_burst: float = 200.0
    """As many of them may come at once, after a pause: many nodes may share one address."""
    strangers_total_rate: float = 2000.0
    """From all strangers together: each costs about 0.1 ms of public-key work."""
    strangers_total_burst: float = 4000.0
    """As many of theirs may come at once, after a pause."""
    cookies_rate: float = 5000.0
    """Cookies to strangers over budget, in all: each costs a few microseconds and no public-key
    work; beyond, silence."""
    max_sources: int = 65536
    """Sources whose budget is remembered; beyond, the least recently charged is forgotten."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much memory the tables of one node may take, each in entries unless named otherwise."""

    pending_requests: int = 8192
    """Requests of our own in flight, in each address family."""
    secrets: int = 4096
    """Shared secrets of other nodes' keys (a few hundred bytes each)."""
    endpoints: int = 16384
    """Endpoints whose RTT, token and failures are remembered."""
    stored_records: int = 100_000
    """Records that the storage takes; more are refused until some have expired."""
    stored_bytes: int = 256 * 1024 * 1024
    """Bytes of these records, without what the storage needs beside them."""
    pending_answers: int = 1024
    """Requests whose answer waits for the storage; more are told to come back."""
    concurrent_verifications: int = 32
    """Inbound-learnt contacts pinged at the same time, and as many of our own."""
    concurrent_operations: int = 128
    """Public operations of a node that run at once; others wait their turn, so that their lookups
    together stay within ``pending_requests``."""
    waiting_operations: int = 16384
    """Public operations of a node, running or waiting; more fail at once."""
    datagrams_per_read: int = 64
    """Datagrams taken from a port before timers get their turn."""
    receive_buffer: int = 4 * 1024 * 1024
    """SO_RCVBUF; the default of 208 KiB holds 166 small datagrams."""


@dataclass(frozen=True, slots=True)
class UpkeepSettings:
    """How often a node looks after itself, in seconds, and how much at once."""

    contacts_every: float = 30.0
    """Verification, probes and pings of contacts."""
    ping_after: float = 15 * MINUTE
    """A contact not heard of for this long is pinged (BEP 5 calls it questionable then)."""
    pings_at_once: int = 8
    """Contacts pinged for that reason in one turn."""
    refresh_check_every: float = MINUTE
    """How often a node looks for a bucket that waits for its refresh."""
    expire_every: float = MINUTE
    """How often records whose time is over are removed from the storage."""
    expire_at_once: int = 500
    """Records removed in one step; the next step follows while there are more."""
    rejoin_check_every: float = 5.0
    """How often a node asks itself whether it is isolated."""
    rejoin_first: float = 1.0
    """The first pause between two attempts of an isolated node to come back."""
    rejoin_last: float = 30.0
    """The longest such pause: they double from the first to this one."""
    remembered_addresses: int = 64
    """Bootstrap addresses remembered for that."""
    save_check_every: float = 10.0
    """How often a node looks whether its contacts have changed so that they should be saved."""
    hand_off_after: float = 10 * MINUTE
    """A new contact must stay this long before records are handed to it."""
    own_records: int = 100_000
    """Records that one node keeps published."""
    rate: float = 20.0
    """Datagrams a second that all upkeep together sends in the long run."""
    burst: float = 100.0
    """As many of them may go out at once, after a pause."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What one node is told at its construction."""

    port: int = 0
    """UDP port in every family; 0 lets the system choose."""
    interfaces: tuple[str, ...] = ("0.0.0.0",)
    """Addresses to bind, at most one per family: ``("0.0.0.0", "::")`` serves both."""
    network: str = "kad"
    """Name of the network; nodes of another one get no answer."""
    network_secrets: tuple[bytes, ...] = ()
    """Secrets of a private network, the newest first; empty makes the network open."""
    allow: tuple[str, ...] = ()
    """Prefixes as ``10.0.0.0/8`` or ``fd00::/8``: although they are not public and our own address
    is, nodes there are contacted and passed on."""
    read_only: bool = False
    """A short-lived node: never enters a table, stores nothing."""
    sealer: str = "box"
    """``box`` seals every datagram; ``plain`` is for simulation and measurement."""
    agent: str | None = None
    """Optional text shown in PONG."""
    parameters: Parameters = field(default_factory=Parameters)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: LimitSettings = field(default_factory=LimitSettings)
    bounds: Bounds = field(default_factory=Bounds)
    upkeep: UpkeepSettings = field(default_factory=UpkeepSettings)
