"""The parts of the native dialect, and how they are chosen by a node's settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zope.interface.verify import verifyObject

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.dialects.dialect import Dialect
from kadtwisted.dialects.door import IDoor
from kadtwisted.dialects.native.costs import INTRODUCING
from kadtwisted.dialects.native.door import NativeDoor
from kadtwisted.dialects.native.parts import Shared
from kadtwisted.errors import ConfigurationError
from kadtwisted.identity.keys import NodeKey, node_id_of
from kadtwisted.interfaces import ISerializer
from kadtwisted.model.messages import (
    Changed,
    Error,
    ErrorCode,
    FindNode,
    FindValue,
    Have,
    Listen,
    Ping,
    Probe,
    Punch,
    RequestBody,
    Store,
)
from kadtwisted.parameters import NodeSettings
from kadtwisted.records.announcement import announcements
from kadtwisted.records.kinds import NATIVE_KINDS, RecordKinds
from kadtwisted.rpc.limits import Limits
from kadtwisted.rpc.replays import AnsweredOnce, Strangers
from kadtwisted.rpc.tokens import Tokens
from kadtwisted.sealing.box import BoxSealer, network_key
from kadtwisted.sealing.interface import ISealer
from kadtwisted.sealing.plain import PlainSealer
from kadtwisted.wire.cbor import CBORSerializer

FORMATS = bytes([1])
"""The format versions this program speaks."""

SHORT_ANSWER = 216
"""Room for STORED, WANTED and any error: the longest is an error with 128 bytes of text and a code
below 24, which all defined ones are.  And for a PONG with an agent of 64 bytes, its own IPv6
endpoint, features below 2^32 and bitmaps of 2 bytes; a longer one loses its agent."""

INTRODUCTIONS = 2 * SHORT_ANSWER
"""What an asker brings for an INTRODUCE, which may have to be sent twice: the first time its
recipient may only say that our token is not valid there."""

MESSAGES = frozenset((Ping, FindNode, FindValue, Store, Have, Listen, Changed)) | INTRODUCING
"""The requests that there are."""
PROVEN_ONLY = frozenset((Store, Have, Listen)) | INTRODUCING
"""The requests that need a token."""

RESERVED_NETWORKS = frozenset({"mainline"})
"""Names that choose another dialect."""


@dataclass(frozen=True, slots=True)
class NativeDialect(Dialect):
    """The native dialect of one node; a wrong part fails when it is made."""

    serializer: ISerializer
    sealer: ISealer
    answer_length: Callable[[RequestBody], int]
    """To what length a request is padded by an asker that has not proven where it receives."""
    settings: NodeSettings
    secure_random: Callable[[int], bytes]

    def __post_init__(self) -> None:
        verifyObject(ISerializer, self.serializer)
        verifyObject(ISealer, self.sealer)

    def doors(self, count: int, unix_time: Callable[[], float]) -> Sequence[IDoor]:
        """See :meth:`Dialect.doors`: the ports of a node share their tokens, their budgets, and
        what they remember of the datagrams that they served."""
        once = AnsweredOnce()
        tokens = Tokens(self.secure_random, self.parameters.token_rotation, once.rotate)
        numbered = self.sealer.numbered
        shared = Shared(
            tokens,
            Limits(self.settings.limits),
            once if numbered else None,
            Strangers() if numbered and self.settings.network_secrets else None,
            unix_time,
        )
        return [NativeDoor(self, shared) for _ in range(count)]


def native_dialect(
    key: NodeKey,
    settings: NodeSettings,
    secure_random: Callable[[int], bytes],
    serializer: ISerializer | None = None,
) -> NativeDialect:
    """The native dialect for one node; :class:`ConfigurationError` for settings it cannot serve."""
    if not settings.network:
        raise ConfigurationError("the network's name cannot be empty")
    if settings.network in RESERVED_NETWORKS:
        raise ConfigurationError(f"the network name {settings.network!r} is reserved")
    sealer = _make_sealer(key, settings, secure_random)
    return NativeDialect(
        name="native",
        public_key=key.public_key,
        identify=node_id_of,
        kinds=RecordKinds((*NATIVE_KINDS, announcements(settings.network, key.seed))),
        parameters=settings.parameters,
        datagram_limit=DATAGRAM_LIMIT,
        formats=FORMATS,
        messages=MESSAGES,
        proven_only=PROVEN_ONLY,
        answer_unknown=answer_unknown,
        serializer=serializer or CBORSerializer(node_id_of),
        sealer=sealer,
        answer_length=answer_length,
        settings=settings,
        secure_random=secure_random,
    )


def answer_unknown(_: RequestBody) -> Error:
    """A request whose method this program does not know is refused."""
    return Error(ErrorCode.UNKNOWN_METHOD, "unknown method")


def answer_length(body: RequestBody) -> int:
    """Bytes of the longest datagram that answers a request: whole lists of contacts fill one.  Or
    of all that it brings others, if that is more."""
    if isinstance(body, FindNode | FindValue):
        return DATAGRAM_LIMIT
    return INTRODUCTIONS if isinstance(body, Probe | Punch) else SHORT_ANSWER


def _make_sealer(
    key: NodeKey, settings: NodeSettings, secure_random: Callable[[int], bytes]
) -> ISealer:
    secrets = settings.network_secrets or (None,)
    networks = [network_key(settings.network, secret) for secret in secrets]
    if settings.sealer == "box":
        return BoxSealer(key.seed, networks, secure_random, settings.bounds.secrets)
    if settings.sealer == "plain":
        return PlainSealer(key.public_key, networks)
    raise ConfigurationError(f"unknown sealer {settings.sealer!r}: choose box or plain")
