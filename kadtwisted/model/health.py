"""The verdict on a node: what it is good for now, in one word and one sentence."""

from __future__ import annotations

from enum import Enum


class Health(Enum):
    """What a node is good for now, in one word and one sentence."""

    STOPPED = "stopped", "not running"
    STARTING = "starting", "opening its storage and ports"
    JOINING = "joining", "looking for its network"
    SERVING = "serving", "in its network, reading and writing"
    ISOLATED = "isolated", "hears nobody; keeps its contacts and tries again"
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
