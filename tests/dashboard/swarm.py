"""The dashboard of a node in a network of twenty."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import Page

from tests.dashboard.browser import PHONE, BrowserCase, Nodes
from tests.dashboard.host import OUTSIDE

SIZE = 20
HIDE = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s});"
TELL_HIDDEN = "document.dispatchEvent(new Event('visibilitychange'))"
POLLS = """performance.getEntriesByType('resource').map(each => [each.name, each.startTime])
    .filter(([name]) => /v1.(node|routing|own|records)/.test(name)).map(([, start]) => start)"""


AHEAD = "const right = Date.now; Date.now = () => right() + 5 * 3600 * 1000;"
KEYED = """async ([before, after]) => {
    const { keyed, make } = await import('/dashboard/dom.js');
    const list = make('ul');
    document.body.append(list);
    const show = (text) => keyed(list, [...text], (each) => each,
        (each) => make('li', { tabindex: 0 }, each), () => {});
    show(before);
    [...list.children].find((each) => each.textContent === 'b').focus();
    show(after);
    return [document.activeElement.textContent, list.textContent];
}"""


def answer(url: str) -> Any:
    with urlopen(url, timeout=60) as response:
        return json.load(response)


class SwarmTests(BrowserCase):
    def shown(self, size: tuple[int, int] = (1280, 900)) -> tuple[Nodes, Page]:
        nodes = self.nodes("swarm", "--nodes", str(SIZE))
        page = self.open(nodes.url, size)
        self.until(page, "#routing-says", f"{SIZE - 1} contacts")
        return nodes, page

    def test_it_shows_the_node_and_its_network_and_when_a_node_dies(self) -> None:
        nodes, page = self.shown()
        node = answer(f"{nodes.url}v1/node")
        ready = answer(f"{nodes.url}readyz")
        self.assertEqual(page.locator("#verdict").text_content(), ready["health"])
        self.assertEqual(page.locator("#sentence").text_content(), ready["sentence"])
        facts = page.locator("#facts").text_content() or ""
        for each in (node["node_id"], node["addresses"][0], "dashboard (open)"):
            self.assertIn(each, facts)
        self.assertEqual(page.locator("#ring-contacts path").count(), SIZE - 1)
        self.assertEqual(page.locator("#buckets .contacts li").count(), SIZE - 1)
        self.assertEqual(page.locator("#ring .suspect").count(), 0)
        dead = nodes.do("stop", "7")
        nodes.do("find", "whatever")
        page.locator("#lookup-list li").first.wait_for()
        self.until(page, "#lookup-list li", "the closest shares")
        self.assertEqual(page.locator("#ring-path .target").count(), 1)
        answered = re.compile(r"\d+ nodes asked, [1-9]\d* answered")
        self.until(page, "#lookup-list .says", lambda text: bool(answered.search(text)))
        line = page.locator("#buckets .contacts li", has_text=dead)
        for _ in range(100):
            if line.count() == 0 or "suspect" in (line.text_content() or ""):
                break
            nodes.do("find", "whatever else")
            page.wait_for_timeout(1000)
        else:
            self.fail(f"nothing has changed: {line.text_content()}")
        self.until(page, "#rpcs", "FindValue")
        self.is_accessible(page)
        self.was_good()

    def test_get_put_announce_and_watch(self) -> None:
        nodes, page = self.shown()
        put = page.get_by_role("button", name="Put")
        self.assertTrue(put.is_disabled())
        self.type_token(page, nodes.tokens["write"])
        self.until(page, "#role", "read and write")
        page.get_by_label("Key", exact=True).fill("colour/of the sky")
        page.get_by_role("button", name="Watch").click()
        self.until(page, "#watches", "nothing is there")
        page.get_by_label("Value", exact=True).fill("blue")
        put.click()
        self.until(page, "#result", "Stored at")
        self.until(page, "#watches", "blue")
        page.get_by_role("button", name="Get", exact=True).click()
        self.until(page, "#result", "held by")
        self.assertEqual(page.locator("#result pre").text_content(), "blue")
        nodes.do("put", "colour/of the sky", "grey", "5")
        self.until(page, "#watches", "grey")
        page.get_by_label("Port", exact=True).fill("631")
        page.get_by_role("button", name="Announce", exact=True).click()
        self.until(page, "#result", "Announced at")
        page.get_by_role("button", name="Who announces").click()
        self.until(page, "#result", "127.0.0.1:631")
        self.until(page, "#own", "announcement")
        self.is_accessible(page)
        page.get_by_role("button", name="Stop watching colour/of the sky").click()
        self.assertEqual(page.locator("#watches li").count(), 0)
        page.get_by_label("Key", exact=True).fill("nothing at all")
        page.get_by_role("button", name="Get", exact=True).click()
        page.locator("#result[data-tone=bad]").wait_for()
        self.was_good("404")  # a browser complains of each

    def test_by_keyboard_alone(self) -> None:
        nodes, page = self.shown()
        nodes.do("put", "by-keyboard", "typed")
        page.keyboard.press("Tab")
        self.assertEqual(page.evaluate("document.activeElement.textContent"), "To the content")
        page.keyboard.press("Enter")
        self.assertEqual(page.evaluate("document.activeElement.id"), "main")
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "key":
                break
        page.keyboard.type("by-keyboard")
        page.keyboard.press("Enter")
        self.until(page, "#result", "typed")
        self.was_good()

    def test_without_a_token_others_see_the_verdict_and_no_more(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "3")
        page = self.open(nodes.outside)
        self.until(page, "#verdict", "serving")
        page.locator("#closed").wait_for()
        self.assertFalse(page.locator("#inside").is_visible())
        self.is_accessible(page)
        self.type_token(page, "no token of this node")
        self.until(page, "#role", "of no use")
        self.until(page, "#closed", "does not know the token")
        self.type_token(page, nodes.tokens["read"])
        self.until(page, "#role", "may read")
        self.until(page, "#routing-says", "2 contacts")
        self.assertTrue(page.get_by_role("button", name="Put").is_disabled())
        kept = page.evaluate(
            "[Object.values(sessionStorage), localStorage.length, document.cookie]"
        )
        self.assertEqual(kept, [[nodes.tokens["read"]], 0, ""])
        self.assertFalse([each for each in self.asked if nodes.tokens["read"] in each])
        page.reload()
        self.until(page, "#role", "may read")
        page.locator("#token-box > summary").click()
        page.get_by_role("button", name="Forget it").click()
        page.locator("#closed").wait_for()
        self.assertEqual(page.locator("#facts").text_content(), "")
        self.assertEqual(self.hosts, {nodes.outside.split("/")[2]})
        self.assertIn(OUTSIDE, nodes.outside)
        self.was_good("401")

    def test_a_token_may_be_revoked_while_the_page_is_open(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "3")
        page = self.open(nodes.outside)
        self.type_token(page, nodes.tokens["write"])
        self.until(page, "#routing-says", "2 contacts")
        page.get_by_label("Key", exact=True).fill("watched")
        page.get_by_role("button", name="Watch").click()
        self.until(page, "#watches", "nothing is there")
        nodes.do("revoke")
        self.until(page, "#role", "of no use")
        self.assertFalse(page.locator("#inside").is_visible())
        self.assertEqual(page.locator("#facts").text_content(), "")
        self.assertEqual(page.locator("#watches li").count(), 0)
        self.until(page, "#verdict", "serving")
        self.was_good("401")

    def test_what_is_no_token_is_told_so(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "2")
        page = self.open(nodes.url)
        self.until(page, "#role", "may read")
        self.type_token(page, "a “token” of a word processor")
        self.until(page, "#closed", "does not know the token")
        self.assertFalse(page.locator("#lost").is_visible())
        self.was_good()

    def test_what_cannot_be_asked_for_is_said_to_be_old(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "2")
        page = self.open(nodes.url)
        self.until(page, "#routing-says", "1 contact")
        page.route("**/v1/routing", lambda route: route.fulfill(status=500, body="no JSON"))
        self.until(page, "#routing-says", "From before: 500")
        self.assertFalse(page.locator("#lost").is_visible())
        page.unroute("**/v1/routing")
        self.until(page, "#routing-says", "1 contact")
        self.was_good("500")

    def test_moments_are_told_by_the_clock_of_the_node(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "3")
        nodes.do("put", "name", "32 bytes in all, with the frame?")
        page = self.open(nodes.url, script=AHEAD)
        self.until(page, "#stored", "in 24 h")
        came = page.locator("#stored td").nth(3).text_content() or ""
        self.assertRegex(came, r"^\d+ m?s ago$")
        size = page.locator("#stored td").nth(2).text_content()
        self.assertEqual(size, f"{answer(f'{nodes.url}v1/node')['stored_bytes']} bytes")
        self.was_good()

    def test_who_uses_the_box_keeps_the_focus(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "2")
        page = self.open(nodes.url)
        key = page.get_by_label("Key", exact=True)
        for name, told in (("nothing", "not found"), ("..", "cannot stand in an address")):
            key.fill(name)
            key.press("Enter")
            self.until(page, "#result", told)
            self.assertEqual(page.evaluate("document.activeElement.id"), "key")
        get = page.get_by_role("button", name="Get", exact=True)
        key.fill("nothing")
        get.press("Enter")
        self.until(page, "#result", "not found")
        self.assertEqual(page.evaluate("document.activeElement.value"), "get")
        self.was_good("404")

    def test_what_stays_in_a_list_keeps_the_focus(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "2")
        page = self.open(nodes.url)
        for before, after in (("ab", "b"), ("abc", "bca"), ("bc", "abc"), ("abcd", "dbxa")):
            told = page.evaluate(KEYED, [before, after])
            self.assertEqual(told, ["b", after])
        self.was_good()

    def test_the_node_goes_and_returns(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "3")
        page = self.open(nodes.url)
        self.until(page, "#routing-says", "2 contacts")
        page.get_by_label("Key", exact=True).fill("watched")
        page.get_by_role("button", name="Watch").click()
        self.until(page, "#watches", "nothing is there")
        nodes.do("shut")
        page.locator("#lost").wait_for()
        self.until(page, "#lost-why", "The node is lost")
        self.assertIn("lost", page.title())
        self.until(page, "#lost-when", "asked again")
        self.is_accessible(page)
        nodes.do("reopen")
        page.get_by_role("button", name="Ask now").click()
        page.locator("#lost").wait_for(state="hidden")
        self.until(page, "#verdict", "serving")
        nodes.do("put", "watched", "after that")
        self.until(page, "#watches", "after that")
        self.was_good("ERR_")  # a browser complains of each request that nobody answers

    def test_after_an_upgrade_the_page_is_loaded_anew(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "2")
        page = self.open(nodes.url)
        self.until(page, "#routing-says", "1 contact")
        page.evaluate("window.old = true")
        nodes.do("shut")
        page.locator("#lost").wait_for()
        nodes.do("upgrade", "99.0")
        nodes.do("reopen")
        page.get_by_role("button", name="Ask now").click()
        self.until(page, "#version", "99.0")
        page.wait_for_function("window.old === undefined")
        self.until(page, "#routing-says", "1 contact")
        self.was_good("ERR_")

    def test_while_nobody_looks_nothing_is_asked(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "3")
        page = self.open(nodes.url)
        self.until(page, "#routing-says", "2 contacts")
        page.evaluate(HIDE % "true" + TELL_HIDDEN)
        page.wait_for_timeout(500)  # what was asked before is answered
        self.asked.clear()
        page.wait_for_timeout(5000)
        self.assertEqual(self.asked, [])
        nodes.do("put", "name", "value")
        page.evaluate(HIDE % "false" + TELL_HIDDEN)
        self.until(page, "#stored", "value")
        starts = page.evaluate(POLLS)
        gaps = [later - earlier for earlier, later in pairwise(starts)]
        self.assertGreater(len(gaps), 1)
        self.assertGreaterEqual(min(gaps), 1990)  # one in two seconds; a browser's clock is coarse
        self.was_good()

    def test_a_week_leaves_no_more_than_ten_minutes(self) -> None:
        nodes = self.nodes("swarm", "--nodes", "2")
        page = self.open(nodes.url)
        self.until(page, "#routing-says", "1 contact")
        beats = """async (beats) => {
            const traffic = await import('/dashboard/traffic.js');
            const lookups = await import('/dashboard/lookups.js');
            const trace = {hops: 1, duration_seconds: 1, steps: []};
            for (let beat = 0; beat < beats; beat += 1) {
                const rpcs = [{rpc: 'Rpc' + beat, results: {answered: 1}, median_seconds: 1,
                               p95_seconds: 1}];
                traffic.hearRequests({seconds: 2, rpcs, median_seconds: 1, p95_seconds: 1});
                lookups.hearLookup({number: 1e6 + beat, target: '00'.repeat(20), wanted: 'nodes',
                                    family: 'IPv4', running: false, completed: true, trace});
            }
            return [traffic.points(), document.querySelectorAll('*').length];
        }"""
        points, elements = page.evaluate(beats, 400)
        self.assertEqual(points, 300)
        again = page.evaluate(beats, 600)
        self.assertEqual(again, [300, elements])
        self.was_good()

    def test_on_a_phone(self) -> None:
        nodes, page = self.shown(PHONE)
        nodes.do("keep", "kept", "value")
        self.until(page, "#own", "value")
        self.fits(page)
        self.is_accessible(page)
        self.was_good()
