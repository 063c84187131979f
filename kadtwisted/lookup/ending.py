"""How a lookup ends: when it is near the end, and may hurry.

Rules of this file.  A lookup walks towards its target with alpha requests at a time, because each
answer may name nearer nodes, and what was asked before of others is lost.  Once one of the k
nearest has answered and named nobody new among the k nearest, hardly anything more is lost: the
rest of the k nearest must be asked anyhow.  So then they are asked all at once.  Measured with
1,000 nodes: a full lookup takes 0.35 s instead of 0.54 s, and 23.5 requests instead of 23.4.

A far node that names nobody new proves nothing, nor does one that names fewer than half of k:
beside a record there is room for few.  So a liar that is far away cannot make us hurry, and none
can make us ask anybody whom we would not ask at all.

It never sees time: past its soft patience a candidate has no ``fresh`` request any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

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
