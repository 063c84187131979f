"""The message schema: what nodes say to each other, before any encoding.

Named tuples, because a server builds and reads several of them for every datagram.  What a
request means is documented with the class; the bytes are ``wire/``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import NamedTuple

from kadtwisted.constants import NO_TOKEN
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID


class Method(IntEnum):
    """The numbers of methods on the wire.  240 to 255 are for experiments."""

    PING = 1
    FIND_NODE = 2
    FIND_VALUE = 3
    STORE = 4
    HAVE = 5
    PROBE = 6
    PUNCH = 7
    LISTEN = 8
    LEAVE = 9  # reserved
    CHANGED = 10
    INTRODUCE = 11


class ErrorCode(IntEnum):
    """The numbers of errors on the wire.  240 to 255 are for experiments."""

    BAD_TOKEN = 1
    UNKNOWN_METHOD = 2
    BAD_REQUEST = 3
    INVALID_RECORD = 4
    RECORD_TOO_LARGE = 5
    CLOCK_SKEW = 6
    STORAGE_FULL = 7
    BUSY = 8
    SUPERSEDED = 9
    CAS_CONFLICT = 10
    NOT_ACCEPTED = 11
    INTERNAL = 12
    UNKNOWN_KIND = 13


class Want(IntFlag):
    """Which families of contacts an answer should carry; none means the datagram's own."""

    SAME = 0
    IPV4 = 1
    IPV6 = 2
    BOTH = 3


# --- Requests --------------------------------------------------------------------------------


class Ping(NamedTuple):
    """Are you there?  Answered by :class:`Pong`.

    ``recipient`` is used in a HELLO only: the public key of the node that is greeted, empty if the
    sender does not know it; ``None`` if it is not named at all, as in any other PING.
    """

    recipient: bytes | None = None


class FindNode(NamedTuple):
    """The k closest contacts to ``target`` that you know?  Answered by :class:`Nodes`."""

    target: NodeID
    want: Want = Want.SAME


class FindValue(NamedTuple):
    """The records of ``kind`` under ``key``, and the closest contacts?  Answered by
    :class:`Records`.

    ``known_version`` (8 bytes, or empty) is the version the asker already has: a holder of just
    that version answers ``unchanged`` and sends no record.  ``cursor`` continues an earlier
    answer of many records.  ``alone``: beside a record no contacts are wanted.
    """

    key: NodeID
    kind: int
    known_version: bytes = b""
    cursor: bytes = b""
    want: Want = Want.SAME
    alone: bool = False


class Store(NamedTuple):
    """Keep this record (its stored bytes) for ``remaining`` seconds.  Answered by :class:`Stored`.

    ``cas`` is the sequence number that must be stored now, ``None`` to store regardless.
    """

    record: bytes
    remaining: int
    cas: int | None = None


class HaveEntry(NamedTuple):
    """One line of a :class:`Have`: the 8-byte version of a record under (kind, key)."""

    kind: int
    key: NodeID
    version: bytes


class Have(NamedTuple):
    """I hold these, at most 32; which do you want?  Answered by :class:`Wanted`."""

    entries: tuple[HaveEntry, ...]


class Listen(NamedTuple):
    """Tell me of newer records of ``kind`` under ``key`` for so many ``seconds``, 0 to stop.
    Answered by :class:`Listening`.

    ``known_version`` (8 bytes, or empty) is the version the asker already has.
    """

    key: NodeID
    kind: int
    known_version: bytes = b""
    seconds: int = 0


class Changed(NamedTuple):
    """What you listen for has changed.  Answered by :class:`Noted`.

    ``record`` is the new one, which has ``remaining`` seconds left, if it fits; else it is empty,
    and the listener asks for it.  ``version`` is empty if several of many records have changed.
    """

    key: NodeID
    kind: int
    version: bytes = b""
    record: bytes = b""
    remaining: int = 0


class Probe(NamedTuple):
    """Have a node that I may never have written to send me one PING.  Answered by :class:`Probed`.

    With ``after`` above 0, in seconds, the responder sends it itself, so much later.
    """

    after: int = 0


class Punch(NamedTuple):
    """Tell the node with this public key that I want to talk to it.  Answered by :class:`Punched`.

    ``kind`` is the :class:`~kadtwisted.nat.kind.NatKind` that the asker is behind.
    """

    key: bytes
    kind: int = 0


class Introduce(NamedTuple):
    """The node with this public key has proven to me that it receives at ``endpoint``, and asks you
    for one PING there.  Answered by :class:`Introduced`.

    ``purpose`` is a :class:`Purpose`; ``kind`` is that of the NAT which the node says it is behind.
    """

    key: bytes
    endpoint: Endpoint
    purpose: int
    kind: int = 0


class Purpose(IntEnum):
    """What an :class:`Introduce` is for."""

    PROBE = 0
    PATH = 1


class UnknownRequest(NamedTuple):
    """A well-formed request whose method this node does not know; answered by an error."""

    method: int


RequestBody = (
    Ping
    | FindNode
    | FindValue
    | Store
    | Have
    | Listen
    | Changed
    | Probe
    | Punch
    | Introduce
    | UnknownRequest
)

METHODS: Mapping[type, Method] = MappingProxyType(
    {
        Ping: Method.PING,
        FindNode: Method.FIND_NODE,
        FindValue: Method.FIND_VALUE,
        Store: Method.STORE,
        Have: Method.HAVE,
        Listen: Method.LISTEN,
        Changed: Method.CHANGED,
        Probe: Method.PROBE,
        Punch: Method.PUNCH,
        Introduce: Method.INTRODUCE,
    }
)
"""The number of each method's requests and replies."""


class Request(NamedTuple):
    """A request with its envelope.  A read-only sender never enters a table.

    ``time`` is the sender's clock in whole Unix seconds, which padding begins with; ``None`` in a
    request with less than 8 bytes of padding.
    """

    transaction_id: bytes
    body: RequestBody
    read_only: bool = False
    time: int | None = None


# --- Replies ---------------------------------------------------------------------------------


class Feature(IntFlag):
    """What a node says of itself in PONG."""

    READ_ONLY = 1
    """It serves nobody, or cannot be reached: it belongs in no routing table."""


class Pong(NamedTuple):
    """I am: the format versions I speak, my features (a bitmap of :class:`Feature`, and of what an
    older node does not know), my clock (Unix seconds), my name.

    ``methods`` and ``kinds`` are bitmaps of the numbers that this node serves
    (:mod:`kadtwisted.rpc.bitmaps`); an older node may name none.

    ``own`` is where this node can be reached, as far as it knows: others have told it.  Its port is
    0 if they do not agree on one.
    """

    formats: bytes
    features: int
    unix_time: int
    agent: str | None = None
    methods: bytes = b""
    kinds: bytes = b""
    own: Endpoint | None = None


class Nodes(NamedTuple):
    """Contacts, closest first, in the families wanted."""

    contacts: tuple[Contact, ...]


class StoredItem(NamedTuple):
    """A record's stored bytes and the whole seconds it has left."""

    record: bytes
    remaining: int


class Records(NamedTuple):
    """The records found, where to continue, and contacts: fewer beside a record than without."""

    items: tuple[StoredItem, ...]
    contacts: tuple[Contact, ...]
    cursor: bytes = b""
    unchanged: bool = False


class Stored(NamedTuple):
    """Stored; the record will be kept for ``remaining`` seconds."""

    remaining: int


class Wanted(NamedTuple):
    """The bitmap of a :class:`Have`'s entries to send: entry i is bit ``0x80 >> i % 8`` of byte
    ``i // 8``."""

    bitmap: bytes


class Listening(NamedTuple):
    """You are told for so many ``seconds`` from now on; ``version`` is that of the record that is
    here now, empty if there is none or if there may be many."""

    seconds: int
    version: bytes = b""


class Noted(NamedTuple):
    """The change has come; ``listening`` says whether more are wanted."""

    listening: bool


class Probed(NamedTuple):
    """The node with this public key will send the PING."""

    key: bytes


class Punched(NamedTuple):
    """The node was told; I hear it from ``endpoint``, and it says that it is behind a NAT of this
    ``kind``."""

    endpoint: Endpoint
    kind: int = 0


class Introduced(NamedTuple):
    """The PING is on its way, from behind a NAT of this ``kind``."""

    kind: int = 0


class Error(NamedTuple):
    """The request was understood and refused; ``retry_after`` is in milliseconds.

    A node that does not know the kind of record which is searched names the closest ``contacts``
    all the same.
    """

    code: int
    text: str = ""
    retry_after: int = 0
    contacts: tuple[Contact, ...] = ()


ReplyBody = (
    Pong
    | Nodes
    | Records
    | Stored
    | Wanted
    | Listening
    | Noted
    | Probed
    | Punched
    | Introduced
    | Error
)


class Reply(NamedTuple):
    """A reply or error with its envelope: the token that the asker may now use, and the endpoint
    it was seen at (``None`` where the network's dialect does not tell)."""

    transaction_id: bytes
    body: ReplyBody
    token: bytes = NO_TOKEN
    observed: Endpoint | None = None


Message = Request | Reply
