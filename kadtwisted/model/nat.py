"""What a node knows of the NAT in front of it, and of whether others can reach it."""

from __future__ import annotations

from enum import Enum, IntEnum


class NatKind(IntEnum):
    """How the NAT in front of a node maps its port, in the words of RFC 4787; sent as a number.

    A number that is not known here is :attr:`UNKNOWN`.
    """

    UNKNOWN = 0
    NONE = 1
    """The node has the address that others see."""
    INDEPENDENT = 2
    """One port outside, whomever the node writes to: others can be told of it."""
    DEPENDENT = 3
    """Another port outside for each address or port that the node writes to."""

    @classmethod
    def of(cls, number: int) -> NatKind:
        """The kind with this number."""
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


class Reachability(Enum):
    """Whether a node to which this one has never written can reach it."""

    UNKNOWN = "unknown"
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
