"""Scenarios: read from tables and texts; all mistakes are reported at once, each with its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError, ConfigurationProblems
from kadtwisted.model.settings.fields import help_of, kind_of
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.simulation.experiments.registry import EXPERIMENTS
from kadtwisted.simulation.scenario.catalogue import presets, scenario_of
from kadtwisted.simulation.scenario.scenario import PRIVATE, TABLES, Scenario, read_scenario
from kadtwisted.simulation.scenario.settings import described

HERE = Path("/somewhere")


def read(document: dict[str, Any], **changes: str) -> Scenario:
    return read_scenario(document, HERE, {k.replace("__", "."): v for k, v in changes.items()})


class ReadingTests(SynchronousTestCase):
    def problems(self, document: dict[str, Any], **changes: str) -> list[str]:
        error = self.assertRaises(ConfigurationProblems, read, document, **changes)
        return list(error.problems)

    def test_an_empty_document_is_the_default(self) -> None:
        self.assertEqual(read({}), Scenario())

    def test_values_and_tables(self) -> None:
        found = read(
            {
                "nodes": [10, 20],
                "upkeep": False,
                "latency": {"median": "50ms"},
                "parameters": {"alpha": 3},
            }
        )
        self.assertEqual((found.nodes, found.upkeep), ((10, 20), False))
        self.assertEqual((found.latency.median, found.latency.sigma), (0.05, 0.6))
        self.assertEqual(found.parameters, Parameters(alpha=3))

    def test_texts_come_on_top(self) -> None:
        found = read(
            {"nodes": 10, "latency": {"median": 1}},
            nodes="5,7",
            secret="false",
            latency__median="2s",
            timeouts__floor="10ms",
        )
        self.assertEqual((found.nodes, found.secret), ((5, 7), False))
        self.assertEqual((found.latency.median, found.timeouts.floor), (2.0, 0.01))

    def test_files_are_looked_for_beside_the_scenario(self) -> None:
        found = read({"latency": {"model": "measured", "file": "rtt.csv"}})
        self.assertEqual(found.latency.file, HERE / "rtt.csv")

    def test_all_mistakes_are_told_by_their_keys(self) -> None:
        problems = self.problems(
            {"nodes": 1, "start": "cold", "latency": {"medain": 1}, "faults": {"loss": 2}},
            seed="x",
            median="1",
        )
        places = [each.partition(":")[0] for each in problems]
        self.assertEqual(
            places, ["nodes", "start", "latency.medain", "faults.loss", "seed", "median"]
        )
        self.assertIn("did you mean latency.median?", problems[2])
        self.assertIn("did you mean latency.median?", problems[5])

    def test_a_table_must_be_one(self) -> None:
        (problem,) = self.problems({"latency": 3})
        self.assertEqual(problem, "latency: expected a table, not 3")
        (problem,) = self.problems({"latencies": {}})
        self.assertEqual(problem, "latencies: there is no such table; did you mean latency?")

    def test_contradictions(self) -> None:
        problems = self.problems(
            {
                "level": "table",
                "start": "joined",
                "latency": {"model": "measured"},
                "timeouts": {"floor": 3},
            }
        )
        places = [each.partition(":")[0] for each in problems]
        self.assertEqual(places, ["start", "latency.file", "timeouts.floor"])


class TableTests(SynchronousTestCase):
    def test_every_setting_says_what_it_takes(self) -> None:
        for name, made in {"": Scenario, **TABLES}.items():
            for each in made.__dataclass_fields__.values():
                if not (name == "" and each.name in TABLES):
                    self.assertIsNotNone(kind_of(each), f"{name}.{each.name}")
                    self.assertTrue(help_of(each), f"{name}.{each.name}")

    def test_what_it_is_told_is_told_again(self) -> None:
        found = described(read({"latency": {"model": "measured", "file": "a/rtt.csv"}}))
        self.assertEqual(found["latency"]["file"], "rtt.csv")  # no path of this machine
        self.assertEqual(found["nodes"], [1000])
        self.assertNotIn("file", described(Scenario())["latency"])

    def test_a_node_is_told_the_scenario(self) -> None:
        settings = NodeSettings(**read({"timeouts": {"floor": 0.5}}).node_settings(port=7))
        self.assertEqual((settings.port, settings.timeouts.floor), (7, 0.5))
        self.assertEqual((settings.network_secrets, settings.sealer), (PRIVATE, "plain"))
        self.assertEqual(read({"secret": False}).node_settings()["network_secrets"], ())


class CatalogueTests(SynchronousTestCase):
    def test_presets_are_right_and_say_what_they_show(self) -> None:
        self.assertIn("hops", presets())
        for name in presets():
            scenario = scenario_of(name, {})
            self.assertEqual(scenario.name, name)
            self.assertTrue(scenario.about.endswith("."))
            self.assertIn(scenario.experiment, EXPERIMENTS)

    def test_a_file(self) -> None:
        path = Path(self.mktemp() + ".toml")
        path.write_text("nodes = 30\n[latency]\nmodel='measured'\nfile='x.csv'\n")
        found = scenario_of(str(path), {"seed": "4"})
        self.assertEqual((found.nodes, found.seed), ((30,), 4))
        self.assertEqual(found.latency.file, path.absolute().parent / "x.csv")

    def test_what_is_no_scenario_is_refused(self) -> None:
        broken, binary = Path(self.mktemp() + ".toml"), Path(self.mktemp() + ".toml")
        broken.write_text("nodes = \n")
        binary.write_bytes(b"\xff")
        for named, what in (
            ("nonsense", "choose one of"),
            ("nowhere.toml", "no such file"),
            (str(broken), "not valid TOML"),
            (str(binary), "not UTF-8"),
        ):
            error = self.assertRaises(ConfigurationError, scenario_of, named, {})
            self.assertIn(what, str(error))
