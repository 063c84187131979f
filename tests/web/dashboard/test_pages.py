"""The page at ``/`` and its files: what a browser may do with them, and what stands in them."""

from __future__ import annotations

import re
from pathlib import Path

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from twisted.trial import unittest

from kadtwisted.model.health import CLOCK_TOLERANCE, WORRYING, Health
from kadtwisted.model.record import Kind
from kadtwisted.web.dashboard import pages
from kadtwisted.web.dashboard.pages import FILES, INDEX_FILE, POLICY
from tests.source_trees import TOP
from tests.web.serving import FAR, GatewayCase, Response

PAGE = Path(pages.__file__).parent / "page"
VENDORED = ("uplot/uPlot.esm.js", "uplot/uPlot.min.css")
NAMESPACE = "http://www.w3.org/2000/svg"


def text_of(name: str) -> str:
    return (PAGE / name).read_text("utf-8")


class ServedTests(GatewayCase):
    def fetch(self, path: str, **headers: str) -> Response:
        """As somebody without a token."""
        return self.ask("GET", path, token="", **headers)

    def test_the_page_and_all_that_it_asks_for_are_served(self) -> None:
        page = self.fetch("/")
        self.assertEqual(page.status, 200)
        self.assertEqual(page.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(page.body, (PAGE / INDEX_FILE).read_bytes())
        for name, content_type in FILES.items():
            answer = self.fetch(f"/dashboard/{name.rpartition('/')[2]}")
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, content_type))
            self.assertEqual(answer.body, (PAGE / name).read_bytes())

    def test_a_browser_is_told_what_they_may_do(self) -> None:
        for path in ("/", "/dashboard/app.js"):
            headers = self.fetch(path).headers
            self.assertEqual(headers["content-security-policy"], POLICY)
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            self.assertEqual(headers["referrer-policy"], "no-referrer")
        for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
            self.assertIn(part, POLICY.split("; "))
        self.assertNotIn("unsafe", POLICY)

    def test_a_browser_keeps_them_and_asks_whether_they_have_changed(self) -> None:
        for path in ("/", "/dashboard/style.css"):
            first = self.fetch(path)
            self.assertEqual(first.headers["cache-control"], "no-cache")
            again = self.fetch(path, If_None_Match=f'"other", {first.headers["etag"]}')
            self.assertEqual((again.status, again.body), (304, b""))
            self.assertEqual(again.headers["etag"], first.headers["etag"])
            self.assertEqual(self.fetch(path, If_None_Match='"other"').status, 200)
            weak = self.fetch(path, If_None_Match=f"W/{first.headers['etag']}")
            self.assertEqual(weak.status, 304)  # as a proxy makes it that packs what it passes on
        tags = {self.fetch(f"/dashboard/{name}").headers["etag"] for name in ("app.js", "dom.js")}
        self.assertEqual(len(tags), 2)

    def test_the_head_alone(self) -> None:
        answer = self.ask("HEAD", "/", token="")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(int(answer.headers["content-length"]), (PAGE / INDEX_FILE).stat().st_size)

    def test_nothing_else_is_served(self) -> None:
        for name in ("index.html", "LICENSE", "pages.py", "..%2Fpages.py", "%2e%2e", "app.js%00"):
            self.refused(self.fetch(f"/dashboard/{name}"), 404, "the dashboard has no such file")

    def test_it_is_for_everybody_but_not_under_another_name(self) -> None:
        connection = self.connect(FAR)
        connection.ask("GET", "/", {"Host": "node.example"})
        self.assertEqual(connection.response().status, 200)
        self.refused(self.fetch("/", Host="evil.example"), 403, "does not serve the host")

    def test_whoever_comes_from_elsewhere_without_a_token_gets_the_verdict_alone(self) -> None:
        for path, status in (("/readyz", 200), ("/v1/node", 401), ("/v1/activity/events", 401)):
            connection = self.connect(FAR)
            connection.ask("GET", path, {"Host": "node.example"})
            self.assertEqual(connection.response().status, status)


class FilesTests(unittest.SynchronousTestCase):
    """What stands in the files themselves."""

    own = tuple(name for name in (INDEX_FILE, *FILES) if name not in VENDORED)

    def test_the_table_names_all_files_that_there_are(self) -> None:
        there = {each.relative_to(PAGE).as_posix() for each in PAGE.rglob("*") if each.is_file()}
        self.assertEqual(there, {INDEX_FILE, "uplot/LICENSE", *FILES})
        names = [each.rpartition("/")[2] for each in FILES]
        self.assertEqual(len(names), len(set(names)))

    def test_what_they_ask_for_is_there(self) -> None:
        served = {f"/dashboard/{each.rpartition('/')[2]}" for each in FILES}
        asked = set(re.findall(r'(?:href|src)="(/dashboard/[^"]*)"', text_of(INDEX_FILE)))
        self.assertIn("/dashboard/app.js", asked)
        for name in self.own:
            if name.endswith(".js"):
                imported = re.findall(
                    r'^\s*(?:import|\}) .*?from "\./([^"]+)";$', text_of(name), re.M
                )
                asked |= {f"/dashboard/{each}" for each in imported}
        self.assertLessEqual(asked, served)
        self.assertLessEqual({each for each in served if each.endswith(".js")}, asked)

    def test_they_name_no_other_host(self) -> None:
        for name in self.own:
            found = re.findall(r"(?:\w+:)?//[\w.-]+\.\w+[^\s\"')]*", text_of(name))
            self.assertLessEqual(set(found), {NAMESPACE}, name)
        for name in VENDORED:
            code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", text_of(name), flags=re.S | re.M)
            self.assertNotRegex(code, r"https?://|url\(|@import|fetch\(|XMLHttpRequest", name)

    def test_text_never_becomes_html_or_a_script(self) -> None:
        sinks = (
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|"
            r"DOMParser|srcdoc|\beval\b|new Function|javascript:|setTimeout\(\s*[\"'`]|"
            r"\.setHTML|trustedTypes"
        )
        for name in (*self.own, *VENDORED):
            self.assertNotRegex(text_of(name), sinks, name)
        page = text_of(INDEX_FILE)
        self.assertNotRegex(page, r"\son\w+=|\sstyle=|<style|<script(?! type=\"module\" src=)")

    def test_the_token_goes_into_no_address(self) -> None:
        for name in self.own:
            self.assertNotRegex(text_of(name), r"localStorage|document\.cookie|[?&]token", name)

    def test_they_know_all_words_of_a_node(self) -> None:
        page = text_of("overview.js")
        tones = dict(re.findall(r'^  (\w+): "(good|waiting|bad)",$', page, re.M))
        self.assertEqual(set(tones), {each.word for each in Health})
        self.assertEqual(
            {word for word, tone in tones.items() if tone == "bad"},
            {each.word for each in (*WORRYING, Health.STOPPED)},
        )
        (tolerance,) = re.findall(r"const CLOCK_TOLERANCE = (\d+);", page)
        self.assertEqual(int(tolerance), CLOCK_TOLERANCE)
        kinds = dict(re.findall(r'(\d+): "(\w+)"', text_of("records.js")))
        self.assertEqual({int(each) for each in kinds}, set(Kind))

    def test_a_distribution_has_all_of_them(self) -> None:
        wanted = {f"kadtwisted/web/dashboard/page/{name}" for name in (INDEX_FILE, *FILES)}
        wanted.add("kadtwisted/web/dashboard/page/uplot/LICENSE")
        for builder in (WheelBuilder(str(TOP)), SdistBuilder(str(TOP))):
            found = {each.distribution_path for each in builder.recurse_included_files()}
            self.assertLessEqual(wanted, found)

    def test_uplot_comes_with_its_licence(self) -> None:
        self.assertIn("Leon Sorokin", text_of("uplot/LICENSE"))
        self.assertIn("Permission is hereby granted", text_of("uplot/LICENSE"))
