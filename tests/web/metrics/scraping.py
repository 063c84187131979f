"""A small network one of whose nodes is measured, and what it tells."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NotFound
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.messages import FindValue
from kadtwisted.node.node import Node
from kadtwisted.testing.inspect import link_of
from kadtwisted.testing.nodes import Swarm
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.metrics.door import Metrics


def scrape(metrics: Metrics, accept: str = "") -> Answer:
    """The answer of the route."""
    call = SimpleNamespace(header=lambda name: accept if name == "accept" else "")
    return metrics.get(cast(Call, call))


def samples_of(metrics: Metrics) -> list[Sample]:
    """All samples, as Prometheus' own parser reads them."""
    families = text_string_to_metric_families(scrape(metrics).bytes().decode())
    return [sample for family in families for sample in family.samples]


class MeasuredCase(SynchronousTestCase):
    """The first node of five is measured."""

    def setUp(self) -> None:
        self.swarm = Swarm(5, seed=7)
        self.addCleanup(self.swarm.stop)
        self.swarm.clock.advance(400)  # verified
        self.node, self.other = self.swarm.nodes[:2]
        self.metrics = self.measured(self.node)

    def measured(self, node: Node) -> Metrics:
        """The metrics of one node."""
        metrics = Metrics(node)
        metrics.start(self.swarm.clock, lambda: 3)
        self.addCleanup(metrics.stop)
        return metrics

    def value(self, name: str, **labels: str) -> float | None:
        """The value of one sample, ``None`` if there is none."""
        found = [
            each.value
            for each in samples_of(self.metrics)
            if each.name == f"kadtwisted_{name}" and each.labels == labels
        ]
        self.assertLess(len(found), 2)
        return found[0] if found else None

    def contact(self, asker: Node, asked: Node) -> Contact:
        return self.swarm.wait(asker.ping(self.swarm.address_of(asked))).contact

    def refuse(self, asker: Node, asked: Node) -> None:
        """A request that is answered with an error."""
        body = FindValue(key_of_name("name"), 99)
        asking: Any = link_of(asker).ask(self.contact(asker, asked), body, known=True)
        asking.addErrback(lambda _: None)
        self.swarm.clock.advance(1)

    def use(self) -> None:
        """Do a little of all that is counted."""
        self.swarm.wait(self.other.put("name", b"value"))
        self.assertEqual(self.swarm.wait(self.node.get("name")).value, b"value")
        self.failureResultOf(self.swarm_ended(self.node.get("nothing")), NotFound)
        self.swarm.wait(self.node.find_node(key_of_name("name")))
        self.refuse(self.other, self.node)
        here, there = (each.status().links[0].listening for each in (self.node, self.other))
        assert here is not None
        assert there is not None
        self.swarm.host_of(self.node).receive(b"junk", there, here)

    def swarm_ended(self, waiting: Any) -> Any:
        """What a Deferred has come to after a minute."""
        self.swarm.clock.advance(60)
        return waiting
