"""What the doors of one node are made of: its dialect's parts, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kadtwisted.dialects.door import Exchange
from kadtwisted.interfaces import ISerializer
from kadtwisted.model.messages import RequestBody
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.rpc.limits import Limits
from kadtwisted.rpc.replays import AnsweredOnce, Strangers
from kadtwisted.rpc.tokens import Tokens
from kadtwisted.rpc.transactions import Transactions
from kadtwisted.sealing.interface import ISealer


class Parts(Protocol):
    """What a door takes from its dialect, a ``NativeDialect``."""

    @property
    def serializer(self) -> ISerializer:
        """Messages to bytes and back."""

    @property
    def sealer(self) -> ISealer:
        """Bytes to sealed bytes and back."""

    @property
    def answer_length(self) -> Callable[[RequestBody], int]:
        """The length of the datagram that a request wants in answer."""

    @property
    def settings(self) -> NodeSettings:
        """Those of the node."""

    @property
    def parameters(self) -> Parameters:
        """Those of the network."""

    @property
    def public_key(self) -> bytes:
        """The node's own."""

    @property
    def secure_random(self) -> Callable[[int], bytes]:
        """So many random bytes that nobody can guess."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the doors of one node share.

    ``once`` is ``None`` if datagrams have no random bytes, ``strangers`` is set on a network with a
    secret alone.  ``in_flight`` are the requests of all doors.
    """

    tokens: Tokens
    limits: Limits
    once: AnsweredOnce | None
    strangers: Strangers | None
    unix_time: Callable[[], float]
    in_flight: list[Transactions[Exchange]] = field(default_factory=list)
