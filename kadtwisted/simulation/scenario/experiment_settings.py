"""The settings of single experiments: records, partitions and attackers."""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.constants import DAY, HOUR, MINUTE
from kadtwisted.model.settings.fields import setting
from kadtwisted.model.settings.value_kinds import Choice, Duration, Number, WholeNumber, YesOrNo

CONDUCTS = ("drop", "lie", "forge", "hurry")
PLACES = ("address", "block", "blocks")


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """The values that an experiment stores."""

    count: int = setting(200, WholeNumber(1, 1_000_000), "Number of values, of 100 bytes each.")
    lifetime: float = setting(
        2 * DAY, Duration(1.0, 2 * DAY), "Their lifetime. It should be longer than the run."
    )
    kept: bool = setting(
        False,
        YesOrNo(),
        "Whether the members that stored them stay, and publish them again and again.",
    )
    publishers: int = setting(
        10,
        WholeNumber(1, 1_000_000),
        "Number of members that store them, if kept is true. Else all members do.",
    )
    age: float = setting(
        10 * MINUTE, Duration(0.0, 2 * DAY), "Their age when the measurement begins."
    )


@dataclass(frozen=True, slots=True)
class PartitionSettings:
    """A network that is cut in two halves."""

    lasts: float = setting(
        HOUR, Duration(1.0, 7 * DAY), "How long the two halves cannot reach each other."
    )
    keys: int = setting(
        10, WholeNumber(1, 100_000), "Number of keys under which the halves write different values."
    )
    watched: float = setting(
        2 * HOUR, Duration(1.0, 7 * DAY), "How long the network is watched afterwards, at most."
    )


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """Hostile members, spread over the network as the honest ones are."""

    conduct: str = setting(
        "lie",
        Choice(CONDUCTS),
        "What attackers do. drop: they do not answer requests about records. lie: they drop such "
        "requests, and name only other attackers as contacts. forge: they lie, and return invalid "
        "records. hurry: they forge, answer faster than everybody else, and name contacts that do "
        "not exist.",
    )
    dead: float = setting(
        0.5,
        Number(0, 1),
        "Of attackers in a hurry: the share of the contacts they name that do not exist.",
    )
    mode: str = setting(
        "latest",
        Choice(("first", "latest")),
        "Which value honest members read: the first that they find, or the latest.",
    )


@dataclass(frozen=True, slots=True)
class HoardSettings:
    """An attacker with many IDs and few addresses who wants to get into one node's table."""

    ids: int = setting(5000, WholeNumber(1, 60_000), "Number of IDs.")
    near: int = setting(
        0, WholeNumber(0, 16), "Leading bits that all these IDs share with the victim's ID."
    )
    every: float = setting(
        MINUTE, Duration(1.0, DAY), "The time in which each ID contacts the victim once."
    )
    lasts: float = setting(HOUR, Duration(1.0, 7 * DAY), "How long the attack lasts.")
