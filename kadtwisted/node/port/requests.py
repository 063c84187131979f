"""Requests of ours: a Deferred each, one timer for all, and who is believed to answer.

A reply is believed only from the exact endpoint asked, under the key expected, with the transaction
ID of a request in flight, and if it is of the type that answers the request.  A request is sent
once more when it is slow, when its token was refused, and when a cookie asks for proof; each at
most once.

It seals and encodes, but writes through ``write``, and never reads a datagram's header.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall

from kadtwisted.errors import (
    ErrorReply,
    InvalidAddress,
    KadtwistedError,
    MalformedDatagram,
    NodeStopped,
    RequestTimedOut,
    SendFailed,
)
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Have,
    Nodes,
    Ping,
    Pong,
    Records,
    Reply,
    Request,
    RequestBody,
    Store,
    Stored,
    Wanted,
)
from kadtwisted.node.context import NodeContext
from kadtwisted.parameters import NO_TOKEN, TOKEN_BYTES, TRANSACTION_ID_BYTES
from kadtwisted.rpc.endpoints import Endpoints, Patience
from kadtwisted.rpc.transactions import Due, Transaction, Transactions
from kadtwisted.sealing.forms import Form

NONCE = slice(1, 17)
"""The 16 random bytes of a datagram's nonce: a cookie quotes them."""


class Answer(NamedTuple):
    """A reply to a request of ours: from whom, and the round trip in seconds if it can be told."""

    contact: Contact
    reply: Reply
    rtt: float | None


_ANSWERS: Mapping[type, type] = MappingProxyType(
    {Ping: Pong, FindNode: Nodes, FindValue: Records, Store: Stored, Have: Wanted}
)
"""The one type of reply that answers each type of request."""


@dataclass(slots=True, eq=False)
class _Asked:
    """What we keep about a request of ours: enough to send it once more."""

    contact: Contact
    body: RequestBody
    form: Form
    pinned: bytes | None
    retransmit: bool
    on_soft: Callable[[], None] | None
    network: int
    measured: bool
    waiter: Deferred[Answer] = field(init=False)
    transaction: Transaction[_Asked] | None = None
    nonce: bytes = b""
    token_renewed: bool = False
    cookie_taken: bool = False


class Requests:
    """The requests of one port; ``write(datagram, endpoint)`` sends, or raises ``SendFailed``."""

    def __init__(self, context: NodeContext, write: Callable[[bytes, Endpoint], None]) -> None:
        settings, dialect = context.settings, context.dialect
        self._reactor = context.reactor
        self._now = context.world.now
        self._secure_random = context.world.secure_random
        self._dialect = dialect
        self._sealer = dialect.sealer
        self._serializer = dialect.serializer
        self._counts = context.counters.counts
        self._write = write
        self._read_only = settings.read_only
        timeouts = settings.timeouts
        self._floors = {Store: timeouts.store_floor, Ping: timeouts.ping_floor}
        self.endpoints = Endpoints(
            settings.timeouts, settings.bounds.endpoints, settings.parameters.token_rotation
        )
        self.transactions: Transactions[_Asked] = Transactions(settings.bounds.pending_requests)
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self.running = False

    def shut(self) -> None:
        """Send nothing more and fail every request in flight with :class:`NodeStopped`."""
        self.running = False
        self._disarm()
        for transaction in self.transactions.drain():
            _ended(transaction).waiter.errback(NodeStopped())

    # --- Asking ------------------------------------------------------------------------------

    def patience(self, endpoint: Endpoint, body: RequestBody) -> Patience:
        """How long a request of this kind to this endpoint is waited for."""
        return self.endpoints.patience(endpoint, self._floors.get(type(body), 0.0))

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
        return self._ask(contact, body, Form.REQUEST, None, retransmit, on_soft, measured)

    def hello(self, endpoint: Endpoint, pinned: bytes | None = None) -> Deferred[Answer]:
        """Ask an endpoint whose key is unknown who it is; fails as :meth:`request` does.

        With ``pinned`` only the holder of that public key is believed.
        """
        try:
            contact = Contact.at(self._dialect.identify(pinned or b""), endpoint, b"")
        except InvalidAddress as error:
            return fail(error)
        return self._ask(contact, Ping(), Form.HELLO, pinned, True, None, True)

    def _ask(
        self,
        contact: Contact,
        body: RequestBody,
        form: Form,
        pinned: bytes | None,
        retransmit: bool,
        on_soft: Callable[[], None] | None,
        measured: bool,
    ) -> Deferred[Answer]:
        if not self.running:
            return fail(NodeStopped())
        network = self.endpoints.network(contact.endpoint) or 0
        measured = measured and type(body) is not Store  # which waits for a disk
        asked = _Asked(contact, body, form, pinned, retransmit, on_soft, network, measured)
        asked.waiter = Deferred(lambda _: self._forget(asked))
        self._begin(asked)
        return asked.waiter

    def _forget(self, asked: _Asked) -> None:
        if asked.transaction is not None:
            self.transactions.cancel(asked.transaction)
            asked.transaction = None

    def _begin(self, asked: _Asked) -> None:
        """Send a request and keep it in flight, or fail its waiter."""
        contact = asked.contact
        try:
            asked.transaction = self.transactions.begin(
                self._secure_random(TRANSACTION_ID_BYTES),
                contact.endpoint,
                contact.key,
                asked,
                self._now(),
                self.patience(contact.endpoint, asked.body),
                pinned=asked.pinned,
            )
            self._send_request(asked.transaction)
        except KadtwistedError as error:
            self._forget(asked)
            asked.waiter.errback(error)
        else:
            self._arm()

    def _send_request(self, transaction: Transaction[_Asked]) -> None:
        asked = transaction.context
        endpoint = transaction.endpoint
        token = NO_TOKEN
        if asked.form is Form.REQUEST or asked.cookie_taken:
            token = self.endpoints.token(endpoint, self._now(), asked.contact.key)
        length = 0
        if token == NO_TOKEN or asked.form is Form.HELLO:
            # An unproven asker brings at least the bytes it wants back: nobody is amplified.
            length = self._dialect.answer_length(asked.body) - self._sealer.request_overhead
        request = Request(transaction.transaction_id, asked.body, self._read_only)
        data = self._serializer.encode_request(request, length)
        datagram = self._sealer.seal(asked.form, data, asked.contact.key, token, asked.network)
        asked.nonce = datagram[NONCE]
        self._write(datagram, endpoint)

    # --- The timer ---------------------------------------------------------------------------

    def _arm(self) -> None:
        """See to it that the timer fires no later than the next moment of any request."""
        at = self.transactions.wakes_at()
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
            for transaction, due in self.transactions.due(self._now()):
                if transaction.context.waiter.called:
                    continue  # cancelled or stopped by one that came before it
                if due is Due.SOFT:
                    self._lost_patience(transaction)
                else:
                    self._give_up(transaction)
        finally:
            self._arm()  # whatever went wrong with one, the others are waited for

    def _lost_patience(self, transaction: Transaction[_Asked]) -> None:
        asked = transaction.context
        if asked.retransmit:
            asked.network = (asked.network + 1) % self._sealer.networks
            self.transactions.resent(transaction, self._now())
            with suppress(SendFailed):  # counted; the first datagram may still be answered
                self._send_request(transaction)
        if asked.on_soft is not None:
            asked.on_soft()

    def _give_up(self, transaction: Transaction[_Asked]) -> None:
        self._counts["requests.timed_out"] += 1
        self.endpoints.failed(transaction.endpoint, self._now())
        silent = RequestTimedOut(f"{transaction.endpoint} did not answer in time")
        _ended(transaction).waiter.errback(silent)

    # --- What comes back ---------------------------------------------------------------------

    def take(self, reply: Reply, key: bytes, network: int, endpoint: Endpoint) -> None:
        """A reply was opened with ``key``; :class:`MalformedDatagram` if nobody asked for it."""
        transaction = self.transactions.match(endpoint, key, reply.transaction_id)
        if transaction is None:
            raise MalformedDatagram("unmatched-reply")
        now = self._now()
        asked = _ended(transaction)
        rtt = transaction.rtt(now) if asked.measured else None
        self.endpoints.answered(endpoint, rtt, now)
        self.endpoints.remember_token(endpoint, reply.token, now, key)
        self.endpoints.remember_network(endpoint, network)
        if type(reply.body) is Error:
            self._take_error(asked, reply.body)
            return
        if type(reply.body) is not _ANSWERS[type(asked.body)]:
            self._counts["replies.wrong"] += 1
            wrong = f"{type(reply.body).__name__} to a {type(asked.body).__name__}"
            asked.waiter.errback(ErrorReply(ErrorCode.BAD_REQUEST, f"answered {wrong}"))
            return
        contact = asked.contact
        if contact.key != key:  # a hello: its key, and so its ID, are known only now
            contact = Contact(self._dialect.identify(key), contact.endpoint, key, contact.compact)
        asked.waiter.callback(Answer(contact, reply, rtt))

    def _take_error(self, asked: _Asked, error: Error) -> None:
        self._counts["errors.in"] += 1
        if error.code == ErrorCode.BAD_TOKEN and not asked.token_renewed and self.running:
            asked.token_renewed = True  # the error carried a fresh token: ask once more
            self._begin(asked)
            return
        asked.waiter.errback(ErrorReply(error.code, error.text, error.retry_after / 1000.0))

    def take_cookie(self, body: bytes, endpoint: Endpoint) -> None:
        """An overloaded node asks us to prove that we receive here: send the request again, once,
        with the token it gives.  :class:`MalformedDatagram` unless it quotes a request in flight.
        """
        nonce, token = body[:-TOKEN_BYTES], body[-TOKEN_BYTES:]
        for transaction in self.transactions.to(endpoint):
            asked = transaction.context
            if asked.nonce == nonce and not asked.cookie_taken:
                asked.cookie_taken = True
                now = self._now()
                self.endpoints.remember_token(endpoint, token, now, asked.contact.key)
                self.transactions.resent(transaction, now)
                with suppress(SendFailed):
                    self._send_request(transaction)
                return
        raise MalformedDatagram("unexpected-cookie")


def _ended(transaction: Transaction[_Asked]) -> _Asked:
    """What was asked.  It lets go of its transaction, which holds it: else each request would leave
    a ring behind, and its whole lookup with it, that only the garbage collector clears away."""
    asked = transaction.context
    asked.transaction = None
    return asked
