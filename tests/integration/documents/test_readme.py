"""The links of README.md lead somewhere; ``long_tests`` play its tour."""

from __future__ import annotations

import re

from twisted.trial import unittest

from tests.integration.processes import ROOT


class LinksTests(unittest.SynchronousTestCase):
    def test_news_security_and_contributing_are_named_and_all_links_lead_somewhere(self) -> None:
        text = (ROOT / "README.md").read_text("utf-8")
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        for each in ("newsfragments/", "SECURITY.md", "CONTRIBUTING.md"):
            self.assertIn(each.rstrip("/"), [target.rstrip("/") for target in targets])
        for each in targets:
            self.assertTrue(each.startswith("https://") or (ROOT / each).exists(), each)
