"""Shows that the programs in the documents work: runs them as they stand on the page.

A block whose first line is a comment with a file's name is a complete program.  Those of a page are
written into one directory; ``test_*.py`` must pass under trial, every other one must print just
what the next ``text`` block of the page shows.  The other Python blocks are excerpts: they must
compile.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.integration.processes import ROOT, ProcessTestCase

EMBEDDING = ROOT / "docs" / "embedding.md"
README = ROOT / "README.md"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\w+\.py)\n")


class Program(NamedTuple):
    """A complete program of a page; ``output`` is the text block behind it, empty if none is."""

    name: str
    source: str
    output: str


def blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page in order: language, content."""
    return _BLOCK.findall(page.read_text("utf-8"))


def programs(page: Path) -> Iterator[Program]:
    """The complete programs of a page."""
    found = blocks(page)
    for (language, source), (after, text) in zip(found, [*found[1:], ("", "")], strict=True):
        named = _FILE.match(source)
        if language == "python" and named is not None:
            yield Program(named[1], source, text if after == "text" else "")


class PagesTestCase(ProcessTestCase):
    def write(self, page: Path) -> dict[str, Program]:
        found = {program.name: program for program in programs(page)}
        for program in found.values():
            (self.directory / program.name).write_text(program.source, "utf-8")
        return found

    async def assert_prints(self, program: Program) -> None:
        result = await self.run_to_end(sys.executable, program.name)
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertNotEqual(program.output, "")
        self.assertEqual(result.out.decode(), program.output)


class DocumentTests(PagesTestCase):
    async def test_the_example_of_the_readme_prints_what_it_says(self) -> None:
        found = self.write(README)
        self.assertEqual(list(found), ["hello.py"])
        await self.assert_prints(found["hello.py"])

    def test_excerpts_compile(self) -> None:
        excerpts = [source for language, source in blocks(EMBEDDING) if language == "python"]
        self.assertGreater(len(excerpts), 5)
        for source in excerpts:
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
            compile(source, "an excerpt", "exec", flags)
