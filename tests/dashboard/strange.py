"""The dashboards of nodes that are ill, or among peers that mean harm."""

from __future__ import annotations

from base64 import b64encode

from tests.dashboard.browser import PHONE, WIDE, BrowserCase
from tests.dashboard.strange_nodes import HARM, SCRIPT

HURRY = """const usual = AbortSignal.timeout;
    AbortSignal.timeout = (most) => usual.call(AbortSignal, most > 60_000 ? 500 : most);"""


class IllTests(BrowserCase):
    def test_it_says_what_is_wrong(self) -> None:
        nodes = self.nodes("ill")
        page = self.open(nodes.url)
        self.until(page, "#verdict", "isolated")
        page.locator("#health[data-tone=bad]").wait_for()
        notes = page.locator("#notes").text_content() or ""
        for words in ("67 min behind", "storage is full", "same key", "cannot reach", "refuses"):
            self.assertIn(words, notes)
        self.until(page, "#own", "lost")
        self.assertIn("isolated", page.title())
        nodes.do("answer", "health", "offline")
        self.until(page, "#verdict", "offline")
        self.until(page, "#sentence", "no network")
        nodes.do("answer", "health", "serving")
        page.locator("#health[data-tone=good]").wait_for()
        self.was_good()

    def test_a_lookup_is_shown_while_it_runs(self) -> None:
        nodes = self.nodes("ill")
        page = self.open(nodes.url)
        self.until(page, "#routing-says", "2 contacts")
        nodes.do("answer", "lookup", "began")
        self.until(page, "#lookup-list .badge", "running")
        self.until(page, "#lookup-list .says", "1 node asked, 0 answered")
        self.assertEqual(page.locator("#ring-path .asked").count(), 1)
        self.assertEqual(page.locator("#ring-path .answered").count(), 0)
        nodes.do("answer", "lookup", "ended")
        self.until(page, "#lookup-list .badge", "ended")
        self.until(page, "#lookup-list .says", "2 nodes asked, 1 answered")
        self.assertEqual(page.locator("#lookup-list li").count(), 1)
        self.assertEqual(page.locator("#ring-path .answered").count(), 1)
        self.was_good()

    def test_an_answer_that_does_not_come_is_not_waited_for_without_end(self) -> None:
        nodes = self.nodes("ill")
        page = self.open(nodes.url, script=HURRY)
        self.until(page, "#verdict", "isolated")
        nodes.do("answer", "get", "never")
        page.get_by_label("Key", exact=True).fill("name")
        page.get_by_role("button", name="Get", exact=True).click()
        self.until(page, "#result[data-tone=bad]", "the node does not answer")
        self.assertTrue(page.get_by_role("button", name="Get", exact=True).is_enabled())
        self.was_good()

    def test_it_can_be_read_by_all(self) -> None:
        nodes = self.nodes("ill")
        for scheme in ("light", "dark"):
            for size in (WIDE, PHONE):
                page = self.open(nodes.url, size, scheme)
                self.until(page, "#verdict", "isolated")
                self.until(page, "#own", "lost")
                self.is_accessible(page)
                self.fits(page)
        self.was_good()


class ForcedColoursTests(BrowserCase):
    def test_shapes_are_told_apart(self) -> None:
        nodes = self.nodes("ill")
        page = self.open(nodes.url)
        page.emulate_media(forced_colors="active")
        is_filled = """each => getComputedStyle(each).backgroundColor ===
            getComputedStyle(each).borderTopColor"""
        dots = page.locator(".legend .dot")
        verified, tentative = (dots.nth(number).evaluate(is_filled) for number in (1, 2))
        self.assertEqual((verified, tentative), (True, False))
        style = "each => getComputedStyle(each).borderTopStyle"
        lines = (
            page.locator("#traffic figure")
            .first.locator(".line")
            .evaluate_all(f"lines => lines.map({style})")
        )
        self.assertEqual(len(set(lines)), 3)
        self.was_good()


class HostileTests(BrowserCase):
    def test_what_others_say_stays_text(self) -> None:
        nodes = self.nodes("hostile")
        page = self.open(nodes.url, PHONE)
        self.until(page, "#facts", HARM)
        self.until(page, "#notes", HARM)
        self.until(page, "#own", HARM)
        self.until(page, "#stored", "kind 77")
        self.until(page, "#routing-says", "1 suspect")
        page.locator("#buckets summary").click()
        self.until(page, "#buckets", HARM)
        page.get_by_label("Key", exact=True).fill(HARM)
        page.get_by_role("button", name="Get", exact=True).click()
        self.until(page, "#result pre", SCRIPT)
        page.get_by_role("button", name="Who announces").click()
        self.until(page, "#result li", HARM)
        page.get_by_role("button", name="Watch").click()
        self.until(page, "#watches ol", HARM)
        change = b64encode(b"30:<svg onload=alert(1)>{{7*7}}xx").decode()
        nodes.do("answer", "change", change)
        self.until(page, "#watches ol", "<svg onload=alert(1)>{{7*7}}xx")
        suspect = page.locator("#ring-contacts .suspect").get_attribute("d") or ""
        self.assertNotIn("a", suspect)  # no arc: it is square, for those who see no colours
        nodes.do("answer", "asked", HARM)
        self.until(page, "#rpcs", "<img")
        self.assertNotIn("harmed", page.title())
        self.assertEqual(page.locator("main img, main script, main svg[onload]").count(), 0)
        self.fits(page)
        self.is_accessible(page)
        self.was_good()
