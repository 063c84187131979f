"""Shows that the programs of ``docs/records.md`` work: runs them as they stand on the page."""

from __future__ import annotations

import sys

from tests.integration.documents.test_embedding import programs
from tests.integration.documents.test_records import RECORDS
from tests.integration.processes import ProcessTestCase


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
