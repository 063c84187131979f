"""The door of one port on a native network: sealed datagrams to what they mean, and back.

A datagram passes the sealer's tag, then a budget, then the public-key work, then the codec; what
fails on the way is dropped with its reason.  A sender that is over its budget is told so while that
is cheap: a proven one that this node is busy, a stranger by a cookie that lets it prove where it
receives.

What somebody recorded and sends again is dropped without an answer where the answer may be longer,
or the sender is read-only, and on a network with a secret if it is a stranger's, as is a stranger's
whose clock is wrong.  A node of such a network gives outsiders no sign of life, nor cookies.

A reply is believed only from the exact endpoint asked, under the key expected, with the transaction
ID of a request in flight.  A request is sent once more when its token was refused and when a cookie
asks for proof, each at most once; that it is slow, the port says.

Nothing here waits or sends; ``now`` is an argument.  The wall's clock is read for datagrams of
strangers alone, ours and theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import implementer

from kadtwisted.constants import DATAGRAM_LIMIT, NO_TOKEN, TOKEN_BYTES, TRANSACTION_ID_BYTES
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
from kadtwisted.dialects.native.costs import COSTLY, INTRODUCING, extra_cost
from kadtwisted.dialects.native.parts import Parts, Shared
from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Listen,
    Ping,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
    Store,
)
from kadtwisted.rpc.endpoints import Endpoints, Patience
from kadtwisted.rpc.replays import SERVED_REMEMBERED
from kadtwisted.rpc.transactions import Asked, Transactions
from kadtwisted.sealing.forms import COOKIE, HELLO, HELLO_ANSWER, REPLY, REQUEST
from kadtwisted.sealing.interface import Header

NONCE = slice(1, 17)
"""The 16 random bytes of a datagram's nonce: a cookie quotes them, and they tell a datagram that is
sent again."""

_PADDED = frozenset((FindNode, FindValue))
"""Requests whose answer may be much longer than they are: a sender without a token pads them, and
of a sender with one each datagram is answered once."""

_SERVED_ONCE = INTRODUCING | {Listen}
"""Requests that bring datagrams later: each datagram is served once."""

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


@implementer(IDoor)
class NativeDoor:
    """The door of one port."""

    def __init__(self, dialect: Parts, shared: Shared) -> None:
        settings, sealer = dialect.settings, dialect.sealer
        self._sealer = sealer
        self._serializer = dialect.serializer
        self._networks = sealer.networks
        self._secure_random = dialect.secure_random
        self._answer_length = dialect.answer_length
        self._public_key = dialect.public_key
        self.read_only = settings.read_only
        self._private = bool(settings.network_secrets)
        self._tokens = shared.tokens
        self.limits = shared.limits
        self._once = shared.once
        self._strangers = shared.strangers
        self._unix_time = shared.unix_time
        self._reply_overhead = sealer.reply_overhead
        self._reply_room = DATAGRAM_LIMIT - sealer.reply_overhead
        self.transactions: Transactions[Exchange] = Transactions(settings.bounds.pending_requests)
        self._in_flight = shared.in_flight
        self._in_flight.append(self.transactions)
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
        limits = self.limits
        if limits.told_busy and limits.is_silenced(endpoint, now):
            raise MalformedDatagram("over-budget")
        proven, token = self._tokens.examine(shown, endpoint, key, now)
        if not proven:
            return self._stranger(datagram, header, endpoint, token, now)
        refusal = None if limits.admit_proven(endpoint, now) else _BUSY
        if refusal is not None and not limits.admit_busy(endpoint, now):
            raise MalformedDatagram("over-budget")
        if not self._sealer.knows(key) and not limits.admit_secret(endpoint, now):
            raise MalformedDatagram("secrets-over-budget")
        message = self._serializer.decode(self._sealer.open(datagram, header, key, True))
        if type(message) is not Request:
            raise MalformedDatagram("reply-as-request")
        transaction_id, body, read_only, _ = message
        kind = type(body)
        if kind is FindNode or kind is FindValue:
            if refusal is None and (once := self._once) is not None:
                random, served = datagram[NONCE], once.current
                if random in served or random in once.previous:
                    raise MalformedDatagram("replayed")
                served.add(random)
                if len(served) >= SERVED_REMEMBERED:
                    once.rotate()
        elif read_only or kind in COSTLY:
            refusal = refusal or self._refusal_of_rare(datagram, message, endpoint, now)
        if self._networks > 1 and not own:
            self.endpoints.remember_network(endpoint, network)
        envelope = REPLY, network, token, self._reply_room
        introduces = refusal is None and not own  # what is refused may come again
        made = body, endpoint, key, transaction_id, read_only, True, introduces, refusal, envelope
        return _new(Received, made)

    def _stranger(
        self, datagram: bytes, header: Header, endpoint: Endpoint, token: bytes, now: float
    ) -> Event:
        """A request of a sender that has not proven where it receives; ``token`` is what it should
        show from now on."""
        _, key, shown, network = header
        if not self._admits_stranger(datagram, endpoint, now):
            return self._over_budget(datagram, network, token, now)
        message = self._serializer.decode(self._sealer.open(datagram, header, key, False))
        if type(message) is not Request:
            raise MalformedDatagram("reply-as-request")
        self._check_time(datagram, message.time, now)
        refusal = None
        if shown != NO_TOKEN and type(message.body) in _PADDED:
            # Its token has just become invalid, so it did not pad: tell it instead of cutting.
            refusal = _NOT_VALID
        return Received(
            message.body,
            endpoint,
            key,
            message.transaction_id,
            message.read_only,
            refusal=refusal,
            envelope=(REPLY, network, token, len(datagram) - self._reply_overhead),
        )

    def _admits_stranger(self, datagram: bytes, endpoint: Endpoint, now: float) -> bool:
        """Whether the strangers' budgets have room for a datagram that was not served before."""
        if self._strangers is not None:
            self._strangers.check_new(datagram[NONCE], now)
        return self.limits.admit_stranger(endpoint, now)

    def _check_time(self, datagram: bytes, time: int | None, now: float) -> None:
        """On a network with a secret a stranger is served once, while its clock is near ours."""
        if self._strangers is not None:
            self._strangers.serve(datagram[NONCE], time, self._unix_time(), now)

    def _refusal_of_rare(
        self, datagram: bytes, request: Request, endpoint: Endpoint, now: float
    ) -> Error | None:
        """BUSY if a costly request is over the budget of its sender.  One that brings datagrams
        later is served once, as those that bring a long answer; so is one of a read-only node: it
        says where that is, and must not when it has moved."""
        body, kind = request.body, type(request.body)
        if kind in INTRODUCING and len(datagram) < self._answer_length(body):
            raise MalformedDatagram("not-padded")
        if kind in COSTLY and not self._can_afford(endpoint, body, now):
            return _BUSY
        if (request.read_only or kind in _SERVED_ONCE) and self._once is not None:
            self._once.serve(datagram[NONCE])
        return None

    def _can_afford(self, endpoint: Endpoint, body: RequestBody, now: float) -> bool:
        """Charge what a costly request takes beyond a PING, and a STORE as a write."""
        limits = self.limits
        if type(body) is Store and not limits.admit_write(endpoint, now):
            return False
        return limits.admit_cost(endpoint, extra_cost(body), now)

    def _hello(self, datagram: bytes, header: Header, endpoint: Endpoint, now: float) -> Event:
        _, key, shown, network = header
        proven, token = self._tokens.examine(shown, endpoint, key, now)
        if not proven:
            admitted = self._admits_stranger(datagram, endpoint, now)
        elif admitted := self.limits.admit_proven(endpoint, now):
            # Its key is checked, which is public-key work, though a cookie's token has cost none.
            admitted = self._sealer.knows(key) or self.limits.admit_secret(endpoint, now)
        if not admitted:
            return self._over_budget(datagram, network, token, now)
        message = self._serializer.decode(self._sealer.open(datagram, header, key, False))
        if type(message) is not Request or type(message.body) is not Ping:
            raise MalformedDatagram("hello-not-ping")
        if message.body.recipient is None:
            raise MalformedDatagram("hello-recipient")
        if message.body.recipient not in (b"", self._public_key):
            raise MalformedDatagram("not-for-me")
        self._check_time(datagram, message.time, now)
        room = len(datagram) - self._reply_overhead - len(key)
        return Received(
            message.body,
            endpoint,
            key,
            message.transaction_id,
            message.read_only,
            proven,
            introduces=key == self._public_key and not self._is_ours(message.transaction_id),
            envelope=(HELLO_ANSWER, network, token, room),
        )

    def _is_ours(self, transaction_id: bytes) -> bool:
        """Whether this is a request of ours that came to ourselves."""
        for transactions in self._in_flight:
            transaction = transactions.find(transaction_id)
            if transaction is not None:
                transaction.context.came_back = True
                return True
        return False

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
        if not self.transactions.hello_pending(endpoint):
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
        # The endpoint of the contact that was asked: an object that the table holds, too.
        asked = transaction.endpoint
        self.endpoints.remember_token(asked, reply.token, now, key, header.network)
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
                asked = exchange.contact
                self.endpoints.remember_token(asked.endpoint, token, now, asked.key)
                self.transactions.resent(transaction, now)
                return Send(self._sealed(exchange, transaction.transaction_id, now))
        raise MalformedDatagram("unexpected-cookie")

    _RECEIVERS = (_request, _reply, _hello, _hello_answer, _taken_cookie)
    """What takes a datagram of each form, in the order of their numbers."""

    def _over_budget(self, datagram: bytes, network: int, token: bytes, now: float) -> Drop:
        """Ask a stranger by a cookie to prove that it receives where it says; the cookie is shorter
        than its request.

        On a network with a secret there is none: nobody has opened the datagram, and an outsider
        who sends a recorded one must not learn that this node is here.
        """
        reason = "stranger-over-budget"
        if self._private or not self.limits.admit_cookie(now):
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
            known = self.endpoints.network(contact.endpoint) if self._networks > 1 else None
            exchange.notes = _Notes(known or 0)
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
        body = exchange.body
        token = NO_TOKEN
        if not greets or notes.cookie_taken:
            token = self.endpoints.token(contact.endpoint, now, contact.key)
        length, time = 0, None
        if token == NO_TOKEN or greets or type(body) in INTRODUCING:
            # An unproven asker brings at least the bytes it wants back: nobody is amplified.
            length = self._answer_length(body) - self._sealer.request_overhead
        if length or self._private:
            # With a secret also beside a token, which may not be valid any more.
            time = max(0, int(self._unix_time()))
        if greets:
            body = Ping(exchange.pinned or b"")
        request = Request(transaction_id, body, self.read_only, time)
        data = self._serializer.encode_request(request, length)
        form = HELLO if greets else REQUEST
        datagram = self._sealer.seal(form, data, contact.key, token, notes.network)
        notes.nonce = datagram[NONCE]
        return datagram
