"""Makes the pictures of docs/dashboard.md: ``python -m tests.dashboard.pictures [DIRECTORY]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from PIL import Image
from twisted.trial.reporter import TestResult

from tests.dashboard.browser import PHONE, WIDE, BrowserCase

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
VIEWS = (("light", WIDE, "light"), ("dark", WIDE, "dark"), ("phone", PHONE, "light"))
TALLEST = 1900
"""MAGIC: pixels of a picture that a reader looks through."""
LIFE = 70
"""Seconds of traffic before the pictures are taken."""


class Pictures(BrowserCase):
    """Pictures of one node of twenty, with some life in the network."""

    where = PICTURES

    def test_pictures(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "20")
        pages = [(name, self.open(nodes.url, size, scheme)) for name, size, scheme in VIEWS]
        nodes.do("stop", "13")
        for number in range(LIFE):
            nodes.do("put", f"name-{number % 6}", f"the value {number}", str(1 + number % 6))
            nodes.do("find", f"nothing-{number}")
            if number == LIFE // 2:
                nodes.do("keep", "kept", "a value of this node")
            pages[0][1].wait_for_timeout(1000)
        for name, page in pages:
            page.bring_to_front()
            if name == "light":
                self.type_token(page, nodes.tokens["write"])
                page.get_by_label("Key", exact=True).fill("name-1")
                page.get_by_role("button", name="Get", exact=True).click()
                self.until(page, "#result", "held by")
            self.until(page, "#own", "value")
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(500)
            picture = self.where / f"dashboard-{name}.png"
            width, height = page.evaluate(
                "[document.documentElement.clientWidth, document.documentElement.scrollHeight]"
            )
            if name == "phone":
                height = min(height, TALLEST)
            clip: Any = {"x": 0, "y": 0, "width": width, "height": height}
            page.screenshot(path=picture, full_page=True, clip=clip)
            with Image.open(picture) as taken:
                # As many colours as a palette holds: a third of the bytes, and it looks the same.
                small = taken.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=0)
            small.save(picture, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Pictures.where = Path(sys.argv[1])
    result = TestResult()
    Pictures("test_pictures").run(result)
    problems = [f"{why}" for _, why in (*result.errors, *result.failures)]
    sys.exit("\n".join(problems) or None)
