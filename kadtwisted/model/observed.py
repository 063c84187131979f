"""What an observer of a node is told: requests that have ended, and lookups that begin and end.

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


class LookupBegan(NamedTuple):
    """A lookup in one address family, of ``nodes`` or of ``records``, that begins.  ``number``
    tells it from the other lookups of this node, and ``look`` gives its path so far."""

    family: Family
    target: NodeID
    wanted: str
    number: int
    look: Callable[[], Trace]


class LookupEnded(NamedTuple):
    """It has ended: ``trace`` has its path, its hops and its seconds.  ``completed`` is false for
    one that was cancelled or has failed.  The ``number`` is 0 if nobody observed its beginning."""

    family: Family
    target: NodeID
    wanted: str
    trace: Trace
    completed: bool
    number: int


Observation = RequestEnded | LookupBegan | LookupEnded
Observer = Callable[[Observation], object]
"""Is called with each; it must be quick, and what it raises is logged and changes nothing."""
