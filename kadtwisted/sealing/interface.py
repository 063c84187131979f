"""What a sealer does: a message's bytes to a sealed datagram, and back."""

from __future__ import annotations

from typing import NamedTuple

from zope.interface import Attribute, Interface


class Header(NamedTuple):
    """What is legible of a datagram before any public-key work.

    ``form`` is one of :class:`~kadtwisted.sealing.forms.Form`; ``key`` is the sender's public key,
    empty where the form carries none (a reply); ``token`` is all zeros if the sender has none;
    ``network`` is the index of the network secret that the datagram was tagged with.
    """

    form: int
    key: bytes
    token: bytes
    network: int


class ISealer(Interface):
    """Turns a message's bytes into a datagram that only its recipient can open, and back."""

    request_overhead: int = Attribute("""Bytes by which a request's datagram exceeds its body.""")
    reply_overhead: int = Attribute("""Bytes by which a reply's datagram exceeds its body.""")
    networks: int = Attribute("""How many network secrets are accepted (at least 1).""")
    numbered: bool = Attribute(
        """Whether bytes 1 to 17 of each datagram are random, so that one sent again is known."""
    )

    def inspect(datagram: bytes) -> Header:
        """Check form, length and tag: symmetric work only, under two microseconds.

        Raises :class:`~kadtwisted.errors.MalformedDatagram` for what is not for this node on this
        network.
        """

    def knows(sender: bytes) -> bool:
        """Whether opening what this public key sealed costs no public-key work."""

    def open(datagram: bytes, header: Header, sender: bytes, remember: bool) -> bytes:
        """The message's bytes, if ``sender`` (a public key) sealed them for us.

        ``remember`` keeps the shared secret in the bounded cache: only for senders with a valid
        token and those we asked.  Raises :class:`~kadtwisted.errors.MalformedDatagram`.
        """

    def seal(form: int, body: bytes, recipient: bytes, token: bytes, network: int) -> bytes:
        """A datagram of the given form for ``recipient`` (a public key, empty for a hello)."""
