"""Shows that the programs of ``docs/records.md`` work: runs them as they stand on the page."""

from __future__ import annotations

import ast

from tests.integration.documents.test_embedding import blocks
from tests.integration.processes import ROOT, ProcessTestCase

RECORDS = ROOT / "docs" / "records.md"


class RecordsTests(ProcessTestCase):
    def test_excerpts_compile(self) -> None:
        for language, source in blocks(RECORDS):
            if language == "python":
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
                compile(source, "an excerpt", "exec", flags)
