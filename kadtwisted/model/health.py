"""The verdict on a node: what it is good for now, in one word and one sentence."""

from __future__ import annotations

from enum import Enum

from kadtwisted.constants import CLOCK_SKEW_LIMIT

CLOCK_TOLERANCE = CLOCK_SKEW_LIMIT / 2
"""Seconds that a node's clock may be off; beyond that it may soon refuse what others publish, or
others what it publishes."""


class Health(Enum):
    """What a node is good for now, in one word and one sentence."""

    STOPPED = "stopped", "not running"
    STARTING = "starting", "opening its storage and ports"
    JOINING = "joining", "looking for its network"
    SERVING = "serving", "in its network, reading and writing"
    ISOLATED = "isolated", "hears nobody; keeps its contacts and tries again"
    OFFLINE = (
        "offline",
        "this machine has no network: there is no route to any node; it goes on by itself when "
        "there is one",
    )
    BLOCKED = (
        "blocked",
        "not one node answers, in several networks: a firewall or the login page of a captive "
        "portal seems to stop UDP here, unless all of them are down; it tries again",
    )
    DOUBLED = (
        "doubled",
        "another node has the same key, and each gets half of what is meant for it; "
        "stop one of them, and remove identity.key from its state directory",
    )
    DEGRADED = "degraded", "reads, but cannot store"
    STOPPING = "stopping", "finishing what it does"

    def __init__(self, word: str, sentence: str) -> None:
        self.word = word
        self.sentence = sentence

    @classmethod
    def named(cls, word: str) -> Health:
        """The verdict with this word; ``ValueError`` if there is none."""
        for health in cls:
            if health.word == word:
                return health
        raise ValueError(f"there is no verdict {word!r}")


WORRYING = frozenset(
    {Health.OFFLINE, Health.BLOCKED, Health.ISOLATED, Health.DOUBLED, Health.DEGRADED}
)
"""Verdicts that somebody may have to do something about; their sentences say what is wrong."""


def clock_fault(ahead: float | None) -> str:
    """What is wrong with the clock of a node that is so many seconds ``ahead`` of the network's, as
    the end of a sentence; empty if nothing is, or if it is not known."""
    if ahead is None or abs(ahead) <= CLOCK_TOLERANCE:
        return ""
    return f"its clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} the network's"
