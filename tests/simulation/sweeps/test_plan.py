"""Sweep files: what they make run, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError, ConfigurationProblems
from kadtwisted.simulation.sweeps.plan import MOST_RUNS, Plan, plan_of, read_plan


def read(changes: dict[str, str] | None = None, **document: Any) -> Plan:
    return read_plan(document, Path(), "stem", changes or {})


class ReadingTests(SynchronousTestCase):
    def test_a_grid_is_all_combinations_and_each_has_every_row_of_the_list(self) -> None:
        plan = read(
            seeds=[7, 9],
            set={"operations": 3},
            grid={"nodes": [20, 30], "parameters": {"k": [4, 8]}},
            list=[{"upkeep": True}, {"upkeep": False, "faults.loss": 0.5}],
        )
        self.assertEqual(len(plan.points), 8)
        first = {"nodes": 20, "parameters.k": 4, "upkeep": True, "faults.loss": None}
        self.assertEqual(plan.points[0], first)
        self.assertEqual(plan.points[7], {**first, "nodes": 30, "parameters.k": 8,
                                          "upkeep": False, "faults.loss": 0.5})  # fmt: skip
        last = plan.scenarios[7]
        found = (last.nodes, last.parameters.k, last.upkeep, last.faults.loss, last.operations)
        self.assertEqual(found, ((30,), 8, False, 0.5, 3))

    def test_runs_take_one_seed_after_the_other(self) -> None:
        runs = read(seeds=[7, 9], grid={"nodes": [20, 30]}).runs()
        order = [(run.number, run.point, run.seed, run.scenario.seed) for run in runs]
        self.assertEqual(order, [(0, 0, 7, 7), (1, 1, 7, 7), (2, 0, 9, 9), (3, 1, 9, 9)])
        plan = read(seeds=1, grid={"nodes": [20]})
        self.assertEqual(plan.said(plan.runs()[0]), "nodes=20, seed=1")

    def test_without_anything_it_is_one_run(self) -> None:
        plan = read()
        self.assertEqual((plan.name, plan.seeds, plan.points), ("stem", (1,), ({},)))
        self.assertEqual(len(plan.runs()), 1)

    def test_one_value_may_be_several(self) -> None:
        (one,) = read(grid={"nodes": [[20, 30]]}).scenarios
        self.assertEqual(one.nodes, (20, 30))

    def test_what_is_given_twice_runs_once(self) -> None:
        plan = read(seeds=[3, 3, 4], grid={"nodes": [20, 20, 30]})
        self.assertEqual((plan.seeds, len(plan.points)), ((3, 4), 2))

    def test_the_command_line_changes_all_runs(self) -> None:
        plan = read({"operations": "4"}, grid={"nodes": [20, 30]})
        self.assertEqual({each.operations for each in plan.scenarios}, {4})

    def test_the_example_and_a_file_with_a_scenario_beside_it(self) -> None:
        self.assertGreater(len(plan_of("example", {}).runs()), 1)
        place = Path(self.mktemp())
        place.mkdir()
        (place / "own.toml").write_text('experiment = "hops"\nrate = 3\n')
        (place / "s.toml").write_text('scenario = "own.toml"\nname = "mine"\n')
        plan = plan_of(str(place / "s.toml"), {})
        self.assertEqual((plan.stem, plan.name, plan.scenarios[0].rate), ("s", "mine", 3))


class MistakeTests(SynchronousTestCase):
    def refused(self, *said: str, **document: Any) -> None:
        wrong = self.assertRaises(ConfigurationProblems, read, **document)
        self.assertEqual(len(wrong.problems), len(said), wrong.problems)
        for problem, part in zip(wrong.problems, said, strict=True):
            self.assertIn(part, problem)

    def test_all_are_told_at_once(self) -> None:
        self.refused(
            "sedes: there is no such setting of a sweep; did you mean seeds?",
            "seeds: expected how many",
            "grid.nodes: expected an array of values",
            "list: expected tables",
            "set: expected a table",
            "name: expected a text",
            "measures: expected an array of names",
            sedes=1,
            seeds="all",
            grid={"nodes": 20},
            list=[3],
            set=1,
            name=2,
            measures="all",
        )

    def test_seeds(self) -> None:
        for wrong in (0, -1, True, [], [1, -1], [True], 1.5):
            self.refused("seeds: expected", seeds=wrong)
        self.refused("a sweep has seeds of its own", grid={"seed": [1, 2]})
        self.refused("10,001 runs", seeds=1 << 40)

    def test_contradictions(self) -> None:
        self.refused("nodes: it is varied and set", grid={"nodes": [9]}, set={"nodes": 9})
        self.refused("in the grid and in the list", grid={"nodes": [9]}, list=[{"nodes": 9}])
        changed = self.assertRaises(
            ConfigurationProblems, read, {"nodes": "9"}, grid={"nodes": [9]}
        )
        self.assertIn("leave one out", changed.problems[0])

    def test_too_many(self) -> None:
        many = list(range(2, 2 + MOST_RUNS // 2))
        self.refused(f"at most {MOST_RUNS:,}", seeds=3, grid={"nodes": many})
        self.refused("at most 6 figures", measures=[*"abcdefg"])

    def test_what_scenarios_refuse_is_told_once(self) -> None:
        self.refused(
            "nodes: expected", "parameters.k: expected",
            grid={"parameters.k": [0, 4, 8]}, set={"nodes": 1},
        )  # fmt: skip

    def test_experiments_must_exist(self) -> None:
        self.refused("experiment: there is no 'x'", set={"experiment": "x"}, grid={"nodes": [8, 9]})
        self.refused("needs whole nodes", set={"experiment": "churn", "level": "table"})

    def test_what_is_no_sweep_at_all(self) -> None:
        for named, said in (
            ("nonsense", "ends in .toml, or 'example'"),
            ("no.toml", "no such file"),
        ):
            wrong = self.assertRaises(ConfigurationError, plan_of, named, {})
            self.assertIn(said, str(wrong).lower())
        path = Path(self.mktemp() + ".toml")
        path.write_text("grid = [\n")
        self.assertIn(
            "not valid TOML", str(self.assertRaises(ConfigurationError, plan_of, str(path), {}))
        )
        self.assertRaises(ConfigurationError, read, scenario="nonsense")
