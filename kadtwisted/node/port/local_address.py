"""By which of our addresses a datagram came, so that its answer leaves from there.

A socket that is bound to all addresses sends from whichever the routing table prefers.  Who asked
another one drops that answer: it came from somebody who was not asked, and a firewall between them
drops it sooner.  The system tells the address with each datagram, and takes it back with the answer
(ip(7), RFC 3542): so addresses may come and go, and nobody has to look for them.

That costs 2 us a datagram, a fifteenth of what a PING takes.  So on a host with one address only
the first datagram of each turn of the reactor is read so: a busy node pays for one in many.

Requests of our own leave from where the system likes.  Python has no name for IPv4's option before
3.14, and only Linux was tried: elsewhere IPv4 answers leave as they did.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from array import array
from collections.abc import Callable
from contextlib import suppress
from errno import EAGAIN, EWOULDBLOCK
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kadtwisted.model.contact import WILDCARDS, Endpoint

Ancillary = tuple[int, int, bytes]
"""One item of control data: level, type, bytes."""

IP_PKTINFO = 8
"""The option of Linux (linux/in.h): ``struct in_pktinfo``, an interface and two addresses."""
IPV4_INFO = 12
"""Bytes of ``struct in_pktinfo``."""
IPV6_INFO = 20
"""Bytes of ``struct in6_pktinfo``: an address and an interface (RFC 3542, 6)."""
LOOK_EVERY = 2.0
"""MAGIC: seconds between two looks at the host's addresses, while datagrams come in.  Until a new
address is found, it answers rightly unless datagrams come by the dozen."""
SIOCGIFCONF = 0x8912
"""Lists the IPv4 addresses of all interfaces on Linux (netdevice(7))."""
IFREQ = 40 if struct.calcsize("P") == 8 else 32
"""Bytes of ``struct ifreq``; the IPv4 address stands at byte 20."""
MAX_LISTED = 256
"""Addresses that are listed; two are several."""
INET6_ADDRESSES = Path("/proc/net/if_inet6")
GLOBAL_SCOPE = "00"
"""How the scope of an address stands there that is neither loopback nor link-local."""
LOOPBACK_NET = 127
OTHERS = 256
"""MAGIC: bytes for control data that who made the socket asked for (systemd.socket(5):
``Timestamping=``, ``PassCredentials=``), and that is passed over."""
MAX_KNOWN = 64
"""Addresses of ours that are kept ready for answers; with more, all are made anew.  MAGIC: more
than hosts have, and any number would do."""

NOT_TOLD: Ancillary = (0, 0, b"")
"""The system said nothing of our address."""

_new = tuple.__new__


class Sender(Endpoint):
    """Where a datagram came from; ``ours`` says by which of our addresses."""

    ours: Ancillary


class _Kind(NamedTuple):
    """How one address family tells our address."""

    level: int
    option: int
    told: int
    """The type of the control data, on the way in and out."""
    size: int


_KINDS = MappingProxyType(
    {
        socket.AF_INET6: _Kind(
            socket.IPPROTO_IPV6,
            getattr(socket, "IPV6_RECVPKTINFO", -1),
            getattr(socket, "IPV6_PKTINFO", -1),
            IPV6_INFO,
        ),
        socket.AF_INET: _Kind(
            socket.IPPROTO_IP,
            IP_PKTINFO if sys.platform == "linux" else -1,
            IP_PKTINFO,
            IPV4_INFO,
        ),
    }
)


class LocalAddresses:
    """Reads from, and answers by, one socket that is bound to all addresses of its family.

    ``seconds`` is a monotonic clock, ``several`` says whether the host has several addresses now.
    """

    def __init__(
        self,
        bound: socket.socket,
        seconds: Callable[[], float],
        several: Callable[[socket.socket], bool] | None = None,
    ) -> None:
        self._socket = bound
        self._seconds = seconds
        self._look = several or has_several_addresses
        self._looked_at = float("-inf")
        self._several = True
        self._kind = _KINDS[bound.family]
        self._space = socket.CMSG_SPACE(self._kind.size) + OTHERS
        self._known: dict[bytes, Ancillary] = {}

    def several(self) -> bool:
        """Whether the host has several addresses: then each datagram may have come by another."""
        now = self._seconds()
        if now - self._looked_at >= LOOK_EVERY:
            self._looked_at, self._several = now, self._look(self._socket)
        return self._several

    def receive(self, size: int) -> tuple[bytes, Any]:
        """One datagram, and where it came from: a :class:`Sender` where the system tells more."""
        datagram, told, _, address = self._socket.recvmsg(size, self._space)
        if not told:
            return datagram, address
        sender: Sender = _new(Sender, address[:2])
        sender.ours = self._known.get(told[0][2]) or self._make(told)
        return datagram, sender

    def _make(self, told: list[Ancillary]) -> Ancillary:
        """What sends from the address that was told; which interface, the routes say."""
        wanted = self._kind.level, self._kind.told
        raw = next((each[2] for each in told if each[:2] == wanted), b"")
        if len(raw) != self._kind.size:
            return NOT_TOLD
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        kind = self._kind
        is_ipv4 = kind.size == IPV4_INFO
        data = bytes(4) + raw[4:8] + bytes(4) if is_ipv4 else raw[:16] + bytes(4)
        made = self._known[raw] = kind.level, kind.told, data
        return made

    def answer(self, datagram: bytes, sender: Sender) -> None:
        """Send from the address that was asked; from any, if that one is gone meanwhile."""
        try:
            self._socket.sendmsg((datagram,), (sender.ours,) if sender.ours[2] else (), 0, sender)
        except OSError as error:
            if error.errno in (EAGAIN, EWOULDBLOCK):
                raise
            self._socket.sendto(datagram, sender)


def has_several_addresses(bound: socket.socket) -> bool:
    """Whether this host has several addresses of a socket's family, loopback and link-local ones
    left out; true if that cannot be told."""
    with suppress(OSError, ValueError):
        if bound.family == socket.AF_INET6:
            lines = INET6_ADDRESSES.read_text().split("\n", MAX_LISTED)[:MAX_LISTED]
            return (
                len({each[:32] for each in lines if each and each.split()[3] == GLOBAL_SCOPE}) > 1
            )
        return len(_ipv4_addresses(bound)) > 1
    return True


def _ipv4_addresses(bound: socket.socket) -> set[bytes]:
    room = array("B", bytes(MAX_LISTED * IFREQ))
    where, size = room.buffer_info()
    asked = struct.pack("iP", size, where)
    used, _ = struct.unpack("iP", fcntl.ioctl(bound.fileno(), SIOCGIFCONF, asked))
    found = [room[at + 20 : at + 24].tobytes() for at in range(0, used, IFREQ)]
    return {each for each in found if each[0] != LOOPBACK_NET}


def local_addresses(bound: socket.socket, seconds: Callable[[], float]) -> LocalAddresses | None:
    """What answers from the address that was asked; ``None`` where the socket has one address
    only, or the system does not tell."""
    kind = _KINDS.get(bound.family)
    if kind is None or kind.option < 0 or bound.getsockname()[0] not in WILDCARDS:
        return None
    try:
        bound.setsockopt(kind.level, kind.option, 1)
    except OSError:
        return None
    return LocalAddresses(bound, seconds)
