"""Shows that what docs/http.md has people type works, with a shell and curl alone."""

from __future__ import annotations

from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.web.index import Rooms, Served
from tests.daemon.fakes import FakeNode
from tests.integration.documents.test_operating import table
from tests.integration.processes import ROOT
from tests.integration.web.gateways import GatewaysTestCase

PAGE = ROOT / "docs" / "http.md"


class HttpPageTests(GatewaysTestCase):
    def test_every_route_stands_in_the_table(self) -> None:
        rows = table(PAGE.read_text("utf-8"), "request")
        routes = Rooms(Served(FakeNode(), HeapClock())).routes
        wanted = [[f"`{each.method} {each.path}`", each.role.name.lower(), each.summary]
                  for each in routes]  # fmt: skip
        self.assertEqual(sorted(rows), sorted(wanted))
