"""kad/1, the native dialect: sealed CBOR, IDs proven by Ed25519 keys, records of kind ``Value``."""

from __future__ import annotations

from collections.abc import Callable

from kadtwisted.dialects.dialect import Dialect
from kadtwisted.errors import ConfigurationError
from kadtwisted.identity.keys import NodeKey, node_id_of
from kadtwisted.interfaces import ISealer, ISerializer
from kadtwisted.model.messages import FindNode, FindValue, RequestBody
from kadtwisted.parameters import DATAGRAM_LIMIT, NodeSettings
from kadtwisted.records.kinds import NATIVE_KINDS
from kadtwisted.sealing.box import BoxSealer, network_key
from kadtwisted.sealing.plain import PlainSealer
from kadtwisted.wire.cbor import CBORSerializer

FORMATS = bytes([1])
"""The format versions this program speaks."""

SHORT_ANSWER = 216
"""Room for any PONG, STORED, WANTED or error: the longest is an error with 128 bytes of text and a
code below 24, which all defined ones are."""

RESERVED_NETWORKS = frozenset({"mainline"})
"""Names that choose another dialect."""


def native_dialect(
    key: NodeKey,
    settings: NodeSettings,
    secure_random: Callable[[int], bytes],
    serializer: ISerializer | None = None,
) -> Dialect:
    """The native dialect for one node; :class:`ConfigurationError` for settings it cannot serve."""
    if not settings.network:
        raise ConfigurationError("the network's name cannot be empty")
    if settings.network in RESERVED_NETWORKS:
        raise ConfigurationError(f"the network name {settings.network!r} is reserved")
    return Dialect(
        name="native",
        serializer=serializer or CBORSerializer(node_id_of),
        sealer=_make_sealer(key, settings, secure_random),
        identify=node_id_of,
        kinds=NATIVE_KINDS,
        answer_length=answer_length,
        formats=FORMATS,
    )


def answer_length(body: RequestBody) -> int:
    """Bytes of the longest datagram that answers a request: whole lists of contacts fill one."""
    return DATAGRAM_LIMIT if isinstance(body, FindNode | FindValue) else SHORT_ANSWER


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
