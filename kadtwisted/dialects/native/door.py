"""The door of one port on a native network: sealed datagrams to what they mean, and back.

A datagram passes the sealer's tag, then a budget, then the public-key work, then the codec; what
fails on the way is dropped with its reason.  A sender that is over its budget is told so while that
is cheap: a proven one that this node is busy, a stranger by a cookie that lets it prove where it
receives.

A reply is believed only from the exact endpoint asked, under the key expected, with the transaction
ID of a request in flight.  A request is sent once more when its token was refused and when a cookie
asks for proof, each at most once; that it is slow, the port says.

Nothing here waits, sends or knows a clock: ``now`` is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from zope.interface import implementer

from kadtwisted.dialects.door import (
    BUSY_RETRY_MS,
    Drop,
    Event,
    Exchange,
    IDoor,
    Matched,
    Received,
    Send,
)
from kadtwisted.errors import MalformedDatagram
from kadtwisted.interfaces import Header, ISealer, ISerializer
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Have,
    Ping,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
    Store,
)
from kadtwisted.parameters import (
    DATAGRAM_LIMIT,
    NO_TOKEN,
    TOKEN_BYTES,
    TRANSACTION_ID_BYTES,
    NodeSettings,
    Parameters,
)
from kadtwisted.rpc.endpoints import Endpoints, Patience
from kadtwisted.rpc.limits import Limits
from kadtwisted.rpc.tokens import Tokens
from kadtwisted.rpc.transactions import Asked, Transactions
from kadtwisted.sealing.forms import COOKIE, HELLO, HELLO_ANSWER, REPLY, REQUEST

NONCE = slice(1, 17)
"""The 16 random bytes of a datagram's nonce: a cookie quotes them."""

_PADDED = frozenset((FindNode, FindValue))
"""Requests that a sender without a token pads to the length of a whole answer."""

COSTLY = frozenset((Store, Have))
"""Requests that may take several times the time of a PING."""

BYTES_A_UNIT = 256
ENTRIES_A_UNIT = 4
"""So many bytes of a record to check, or entries of a HAVE to look up, take about as long as a
PING; `python -m kadtwisted.testing.attacks costs` measures it."""


def extra_cost(body: RequestBody) -> float:
    """What a request costs beyond a PING, in PINGs."""
    if type(body) is Have:
        return len(body.entries) / ENTRIES_A_UNIT
    if type(body) is Store:
        return 1 + len(body.record) / BYTES_A_UNIT
    return 0.0


_NOT_VALID = Error(ErrorCode.BAD_TOKEN, "the token is not valid here any more")
_BUSY = Error(ErrorCode.BUSY, "", BUSY_RETRY_MS)

_new = tuple.__new__
"""Makes a named tuple as its constructor does, without the detour through a Python function."""


@dataclass(slots=True, eq=False)
class _Notes:
    """What this door remembers of a request of ours: the network secret it is sealed with, the
    nonce of its last datagram, and what it was sent again for already."""

    network: int
    nonce: bytes = b""
    renewed: bool = False
    cookie_taken: bool = False


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


@implementer(IDoor)
class NativeDoor:
    """The door of one port; the ports of a node may share ``tokens`` and ``limits``."""

    def __init__(self, dialect: Parts, tokens: Tokens, limits: Limits) -> None:
        settings, sealer = dialect.settings, dialect.sealer
        self._sealer = sealer
        self._serializer = dialect.serializer
        self._networks = sealer.networks
        self._secure_random = dialect.secure_random
        self._answer_length = dialect.answer_length
        self._public_key = dialect.public_key
        self._read_only = settings.read_only
        self._tokens = tokens
        self.limits = limits
        self._reply_overhead = sealer.reply_overhead
        self._reply_room = DATAGRAM_LIMIT - sealer.reply_overhead
        self.transactions: Transactions[Exchange] = Transactions(settings.bounds.pending_requests)
        self.endpoints = Endpoints(
            settings.timeouts, settings.bounds.endpoints, dialect.parameters.token_rotation
        )

    # --- Datagrams in ------------------------------------------------------------------------

    def receive(self, datagram: bytes, endpoint: Endpoint, now: float) -> Event:
        """See :meth:`IDoor.receive`."""
        try:
            if len(datagram) > DATAGRAM_LIMIT:
                raise MalformedDatagram("oversized")
            header = self._sealer.inspect(datagram)
            return self._RECEIVERS[header[0]](self, datagram, header, endpoint, now)
        except MalformedDatagram as refused:
            return Drop(refused.reason)

    def _request(self, datagram: bytes, header: Header, endpoint: Endpoint, now: float) -> Event:
        _, key, shown, network = header
        own = key == self._public_key
        if own and key not in self.transactions.expected_keys(endpoint):
            raise MalformedDatagram("own-key")  # and no check of ours whether we can be reached
        proven, token = self._tokens.examine(shown, endpoint, key, now)
        limits = self.limits
        if proven:
            refusal = None if limits.admit_proven(endpoint, now) else _BUSY
            if refusal is not None and not limits.admit_busy(endpoint, now):
                raise MalformedDatagram("over-budget")
            if not self._sealer.knows(key) and not limits.admit_secret(endpoint, now):
                raise MalformedDatagram("secrets-over-budget")
            room = self._reply_room
        else:
            if not limits.admit_stranger(endpoint, now):
                return self._cookie(datagram, network, token, now)
            refusal = None
            room = len(datagram) - self._reply_overhead
        message = self._serializer.decode(self._sealer.open(datagram, header, key, proven))
        if type(message) is not Request:
            raise MalformedDatagram("reply-as-request")
        transaction_id, body, read_only = message
        if proven:
            if type(body) in COSTLY and not (refusal or self._can_afford(endpoint, body, now)):
                refusal = _BUSY
        elif shown != NO_TOKEN and type(body) in _PADDED:
            # Its token has just become invalid, so it did not pad: tell it instead of cutting.
            refusal = _NOT_VALID
        introduces = proven and not own
        if introduces and self._networks > 1:
            self.endpoints.remember_network(endpoint, network)
        back = REPLY, network, token, room
        return _new(
            Received,
            (body, endpoint, key, transaction_id, read_only, proven, introduces, refusal, back),
        )

    def _can_afford(self, endpoint: Endpoint, body: RequestBody, now: float) -> bool:
        """Charge what a costly request takes beyond a PING, and a STORE as a write."""
        limits = self.limits
        if type(body) is Store and not limits.admit_write(endpoint, now):
            return False
        return limits.admit_cost(endpoint, extra_cost(body), now)

    def _hello(self, datagram: bytes, header: Header, endpoint: Endpoint, now: float) -> Event:
        _, key, shown, network = header
        proven, token = self._tokens.examine(shown, endpoint, key, now)
        admit = self.limits.admit_proven if proven else self.limits.admit_stranger
        if not admit(endpoint, now):
            return self._cookie(datagram, network, token, now)
        message = self._serializer.decode(self._sealer.open(datagram, header, key, False))
        if type(message) is not Request or type(message.body) is not Ping:
            raise MalformedDatagram("hello-not-ping")
        room = len(datagram) - self._reply_overhead - len(key)
        return Received(
            message.body,
            endpoint,
            key,
            message.transaction_id,
            message.read_only,
            proven,
            envelope=(HELLO_ANSWER, network, token, room),
        )

    def _reply(self, datagram: bytes, header: Header, endpoint: Endpoint, now: float) -> Event:
        for key in self.transactions.expected_keys(endpoint):
            try:
                data = self._sealer.open(datagram, header, key, True)
            except MalformedDatagram:
                continue
            return self._match(data, header, key, endpoint, now)
        raise MalformedDatagram("unexpected-reply")

    def _hello_answer(
        self, datagram: bytes, header: Header, endpoint: Endpoint, now: float
    ) -> Event:
        key = header.key
        if key == self._public_key or not self.transactions.hello_pending(endpoint):
            raise MalformedDatagram("unexpected-reply")
        if not self.limits.admit_stranger(endpoint, now):
            raise MalformedDatagram("stranger-over-budget")
        data = self._sealer.open(datagram, header, key, False)
        return self._match(data, header, key, endpoint, now)

    def _match(
        self, data: bytes, header: Header, key: bytes, endpoint: Endpoint, now: float
    ) -> Event:
        """A reply was opened with ``key``; it counts if somebody asked for it."""
        reply = self._serializer.decode(data)
        if type(reply) is not Reply:
            raise MalformedDatagram("request-as-reply")
        transaction = self.transactions.match(endpoint, key, reply.transaction_id)
        if transaction is None:
            raise MalformedDatagram("unmatched-reply")
        self.endpoints.remember_token(endpoint, reply.token, now, key)
        self.endpoints.remember_network(endpoint, header.network)
        return Matched(transaction, reply, key)

    def _taken_cookie(
        self, datagram: bytes, header: Header, endpoint: Endpoint, now: float
    ) -> Event:
        """An overloaded node asks us to prove that we receive here: the request goes out again,
        once, with the token it gives, if it quotes a request in flight."""
        if not self.transactions.in_flight_to(endpoint):
            raise MalformedDatagram("unexpected-cookie")
        body = self._sealer.open(datagram, header, b"", False)
        nonce, token = body[:-TOKEN_BYTES], body[-TOKEN_BYTES:]
        for transaction in self.transactions.to(endpoint):
            exchange = transaction.context
            notes = exchange.notes
            if notes.nonce == nonce and not notes.cookie_taken:
                notes.cookie_taken = True
                self.endpoints.remember_token(endpoint, token, now, exchange.contact.key)
                self.transactions.resent(transaction, now)
                return Send(self._sealed(exchange, transaction.transaction_id, now))
        raise MalformedDatagram("unexpected-cookie")

    _RECEIVERS = (_request, _reply, _hello, _hello_answer, _taken_cookie)
    """What takes a datagram of each form, in the order of their numbers."""

    def _cookie(self, datagram: bytes, network: int, token: bytes, now: float) -> Drop:
        """Ask a stranger to prove that it receives where it says; shorter than its request."""
        reason = "stranger-over-budget"
        if not self.limits.admit_cookie(now):
            return Drop(reason)
        body = datagram[NONCE] + token
        return Drop(reason, self._sealer.seal(COOKIE, body, b"", NO_TOKEN, network), "cookies.out")

    # --- Datagrams out -----------------------------------------------------------------------

    def reply(self, received: Received, body: ReplyBody) -> bytes:
        """See :meth:`IDoor.reply`: no longer than what an unproven sender brought."""
        _, endpoint, key, transaction_id, _, _, _, _, (form, network, token, room) = received
        reply = _new(Reply, (transaction_id, body, token, endpoint))
        data = self._serializer.encode_reply(reply, room)
        return self._sealer.seal(form, data, key, NO_TOKEN, network)

    def request(self, exchange: Exchange, patience: Patience, now: float) -> bytes:
        """See :meth:`IDoor.request`."""
        contact = exchange.contact
        if exchange.notes is None:
            exchange.notes = _Notes(self.endpoints.network(contact.endpoint) or 0)
        transaction_id = self._secure_random(TRANSACTION_ID_BYTES)
        exchange.transaction = self.transactions.begin(
            transaction_id,
            Asked(contact.endpoint, contact.key, exchange.pinned),
            exchange,
            now,
            patience,
        )
        return self._sealed(exchange, transaction_id, now)

    def again(self, exchange: Exchange, now: float) -> bytes:
        """See :meth:`IDoor.again`: with the next network secret, if there are several."""
        transaction, notes = exchange.transaction, exchange.notes
        assert transaction is not None, "a request that has ended is not sent again"
        notes.network = (notes.network + 1) % self._networks
        self.transactions.resent(transaction, now)
        return self._sealed(exchange, transaction.transaction_id, now)

    def renews(self, exchange: Exchange, error: Error) -> bool:
        """See :meth:`IDoor.renews`: the error that refuses a token carries a fresh one."""
        if error.code != ErrorCode.BAD_TOKEN or exchange.notes.renewed:
            return False
        exchange.notes.renewed = True
        return True

    def _sealed(self, exchange: Exchange, transaction_id: bytes, now: float) -> bytes:
        contact, notes, greets = exchange.contact, exchange.notes, exchange.greets
        token = NO_TOKEN
        if not greets or notes.cookie_taken:
            token = self.endpoints.token(contact.endpoint, now, contact.key)
        length = 0
        if token == NO_TOKEN or greets:
            # An unproven asker brings at least the bytes it wants back: nobody is amplified.
            length = self._answer_length(exchange.body) - self._sealer.request_overhead
        request = Request(transaction_id, exchange.body, self._read_only)
        data = self._serializer.encode_request(request, length)
        form = HELLO if greets else REQUEST
        datagram = self._sealer.seal(form, data, contact.key, token, notes.network)
        notes.nonce = datagram[NONCE]
        return datagram
