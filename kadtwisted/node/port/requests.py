"""Requests of ours: a Deferred each, and one timer for all.

The door says which datagram asks, and which reply answers.  Here is decided how long an answer is
waited for, that a slow request is sent again, and that a reply counts only if it is of the type
that answers the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall

from kadtwisted.dialects.door import Exchange, IDoor, Matched
from kadtwisted.errors import (
    ErrorReply,
    InvalidAddress,
    KadtwistedError,
    NodeStopped,
    OwnKeyAnswered,
    RequestTimedOut,
    SendFailed,
    WrongReply,
)
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    Changed,
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Have,
    Introduce,
    Introduced,
    Listen,
    Listening,
    Nodes,
    Noted,
    Ping,
    Pong,
    Probe,
    Probed,
    Punch,
    Punched,
    Records,
    Reply,
    ReplyBody,
    RequestBody,
    Store,
    Stored,
    Wanted,
)
from kadtwisted.model.observed import (
    ANSWERED,
    ERROR,
    TIMED_OUT,
    UNSENT,
    WRONG,
    RequestEnded,
)
from kadtwisted.model.record import Kind
from kadtwisted.node.context import NodeContext
from kadtwisted.rpc.endpoints import Patience
from kadtwisted.rpc.transactions import Due, Transaction

WRITING = 0.1
"""Seconds that a STORE is given beyond a round trip before it is sent again.  MAGIC: a busy disk
syncs within them; the repeat of a write that runs costs its holder a check, and no write."""

STORE_REPEATS = 3
"""How often a STORE is sent again.  MAGIC: where 5 % of all datagrams are lost, one of a put's 20
STOREs fails in one put of 500; with one repeat it was one of six."""

UNKNOWN_ID = NodeID(0)
"""Stands for the ID of a node whose public key is not known yet."""


class Answer(NamedTuple):
    """A reply to a request of ours: from whom, and the round trip in seconds if it can be told."""

    contact: Contact
    reply: Reply
    rtt: float | None

    def round_trip(self, waited: float) -> float:
        """The round trip; where it cannot be told, the seconds for which somebody ``waited``."""
        return waited if self.rtt is None else self.rtt


_ANSWERS: Mapping[type, type] = MappingProxyType(
    {
        Ping: Pong,
        FindNode: Nodes,
        FindValue: Records,
        Store: Stored,
        Have: Wanted,
        Listen: Listening,
        Changed: Noted,
        Probe: Probed,
        Punch: Punched,
        Introduce: Introduced,
    }
)
"""The one type of reply that answers each type of request."""


@dataclass(slots=True, eq=False)
class _Asked(Exchange):
    """An exchange, and who waits for its end.

    It is sent again if ``retransmit``; ``on_soft`` is called when it is slow.  A round trip
    that is not ``measured`` says nothing about others.
    """

    retransmit: bool
    on_soft: Callable[[], None] | None
    measured: bool
    waiter: Deferred[Answer] = field(init=False)
    begun_at: float = field(default=0.0, init=False)


class Requests:
    """The requests of one port; ``write(datagram, endpoint)`` sends, or raises ``SendFailed``."""

    def __init__(
        self, context: NodeContext, door: IDoor, write: Callable[[bytes, Endpoint], None]
    ) -> None:
        timeouts = context.settings.timeouts
        self._reactor = context.reactor
        self._now = context.world.now
        self._public_key = context.public_key
        self._identify = context.dialect.identify
        self._formats = context.dialect.formats
        self._counts = context.counters.counts
        self._observers = context.observers
        self._door = door
        self._transactions = door.transactions
        self._endpoints = door.endpoints
        self._write = write
        self._floors = {
            Store: timeouts.store_floor,
            Ping: timeouts.ping_floor,
            Probe: timeouts.store_floor,  # the answer waits for one or two other nodes
            Punch: timeouts.store_floor,
        }
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self.running = False

    def __len__(self) -> int:
        """How many are in flight."""
        return len(self._transactions)

    def shut(self) -> None:
        """Send nothing more and fail every request in flight with :class:`NodeStopped`."""
        self.running = False
        self._disarm()
        for transaction in self._transactions.drain():
            _ended(transaction).waiter.errback(NodeStopped())

    # --- What is known of endpoints ----------------------------------------------------------

    def patience(self, endpoint: Endpoint, body: RequestBody) -> Patience:
        """How long a request of this kind to this endpoint is waited for.

        A STORE has two moments that are far apart: it is sent again when a round trip and a write
        should be over, and given up when even a slow disk would have answered.
        """
        patience = self._endpoints.patience(endpoint, self._floors.get(type(body), 0.0))
        if type(body) is Store:
            again = min(self._endpoints.patience(endpoint).soft + WRITING, patience.hard)
            return Patience(again, patience.hard, STORE_REPEATS)
        return patience

    def has_answered(self, contact: Contact) -> bool:
        """Whether this contact answered the last time that its endpoint did."""
        return self._endpoints.has_answered(contact.endpoint, contact.key)

    def round_trip(self, endpoint: Endpoint) -> float | None:
        """The smoothed round trip to an endpoint in seconds, ``None`` if none was measured."""
        return self._endpoints.round_trip(endpoint)

    # --- Asking ------------------------------------------------------------------------------

    def request(
        self,
        contact: Contact,
        body: RequestBody,
        *,
        retransmit: bool = True,
        on_soft: Callable[[], None] | None = None,
        measured: bool = True,
    ) -> Deferred[Answer]:
        """Ask a contact; ``on_soft`` is called when it is slow, while its answer is still awaited.
        A round trip that is not ``measured`` says nothing about others.

        Fails with ``RequestTimedOut``, ``ErrorReply``, ``SendFailed``, ``TooManyRequests`` or
        ``NodeStopped``; cancelling forgets the request.
        """
        measured = measured and type(body) is not Store  # which waits for a disk
        return self._ask(
            _Asked(contact, body, False, None, None, None, retransmit, on_soft, measured)
        )

    def greet(self, endpoint: Endpoint, pinned: bytes | None = None) -> Deferred[Answer]:
        """Ask an endpoint whose key is unknown who it is; fails as :meth:`request` does.

        With ``pinned`` only the holder of that public key is believed.
        """
        try:
            contact = Contact.at(UNKNOWN_ID, endpoint, b"")
        except InvalidAddress as error:
            return fail(error)
        return self._ask(_Asked(contact, Ping(), True, pinned, None, None, True, None, True))

    def _ask(self, asked: _Asked) -> Deferred[Answer]:
        if not self.running:
            return fail(NodeStopped())
        asked.waiter = Deferred(lambda _: self._forget(asked))
        self._begin(asked)
        return asked.waiter

    def unawaited(self, contact: Contact, body: RequestBody) -> bytes:
        """The datagram of a request whose answer nobody waits for; empty if there can be none, as
        for a key that is no key."""
        asked = _Asked(contact, body, False, None, None, None, False, None, False)
        try:
            patience = self.patience(contact.endpoint, body)
            return self._door.request(asked, patience, self._now())
        except KadtwistedError:
            return b""
        finally:
            self._forget(asked)

    def _forget(self, asked: _Asked) -> None:
        if asked.transaction is not None:
            self._transactions.cancel(asked.transaction)
            asked.transaction = None

    def _begin(self, asked: _Asked) -> None:
        """Send a request and keep it in flight, or fail its waiter."""
        endpoint = asked.contact.endpoint
        try:
            patience = self.patience(endpoint, asked.body)
            asked.begun_at = now = self._now()
            self._write(self._door.request(asked, patience, now), endpoint)
        except KadtwistedError as error:
            self._forget(asked)
            self._tell(asked, UNSENT)
            asked.waiter.errback(error)
        else:
            self._arm()

    # --- The timer ---------------------------------------------------------------------------

    def _arm(self) -> None:
        """See to it that the timer fires no later than the next moment of any request."""
        at = self._transactions.wakes_at()
        if at is None or (self._timer is not None and self._timer_at <= at):
            return
        self._disarm()
        self._timer_at = at
        self._timer = self._reactor.callLater(max(0.0, at - self._now()), self._wake)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        self._timer = None
        try:
            for transaction, due in self._transactions.due(self._now()):
                if transaction.context.waiter.called:
                    continue  # cancelled or stopped by one that came before it
                if due is Due.HARD:
                    self._give_up(transaction)
                else:
                    self._lost_patience(transaction.context, due)
        finally:
            self._arm()  # whatever went wrong with one, the others are waited for

    def _lost_patience(self, asked: _Asked, due: Due) -> None:
        if asked.retransmit:
            with suppress(SendFailed):  # counted; the first datagram may still be answered
                self._write(self._door.again(asked, self._now()), asked.contact.endpoint)
        if asked.on_soft is not None and due is Due.SOFT:
            asked.on_soft()

    def _give_up(self, transaction: Transaction[_Asked]) -> None:
        self._counts["requests.timed_out"] += 1
        self._endpoints.failed(transaction.endpoint)
        silent = RequestTimedOut(f"{transaction.endpoint} did not answer in time")
        asked = _ended(transaction)
        self._tell(asked, TIMED_OUT)
        asked.waiter.errback(silent)

    def _tell(self, asked: _Asked, result: str) -> None:
        """Observers hear how a request has ended."""
        if self._observers.callbacks:
            seconds = self._now() - asked.begun_at
            self._observers.tell(RequestEnded(type(asked.body).__name__, result, seconds))

    # --- What comes back ---------------------------------------------------------------------

    def take(self, matched: Matched, now: float) -> None:
        """The door has matched a reply to a request."""
        transaction, reply, key = matched
        asked = _ended(transaction)
        wrong = self._is_wrong(asked, reply.body)
        if wrong:
            self._counts["replies.wrong"] += 1
            self._endpoints.failed(transaction.endpoint)
            self._tell(asked, WRONG)
            asked.waiter.errback(WrongReply(f"{transaction.endpoint} {wrong}"))
            return
        self._tell(asked, ERROR if type(reply.body) is Error else ANSWERED)
        if key == self._public_key and asked.greets:
            who = "this node itself" if asked.came_back else "another node that has this one's key"
            sentence = f"{transaction.endpoint} is {who}"
            asked.waiter.errback(OwnKeyAnswered(sentence, ourselves=asked.came_back))
            return
        rtt = transaction.rtt(now) if asked.measured else None
        repeated = asked.measured and rtt is None
        self._endpoints.answered(transaction.endpoint, rtt, repeated=repeated)
        if type(reply.body) is Error:
            self._take_error(asked, reply.body)
            return
        contact = asked.contact
        if contact.key != key:  # its key, and so its ID, were not known when it was asked
            contact = Contact.at(self._identify(key), contact.endpoint, key)
        asked.waiter.callback(Answer(contact, reply, rtt))

    def _is_wrong(self, asked: _Asked, body: ReplyBody) -> str:
        """What is wrong with a reply, so that its sender is as good as silent; empty if it is
        right.  An error is right, whatever it says."""
        wanted = _ANSWERS[type(asked.body)]
        if type(body) is Pong and wanted is Pong:
            known = self._formats
            if not known or any(each in known for each in body.formats):
                return ""
            spoken = body.formats.hex(" ") or "no format that it names"
            return f"speaks other formats of the protocol than this node: {spoken}"
        if type(body) is Error and body.code == ErrorCode.UNKNOWN_KIND:
            asked_for = asked.body.kind if type(asked.body) is FindValue else None
            return (
                "does not know values, which every node serves" if asked_for == Kind.VALUE else ""
            )
        if type(body) is wanted or type(body) is Error:
            return ""
        return f"answered {type(body).__name__} to a {type(asked.body).__name__}"

    def _take_error(self, asked: _Asked, error: Error) -> None:
        self._counts["errors.in"] += 1
        if not asked.greets and self._door.renews(asked, error):
            self._begin(asked)
            return
        code, text, retry_after, contacts = error
        asked.waiter.errback(ErrorReply(code, text, retry_after / 1000.0, contacts))


def _ended(transaction: Transaction[_Asked]) -> _Asked:
    """What was asked.  It lets go of its transaction, which holds it: else each request would leave
    a ring behind, and its whole lookup with it, that only the garbage collector clears away."""
    asked = transaction.context
    asked.transaction = None
    return asked
