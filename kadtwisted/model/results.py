"""What the public operations of a node return: frozen values that explain themselves."""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import Value


class TraceStep(NamedTuple):
    """One contact of a lookup: when it was asked and answered (seconds since the lookup's start),
    and with what: ``nodes``, ``record``, ``unchanged``, ``silent``, ``late``, ``refused``,
    ``failed`` or ``waiting``."""

    contact: Contact
    asked: float
    answered: float | None
    outcome: str


class Trace(NamedTuple):
    """The history of one lookup, in the order of asking; ``hops`` is the depth of its best path."""

    steps: tuple[TraceStep, ...]
    duration: float
    hops: int


class PingResult(NamedTuple):
    """A node answered: who it is, how long it took (seconds), where it sees us, what it speaks."""

    contact: Contact
    rtt: float
    observed: Endpoint | None
    unix_time: int
    agent: str | None


class BootstrapResult(NamedTuple):
    """Who answered, what each silent address failed with, and how many contacts are known now."""

    answered: tuple[Contact, ...]
    failures: dict[str, str]
    contacts: int


class NodesResult(NamedTuple):
    """The closest nodes that answered, closest first, in each family asked."""

    target: NodeID
    contacts: tuple[Contact, ...]
    trace: Trace


class GetResult(NamedTuple):
    """A value, or raw bencode where another program stored another type than bytes.

    ``value`` is ``None`` exactly when ``raw`` is not a byte string.  ``remaining`` is in seconds,
    ``holders`` counts those who returned this version.
    """

    key: NodeID
    value: bytes | None
    raw: bytes
    record: Value
    remaining: int
    holders: int
    trace: Trace


class Acknowledgement(NamedTuple):
    """A holder (``None``: this node itself), its distance to the key, and the seconds it will keep
    the record."""

    contact: Contact | None
    distance: int
    remaining: int


class Receipt(NamedTuple):
    """What a put or delete achieved.  ``failures`` says why each other node did not acknowledge."""

    key: NodeID
    record: Value
    acknowledged: tuple[Acknowledgement, ...]
    failures: dict[str, str]
    trace: Trace

    @property
    def remote_acks(self) -> int:
        """How many other nodes hold the record; one that has two addresses is one node."""
        return len({each.contact.node_id for each in self.acknowledged if each.contact})
