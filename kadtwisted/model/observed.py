"""What an observer of a node is told: requests and lookups that have ended, and how long they took.

For metrics and for whoever looks on.  A node that nobody observes makes none of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kadtwisted.model.contact import Family
    from kadtwisted.model.ids import NodeID
    from kadtwisted.model.results import Trace

ANSWERED = "answered"
ERROR = "error"
WRONG = "wrong"
TIMED_OUT = "timed_out"
UNSENT = "unsent"
REQUEST_RESULTS = (ANSWERED, ERROR, WRONG, TIMED_OUT, UNSENT)
"""How a request of ours may end: as it should; with an error of the other node; with a reply that
answers something else; with silence; or before it was sent."""

NODES = "nodes"
RECORDS = "records"


class RequestEnded(NamedTuple):
    """A request to another node: the name of its message, how it ended (one of
    :data:`REQUEST_RESULTS`), and the seconds from its first datagram to its end."""

    rpc: str
    result: str
    seconds: float


class LookupEnded(NamedTuple):
    """A lookup in one address family, of ``nodes`` or of ``records``; ``trace`` has its path, its
    hops and its seconds.  ``completed`` is false for one that was cancelled or has failed."""

    family: Family
    target: NodeID
    wanted: str
    trace: Trace
    completed: bool


Observation = RequestEnded | LookupEnded
Observer = Callable[[Observation], object]
"""Is called with each; it must be quick, and what it raises is logged and changes nothing."""
