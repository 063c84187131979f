"""What stands between a node and the others, in one number that nodes tell each other.

The words are those of RFC 4787.
"""

from __future__ import annotations

from enum import IntEnum


class NatKind(IntEnum):
    """How a NAT maps the port of a node that sends to several others."""

    UNKNOWN = 0
    NONE = 1
    """There is none."""
    INDEPENDENT = 2
    """All others see the same address and port (endpoint-independent mapping): a *cone*."""
    DEPENDENT = 3
    """Different others see different ports (address- or port-dependent mapping): *symmetric*."""

    @classmethod
    def of(cls, number: int) -> NatKind:
        """The kind with this number; one that is not known here is as good as not told."""
        return cls(number) if 0 <= number <= cls.DEPENDENT else cls.UNKNOWN

    @property
    def words(self) -> str:
        """As people read it."""
        return _WORDS[self]


_WORDS = (
    "a NAT of a kind that is not known",
    "no NAT",
    "a NAT that keeps its port (endpoint-independent mapping)",
    "a NAT that changes its port (address- or port-dependent mapping, symmetric)",
)
