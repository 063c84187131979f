"""The programs of ``docs/embedding.md`` as they stand on the page, and its test."""

from __future__ import annotations

import sys

from tests.integration.documents.test_embedding import (
    EMBEDDING,
    PagesTestCase,
)


class DocumentTests(PagesTestCase):
    async def test_the_programs_of_the_page_print_what_the_page_says(self) -> None:
        found = self.write(EMBEDDING)
        printing = ["registry.py", "lasting.py", "values_over_http.py", "simulated.py"]
        self.assertEqual(sorted(found), sorted([*printing, "test_registry.py"]))
        for name in printing:
            await self.assert_prints(found[name])

    async def test_the_test_of_the_page_passes(self) -> None:
        self.write(EMBEDDING)
        result = await self.run_to_end(sys.executable, "-m", "twisted.trial", "test_registry")
        self.assertEqual(result.code, 0, result.out)
        self.assertIn(b"PASSED (successes=3)", result.out)
