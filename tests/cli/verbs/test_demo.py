"""The demonstration: real nodes on a network in memory, and what is said when values are lost."""

from __future__ import annotations

import io
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial import unittest

from kadtwisted.cli.text.demo import summary
from kadtwisted.cli.text.progress import Progress
from kadtwisted.cli.verbs import demo
from kadtwisted.errors import NotFound, NotStored
from kadtwisted.identity.keys import NodeKey
from kadtwisted.node.node import Node
from kadtwisted.settings.daemon_settings import DaemonSettings
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import simulated_world
from tests.cli.harness import Kad, Meanwhile
from tests.daemon.fakes import FakeNode, a_get, a_receipt, a_status

SEEDED = ("--nodes", "6", "--seed", "7")


class TerminalText(io.StringIO):
    def isatty(self) -> bool:
        return True


def until_done(kad: Kad, running: Deferred[int]) -> None:
    """Let time pass until the demo has ended, ten minutes at most."""
    ended: list[object] = []
    running.addBoth(lambda result: (ended.append(result), result)[1])
    while not ended and kad.clock.seconds() < 600:
        kad.clock.advance(0.05)


def interrupted_at(words: str) -> Meanwhile:
    """Ctrl-C when these words have been said."""

    def meanwhile(kad: Kad, running: Deferred[int]) -> None:
        while words not in kad.said:
            kad.clock.advance(0.001)
        running.cancel()
        until_done(kad, running)

    return meanwhile


class DemoKad(Kad):
    """``kad`` whose nodes are real, all on one host of a network in memory."""

    def __init__(self, terminal: bool = False) -> None:
        super().__init__()
        self.clock: Any = HeapClock()
        self.host = Network(self.clock, 1, latency=0.001).host(demo.INTERFACE)
        self.nodes: list[Node] = []
        if terminal:
            self.stderr = TerminalText()

    def make_node(self, reactor: Any, settings: DaemonSettings, key: NodeKey) -> Any:
        super().make_node(reactor, settings, key)
        world = simulated_world(self.host, len(self.nodes))
        self.nodes.append(Node(self.host, settings.node, key, world=world))
        return self.nodes[-1]

    def demo(self, *argv: str, meanwhile: Meanwhile = until_done) -> int:
        return self("demo", *argv, meanwhile=meanwhile)

    def alive(self) -> list[Node]:
        return [node for node in self.nodes if node.status().running]


class DemoTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(demo, "VALUES", 10)

    def test_nothing_is_lost(self) -> None:
        kad = DemoKad()
        self.assertEqual(kad.demo(*SEEDED, "--json"), 0)
        outcome = kad.json
        wanted = {"seed": 7, "nodes": 6, "killed": 2, "visitors": 4, "values": 10, "kept": 10}
        self.assertEqual({name: outcome[name] for name in wanted}, wanted)
        self.assertEqual(outcome["failures"], {})
        self.assertEqual(outcome["stored"]["copies"], {"fewest": 6, "median": 6, "most": 6})
        before, after = outcome["read_before"], outcome["read_after"]
        self.assertEqual((before["count"], after["count"]), (10, 10))
        self.assertGreater(before["median_seconds"], 0.002)  # one round trip at least
        self.assertLessEqual(before["median_seconds"], before["worst_seconds"])
        self.assertGreater(after["worst_seconds"], before["worst_seconds"])
        self.assertLess(outcome["duration_seconds"], 60)

    def test_nodes_live_on_loopback_and_visitors_keep_nothing(self) -> None:
        kad = DemoKad()
        kad.demo(*SEEDED)
        self.assertEqual([each.node.read_only for each in kad.settings], [False] * 6 + [True] * 4)
        self.assertEqual({each.node.interfaces for each in kad.settings}, {("127.0.0.1",)})
        self.assertEqual({each.node.port for each in kad.settings}, {0})
        self.assertEqual({each.state_dir for each in kad.settings}, {None})
        self.assertEqual(len(set(kad.keys)), 10)

    def test_a_third_dies_before_the_second_reading(self) -> None:
        kad = DemoKad()
        alive: list[int] = []

        def meanwhile(kad: Any, running: Deferred[int]) -> None:
            while "again" not in kad.said:
                kad.clock.advance(0.001)
            alive.append(len(kad.alive()))
            until_done(kad, running)

        kad.demo(*SEEDED, meanwhile=meanwhile)
        self.assertEqual(alive, [4 + 4])

    def test_nothing_is_left_running(self) -> None:
        kad = DemoKad()
        kad.demo(*SEEDED)
        self.assertEqual(kad.alive(), [])

    def test_a_seed_repeats_a_run(self) -> None:
        one, two, other = DemoKad(), DemoKad(), DemoKad()
        for kad, seed in ((one, "7"), (two, "7"), (other, "8")):
            kad.demo("--nodes", "3", "--seed", seed, "--json")
        self.assertEqual(one.json, two.json)
        self.assertEqual(one.keys, two.keys)
        self.assertNotEqual(one.keys, other.keys)

    def test_without_a_seed_one_is_drawn_and_told(self) -> None:
        kad = DemoKad()
        kad.demo("--nodes", "3", "--json")
        self.assertEqual(kad.json["seed"], demo.SEEDS)  # the harness draws 1.0

    def test_told_in_words(self) -> None:
        kad = DemoKad()
        kad.demo(*SEEDED)
        text = kad.printed.decode()
        self.assertIn("6 nodes formed a network on this machine and stored 10 values", text)
        self.assertIn("read after the stop  10 of 10", text)
        self.assertIn("Nothing was lost.", text)
        self.assertIn("to repeat it: kad demo --nodes 6 --seed 7", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 88)
        self.assertEqual(
            kad.said.splitlines(),
            [
                "kad: starting 6 nodes, each joins the others",
                "kad: storing 10 values",
                "kad: starting 4 visitors, which keep nothing",
                "kad: reading 10 values back",
                "kad: stopping 2 nodes without warning",
                "kad: reading 10 values again",
            ],
        )

    def test_one_that_is_stopped_is_one(self) -> None:
        kad = DemoKad()
        self.assertEqual(kad.demo("--nodes", "3", "--seed", "7"), 0)
        told = " ".join(kad.printed.decode().split())
        self.assertIn("Then 1 of the 3 nodes was stopped", told)

    def test_one_line_on_a_terminal_that_is_gone_at_the_end(self) -> None:
        kad = DemoKad(terminal=True)
        kad.demo(*SEEDED)
        self.assertIn("\r\x1b[Kkad: storing 10 values 7/10\r\x1b[K", kad.said)
        self.assertTrue(kad.said.endswith("kad: reading 10 values again 10/10\r\x1b[K"))
        self.assertNotIn("\n", kad.said)


class EndTests(unittest.SynchronousTestCase):
    def test_interrupted(self) -> None:
        for words, nodes in (("starting", 2), ("storing", 6), ("back", 10), ("again", 10)):
            kad = DemoKad()
            self.assertEqual(kad.demo(*SEEDED, meanwhile=interrupted_at(words)), 130, words)
            self.assertEqual((len(kad.nodes), kad.alive()), (nodes, []), words)
            self.assertEqual(kad.printed, b"")

    def test_out_of_time(self) -> None:
        kad = DemoKad()
        self.assertEqual(kad.demo(*SEEDED, "--timeout", "0.5"), 75)
        self.assertEqual(kad.said.splitlines()[-1][:32], "kad: no result within 0.5 s; try")
        self.assertEqual(kad.alive(), [])

    def test_bounded_in_any_case(self) -> None:
        kad = Kad(FakeNode(put=Deferred()))
        code = kad("demo", meanwhile=lambda kad, running: kad.clock.advance(120))
        self.assertEqual(code, 75)
        self.assertEqual(kad.node.names().count("stop"), 60)

    def test_options_that_make_no_sense(self) -> None:
        for option in ("--port", "--interface", "--network-secret-file", "--state-dir"):
            kad = Kad()
            self.assertEqual(kad("demo", option, "1"), 64)
            self.assertIn(f"leave out {option}\n", kad.said)
            self.assertEqual(kad.node.calls, [])


class LossTests(unittest.SynchronousTestCase):
    """With nodes that only pretend."""

    def setUp(self) -> None:
        self.patch(demo, "VALUES", 10)

    def outcome(self, **answers: Any) -> tuple[int, Any, str]:
        code = (json := Kad(FakeNode(**answers)))("demo", "--nodes", "3", "--json")
        self.assertEqual(Kad(FakeNode(**answers))("demo", "--nodes", "3"), code)
        return code, json.json, summary(json.json)

    def test_all_lost(self) -> None:
        code, outcome, text = self.outcome(get=NotFound("it is gone"))
        self.assertEqual((code, outcome["kept"]), (1, 0))
        self.assertEqual(outcome["failures"]["value 1"], "it is gone")
        self.assertEqual(len(outcome["failures"]), 10)
        self.assertIsNone(outcome["read_after"]["median_seconds"])
        self.assertIn("10 values could not be read.", text)
        self.assertEqual(
            text.split("\n\n")[-1].splitlines()[-2:], ["value 5: it is gone", "and 5 more"]
        )

    def test_another_value_than_was_stored_is_a_loss(self) -> None:
        code, outcome, text = self.outcome(get=a_get(b"another"))
        self.assertEqual((code, outcome["kept"]), (1, 0))
        self.assertIn("value 1: another value was found", text)

    def test_the_first_thing_that_went_wrong_is_told(self) -> None:
        code, outcome, _ = self.outcome(put=NotStored("nobody"), get=NotFound("gone"))
        self.assertEqual((code, outcome["stored"]["count"]), (1, 0))
        self.assertEqual(outcome["stored"]["copies"], {"fewest": 0, "median": 0, "most": 0})
        self.assertEqual(set(outcome["failures"].values()), {"nobody"})

    def test_copies_of_different_number(self) -> None:
        receipts = [a_receipt(), *(a_receipt(alone=True) for _ in range(9))]
        kad = Kad(FakeNode(put=receipts, get=NotFound("gone"), status=a_status()))
        kad("demo", "--nodes", "3", "--json")
        self.assertEqual(kad.json["stored"]["copies"], {"fewest": 1, "median": 1.0, "most": 2})
        self.assertIn("stored on 1 to 2 nodes", " ".join(summary(kad.json).split()))


class ProgressTests(unittest.SynchronousTestCase):
    def test_plain(self) -> None:
        stream = io.StringIO()
        progress = Progress(stream)
        progress.phase("working", 2)
        progress.step()
        progress.clear()
        self.assertEqual(stream.getvalue(), "kad: working\n")

    def test_on_a_terminal(self) -> None:
        stream = TerminalText()
        progress = Progress(stream)
        progress.phase("working", 2)
        progress.step()
        progress.clear()
        shown = stream.getvalue().split("\r\x1b[K")
        self.assertEqual(shown, ["", "kad: working 0/2", "kad: working 1/2", ""])
