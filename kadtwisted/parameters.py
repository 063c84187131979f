"""Settings: the only place where a default stands.

Options, configuration files, manual pages and scenarios are made from the classes below: each field
says its default, which values are good, and what it means.  Durations are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kadtwisted.constants import DAY, HOUR, ID_BITS, LONGEST_ANNOUNCEMENT, MINUTE
from kadtwisted.model.settings.fields import brief, setting
from kadtwisted.model.settings.scales import (
    BURST,
    COUNT,
    FACTOR,
    LONGEST,
    PACE,
    PATIENCE,
    PERIOD,
    RATE,
)
from kadtwisted.model.settings.value_kinds import (
    Choice,
    Duration,
    Text,
    TextList,
    WholeNumber,
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What all nodes of one network should agree on, and how often they work."""

    __repr__ = brief

    id_bits: int = setting(
        ID_BITS,
        WholeNumber(ID_BITS, ID_BITS),
        "Width of node IDs and keys. The protocol kad/1 has no other width.",
    )
    k: int = setting(
        20,
        WholeNumber(1, 256),
        "Contacts in a k-bucket, and nodes that hold a record (Kademlia paper, section 2.1).",
    )
    alpha: int = setting(
        5,
        WholeNumber(1, 64),
        "Requests that one lookup has in flight at once. The Kademlia paper says 3; in simulations "
        "with dead contacts 5 was faster.",
    )
    disjoint_paths: int = setting(
        4,
        WholeNumber(1, 64),
        "Paths of one lookup that share no node, so that lying nodes on one path cannot mislead "
        "the others (S/Kademlia, Baumgart and Mies 2007, section 5: 4 to 8). Used on networks "
        "without a secret that have at least k nodes for each path.",
    )
    replacement_cache: int = setting(
        20, WholeNumber(1, 1000), "Contacts in the replacement cache of a k-bucket."
    )
    max_remaining: float = setting(
        48 * HOUR,
        Duration(MINUTE, LONGEST),
        "Longest time for which a node holds a record that nobody stores again.",
    )
    default_lifetime: float = setting(
        24 * HOUR,
        PERIOD,
        "Lifetime of a record that is stored without one (Kademlia paper, section 2.5).",
    )
    announcement_lifetime: float = setting(
        30 * MINUTE, Duration(MINUTE, LONGEST_ANNOUNCEMENT), "Lifetime of an announcement."
    )
    token_rotation: float = setting(
        5 * MINUTE,
        Duration(10.0, DAY),
        "A node makes a new secret for its tokens this often, and accepts tokens of the previous "
        "secret as well (BEP 5).",
    )
    refresh_period: float = setting(
        HOUR,
        PERIOD,
        "A k-bucket is refreshed when no lookup has touched it for this long (Kademlia paper, "
        "section 2.3).",
    )
    replication_period: float = setting(
        HOUR,
        PERIOD,
        "Holders replicate their records this often, until the node has measured how long other "
        "nodes stay (Kademlia paper, section 2.5).",
    )
    verification_quiet: float = setting(
        90.0,
        PERIOD,
        "A contact that is not verified yet is pinged again only after this much time without a "
        "datagram from it. That is longer than the UDP mappings of most NATs live (RFC 4787, "
        "REQ-5 allows 120 s; many use 30 to 60).",
    )
    drop_after_failures: int = setting(
        3,
        WholeNumber(1, 100),
        "A contact is dropped after this many failures in a row, each in a probe of its own.",
    )
    drop_after_seconds: float = setting(
        MINUTE,
        PERIOD,
        "The failures must also be spread over at least this much time, so that one outage counts "
        "as one failure.",
    )


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a node waits for a reply. The time adapts to measured round trips (RTT)."""

    __repr__ = brief

    initial: float = setting(
        1.0,
        PATIENCE,
        "Timeout of the first requests, while no RTT has been measured (RFC 6298, section 2.1).",
    )
    floor: float = setting(
        0.05,
        PATIENCE,
        "Shortest timeout. If it is too short for a busy node nearby, that costs one "
        "retransmission.",
    )
    ceiling: float = setting(2.0, PATIENCE, "Longest timeout, however slow a node was before.")
    unknown_factor: float = setting(
        1.0,
        FACTOR,
        "Timeout for a node that was never asked: this factor times the 95th percentile of recent "
        "RTTs. Its request fails by their 99th. Larger factors gained nothing: with 3, lookups "
        "among dead contacts took more than twice as long in simulations.",
    )
    samples: int = setting(
        256, WholeNumber(1, 65536), "Recent RTTs from which the percentiles are taken."
    )
    store_floor: float = setting(
        2.0,
        PATIENCE,
        "A STORE fails after hard_factor times this at the earliest: a disk may be slow.",
    )
    ping_floor: float = setting(
        1.0,
        PATIENCE,
        "Shortest timeout of a PING. It decides whether a node is there at all, so it waits longer "
        "than a lookup does.",
    )
    hard_factor: float = setting(
        3.0,
        FACTOR,
        "A request is sent again after one timeout. It fails after this many timeouts.",
    )
    hard_floor: float = setting(
        0.2,
        PATIENCE,
        "A request never fails sooner than this: a busy node may pause for so long (the shortest "
        "TCP timeout of Linux).",
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How many datagrams a node answers, and how many senders it remembers for that."""

    __repr__ = brief

    proven_rate: float = setting(
        2000.0, RATE, "From one address and port that has shown a valid token."
    )
    proven_burst: float = setting(4000.0, BURST, "As many of them may come at once, after a pause.")
    proven_host_rate: float = setting(
        4000.0,
        RATE,
        "From all ports of one IPv4 address or IPv6 /64 that have shown valid tokens; eight times "
        "as much from an IPv6 /48.",
    )
    proven_host_burst: float = setting(
        8000.0, BURST, "As many of these may come at once, after a pause."
    )
    writes_rate: float = setting(
        500.0,
        RATE,
        "STOREs from one IPv4 address or IPv6 /64: each may cost a write to the disk.",
    )
    writes_burst: float = setting(2000.0, BURST, "As many STOREs may come at once, after a pause.")
    stranger_rate: float = setting(
        50.0,
        RATE,
        "From one source (an IPv4 address, or an IPv6 /64) without a valid token.",
    )
    stranger_burst: float = setting(
        200.0,
        BURST,
        "As many of them may come at once, after a pause: many nodes may share one address.",
    )
    strangers_total_rate: float = setting(
        1500.0,
        RATE,
        "From all senders without a valid token together. Each of their datagrams costs about "
        "0.1 ms of public-key work.",
    )
    strangers_total_burst: float = setting(
        3000.0, BURST, "As many of these may come at once, after a pause."
    )
    secrets_rate: float = setting(
        400.0,
        RATE,
        "From all senders with a valid token together whose shared secret is not kept in memory. "
        "Each such datagram costs about 0.1 ms of public-key work, and its host as much of its "
        "budget as a datagram without a token.",
    )
    secrets_burst: float = setting(
        800.0, BURST, "As many of these may come at once, after a pause."
    )
    cookies_rate: float = setting(
        5000.0,
        RATE,
        "Cookies that are sent, in all, to senders without a token that are over their budget. "
        "Each costs a few microseconds and no public-key work. Beyond this rate they get no "
        "answer.",
    )
    max_sources: int = setting(
        65536,
        COUNT,
        "Sources whose budget is remembered. Beyond this number, the source that was quiet for "
        "longest is forgotten.",
    )


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much memory and disk a node may use."""

    __repr__ = brief

    pending_requests: int = setting(
        8192, COUNT, "Requests that a node has in flight, in each address family."
    )
    secrets: int = setting(
        4096,
        COUNT,
        "Secrets shared with other nodes that are kept, so as not to compute them again. Each "
        "takes a few hundred bytes.",
    )
    endpoints: int = setting(
        16384, COUNT, "Addresses and ports whose RTT, token and failures are remembered."
    )
    stored_records: int = setting(
        100_000,
        COUNT,
        "Records in the storage. When it is full, those far from the node's ID give way to closer "
        "ones, and other new records are refused until some have expired.",
    )
    stored_bytes: int = setting(
        256 * 1024 * 1024,
        WholeNumber(1, 1 << 50, "bytes"),
        "Bytes of these records, without what the storage needs beside them.",
    )
    pending_answers: int = setting(
        1024,
        COUNT,
        "Requests that wait for the storage. Further senders are told to try again later.",
    )
    concurrent_verifications: int = setting(
        32,
        COUNT,
        "New contacts, learnt from the requests of others, that are pinged at the same time; and "
        "as many that the node has found itself.",
    )
    concurrent_operations: int = setting(
        128,
        COUNT,
        "Operations of a node (get, put and others) that run at once; others wait. So the requests "
        "of all their lookups together fit into pending_requests.",
    )
    waiting_operations: int = setting(
        16384, COUNT, "Operations that run or wait. Further ones fail at once."
    )
    datagrams_per_read: int = setting(
        64,
        WholeNumber(1, 65536),
        "Datagrams that are read from a port before timers get their turn.",
    )
    receive_buffer: int = setting(
        4 * 1024 * 1024,
        WholeNumber(1 << 16, 1 << 30, "bytes"),
        "Receive buffer of a port (SO_RCVBUF). The default of Linux, 208 KiB, holds 166 small "
        "datagrams.",
    )


@dataclass(frozen=True, slots=True)
class UpkeepSettings:
    """How often a node cares for its contacts and records, and how much it does at once."""

    __repr__ = brief

    contacts_every: float = setting(
        30.0, PACE, "How often contacts are verified, probed and pinged."
    )
    ping_after: float = setting(
        15 * MINUTE,
        PACE,
        "A contact is pinged when nothing was heard of it for this long (BEP 5 then calls it "
        "questionable).",
    )
    pings_at_once: int = setting(8, COUNT, "Contacts that are pinged for that reason at one time.")
    refresh_check_every: float = setting(
        MINUTE, PACE, "How often a node looks for a k-bucket that needs a refresh."
    )
    expire_every: float = setting(
        MINUTE, PACE, "How often expired records are removed from the storage."
    )
    expire_at_once: int = setting(
        500, COUNT, "Records removed in one step. Further steps follow while there are more."
    )
    rejoin_check_every: float = setting(
        5.0, PACE, "How often a node checks whether it is isolated."
    )
    rejoin_first: float = setting(
        1.0, PACE, "First pause between two attempts of an isolated node to join again."
    )
    rejoin_last: float = setting(
        30.0, PACE, "Longest such pause. Pauses double from the first to this one."
    )
    remembered_addresses: int = setting(
        64, COUNT, "Bootstrap addresses that are remembered for these attempts."
    )
    save_check_every: float = setting(
        10.0, PACE, "How often a node checks whether its contacts have changed and must be saved."
    )
    hand_off_after: float = setting(
        10 * MINUTE, PACE, "Records are handed to a new contact only after it has stayed this long."
    )
    own_records: int = setting(100_000, COUNT, "Records that one node keeps published.")
    pin_check_every: float = setting(
        10 * MINUTE, PACE, "How often the holders of a pinned record are counted."
    )
    rate: float = setting(
        20.0, RATE, "What all upkeep together sends, on average over a long time."
    )
    burst: float = setting(100.0, BURST, "As many of them may be sent at once, after a pause.")


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What one node is told when it is made."""

    __repr__ = brief

    port: int = setting(
        0,
        WholeNumber(0, 65535),
        "UDP port, the same for IPv4 and IPv6. With 0 the system chooses one.",
    )
    interfaces: tuple[str, ...] = setting(
        ("0.0.0.0",),
        TextList("an array of IP addresses"),
        "IP addresses of this machine on which the node listens: at most one IPv4 and one IPv6 "
        "address. 0.0.0.0 stands for all of IPv4, :: for all of IPv6.",
    )
    network: str = setting(
        "kad",
        Text("a network's name"),
        "Name of the network. Nodes of another network do not answer.",
    )
    network_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """Secrets of a private network, the newest first.  Without one the network is open."""
    allow: tuple[str, ...] = setting(
        (),
        TextList("an array of prefixes such as 10.0.0.0/8"),
        "Prefixes of private addresses, such as 10.0.0.0/8 or fd00::/8, that a node with a public "
        "address may contact and pass on to others. Without them it contacts no private address.",
    )
    read_only: bool = False
    """A short-lived node: it never enters a routing table and stores nothing for others."""
    portmap: str = setting(
        "none",
        Choice(("none", "auto", "pcp", "natpmp", "upnp")),
        "How a gateway is asked to map the UDP port from outside: by one protocol, auto tries "
        "all, none asks for nothing. upnp needs the package miniupnpc.",
    )
    sealer: str = setting(
        "box",
        Choice(("box", "plain")),
        "How datagrams are sealed. box encrypts and authenticates each of them; plain does "
        "not, and is for tests only.",
    )
    agent: str | None = setting(
        None, Text("a text"), "Text that other nodes are shown when they ping this one."
    )
    parameters: Parameters = field(default_factory=Parameters)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: LimitSettings = field(default_factory=LimitSettings)
    bounds: Bounds = field(default_factory=Bounds)
    upkeep: UpkeepSettings = field(default_factory=UpkeepSettings)
