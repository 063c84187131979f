"""What requests cost a node, in PINGs: senders are charged by it."""

from __future__ import annotations

from kadtwisted.model.messages import Changed, Have, Listen, RequestBody, Store
from kadtwisted.model.record import Kind

COSTLY = frozenset((Store, Have, Listen, Changed))
"""Requests that may take several times the time of a PING."""

BYTES_A_UNIT = 256
NESTS_A_UNIT = 64
ENTRIES_A_UNIT = 4
"""So many bytes of a record to check, lists or dictionaries in its value to take apart, or entries
of a HAVE to look up, take about as long as a PING; `python -m kadtwisted.testing.attacks cost`
measures it."""

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
    return 0.0
