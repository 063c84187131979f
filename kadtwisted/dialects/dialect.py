"""What a network's dialect is: all that differs between networks, in one frozen value.

Nothing behind the door knows which network it is on.  A dialect with the wrong parts fails when it
is made, not when the first datagram arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zope.interface.verify import verifyObject

from kadtwisted.interfaces import ISealer, ISerializer
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import RequestBody
from kadtwisted.records.kinds import RecordKinds


@dataclass(frozen=True, slots=True)
class Dialect:
    """The parts of one network's protocol that can be exchanged."""

    name: str
    serializer: ISerializer
    sealer: ISealer
    identify: Callable[[bytes], NodeID]
    """The ID that belongs to a public key."""
    kinds: RecordKinds
    """The kinds of record that may be stored on this network."""
    answer_length: Callable[[RequestBody], int]
    """Length of the datagram that a request wants in answer: an unproven asker pads to it."""
    formats: bytes
    """The format versions spoken, one byte each, as PONG lists them."""

    def __post_init__(self) -> None:
        verifyObject(ISerializer, self.serializer)
        verifyObject(ISealer, self.sealer)
