"""The description of a gateway, held against it: requests of all forms, to a real node.

schemathesis makes the requests from ``/v1/openapi.json``, good ones and bad ones.  The node is one
of three in simulated time, so that nothing waits for a clock on the wall.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import CHECKS
from twisted.trial import unittest

from kadtwisted.state.keyring import KeyRing
from kadtwisted.testing.nodes import Swarm
from kadtwisted.web.gateway import Admission, Gateway
from kadtwisted.web.index import Rooms, Served
from kadtwisted.web.records.many import NDJSON
from tests.web.serving import ADMIN, TOKENS, Connection, response_from

EXAMPLES = 5
"""Requests of each kind to each route."""
LONGEST = 700
"""Simulated seconds that an answer may take: a long poll waits for up to 600."""
HELD = (
    *("status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "negative_data_rejection"),
)


@schemathesis.serializer(NDJSON)
def serialize_lines(_: Any, value: Any) -> bytes:
    """A line for each of several values, or one."""
    lines = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


class DescriptionTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        swarm = Swarm(3)
        self.addCleanup(swarm.stop)
        self.clock = swarm.clock
        keys = KeyRing(Path(directory.name) / "keys", bytes)
        self.rooms = Rooms(Served(swarm.nodes[0], self.clock, keys))
        self.addCleanup(self.rooms.close)
        self.gateway = Gateway(self.clock, self.rooms.routes, Admission(TOKENS))
        self.statuses: set[int] = set()

    def answer(self, case: Case) -> None:
        """Send one request, and hold the answer against the description."""
        told = case.as_transport_kwargs(base_url="http://localhost:8480")
        told["headers"] = {**told["headers"], "Authorization": f"Bearer {ADMIN}"}
        told = {n: v for n, v in told.items() if n in ("method", "url", "headers", "params",
                                                       "data", "json", "cookies")}  # fmt: skip
        request = requests.Request(**told).prepare()
        body = request.body or b""
        connection = Connection(self.gateway)
        headers = {n: v for n, v in request.headers.items() if n.lower() != "content-length"}
        connection.ask(
            str(request.method),
            request.path_url,
            headers,
            body.encode() if isinstance(body, str) else body,
        )
        until = self.clock.seconds() + LONGEST
        while not connection.transport.value() and self.clock.seconds() < until:
            self.clock.advance(0.5)
        found = response_from(connection.written())
        connection.leave()
        self.statuses.add(found.status)
        self.assertNotEqual(found.status, 500, (request.method, request.url, body))
        case.validate_response(
            Response(
                status_code=found.status,
                headers={name: [value] for name, value in found.headers.items()},
                content=found.body,
                request=request,
                elapsed=0.0,
                verify=False,
            ),
            checks=CHECKS.get_by_names(HELD),
        )

    def hold(self, mode: GenerationMode) -> None:
        schema: Any = schemathesis.openapi.from_dict(self.described())
        seen = 0
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path.endswith(("events", "listen")):
                continue  # they do not end
            strategy = operation.as_strategy(generation_mode=mode)

            def hold(case: Case) -> None:
                self.answer(case)

            held = settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=(Phase.explicit, Phase.generate),
                suppress_health_check=list(HealthCheck),
            )(given(case=strategy)(hold))
            try:
                held()
                seen += 1
            except Unsatisfiable:
                self.assertEqual(mode, GenerationMode.NEGATIVE)  # nothing can be said wrongly there
        self.assertGreater(seen, 15)

    def described(self) -> Any:
        """The description, without who may do what: each request is an admin's."""
        connection = Connection(self.gateway)
        connection.ask("GET", "/v1/openapi.json")
        found = connection.response().json
        for methods in found["paths"].values():
            for operation in methods.values():
                operation.pop("security", None)
        return found

    def test_good_requests(self) -> None:
        self.hold(GenerationMode.POSITIVE)
        self.assertLessEqual({200, 201, 404}, self.statuses)

    def test_bad_requests(self) -> None:
        self.hold(GenerationMode.NEGATIVE)
        self.assertIn(400, self.statuses)
