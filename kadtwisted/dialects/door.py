"""What passes between a port and the door of its network's dialect, as plain values.

A *door* (:class:`~kadtwisted.interfaces.IDoor`) is the pure side of one port: it turns datagrams
into what they mean, and requests and replies into datagrams.  The port moves the bytes, holds the
Deferreds and runs the timer; it knows nothing of how a datagram is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import Error, Reply, RequestBody
from kadtwisted.rpc.transactions import Transaction

BUSY_RETRY_MS = 1000
"""When an asker may try again that is over its budget, or found the storage with too much to do."""


class Received(NamedTuple):
    """A request that passed the door, and all that its reply needs.

    ``key`` is the sender's public key.  ``proven`` says that the sender has shown that it receives
    at ``endpoint``, as far as the dialect asks for that; ``introduces`` that it may be considered
    as a contact.  ``refusal`` is the answer if the door itself refuses the request.  ``envelope``
    is the door's own: what it needs to make the reply.
    """

    body: RequestBody
    endpoint: Endpoint
    key: bytes
    transaction_id: bytes = b""
    read_only: bool = False
    proven: bool = False
    introduces: bool = False
    refusal: Error | None = None
    envelope: Any = None


class Matched(NamedTuple):
    """A reply that answers a request of ours; ``key`` is the public key of who answered."""

    transaction: Transaction[Any]
    reply: Reply
    key: bytes


class Send(NamedTuple):
    """A datagram to send to where the one received came from; it answers nothing."""

    datagram: bytes


class Drop(NamedTuple):
    """A datagram that is dropped, and counted under ``reason``.

    Where ``instead`` is not empty, it is sent to where the datagram came from, and counted under
    ``counter``.
    """

    reason: str
    instead: bytes = b""
    counter: str = ""


Event = Received | Matched | Send | Drop
"""What a door makes of a datagram."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request of ours, from the asking to the answer: enough to send it once more.

    ``greets`` is set where the public key of who is there is not known: then the contact's is
    empty, and only the holder of ``pinned``, if given, is believed.  ``transaction`` is set while
    the request is in flight.  ``notes`` are the door's own.
    """

    contact: Contact
    body: RequestBody
    greets: bool
    pinned: bytes | None
    transaction: Transaction[Any] | None
    notes: Any
