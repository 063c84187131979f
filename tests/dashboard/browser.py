"""A browser, a process with nodes for it to look at, and what no page of ours may do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request, sync_playwright
from twisted.trial.unittest import SynchronousTestCase

from tests.dashboard.host import OUTSIDE

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
PATIENCE = 120_000
"""Milliseconds that anything may take; most takes a second or two."""
WIDE = (1280, 900)
PHONE = (390, 844)
SERIOUS = ("serious", "critical")


class Nodes:
    """A process of :mod:`tests.dashboard.host`."""

    def __init__(self, kind: str, *options: str) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", "tests.dashboard.host", kind, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        told = self._read()
        self.url: str = told["url"]
        self.tokens: dict[str, str] = told["tokens"]
        self.outside = self.url.replace("localhost", OUTSIDE)

    def do(self, *words: str) -> Any:
        """Perform a command; what it gives."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        told = self._read()
        if "failed" in told:
            raise AssertionError(f"{words}: {told['failed']}")
        return told["done"]

    def end(self) -> None:
        """End it, and wait for that."""
        self._process.kill()
        self._process.wait()
        for each in (self._process.stdin, self._process.stdout):
            assert each is not None
            each.close()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        late = threading.Timer(PATIENCE / 1000, self._process.kill)  # then the line is empty
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        if not line:
            raise AssertionError("the process with the nodes has ended")
        return json.loads(line)


class BrowserCase(SynchronousTestCase):
    """Tests with a browser.  Each ends with a look at what its pages have done: nothing was
    complained of, and no other host was asked."""

    timeout = 600

    def setUp(self) -> None:
        playwright = sync_playwright().start()
        self.addCleanup(playwright.stop)
        options = [f"--host-resolver-rules=MAP {OUTSIDE} 127.0.0.1"]
        if os.getuid() == 0:
            options.append("--no-sandbox")  # its sandbox refuses to work for root
        self.browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        self.addCleanup(self.browser.close)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.hosts: set[str] = set()

    def nodes(self, kind: str, *options: str) -> Nodes:
        nodes = Nodes(kind, *options)
        self.addCleanup(nodes.end)
        return nodes

    def open(
        self, url: str, size: tuple[int, int] = WIDE, scheme: str = "light", script: str = ""
    ) -> Page:
        """A page in a context of its own."""
        context: Any = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        self.addCleanup(context.close)
        context.set_default_timeout(PATIENCE)
        page: Page = context.new_page()
        if script:
            page.add_init_script(script)
        self.hosts.add(urlsplit(url).netloc)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._asked)
        page.goto(url)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        self.asked.append(request.url)

    def was_good(self, *expected: str) -> None:
        """Nobody complained but with these words, and only our own hosts were asked."""
        left = [each for each in self.complaints if not any(words in each for words in expected)]
        self.assertEqual(left, [])
        asked = {urlsplit(each).netloc for each in self.asked if not each.startswith("data:")}
        self.assertEqual(asked, self.hosts)

    def until(self, page: Page, selector: str, wanted: Callable[[str], bool] | str) -> str:
        """Wait until an element says what is wanted; what it says."""
        element = page.locator(selector).first
        for _ in range(PATIENCE // 100):
            text = element.text_content() or ""
            if wanted in text if isinstance(wanted, str) else wanted(text):
                return text
            page.wait_for_timeout(100)
        raise self.failureException(f"{selector} says {element.text_content()!r}, not {wanted!r}")

    def type_token(self, page: Page, token: str) -> None:
        """As somebody who has one."""
        page.locator("#token-box > summary").click()
        page.get_by_label("Token", exact=True).fill(token)
        page.get_by_role("button", name="Use it").click()

    def is_accessible(self, page: Page) -> None:
        """axe-core finds nothing serious."""
        found: Sequence[Any] = Axe().run(page).response["violations"]
        serious = [
            (each["id"], [node["html"] for node in each["nodes"]])
            for each in found
            if each["impact"] in SERIOUS
        ]
        self.assertEqual(serious, [])

    def fits(self, page: Page) -> None:
        """Nobody has to scroll sideways to read the page."""
        wide = page.evaluate("document.scrollingElement.scrollWidth")
        self.assertLessEqual(wide, page.viewport_size["width"] if page.viewport_size else 0)
