"""What requests cost a node, in PINGs: senders are charged by it."""

from __future__ import annotations

from kadtwisted.model.messages import (
    Changed,
    Have,
    Introduce,
    Listen,
    Probe,
    Punch,
    RequestBody,
    Store,
)
from kadtwisted.model.record import Kind

COSTLY = frozenset((Store, Have, Listen, Changed, Probe, Punch, Introduce))
"""Requests that may take several times the time of a PING."""

BYTES_A_UNIT = 256
NESTS_A_UNIT = 64
ENTRIES_A_UNIT = 4
"""So many bytes of a record to check, lists or dictionaries in its value to take apart, or entries
of a HAVE to look up, take about as long as a PING; `python -m kadtwisted.testing.attacks cost`
measures it."""

INTRODUCING = frozenset((Probe, Punch, Introduce))
"""Requests that bring somebody a datagram of a stranger.  They are padded even with a token, so
that nobody gets more than was sent for it."""
INTRODUCING_UNITS = 3.0
"""What it takes to ask a third node, or to agree on a secret with a stranger and send it a PING."""

SIGNED = frozenset((bytes([Kind.MUTABLE]), bytes([Kind.ANNOUNCEMENT])))
"""How records begin that have a signature."""
SIGNATURE_UNITS = 4
"""What it takes to verify a signature, some 0.2 ms, in PINGs; measured by the same command."""


def extra_cost(body: RequestBody) -> float:
    """What a request costs beyond a PING, in PINGs."""
    if type(body) is Have:
        return len(body.entries) / ENTRIES_A_UNIT
    if type(body) is Listen:
        return 2.0
    if type(body) is Store or type(body) is Changed:
        record = body.record
        # The letters of a text count, too: to tell them apart is what costs time.
        nests = record.count(b"l") + record.count(b"d")
        signature = SIGNATURE_UNITS if record[:1] in SIGNED else 0
        return 1 + len(record) / BYTES_A_UNIT + nests / NESTS_A_UNIT + signature
    if type(body) in INTRODUCING:
        return INTRODUCING_UNITS
    return 0.0
