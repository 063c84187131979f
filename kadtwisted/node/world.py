"""A node's contacts with the world besides the reactor: clocks, randomness, name resolution.

They are handed in, so that the whole real stack also runs on a simulated network.  Two clocks: the
monotonic ``now`` is for all that is in flight, ``unix_time`` for what is published or shown.
"""

from __future__ import annotations

import ipaddress
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IAddress,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from kadtwisted.errors import Unavailable
from kadtwisted.model.ids import RandomBits

MAX_ADDRESSES = 8
"""Addresses of one name that are tried."""

RESOLVE_TIMEOUT = 10.0
"""Seconds that resolving one name may take: two tries of a common resolver (resolv.conf(5))."""

Resolve = Callable[[str], Deferred[Sequence[str]]]
"""Turns a host name or IP address into IP addresses; fails with :class:`Unavailable`."""


@dataclass(frozen=True, slots=True)
class World:
    """What a node may ask of its surroundings."""

    now: Callable[[], float]
    unix_time: Callable[[], float]
    resolve: Resolve
    secure_random: Callable[[int], bytes]
    random: RandomBits


def real_world(reactor: Any) -> World:
    """The world of a node on a real reactor."""
    return World(
        now=time.monotonic,
        unix_time=time.time,
        resolve=lambda host: resolve_host(reactor, host),
        secure_random=os.urandom,
        random=random.SystemRandom(),
    )


def resolve_host(reactor: Any, host: str) -> Deferred[Sequence[str]]:
    """The IP addresses of a host name, at most :data:`MAX_ADDRESSES`, by the reactor's resolver.

    Fails with :class:`~kadtwisted.errors.Unavailable` if it has none.
    """
    literal = ip_literal(host)
    if literal is not None:
        return succeed((literal,))
    try:
        host.encode("idna")
    except UnicodeError:
        return fail(Unavailable(f"{host!r} is no host name; check its spelling"))
    receiver = _Collector(host)
    reactor.nameResolver.resolveHostName(receiver, host)
    resolving = receiver.finished.addTimeout(RESOLVE_TIMEOUT, reactor)
    return resolving.addErrback(_timed_out, host)


def _timed_out(failure: Failure, host: str) -> Sequence[str]:
    failure.trap(defer.TimeoutError)
    raise Unavailable(f"the name {host!r} did not resolve within {RESOLVE_TIMEOUT:g} seconds")


def ip_literal(host: str) -> str | None:
    """The shortest text form of an IP address, or ``None`` for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


@implementer(IResolutionReceiver)
class _Collector:
    """Gathers the addresses of one name and fires once."""

    def __init__(self, host: str) -> None:
        self.finished: Deferred[Sequence[str]] = Deferred()
        self._host = host
        self._found: list[str] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        pass

    def addressResolved(self, address: IAddress) -> None:
        host: str = getattr(address, "host", "")
        if host and host not in self._found and len(self._found) < MAX_ADDRESSES:
            self._found.append(host)

    def resolutionComplete(self) -> None:
        if self.finished.called:
            return  # its caller gave up waiting
        if self._found:
            self.finished.callback(tuple(self._found))
        else:
            self.finished.errback(
                Unavailable(f"the name {self._host!r} does not resolve; check its spelling and DNS")
            )
