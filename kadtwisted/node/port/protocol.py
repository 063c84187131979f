"""The DatagramProtocol: the door of one port.

The one place that opens, decodes and writes.  A datagram passes the sealer's tag, then a budget,
then the public-key work, then the codec; whatever fails on the way is dropped and counted by
reason.  Who is over budget is told so while that is cheap: a proven sender that it is busy here, a
stranger by a cookie that lets it prove where it receives.

It decides nothing about contacts, records or lookups: requests go to ``handle``, replies to
:class:`~kadtwisted.node.port.requests.Requests`, which knows what we asked.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import InvalidAddressError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from kadtwisted.errors import MalformedDatagram, SendFailed
from kadtwisted.interfaces import Header
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Ping,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
)
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.requests import NONCE, Requests
from kadtwisted.parameters import DATAGRAM_LIMIT, NO_TOKEN
from kadtwisted.rpc.limits import Limits
from kadtwisted.rpc.tokens import Tokens
from kadtwisted.sealing.forms import COOKIE, HELLO_ANSWER, REPLY

BUSY_RETRY_MS = 1000
"""When an asker may try again that is over its budget, or found the storage with too much to do."""


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


_PADDED = frozenset((FindNode, FindValue))
"""Requests that a sender without a token pads to the length of a whole answer."""

_new = tuple.__new__
"""Makes a named tuple as its constructor does, without the detour through a Python function."""

Handle = Callable[[Received], "ReplyBody | Deferred[ReplyBody] | None"]


class Gate(NamedTuple):
    """What the ports of one node share: who has proven where it receives, and who is served."""

    tokens: Tokens
    limits: Limits


class KademliaProtocol(DatagramProtocol):
    """One UDP port's share of a node.

    ``handle`` answers requests, ``learn`` is shown each proven one after its answer is on its way,
    ``on_death`` is called when the port closes unasked.  The ports of a node may share a ``gate``.
    """

    noisy = False
    transport: Any

    def __init__(
        self,
        context: NodeContext,
        gate: Gate,
        handle: Handle,
        learn: Callable[[Received], None],
        on_death: Callable[[], None],
    ) -> None:
        sealer = context.dialect.sealer
        self._now = context.world.now
        self._sealer = sealer
        self._serializer = context.dialect.serializer
        self._reply_overhead = sealer.reply_overhead
        self._tokens, self._limits = gate
        self._handle = handle
        self._learn = learn
        self._on_death = on_death
        self._counters = context.counters
        self._counts = context.counters.counts
        self._faults = context.faults
        self._public_key = context.public_key
        self._max_answering = context.settings.bounds.pending_answers
        self._answering: dict[Deferred[ReplyBody], None] = {}
        self.requests = Requests(context, self._write)
        self.running = False

    # --- The port's life ---------------------------------------------------------------------

    def startProtocol(self) -> None:
        """The port is bound."""
        self.running = self.requests.running = True

    def stopProtocol(self) -> None:
        """The port is closed; unasked for, that is a fault, and the port's owner is told."""
        if self.running:
            self._counters.add("port.died")
            self._on_death()

    def shut(self) -> None:
        """Answer nothing more and fail every request in flight with ``NodeStopped``."""
        self.running = False
        self.requests.shut()
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
        own = key == self._public_key
        if own and key not in self.requests.transactions.expected_keys(addr):
            raise MalformedDatagram("own-key")  # and no check of ours whether we can be reached
        proven, token = self._tokens.examine(header.token, addr, key, now)
        busy = proven and not self._limits.admit_proven(addr, now)
        if busy and not self._limits.admit_busy(addr, now):
            raise MalformedDatagram("over-budget")
        if not proven and not self._limits.admit_stranger(addr, now):
            self._send_cookie(datagram, header, addr, token)
            return
        message = self._serializer.decode(self._sealer.open(datagram, header, key, proven))
        if type(message) is not Request:
            raise MalformedDatagram("reply-as-request")
        transaction_id, asked, read_only = message
        limit = DATAGRAM_LIMIT if proven else len(datagram)
        network = header.network
        received = _new(
            Received, (asked, addr, key, read_only, proven, network, transaction_id, token, limit)
        )
        if busy:
            body: ReplyBody | Deferred[ReplyBody] | None = Error(ErrorCode.BUSY, "", BUSY_RETRY_MS)
        elif not proven and header.token != NO_TOKEN and type(asked) in _PADDED:
            # Its token has just become invalid, so it did not pad: tell it instead of cutting.
            body = Error(ErrorCode.BAD_TOKEN, "the token is not valid here any more")
        else:
            body = self._handle(received)
        if isinstance(body, tuple):
            self._reply(REPLY, received, body)
        elif body is not None:
            self._reply_later(received, body)
        if proven and not own:
            if self._sealer.networks > 1:
                self.requests.endpoints.remember_network(addr, header.network)
            self._learn(received)

    def _receive_hello(self, datagram: bytes, header: Header, addr: Endpoint) -> None:
        now = self._now()
        proven, token = self._tokens.examine(header.token, addr, header.key, now)
        admit = self._limits.admit_proven if proven else self._limits.admit_stranger
        if not admit(addr, now):
            self._send_cookie(datagram, header, addr, token)
            return
        message = self._serializer.decode(self._sealer.open(datagram, header, header.key, False))
        if type(message) is not Request or type(message.body) is not Ping:
            raise MalformedDatagram("hello-not-ping")
        reply_with = header.network, message.transaction_id, token, len(datagram)
        received = Received(message.body, addr, header.key, True, False, *reply_with)
        body = self._handle(received)
        if isinstance(body, tuple):
            self._reply(HELLO_ANSWER, received, body)

    def _receive_reply(self, datagram: bytes, header: Header, addr: Endpoint) -> None:
        for key in self.requests.transactions.expected_keys(addr):
            try:
                data = self._sealer.open(datagram, header, key, True)
            except MalformedDatagram:
                continue
            self._take_reply(data, header, key, addr)
            return
        raise MalformedDatagram("unexpected-reply")

    def _receive_hello_answer(self, datagram: bytes, header: Header, addr: Endpoint) -> None:
        if header.key == self._public_key or not self.requests.transactions.hello_pending(addr):
            raise MalformedDatagram("unexpected-reply")
        if not self._limits.admit_stranger(addr, self._now()):
            raise MalformedDatagram("stranger-over-budget")
        data = self._sealer.open(datagram, header, header.key, False)
        self._take_reply(data, header, header.key, addr)

    def _receive_cookie(self, datagram: bytes, header: Header, addr: Endpoint) -> None:
        if not self.requests.transactions.in_flight_to(addr):
            raise MalformedDatagram("unexpected-cookie")
        self.requests.take_cookie(self._sealer.open(datagram, header, b"", False), addr)

    def _take_reply(self, data: bytes, header: Header, key: bytes, addr: Endpoint) -> None:
        reply = self._serializer.decode(data)
        if type(reply) is not Reply:
            raise MalformedDatagram("request-as-reply")
        self.requests.take(reply, key, header.network, addr)

    _RECEIVERS = (
        _receive_request,
        _receive_reply,
        _receive_hello,
        _receive_hello_answer,
        _receive_cookie,
    )
    """What takes a datagram of each form, in the order of their numbers."""

    def _send_cookie(
        self, datagram: bytes, header: Header, endpoint: Endpoint, token: bytes
    ) -> None:
        """Ask a stranger to prove that it receives where it says; shorter than its request."""
        self._counters.dropped("stranger-over-budget")
        if self._limits.admit_cookie(self._now()):
            body = datagram[NONCE] + token
            cookie = self._sealer.seal(COOKIE, body, b"", NO_TOKEN, header.network)
            self._counts["cookies.out"] += 1
            with suppress(SendFailed):
                self._write(cookie, endpoint)

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
            reply = _new(Reply, (transaction_id, body, token, endpoint))
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
