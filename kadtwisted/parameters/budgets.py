"""How much others may ask of a node, and how much it keeps."""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.model.settings.fields import brief, setting
from kadtwisted.model.settings.scales import (
    BURST,
    COUNT,
    RATE,
)
from kadtwisted.model.settings.value_kinds import (
    WholeNumber,
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
