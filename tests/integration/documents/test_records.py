"""Shows that the programs of ``docs/records.md`` work: runs them as they stand on the page."""

from __future__ import annotations

import ast
import sys

from tests.integration.documents.test_embedding import blocks, programs
from tests.integration.processes import ROOT, ProcessTestCase

RECORDS = ROOT / "docs" / "records.md"


class RecordsTests(ProcessTestCase):
    async def test_the_programs_print_what_the_page_says(self) -> None:
        found = list(programs(RECORDS))
        self.assertGreaterEqual(len(found), 3)
        for program in found:
            (self.directory / program.name).write_text(program.source, "utf-8")
            result = await self.run_to_end(sys.executable, program.name)
            self.assertEqual((result.code, result.err), (0, ""), program.name)
            self.assertNotEqual(program.output, "", program.name)
            self.assertEqual(result.out.decode(), program.output, program.name)

    def test_excerpts_compile(self) -> None:
        for language, source in blocks(RECORDS):
            if language == "python":
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
                compile(source, "an excerpt", "exec", flags)
