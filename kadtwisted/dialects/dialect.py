"""What a network's dialect is: all that differs between networks, in one frozen value.

Nothing behind a door knows which network it is on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kadtwisted.dialects.door import IDoor
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import ReplyBody, RequestBody
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.records.kinds import RecordKinds


@dataclass(frozen=True, slots=True)
class Dialect(ABC):
    """The parts of one network's protocol that can be exchanged, for one node."""

    name: str
    public_key: bytes
    """What others know this node by: its public key, or, on a network where IDs are not proven by
    keys, what stands in its place."""
    identify: Callable[[bytes], NodeID]
    """The ID that belongs to a public key."""
    kinds: RecordKinds
    """The kinds of record that may be stored on this network."""
    parameters: Parameters
    """What all nodes of this network agree on."""
    datagram_limit: int
    """Bytes of the longest datagram that is sent or taken."""
    formats: bytes
    """The format versions spoken, one byte each, as PONG lists them."""
    messages: frozenset[type]
    """The requests that exist on this network, as classes of :mod:`kadtwisted.model.messages`."""
    proven_only: frozenset[type]
    """Those of them that only a sender may make that has proven where it receives."""
    answer_unknown: Callable[[RequestBody], ReplyBody | None]
    """The answer to a request that this network or this program does not know; ``None`` is
    silence."""

    def has(self, message: type) -> bool:
        """Whether this request exists on this network."""
        return message in self.messages

    @abstractmethod
    def doors(self, count: int, unix_time: Callable[[], float]) -> Sequence[IDoor]:
        """The doors of the ports of one run of the node.

        What they share, as tokens and budgets, begins anew with each call.  ``unix_time`` is the
        clock that datagrams show.
        """


MakeDialect = Callable[[NodeKey, NodeSettings, Callable[[int], bytes]], Dialect]
"""Makes the dialect of one node from its key, its settings and a source of unpredictable bytes.

Raises :class:`~kadtwisted.errors.ConfigurationError` for settings that it cannot serve.
"""
