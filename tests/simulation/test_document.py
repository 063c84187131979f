"""``docs/simulation.md`` is true: its commands, its scenario, its program, its names."""

from __future__ import annotations

import io
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import fields
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.cli.arguments import make_parser
from kadtwisted.cli.verbs.simulating import SAVED, changes_of
from kadtwisted.model.settings.fields import kind_of
from kadtwisted.simulation.experiments.registry import EXPERIMENTS
from kadtwisted.simulation.models.churn import MODELS
from kadtwisted.simulation.results.swept import SWEEP
from kadtwisted.simulation.scenario.catalogue import presets, scenario_of
from kadtwisted.simulation.scenario.scenario import TABLES, Scenario, read_scenario
from kadtwisted.simulation.sweeps.plan import plan_of

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "simulation.md").read_text("utf-8")
SMALL_ENOUGH = 150_000

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADINGS_ONLY = _BLOCK.sub(lambda found: found[0].replace("\n# ", "\n"), PAGE)
"""The page without the comments in its files, which look like headings."""


def block(language: str) -> str:
    """The first fenced block of a language."""
    return next(text for kind, text in _BLOCK.findall(PAGE) if kind == language)


def commands() -> list[list[str]]:
    """All command lines of ``kad``: those of console blocks, and those in tables."""
    typed = re.findall(r"^\$ (kad .*)$", PAGE, re.MULTILINE)
    named = re.findall(r"\| `(kad .*?)` \|", PAGE)
    return [shlex.split(each)[1:] for each in typed + named]


def section(name: str) -> str:
    """What stands under a heading, up to the next one of its rank or above."""
    found = re.search(
        rf"^(#+) {re.escape(name)}\n(.*?)(?=^#{{1,3}} |\Z)", HEADINGS_ONLY, re.M | re.S
    )
    assert found is not None, name
    return found[2]


def settings_of(made: type[Any]) -> Iterator[str]:
    return (each.name for each in fields(made) if kind_of(each) is not None)


class PageTests(SynchronousTestCase):
    def test_every_command_is_one(self) -> None:
        self.write_the_examples()
        self.assertGreater(len(commands()), 20)
        for argv in commands():
            arguments = make_parser().parse_args(argv)
            self.assertEqual(arguments.verb, "simulate")
            if arguments.scenario == SWEEP:
                self.assertGreater(len(plan_of(arguments.file, changes_of(arguments)).runs()), 1)
            elif not arguments.scenario.endswith(SAVED):
                scenario = scenario_of(arguments.scenario, changes_of(arguments))
                self.assertIn(scenario.experiment, EXPERIMENTS)

    def write_the_examples(self) -> None:
        """The page's files, where its commands look for them."""
        for text in (text for kind, text in _BLOCK.findall(PAGE) if kind == "toml"):
            name = text.splitlines()[0].removeprefix("# ")
            Path(name).write_text(text, "utf-8")
            self.addCleanup(Path(name).unlink)

    def test_the_example_is_a_scenario(self) -> None:
        scenario = read_scenario(tomllib.loads(block("toml")), Path(), {})
        self.assertEqual((scenario.name, scenario.experiment), ("campus", "churn"))
        self.assertEqual(scenario.parameters.k, 10)
        assert scenario.churn is not None
        self.assertEqual(len(scenario.churn.cases()), 2)

    def test_the_program_prints_what_the_page_says(self) -> None:
        """Except for the numbers, which another version of the protocol may change."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(block("python"), "page", "exec"), {})
        said, shown = (re.sub(r"[\d.]+", "0", each) for each in (printed.getvalue(), block("text")))
        self.assertEqual(said, shown)

    def test_links_within_the_project_lead_somewhere(self) -> None:
        targets = re.findall(r"\]\(([^)#:]+)\)", PAGE)
        self.assertGreater(len(targets), 10)
        for target in targets:
            self.assertTrue((DOCS / target).exists(), target)
        headings = re.findall(r"^#+ (.*)$", HEADINGS_ONLY, re.MULTILINE)
        anchors = [each.lower().replace(" ", "-") for each in headings]
        for anchor in re.findall(r"\]\(#([^)]+)\)", PAGE):
            self.assertIn(anchor, anchors)


class PresetTests(SynchronousTestCase):
    def test_every_preset_is_described_with_its_command_and_picture(self) -> None:
        described = re.findall(r"^### (.*)$", PAGE, re.MULTILINE)
        self.assertEqual(sorted(described), presets())
        for preset in presets():
            text = section(preset)
            self.assertRegex(text, rf"(?m)^\$ kad simulate {preset} .*--pictures \.$")
            self.assertIn(f"](pictures/{preset}.png)", text)

    def test_pictures_are_small_and_all_of_them_are_shown(self) -> None:
        files = sorted(each.name for each in (DOCS / "pictures").iterdir())
        elsewhere = re.findall(r"\]\(pictures/([^)]+)\)", (DOCS / "dashboard.md").read_text())
        self.assertEqual(files, sorted([*(f"{each}.png" for each in presets()), *elsewhere]))
        for name in files:
            self.assertLess((DOCS / "pictures" / name).stat().st_size, SMALL_ENOUGH, name)


class NameTests(SynchronousTestCase):
    """The page names all settings and all figures, and no others."""

    def test_settings(self) -> None:
        text = section("Scenario files")
        for name in settings_of(Scenario):
            self.assertIn(f"`{name}`", text)
        for table, made in TABLES.items():
            self.assertIn(f"`[{table}]`", text)
            for name in settings_of(made) if table not in ("parameters", "timeouts") else ():
                self.assertIn(f"`{name}`", text, table)

    def test_experiments_and_models(self) -> None:
        for name in EXPERIMENTS:
            self.assertIn(f"`{name}`", section("Scenario files"))
        for name in MODELS:
            self.assertIn(f"| `{name}` |", section("The models"))
