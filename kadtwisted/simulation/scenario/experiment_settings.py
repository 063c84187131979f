"""What scenarios tell of records, cuts and attackers: settings, and nothing that acts on them."""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.model.fields import setting
from kadtwisted.model.value_kinds import Choice, Duration, WholeNumber, YesOrNo
from kadtwisted.parameters import DAY, HOUR, MINUTE

CONDUCTS = ("drop", "lie", "forge")
PLACES = ("address", "block", "blocks")


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """The values that an experiment stores."""

    count: int = setting(200, WholeNumber(1, 1_000_000), "How many there are, of 100 bytes each.")
    lifetime: float = setting(
        2 * DAY, Duration(1.0, 2 * DAY), "How long they last; should outlast the run."
    )
    kept: bool = setting(
        False,
        YesOrNo(),
        "Whether those who put them stay, and publish them again and again.",
    )
    publishers: int = setting(
        10, WholeNumber(1, 1_000_000), "How many members put them, if they are kept; else all do."
    )
    age: float = setting(
        10 * MINUTE, Duration(0.0, 2 * DAY), "How old they are when the measurement begins."
    )


@dataclass(frozen=True, slots=True)
class PartitionSettings:
    """A cut through the network."""

    lasts: float = setting(HOUR, Duration(1.0, 7 * DAY), "How long its halves are apart.")
    keys: int = setting(
        10, WholeNumber(1, 100_000), "Keys that both halves write different values under."
    )
    watched: float = setting(
        2 * HOUR, Duration(1.0, 7 * DAY), "How long, at most, the healing is watched."
    )


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """Members who are none of ours, spread over the network as the others are."""

    conduct: str = setting(
        "lie",
        Choice(CONDUCTS),
        "drop: no answer about records; lie: name colluders only, drop records; forge: lie, and "
        "return records that are none.",
    )
    mode: str = setting("latest", Choice(("first", "latest")), "How honest members read.")


@dataclass(frozen=True, slots=True)
class HoardSettings:
    """Somebody with many IDs and few addresses, who wants into one node's table."""

    ids: int = setting(5000, WholeNumber(1, 60_000), "How many IDs.")
    near: int = setting(
        0, WholeNumber(0, 16), "Leading bits that all of them share with the victim's ID."
    )
    every: float = setting(
        MINUTE, Duration(1.0, DAY), "The time in which each ID turns to the victim once."
    )
    lasts: float = setting(HOUR, Duration(1.0, 7 * DAY), "How long the attack goes on.")
