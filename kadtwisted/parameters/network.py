"""What all nodes of one network should agree on."""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.constants import DAY, HOUR, ID_BITS, LONGEST_ANNOUNCEMENT, MINUTE
from kadtwisted.model.settings.fields import brief, setting
from kadtwisted.model.settings.scales import (
    LONGEST,
    PERIOD,
)
from kadtwisted.model.settings.value_kinds import (
    Duration,
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
