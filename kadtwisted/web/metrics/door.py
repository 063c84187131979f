"""``GET /metrics``: all metrics of one node, in the format of Prometheus or of OpenMetrics.

The library is an extra, and each node has a registry of its own.  Nothing of it is imported, and
nothing of the node observed, before :meth:`Metrics.start`; without the library the route says what
to install.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kadtwisted.interfaces import INode
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.metrics.lag import ReactorLag
from kadtwisted.web.problems import Refused
from kadtwisted.web.routing import BINARY, Gives, Route

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

MISSING = (
    "metrics need the library prometheus-client, which is not installed: "
    "pip install 'kadtwisted[metrics]'"
)
GIVES = Gives(
    content=MappingProxyType({"text/plain": BINARY, "application/openmetrics-text": BINARY})
)
STOPPED = "nothing is measured: this gateway does not run"


class Metrics:
    """The metrics of one node, from :meth:`start` to :meth:`stop`."""

    def __init__(self, node: INode) -> None:
        self._node = node
        self._registry: CollectorRegistry | None = None
        self._why_not = STOPPED
        self._ending: list[Callable[[], None]] = []

    def routes(self) -> tuple[Route, ...]:
        """The one route."""
        text = "What the node is doing, in numbers, for Prometheus."
        return (Route("GET", "/metrics", Role.READ, text, self.get, gives=GIVES),)

    def start(self, reactor: Any, connections: Callable[[], int]) -> None:
        """Measure from now on; ``connections`` counts those to the gateway."""
        try:
            from prometheus_client import CollectorRegistry, ProcessCollector

            from kadtwisted.web.metrics.collector import NodeCollector
            from kadtwisted.web.metrics.timings import Timings
        except ImportError:
            self._why_not = MISSING
            return
        self._registry = registry = CollectorRegistry()
        timings, lag = Timings(registry), ReactorLag(reactor)
        registry.register(NodeCollector(self._node, timings, connections, lag.seconds))
        ProcessCollector(registry=registry)
        lag.start()
        self._ending = [self._node.observe(timings.hear), lag.stop]

    def stop(self) -> None:
        """Measure no more."""
        self._registry, self._why_not = None, STOPPED
        for end in self._ending:
            end()
        self._ending = []

    def get(self, call: Call) -> Answer:
        """All of them."""
        if self._registry is None:
            raise Refused(501, self._why_not)
        from prometheus_client.exposition import choose_encoder

        try:
            encode, content_type = choose_encoder(call.header("accept"))
        except (ValueError, TypeError):  # it says versions that are none
            encode, content_type = choose_encoder("")
        return Answer(encode(self._registry), 200, content_type)
