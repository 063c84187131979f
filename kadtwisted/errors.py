"""Every error this package raises, in one tree.

The type says who is to blame: :class:`LocalError` is ours or the caller's, :class:`RemoteError`
is another node's or the network's.  The message is the sentence a user reads: what happened, and
what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kadtwisted.model.printable import LINE_LIMIT, printable


class KadtwistedError(Exception):
    """The root of the tree.

    Whatever other nodes, files and users put into a message, ``str`` gives it as one line that
    forges nothing, for whoever writes it to a log or a terminal.
    """

    def __str__(self) -> str:
        return printable(super().__str__(), LINE_LIMIT)


def reason_of(error: OSError) -> str:
    """What the operating system says of an error, to stand behind a colon in a sentence."""
    return (error.strerror or str(error)).lower()


# --- Ours, or the caller's -------------------------------------------------------------------


class LocalError(KadtwistedError):
    """The fault lies on this side: bad input, a stopped node, a full disk, a taken port."""


class InvalidInput(LocalError, ValueError):
    """The caller handed in something no node could work with."""


class InvalidKey(InvalidInput):
    """The key of a record is empty, or is no name and no 20-byte key."""


class InvalidAddress(InvalidInput):
    """An address is not of the form ``HOST:PORT``, ``[IPV6]:PORT`` or ``KEY@HOST:PORT``."""


class InvalidLifetime(InvalidInput):
    """A lifetime is not positive, or lies beyond the cap of the network."""


class RecordTooLarge(InvalidInput):
    """A value does not fit into one datagram: bencoded, with its salt, it may have 1,000 bytes."""


class InvalidRecord(InvalidInput):
    """Bytes that should be a record are not one; ``reason`` is a short fixed word."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a valid record: {reason}")
        self.reason = reason


class InvalidSalt(InvalidInput):
    """A salt is not bytes, or has more than 64 of them."""


class InvalidReference(InvalidKey):
    """A reference ``kad:...`` is mistyped: its checksum does not fit, or it is none at all."""


class UnknownKind(InvalidRecord):
    """A record of a kind that the network, or this program, does not know."""

    def __init__(self) -> None:
        super().__init__("unknown-kind")


class ConfigurationError(InvalidInput):
    """An option, or a combination of options, cannot be used."""


class ConfigurationProblems(ConfigurationError):
    """All that is wrong with a configuration.

    ``problems`` has one sentence for each mistake; the message has one a line.  What a file or a
    command line says may stand in them, so each is made printable.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(printable(each, LINE_LIMIT) for each in problems)
        super().__init__("\n".join(self.problems))

    def __str__(self) -> str:
        return "\n".join(self.problems)


class NodeStopped(LocalError):
    """The node was stopped before the operation could end, or was never started."""

    def __init__(self, message: str = "the node is stopped; start it first") -> None:
        super().__init__(message)


class CannotListen(LocalError):
    """The UDP port cannot be bound: taken by another program, or not an address of this host."""


class SendFailed(LocalError):
    """The operating system refused to send a datagram (no route, not permitted, bad address).

    ``forbidden`` says that it was not permitted: a firewall of this machine stops it.
    """

    def __init__(self, message: str, *, forbidden: bool = False) -> None:
        super().__init__(message)
        self.forbidden = forbidden


class TooManyRequests(LocalError):
    """More requests are in flight than the node keeps track of; try again when some have ended."""


class IdentityError(LocalError):
    """The identity key on disk cannot be read or is damaged.  It is never replaced silently."""


class SigningKeyError(LocalError):
    """A signing key, or the file with one, cannot be used: damaged, open to other users, or no
    signing key at all."""


class StorageError(LocalError):
    """The storage backend failed."""


class StorageFull(StorageError):
    """The storage has no room for the record within its own capacity."""


class DiskFull(StorageFull):
    """The disk has no room for what the storage may hold."""


class StorageBusy(StorageError):
    """The storage backend has more writes queued than it accepts; try again shortly."""


class Superseded(LocalError):
    """A record that wins over this one is stored already."""


class CasConflict(LocalError):
    """A conditional write names another sequence number than the one stored, if one is."""


class NotConditional(InvalidInput):
    """A conditional write of a record whose kind has no sequence numbers."""


class UnsupportedVersion(StorageError):
    """The state on disk was written by a newer version of this program."""


# --- Another node's, or the network's --------------------------------------------------------


class RemoteError(KadtwistedError):
    """The fault lies on the other side, or between."""


class MalformedDatagram(RemoteError):
    """A datagram that is dropped; ``reason`` is a short fixed word, used as the counter's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RequestTimedOut(RemoteError):
    """No valid reply arrived in time."""


class WrongReply(RequestTimedOut):
    """What arrived in time was no valid reply: of another method, or of a node that speaks another
    version of the protocol."""


class OwnKeyAnswered(WrongReply):
    """Under this node's own key an address answered: the node ``ourselves``, or another one that
    has the same key."""

    def __init__(self, message: str, *, ourselves: bool = False) -> None:
        super().__init__(message)
        self.ourselves = ourselves


class ErrorReply(RemoteError):
    """The other node answered with an error.

    ``code`` is the number on the wire (:class:`kadtwisted.model.messages.ErrorCode`),
    ``retry_after`` is in seconds, 0 if the other side named none.  ``text`` is what the other node
    said, byte for byte; the message has it as one line that forges nothing.  ``contacts`` are the
    :class:`~kadtwisted.model.contact.Contact` values that it named all the same, in the answer to a
    search for a kind of record that it does not know.
    """

    def __init__(
        self, code: int, text: str, retry_after: float = 0.0, contacts: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(f"the other node answered: {printable(text)} (code {code})")
        self.code = code
        self.text = text
        self.retry_after = retry_after
        self.contacts = contacts


class NotFound(RemoteError, LookupError):
    """The lookup ended and no holder had the record."""


class Unavailable(RemoteError):
    """Nobody answered; ``reasons`` maps an address to what went wrong there."""

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reasons = dict(reasons or {})


class BootstrapFailed(Unavailable):
    """None of the bootstrap addresses answered; ``own`` are those that are the node itself."""

    def __init__(
        self,
        message: str,
        reasons: Mapping[str, str] | None = None,
        own: Sequence[str] = (),
    ) -> None:
        super().__init__(message, reasons)
        self.own = tuple(own)


class NoContacts(Unavailable):
    """The routing table is empty: bootstrap first."""


class NoPath(Unavailable):
    """A node did not answer, and nobody could open a path to it.

    ``ours`` and ``theirs`` say in words what is in front of this node and of the other one, as far
    as they know; they are empty if nobody hears from the other one.
    """

    def __init__(self, message: str, *, ours: str = "", theirs: str = "") -> None:
        super().__init__(message)
        self.ours = ours
        self.theirs = theirs


class NotStored(Unavailable):
    """No node acknowledged the record."""


class Uncertain(RemoteError):
    """Whether a conditional write holds cannot be told: too few nodes answered, or another writer
    wrote meanwhile.  Read the record to find out."""


class TooFar(RemoteError):
    """Another node may not store a record here: so many others are closer to its key."""


class ClockSkew(RemoteError):
    """The record's publication time is more than five minutes ahead of the holder's clock."""
