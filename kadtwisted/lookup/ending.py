"""How a lookup ends: when it is near the end, and may hurry; and when it is over.

Rules of this file.  **Near the end.**  A lookup walks towards its target with alpha requests at a
time, because each answer may name nearer nodes, and what was asked before of others is lost.  Once
one of the nearest, of the first quarter of k, has answered and named nobody new among the k
nearest, hardly anything more is lost: the rest of the k nearest must be asked anyhow.  So then they
are asked all at once.  Measured with 1,000 nodes, together with the rule below: a full lookup takes
0.34 s instead of 0.53, and 24.0 requests instead of 23.4.  If any of the k nearest were believed,
more than twice as many nodes were asked in a test with a small network.

A farther node that names nobody new proves nothing, nor does one that names fewer than half of k:
beside a record there is room for few.  So a liar that is far away cannot make us hurry, and none
can make us ask anybody whom we would not ask at all.

**Over.**  A lookup is over when the k closest that are not suspects have answered; so the dead cost
it one soft patience each, and not three.  A suspect is most often dead, but it may be slow, and it
may be what the caller looks for: the holder of the newest version.  Therefore suspects pass only if
at least half of the k closest, the suspects among them, have answered.  A record is on three
quarters of the k closest when its writer is told so.  Then at least a quarter of them both hold the
newest version and were heard, and none of these can have passed.  It also keeps a lookup from
ending with nobody, or with few, because our own uplink is slow or a liar has named dead neighbours:
then it waits until they fail, as it does for everybody if it is ``patient``.

It never sees time: past its soft patience a candidate has no ``fresh`` request any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from kadtwisted.lookup.shortlist import Candidate


def is_among_nearest(
    distance: int, candidates: Iterable[Candidate], k: int, hopeful: Callable[[Candidate], bool]
) -> bool:
    """Whether fewer than ``k`` that count are nearer than this; ``candidates`` are closest first.

    Those count that have answered, and those that may still answer: they are within their patience,
    or ``hopeful``, to be asked.
    """
    nearer = 0
    for candidate in candidates:
        if candidate.distance >= distance:
            break
        if candidate.winner is not None:
            nearer += not candidate.passed_over
        elif candidate.fresh or hopeful(candidate):
            nearer += 1
        if nearer >= k:
            return False
    return True


class Closeness(NamedTuple):
    """Which candidates are close: the ``k`` nearest, and others within ``radius``, ``most`` at
    most."""

    k: int
    radius: int
    most: int

    def is_beyond(self, candidate: Candidate, nearer: int) -> bool:
        """Whether a candidate is not close, if at least k are ``nearer``."""
        return candidate.distance > self.radius or nearer >= self.most


def is_over(
    candidates: Iterable[Candidate],
    close: Closeness,
    hopeful: Callable[[Candidate], bool],
    *,
    patient: bool,
) -> bool:
    """Whether the close ones have answered, failed, or may pass as suspects; ``candidates`` are
    closest first.

    Nobody passes if the lookup is ``patient``, or while fewer than half of the k closest have
    answered.
    """
    k = close.k
    heard = suspects = 0
    for candidate in candidates:
        if heard >= k and close.is_beyond(candidate, heard):
            return True
        if candidate.winner is not None:
            heard += not candidate.passed_over
        elif candidate.fresh or hopeful(candidate):
            return False
        elif candidate.in_flight:
            if patient:
                return False
            # Beyond the k closest there may be any number.
            suspects += heard + suspects < k
            if 2 * suspects > k:
                return False
    return suspects <= heard
