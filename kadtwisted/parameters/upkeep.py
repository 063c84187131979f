"""What a node does unasked."""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.constants import MINUTE
from kadtwisted.model.settings.fields import brief, setting
from kadtwisted.model.settings.scales import (
    BURST,
    COUNT,
    PACE,
    RATE,
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
