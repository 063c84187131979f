"""What passes between a port and the door of its network's dialect, as plain values.

A *door* (:class:`IDoor`) is the pure side of one port: it turns datagrams into what they mean, and
requests and replies into datagrams.  The port moves the bytes, holds the Deferreds and runs the
timer; it knows nothing of how a datagram is built.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zope.interface import Attribute, Interface

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import Error, Reply, ReplyBody, RequestBody
from kadtwisted.rpc.endpoints import Endpoints, Patience
from kadtwisted.rpc.transactions import Transaction, Transactions

BUSY_RETRY_MS = 1000
"""When an asker may try again that is over its budget, or found the storage with too much to do."""


class Received(NamedTuple):
    """A request that passed the door, and all that its reply needs.

    ``key`` is the sender's public key.  ``proven`` says that the sender has shown that it receives
    at ``endpoint``, as far as the dialect asks for that; ``introduces`` that it may be considered
    as a contact, or has our own key and is not us.  ``refusal`` is the answer if the door itself
    refuses the request.  ``envelope`` is the door's own: what it needs to make the reply.
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
    the request is in flight.  ``came_back`` says that it came to one of our own ports: we have
    asked ourselves.  ``notes`` are the door's own.
    """

    contact: Contact
    body: RequestBody
    greets: bool
    pinned: bytes | None
    transaction: Transaction[Any] | None
    notes: Any
    came_back: bool = field(default=False, init=False)


class IDoor(Interface):
    """The pure side of one port: datagrams to what they mean, requests and replies to datagrams.

    A dialect provides one for each port.  It waits for nothing and sends nothing: the port does
    both.  ``now`` is in seconds of a monotonic clock.
    """

    read_only: bool = Attribute(
        """Whether our requests say that we belong in no routing table; the port may change it."""
    )
    transactions: Transactions[Any] = Attribute(
        """The requests in flight; the port asks it what has come due, cancels and drains it."""
    )
    endpoints: Endpoints = Attribute(
        """What is known of each endpoint; the port tells it of round trips and failures."""
    )

    def receive(datagram: bytes, endpoint: Endpoint, now: float) -> Event:
        """What a datagram that came from ``endpoint`` means; never raises, whatever it holds.

        A request (:class:`Received`), a reply to one of ours (:class:`Matched`; its transaction has
        ended), something to send back (:class:`Send`), or the reason to drop it (:class:`Drop`).
        """

    def reply(received: Received, body: ReplyBody) -> bytes:
        """The datagram that answers a request.

        Raises :class:`~kadtwisted.errors.MalformedDatagram` for a reply that does not fit, and
        :class:`~kadtwisted.errors.SendFailed` for one that cannot be made.
        """

    def request(exchange: Exchange, patience: Patience, now: float) -> bytes:
        """Begin a transaction for a request of ours; the datagram that asks.

        Sets ``exchange.transaction``.  Raises :class:`~kadtwisted.errors.TooManyRequests` if too
        many are in flight, and :class:`~kadtwisted.errors.SendFailed`; then ``transaction`` may be
        set, and is the caller's to cancel.
        """

    def again(exchange: Exchange, now: float) -> bytes:
        """The datagram that asks once more, because no answer came in time; fails as ``request``
        does."""

    def renews(exchange: Exchange, error: Error) -> bool:
        """Whether a request that was answered by this error should be begun anew, because now it
        may succeed; true at most once for each request."""
