"""The DatagramProtocol: datagrams in, a Deferred per request out.

The one place that opens, decodes, encodes, seals and writes.  A datagram passes the sealer's tag,
then a budget, then the public-key work, then the codec; whatever fails on the way is dropped and
counted by reason.  A reply is believed only from the exact endpoint asked, under the key expected,
with the transaction ID of a request in flight.

It decides nothing about contacts, records or lookups: requests go to ``handle``, replies to whoever
asked.  One timer serves every request in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from kadtwisted.dialects.dialect import Dialect
from kadtwisted.errors import (
    ErrorReply,
    InvalidAddress,
    KadtwistedError,
    MalformedDatagram,
    NodeStopped,
    RequestTimedOut,
    SendFailed,
)
from kadtwisted.interfaces import Header
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
    ReplyBody,
    Request,
    RequestBody,
    Store,
    Stored,
    Wanted,
)
from kadtwisted.node.counters import Counters, FaultLog
from kadtwisted.node.world import World
from kadtwisted.parameters import (
    DATAGRAM_LIMIT,
    NO_TOKEN,
    TRANSACTION_ID_BYTES,
    NodeSettings,
)
from kadtwisted.rpc.endpoints import Endpoints, Patience
from kadtwisted.rpc.limits import Limits
from kadtwisted.rpc.tokens import Tokens
from kadtwisted.rpc.transactions import Due, Transaction, Transactions
from kadtwisted.sealing.forms import HELLO_ANSWER, REPLY, Form

BUSY_RETRY_MS = 1000
"""When an asker may try again that found the storage with too much to do."""


class Received(NamedTuple):
    """A request that passed the door.  ``proven``: its token shows the sender receives there.

    The last four are its reply's: the network it is sealed for, the transaction it belongs to, the
    token it carries, and the longest datagram it may be.
    """

    body: RequestBody
    endpoint: Endpoint
    key: bytes
    read_only: bool
    proven: bool
    network: int = 0
    transaction_id: bytes = b""
    token: bytes = NO_TOKEN
    limit: int = DATAGRAM_LIMIT


class Answer(NamedTuple):
    """A reply to a request of ours: from whom, and the round trip in seconds if it can be told."""

    contact: Contact
    reply: Reply
    rtt: float | None


_ANSWERS: Mapping[type, type] = MappingProxyType(
    {Ping: Pong, FindNode: Nodes, FindValue: Records, Store: Stored, Have: Wanted}
)
"""The one type of reply that answers each type of request."""

Handle = Callable[[Received], "ReplyBody | Deferred[ReplyBody] | None"]


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
    waiter: Deferred[Answer] = field(default_factory=Deferred)
    transaction: Transaction[_Asked] | None = None
    token_renewed: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """The pure parts at the door of one port."""

    dialect: Dialect
    tokens: Tokens
    limits: Limits
    endpoints: Endpoints
    transactions: Transactions[_Asked]


def make_door(dialect: Dialect, tokens: Tokens, limits: Limits, settings: NodeSettings) -> Door:
    """A door with empty books; ``tokens`` and ``limits`` may be shared by the ports of a node."""
    return Door(
        dialect,
        tokens,
        limits,
        Endpoints(settings.timeouts, settings.bounds.endpoints, settings.parameters.token_rotation),
        Transactions(settings.bounds.pending_requests),
    )


class KademliaProtocol(DatagramProtocol):
    """One UDP port's share of a node.

    ``handle`` answers requests, ``learn`` is shown each of them after its answer is on its way,
    ``on_death`` is called when the port closes unasked.
    """

    noisy = False
    transport: Any

    def __init__(
        self,
        reactor: Any,
        world: World,
        door: Door,
        handle: Handle,
        learn: Callable[[Received], None],
        on_death: Callable[[], None],
        counters: Counters,
        faults: FaultLog,
        public_key: bytes,
        settings: NodeSettings,
    ) -> None:
        self._reactor = reactor
        self._now = world.now
        self._secure_random = world.secure_random
        self._dialect = door.dialect
        self._sealer = door.dialect.sealer
        self._serializer = door.dialect.serializer
        self._reply_overhead = door.dialect.sealer.reply_overhead
        self._tokens = door.tokens
        self._limits = door.limits
        self.endpoints = door.endpoints
        self.transactions = door.transactions
        self._handle = handle
        self._learn = learn
        self._on_death = on_death
        self._counters = counters
        self._counts = counters.counts
        self._faults = faults
        self._public_key = public_key
        self._read_only = settings.read_only
        self._store_floor = settings.timeouts.store_floor
        self._max_answering = settings.bounds.pending_answers
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self._answering: dict[Deferred[ReplyBody], None] = {}
        self.running = False

    # --- The port's life ---------------------------------------------------------------------

    def startProtocol(self) -> None:
        """The port is bound."""
        self.running = True

    def stopProtocol(self) -> None:
        """The port is closed; unasked for, that is a fault, and the port's owner is told."""
        if self.running:
            self._counters.add("port.died")
            self._on_death()

    def shut(self) -> None:
        """Answer nothing more and fail every request in flight with :class:`NodeStopped`."""
        self.running = False
        self._disarm()
        for transaction in self.transactions.drain():
            transaction.context.waiter.errback(NodeStopped())
        for answering in list(self._answering):
            answering.cancel()

    # --- Datagrams in ------------------------------------------------------------------------

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Open, decode and act on one datagram; never raises, whatever the bytes are."""
        if not self.running:
            return
        self._counts["datagrams.in"] += 1
        if type(addr) is not Endpoint:
            addr = Endpoint(addr[0], addr[1])
        try:
            if len(datagram) > DATAGRAM_LIMIT:
                raise MalformedDatagram("oversized")
            header = self._sealer.inspect(datagram)
            self._RECEIVERS[header.form](self, datagram, header, addr)
        except MalformedDatagram as refused:
            self._counters.dropped(refused.reason)
        except Exception:
            self._counters.dropped("fault")
            self._faults.report("receive", "a datagram could not be handled", Failure())

    def _receive_request(self, datagram: bytes, header: Header, addr: Endpoint) -> None:
        now = self._now()
        key = header.key
        if key == self._public_key:
            raise MalformedDatagram("own-key")
        proven, token = self._tokens.examine(header.token, addr, key, now)
        if proven:
            if not self._limits.admit_proven(addr, now):
                raise MalformedDatagram("over-budget")
        elif not self._limits.admit_stranger(addr, now):
            raise MalformedDatagram("stranger-over-budget")
        message = self._serializer.decode(self._sealer.open(datagram, header, key, proven))
        if type(message) is not Request:
            raise MalformedDatagram("reply-as-request")
        transaction_id, asked, read_only = message
        limit = DATAGRAM_LIMIT if proven else len(datagram)
        received = Received(
            asked, addr, key, read_only, proven, header.network, transaction_id, token, limit
        )
        if not proven and header.token != NO_TOKEN and isinstance(asked, FindNode | FindValue):
            # Its token has just become invalid, so it did not pad: tell it instead of cutting.
            body: ReplyBody | Deferred[ReplyBody] | None = Error(
                ErrorCode.BAD_TOKEN, "the token is not valid here any more"
            )
        else:
            body = self._handle(received)
        if isinstance(body, tuple):
            self._reply(REPLY, received, body)
        elif body is not None:
            self._reply_later(received, body)
        if proven:
            if self._sealer.networks > 1:
                self.endpoints.remember_network(addr, header.network)
            self._learn(received)

    def _receive_hello(self, datagram: bytes, header: Header, addr: Endpoint) -> None:
        now = self._now()
        if not self._limits.admit_stranger(addr, now):
            raise MalformedDatagram("stranger-over-budget")
        message = self._serializer.decode(self._sealer.open(datagram, header, header.key, False))
        if type(message) is not Request or type(message.body) is not Ping:
            raise MalformedDatagram("hello-not-ping")
        _, token = self._tokens.examine(NO_TOKEN, addr, header.key, now)
        reply_with = header.network, message.transaction_id, token, len(datagram)
        received = Received(message.body, addr, header.key, True, False, *reply_with)
        body = self._handle(received)
        if isinstance(body, tuple):
            self._reply(HELLO_ANSWER, received, body)

    def _receive_reply(self, datagram: bytes, header: Header, addr: Endpoint) -> None:
        for key in self.transactions.expected_keys(addr):
            try:
                data = self._sealer.open(datagram, header, key, True)
            except MalformedDatagram:
                continue
            self._take_reply(data, header, key, addr)
            return
        raise MalformedDatagram("unexpected-reply")

    def _receive_hello_answer(self, datagram: bytes, header: Header, addr: Endpoint) -> None:
        if header.key == self._public_key or not self.transactions.hello_pending(addr):
            raise MalformedDatagram("unexpected-reply")
        if not self._limits.admit_stranger(addr, self._now()):
            raise MalformedDatagram("stranger-over-budget")
        data = self._sealer.open(datagram, header, header.key, False)
        self._take_reply(data, header, header.key, addr)

    def _receive_cookie(self, datagram: bytes, header: Header, addr: Endpoint) -> None:
        raise MalformedDatagram("unknown-form")

    _RECEIVERS = (
        _receive_request,
        _receive_reply,
        _receive_hello,
        _receive_hello_answer,
        _receive_cookie,
    )
    """What takes a datagram of each form, in the order of their numbers."""

    def _take_reply(self, data: bytes, header: Header, key: bytes, addr: Endpoint) -> None:
        reply = self._serializer.decode(data)
        if type(reply) is not Reply:
            raise MalformedDatagram("request-as-reply")
        transaction = self.transactions.match(addr, key, reply.transaction_id)
        if transaction is None:
            raise MalformedDatagram("unmatched-reply")
        now = self._now()
        asked = transaction.context
        rtt = None if type(asked.body) is Store else transaction.rtt(now)
        self.endpoints.answered(addr, rtt, now)
        self.endpoints.remember_token(addr, reply.token, now, key)
        self.endpoints.remember_network(addr, header.network)
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

    # --- Requests out ------------------------------------------------------------------------

    def patience(self, endpoint: Endpoint, body: RequestBody) -> Patience:
        """How long a request of this kind to this endpoint is waited for."""
        return self.endpoints.patience(endpoint, self._store_floor if type(body) is Store else 0.0)

    def request(
        self,
        contact: Contact,
        body: RequestBody,
        *,
        retransmit: bool = True,
        on_soft: Callable[[], None] | None = None,
    ) -> Deferred[Answer]:
        """Ask a contact; ``on_soft`` is called when it is slow, while its answer is still awaited.

        Fails with ``RequestTimedOut``, ``ErrorReply``, ``SendFailed``, ``TooManyRequests`` or
        ``NodeStopped``; cancelling forgets the request.
        """
        return self._ask(contact, body, Form.REQUEST, None, retransmit, on_soft)

    def hello(self, endpoint: Endpoint, pinned: bytes | None = None) -> Deferred[Answer]:
        """Ask an endpoint whose key is unknown who it is; fails as :meth:`request` does.

        With ``pinned`` only the holder of that public key is believed.
        """
        try:
            contact = Contact.at(self._dialect.identify(pinned or b""), endpoint, b"")
        except InvalidAddress as error:
            return fail(error)
        return self._ask(contact, Ping(), Form.HELLO, pinned, True, None)

    def _ask(
        self,
        contact: Contact,
        body: RequestBody,
        form: Form,
        pinned: bytes | None,
        retransmit: bool,
        on_soft: Callable[[], None] | None,
    ) -> Deferred[Answer]:
        if not self.running:
            return fail(NodeStopped())
        network = self.endpoints.network(contact.endpoint) or 0
        asked = _Asked(contact, body, form, pinned, retransmit, on_soft, network)
        asked.waiter = Deferred(lambda _: self._forget(asked))
        self._begin(asked)
        return asked.waiter

    def _forget(self, asked: _Asked) -> None:
        if asked.transaction is not None:
            self.transactions.cancel(asked.transaction)

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
        if asked.form is Form.REQUEST:
            token = self.endpoints.token(endpoint, self._now(), asked.contact.key)
        length = 0
        if token == NO_TOKEN:
            # An unproven asker brings at least the bytes it wants back: nobody is amplified.
            length = self._dialect.answer_length(asked.body) - self._sealer.request_overhead
        request = Request(transaction.transaction_id, asked.body, self._read_only)
        data = self._serializer.encode_request(request, length)
        datagram = self._sealer.seal(asked.form, data, asked.contact.key, token, asked.network)
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
        transaction.context.waiter.errback(silent)

    # --- Replies out -------------------------------------------------------------------------

    def _reply_later(self, received: Received, body: Deferred[ReplyBody]) -> None:
        """Answer when the Deferred fires; its failure is a fault of ours, told as such."""

        def finish(result: ReplyBody | Failure) -> None:
            self._answering.pop(body, None)
            if isinstance(result, Failure):
                if result.check(CancelledError):
                    return
                self._faults.report("handler", "a request could not be answered", result)
                result = Error(ErrorCode.INTERNAL, "internal error")
            if self.running:
                self._reply(REPLY, received, result)

        if len(self._answering) >= self._max_answering:
            body.addErrback(lambda _: None)  # begun already; nobody will hear of its end
            self._reply(REPLY, received, Error(ErrorCode.BUSY, "busy", BUSY_RETRY_MS))
            return
        self._answering[body] = None
        body.addBoth(finish)

    def _reply(self, form: int, received: Received, body: ReplyBody) -> None:
        _, endpoint, key, _, _, network, transaction_id, token, limit = received
        room = limit - self._reply_overhead
        if form == HELLO_ANSWER:
            room -= len(key)
        try:
            reply = Reply(transaction_id, body, token, endpoint)
            data = self._serializer.encode_reply(reply, room)
            self._write(self._sealer.seal(form, data, key, NO_TOKEN, network), endpoint)
        except (MalformedDatagram, SendFailed):
            self._counts["replies.unsent"] += 1

    def _write(self, datagram: bytes, endpoint: Endpoint) -> None:
        """The only caller of ``transport.write``; raises :class:`SendFailed`, counted by kind."""
        if self.transport is None:
            self._counts["send.failed"] += 1
            raise SendFailed("the UDP port died and is being bound again")
        try:
            self.transport.write(datagram, endpoint)
        except BlockingIOError:
            self._counts["send.full"] += 1  # the send buffer is full: as good as lost on the way
        except (OSError, MessageLengthError, InvalidAddressError, OverflowError) as error:
            self._counts["send.failed"] += 1
            raise SendFailed(f"cannot send to {endpoint}: {error}") from None
        else:
            self._counts["datagrams.out"] += 1
