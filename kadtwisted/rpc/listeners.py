"""Who listens for newer records: where, for which key, and until when.

A listener is a node at the exact endpoint at which it has proven that it receives, under its own
public key, for the records of one kind under one key: its *place*.  This file decides how many
there may be, who gives way, and when all of a place may be told again.  It sends nothing and reads
no record; ``now`` is an argument, in seconds of a monotonic clock.

* A listener is kept for at most five minutes, and longer only if it asks again.
* There are at most ``most`` of them, and an eighth of that many of one place.  On a network that
  anyone may join a source has a share: :data:`A_HOST` of an IPv4 address or IPv6 /64,
  :data:`A_BLOCK` of a /24 or /48, and an eighth of either bound of a /16 or /32.  A host whose
  address is not public has a share as a host only, and one of this machine has none.
* Where there is no room, one of the /16 or /32 with most of them gives way, the one that was not
  renewed for longest, if the newcomer's has at least two fewer: so nobody keeps all others out.
* All changes of a place within :data:`ROUND_SECONDS` are told in one round.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from kadtwisted.constants import LISTEN_LIMIT
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.networks import address_of, is_of_this_machine, is_public, networks_of
from kadtwisted.model.record import StorageKey
from kadtwisted.rpc.crowd import Crowd

ROUND_SECONDS: Final = 1.0
"""Each listener hears of a place at most once in this time.  MAGIC: people do not see more changes
in a second; how fast the records of a live network change would settle it."""

A_KEY: Final = 8
"""The listeners of one place are at most this part of all that there may be."""
A_PROVIDER: Final = 8
"""Those of one /16 or /32 are at most this part of each bound, as of a storage."""
A_HOST: Final = 256
A_BLOCK: Final = 512
"""MAGIC: a node watches at most 256 keys, and in a small network each holder may be asked for all
of them; how many watches come from one host of a live network would settle it."""

SWEEP_SECONDS: Final = 1.0
"""Where there is no room, those whose time is over are looked for once in this time."""

SEVERAL: Final = 2
"""So many records of a place have changed that nobody needs to know which."""

Place = tuple[int, NodeID]
"""A kind of record and a key."""


class Asker(NamedTuple):
    """Who listens for what: the proven endpoint, the public key, and the place."""

    endpoint: Endpoint
    key: bytes
    place: Place


@dataclass(slots=True, eq=False)
class Listener:
    """One listener.  ``known`` is the version that it has, empty if that is not known.

    How it is told is the owner's: it is ``queued`` while it waits to be told, ``busy`` until it has
    acknowledged, and ``owed`` something that changed meanwhile.  ``several`` says that more has
    changed at its place than one record, since it was told.
    """

    asker: Asker
    known: bytes
    until: float
    host: bytes = b""
    block: bytes = b""
    provider: bytes = b""
    here: bool = True
    queued: bool = False
    busy: bool = False
    owed: bool = False
    several: bool = False


@dataclass(slots=True, eq=False)
class Audience:
    """The listeners of one place.  ``news`` is what they are told, and the owner's."""

    listeners: dict[Listener, None] = field(default_factory=dict)
    crowd: Crowd[Listener] = field(default_factory=Crowd)
    changed: dict[bytes, None] = field(default_factory=dict)
    next_round: float = float("-inf")
    news: Any = None


class Listeners:
    """The listeners of one node, at most ``most``; ``fair`` if anyone may join the network."""

    def __init__(self, most: int, *, fair: bool) -> None:
        self._most = most
        self._most_a_key = max(1, most // A_KEY)
        self._fair = fair
        self._listeners: dict[Asker, Listener] = {}
        self._audiences: dict[Place, Audience] = {}
        self._at: dict[Endpoint, dict[Listener, None]] = {}
        self._sources: Counter[bytes] = Counter()
        self._crowd: Crowd[Listener] = Crowd()
        self._swept_at = float("-inf")

    def __len__(self) -> int:
        return len(self._listeners)

    # --- Who listens -------------------------------------------------------------------------

    def listen(self, asker: Asker, known: bytes, seconds: float, now: float) -> float:
        """Somebody listens, or goes on; the seconds granted, 0 if there is no room."""
        granted = min(seconds, LISTEN_LIMIT)
        listener = self._listeners.get(asker) or self._admitted(asker, now)
        if listener is None:
            return 0.0
        self._crowd.add(listener)
        self._audiences[asker.place].crowd.add(listener)
        listener.known = known
        listener.until = now + granted
        return granted

    def stop(self, asker: Asker) -> None:
        """Somebody does not listen any more; nothing happens if it did not."""
        listener = self._listeners.get(asker)
        if listener is not None:
            self.remove(listener)

    def lose(self, endpoint: Endpoint) -> int:
        """Nobody answers there: forget all that listen at this endpoint; how many they were."""
        gone = list(self._at.get(endpoint, ()))
        for listener in gone:
            self.remove(listener)
        return len(gone)

    def expire(self, now: float) -> None:
        """Forget those whose time is over."""
        for listener in [each for each in self._listeners.values() if each.until <= now]:
            self.remove(listener)

    def remove(self, listener: Listener) -> None:
        """Forget a listener; nothing happens if it is not here any more."""
        if not listener.here:
            return
        listener.here = False
        asker = listener.asker
        del self._listeners[asker]
        audience = self._audiences[asker.place]
        del audience.listeners[listener]
        audience.crowd.remove(listener)
        self._crowd.remove(listener)
        if not audience.listeners:
            del self._audiences[asker.place]
        here = self._at[asker.endpoint]
        del here[listener]
        if not here:
            del self._at[asker.endpoint]
        self._count(listener, -1)

    def _admitted(self, asker: Asker, now: float) -> Listener | None:
        """A new listener, if there is room for it or is made."""
        listener = self._with_source(Listener(asker, b"", now), asker.endpoint)
        if now - self._swept_at >= SWEEP_SECONDS and self._is_crowded(asker, listener):
            self._swept_at = now
            self.expire(now)
        if self._over_share(asker, listener) or not self._has_room(asker, listener):
            return None
        audience = self._audiences.setdefault(asker.place, Audience())
        audience.listeners[listener] = None
        self._listeners[asker] = listener
        self._at.setdefault(asker.endpoint, {})[listener] = None
        self._count(listener, 1)
        return listener

    def _with_source(self, listener: Listener, endpoint: Endpoint) -> Listener:
        address = address_of(endpoint.host)
        if self._fair and not is_of_this_machine(address):
            host, block, provider = networks_of(address)
            listener.host = host
            if is_public(endpoint.host):
                listener.block, listener.provider = block, provider
        return listener

    def _count(self, listener: Listener, change: int) -> None:
        for source in (listener.host, listener.block):
            if source:
                self._sources[source] += change
                if not self._sources[source]:
                    del self._sources[source]

    def _is_crowded(self, asker: Asker, listener: Listener) -> bool:
        audience = self._audiences.get(asker.place)
        return (
            len(self._listeners) >= self._most
            or (audience is not None and len(audience.listeners) >= self._most_a_key)
            or self._over_share(asker, listener)
        )

    def _over_share(self, asker: Asker, listener: Listener) -> bool:
        """Whether the source of a newcomer has all that it may have."""
        sources, provider = self._sources, listener.provider
        audience = self._audiences.get(asker.place)
        among = 0 if audience is None else audience.crowd.count(provider)
        return (
            bool(listener.host and sources[listener.host] >= A_HOST)
            or bool(listener.block and sources[listener.block] >= A_BLOCK)
            or bool(provider and self._crowd.count(provider) >= max(1, self._most // A_PROVIDER))
            or bool(provider and among >= max(1, self._most_a_key // A_PROVIDER))
        )

    def _has_room(self, asker: Asker, newcomer: Listener) -> bool:
        """Whether one more may listen; somebody may give way for it."""
        audience = self._audiences.get(asker.place)
        if audience is not None and len(audience.listeners) >= self._most_a_key:
            return self._make_room(audience.crowd, newcomer)
        return len(self._listeners) < self._most or self._make_room(self._crowd, newcomer)

    def _make_room(self, crowd: Crowd[Listener], newcomer: Listener) -> bool:
        """Let one of the largest provider's give way, the longest not renewed of these."""
        first = crowd.first_of_most() if newcomer.provider else None
        if first is None or crowd.count(first.provider) < crowd.count(newcomer.provider) + 2:
            return False
        self.remove(first)
        return True

    # --- What has changed --------------------------------------------------------------------

    def audience(self, place: Place) -> Audience | None:
        """Who listens at a place, if anybody does."""
        return self._audiences.get(place)

    def changed(self, where: StorageKey, now: float) -> float | None:
        """A record has changed; when its listeners are to be told, ``None`` if nobody listens or if
        a round of its place is to begin anyway."""
        audience = self._audiences.get(where[:2])
        if audience is None:
            return None
        is_first = not audience.changed
        if len(audience.changed) < SEVERAL:
            audience.changed[where.sub] = None
        return max(now, audience.next_round) if is_first else None

    def begin_round(self, place: Place, now: float) -> list[bytes]:
        """A round begins: the ``sub`` of each record that changed, at most :data:`SEVERAL`."""
        audience = self._audiences.get(place)
        if audience is None:
            return []
        subs = list(audience.changed)
        audience.changed.clear()
        audience.next_round = now + ROUND_SECONDS
        return subs
