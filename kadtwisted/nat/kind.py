"""What stands between a node and the others, in one number that nodes tell each other.

The words are those of RFC 4787.
"""

from __future__ import annotations

from enum import IntEnum

from kadtwisted.model.contact import Endpoint


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


def kind_of(own: Endpoint | None, source: str | None) -> NatKind:
    """What stands between us and others that see us at ``own``, its port 0 if they do not agree on
    one; ``source`` is our own address towards them, as far as it is known."""
    if own is None:
        return NatKind.UNKNOWN
    if own.host == source:
        return NatKind.NONE
    if not own.port:
        return NatKind.DEPENDENT
    return NatKind.UNKNOWN if source is None else NatKind.INDEPENDENT


_WORDS = (
    "a NAT of a kind that is not known",
    "no NAT",
    "a NAT that keeps its port (endpoint-independent mapping)",
    "a NAT that changes its port (address- or port-dependent mapping, symmetric)",
)
