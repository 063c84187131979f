"""Whether another node lives under our key: a machine was cloned, a state directory copied.

Two nodes with one identity take each other's place in every table, and each loses half of what is
meant for it.  Only who holds the key can answer a hello under it, so one request tells: whoever
answers where we are not is a twin.  That request may also come back to ourselves (through a NAT,
another name of this machine, a relay); the door sees that, and then it was us.

What makes us ask is a mere hint, which anybody can give: a datagram under our key, a contact list
that has it elsewhere.  One place is asked at a time, and after one that was silent no other for
:data:`QUIET` seconds.  It takes :data:`PROOFS` answers until a twin is told of, and :data:`MISSES`
silences until it is gone.

Pure; ``now`` is in monotonic seconds.
"""

from __future__ import annotations

from kadtwisted.model.contact import Endpoint

PROOFS = 2
"""Answers until a twin is told of: a node that just moved is no twin of itself."""
MISSES = 4
"""MAGIC: silences in a row until a twin is gone: two minutes of them."""
AGAIN = 3.0
"""MAGIC: seconds between the two proofs."""
LOOK_EVERY = 30.0
"""MAGIC: seconds between two looks at a twin that was told of."""
QUIET = 60.0
"""Seconds after a hint that led nowhere: whoever gives false ones aims one datagram a minute."""


class Twins:
    """What one port knows of other nodes under its key: of one at a time."""

    def __init__(self) -> None:
        self._where: Endpoint | None = None
        self._proofs = 0
        self._misses = 0
        self._next = float("-inf")

    @property
    def twin(self) -> Endpoint | None:
        """Where a twin answers, ``None`` if none is known."""
        return self._where if self._proofs >= PROOFS else None

    def hint(self, endpoint: Endpoint, now: float) -> None:
        """Our key was seen there, if what we were told is true."""
        if self._where is None and now >= self._next:
            self._where, self._next = endpoint, now

    def due(self, now: float) -> Endpoint | None:
        """Where to ask now; ``None`` for nowhere."""
        return self._where if now >= self._next else None

    def answered(self, endpoint: Endpoint, now: float) -> None:
        """Somebody who holds our key, and is not us, answered there."""
        if self._where != endpoint:
            if self.twin is not None:
                return
            self._where, self._proofs = endpoint, 0
        self._proofs = min(self._proofs + 1, PROOFS)
        self._misses = 0
        self._next = now + (LOOK_EVERY if self._proofs >= PROOFS else AGAIN)

    def not_there(self, endpoint: Endpoint, now: float, *, ourselves: bool = False) -> None:
        """Nobody answered there under our key, or ``ourselves``."""
        if endpoint != self._where:
            return
        self._misses += 1
        if ourselves or not self._proofs or self._misses >= MISSES:
            self._where, self._proofs, self._misses = None, 0, 0
            self._next = now + QUIET
        else:
            self._next = now + (LOOK_EVERY if self.twin else AGAIN)
