"""What ``docs/threat-model.md`` claims, a test holds: the tests and attacks that it names exist.

The page names a test by its module, with or without a class and a test in it, and an attack by its
command.  Both are looked up in the sources: nothing is imported, nothing is run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.testing.attacks.__main__ import ATTACKS, REAL
from tests.source_trees import TOP

PAGE = TOP / "docs" / "threat-model.md"

PROMISING = (
    "What the wire protects",
    "Replay",
    "What strangers can cost",
    "The host",
    "The web door",
)
"""Sections in which every item of a list makes a promise, or says in italics that it makes none."""

PROMISES_NOTHING = "*No promise:*"

ATTACK = re.compile(r"`python -m kadtwisted\.testing\.attacks ([a-z]+)`")
CODE = re.compile(r"`([^`\n]+)`")
TEST = re.compile(r"(long_)?tests(\.\w+)+")
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
LOOSE = re.compile(r"(?:long_)?tests/.*|test_\w+|\w+Tests")
"""Other ways to name a test, which a reader would have to look for."""


def problems(text: str) -> Iterator[str]:
    """What is wrong with the names on a page, as sentences."""
    for name in CODE.findall(text):
        if TEST.fullmatch(name):
            yield from missing(name)
        elif LOOSE.fullmatch(name):
            yield f"{name} is not the whole dotted name of a test"
    for name in ATTACK.findall(text):
        if name not in ATTACKS and name not in REAL:
            yield f"there is no attack {name}"


def missing(name: str) -> Iterator[str]:
    """A sentence if there is no such test: ``tests.module[.Class[.test]]``."""
    parts = name.split(".")
    found = [n for n in range(2, len(parts) + 1) if (TOP / ("/".join(parts[:n]) + ".py")).is_file()]
    if not found:
        yield f"there is no module of {name}"
        return
    body: list[ast.stmt] = ast.parse((TOP / ("/".join(parts[: found[0]]) + ".py")).read_text()).body
    for part in parts[found[0] :]:
        defined = [each for each in body if isinstance(each, DEFINITIONS)]
        inside = [each for each in defined if each.name == part]
        if not inside:
            yield f"there is no {part} of {name}"
            return
        body = inside[0].body


def items(text: str, section: str) -> list[str]:
    """The items of the lists of one section, each as one line."""
    _, _, after = text.partition(f"\n## {section}\n")
    lines = after.split("\n## ")[0].splitlines()
    found: list[str] = []
    inside = False
    for line in lines:
        if line.startswith("* "):
            found.append(line)
            inside = True
        elif line.startswith("#") or (line and not line.startswith("  ")):
            inside = False
        elif inside:
            found[-1] += f" {line.strip()}"
    return found


def unproven(text: str, section: str) -> list[str]:
    """The items that name no test and do not say that they promise nothing."""
    return [
        each[:60]
        for each in items(text, section)
        if PROMISES_NOTHING not in each
        and not ATTACK.search(each)
        and not any(TEST.fullmatch(name) for name in CODE.findall(each))
    ]


class ThePage(SynchronousTestCase):
    def setUp(self) -> None:
        self.text = PAGE.read_text("utf-8")

    def test_the_tests_and_attacks_that_it_names_exist(self) -> None:
        self.assertEqual(list(problems(self.text)), [])

    def test_every_item_of_a_section_that_promises_names_a_test(self) -> None:
        for section in PROMISING:
            self.assertGreater(len(items(self.text, section)), 3, section)
            self.assertEqual(unproven(self.text, section), [], section)


class RuleTests(SynchronousTestCase):
    def test_names(self) -> None:
        good = "`tests.test_threat_model`, `tests.test_threat_model.RuleTests.test_names`"
        attack = "`python -m kadtwisted.testing.attacks clock`"
        self.assertEqual(list(problems(f"{good} {attack} `wire` `kad get`")), [])
        for bad in (
            "tests.test_threat_models",
            "long_tests.test_threat_model",
            "tests.test_threat_model.RuleTest",
            "tests.test_threat_model.RuleTests.test_game",
            "tests/test_threat_model.py",
            "long_tests/test_threat_model.py",
            "test_names",
            "RuleTests",
            "python -m kadtwisted.testing.attacks clocks",
        ):
            self.assertEqual(len(list(problems(f"`{bad}`"))), 1, bad)

    def test_items(self) -> None:
        promises = "* one\n  `tests.x`\n\n  | a |\n* *No promise:* two\n* three\nend\n"
        page = f"\n## A\nwords\n{promises}## B\n* four\n"
        self.assertEqual(len(items(page, "A")), 3)
        self.assertEqual(unproven(page, "A"), ["* three"])
