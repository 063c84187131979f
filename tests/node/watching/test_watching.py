"""Nodes of a simulated network watch a value: they are told what becomes of it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.results import Change
from kadtwisted.parameters import Parameters
from kadtwisted.testing.nodes import Swarm

K = 8
PARAMETERS = Parameters(k=K, alpha=3)


class WatchingCase(SynchronousTestCase):
    size = 20

    def setUp(self) -> None:
        self.swarm = Swarm(self.size, parameters=PARAMETERS, sealer="plain")
        self.addCleanup(self.swarm.stop)
        self.nodes = self.swarm.nodes

    def put(self, value: bytes, name: str = "name", lifetime: float = 3600.0) -> None:
        self.swarm.wait(self.nodes[0].put(name, value, lifetime=lifetime))


class ValueTests(WatchingCase):
    def test_thread(self) -> None:
        told: list[Change] = []
        watch = self.nodes[5].watch("name", callback=told.append)
        self.swarm.clock.advance(5)
        self.assertEqual([each.value for each in told], [None])
        self.put(b"one")
        self.swarm.clock.advance(1)
        self.assertEqual([each.value for each in told], [None, b"one"])
        self.put(b"two")
        self.swarm.clock.advance(2)
        self.assertEqual([each.value for each in told], [None, b"one", b"two"])
        self.swarm.wait(self.nodes[1].delete("name"))
        self.swarm.clock.advance(2)
        self.assertEqual([each.gone for each in told], [True, False, False, True])
        watch.stop()
