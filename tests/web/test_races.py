"""Programs that compete through the gateways of different nodes: compare-and-set, and watches."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.state.keyring import KeyRing
from kadtwisted.testing.nodes import Swarm
from kadtwisted.web.gateway import Admission, Gateway
from kadtwisted.web.index import Rooms, Served
from tests.web.serving import (
    ADMIN,
    TOKENS,
    Connection,
    Response,
    events_in,
    response_from,
    unchunked,
)

PATH = "/v1/signed/team/config"
LONGEST = 60.0
"""Simulated seconds that an answer may take."""
AUTH = {"Authorization": f"Bearer {ADMIN}"}


class RaceTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.swarm = Swarm(5)
        self.addCleanup(self.swarm.stop)
        self.gateways = []
        for node in self.swarm.nodes[1:3]:
            # Both were given the same key, as two machines of one owner are.
            keys = KeyRing(Path(directory.name) / "keys", lambda count: b"k" * count)
            rooms = Rooms(Served(node, self.swarm.clock, keys))
            self.addCleanup(rooms.close)
            self.gateways.append(Gateway(self.swarm.clock, rooms.routes, Admission(TOKENS)))
        self.assertEqual(self.together(("POST", "/v1/keys/team", {}, b""))[0].status, 201)

    def together(self, *asked: tuple[str, str, dict[str, str], bytes]) -> list[Response]:
        """The answers to requests that are sent at the same moment, to one gateway each."""
        connections = [Connection(each) for each in self.gateways[: len(asked)]]
        for connection, (method, path, headers, body) in zip(connections, asked, strict=True):
            connection.ask(method, path, {**AUTH, **headers}, body)
        self.until(lambda: all(each.transport.value() for each in connections))
        found = [response_from(each.written()) for each in connections]
        for each in connections:
            each.leave()
        return found

    def until(self, is_so: Callable[[], bool], seconds: float = LONGEST) -> None:
        """Let time pass until something is so; it fails if that takes longer."""
        end = self.swarm.clock.seconds() + seconds
        while not is_so():
            self.assertLess(self.swarm.clock.seconds(), end)
            self.swarm.clock.advance(0.05)

    def test_of_two_who_replace_the_same_version_at_most_one_has_won(self) -> None:
        self.together(("PUT", PATH, {}, b"first"))
        won = 0
        for number in range(6):
            (read,) = self.together(("GET", PATH, {}, b""))
            tag = {"If-Match": read.headers["etag"]}
            asked = [("PUT", PATH, tag, b"%d of %d" % (who, number)) for who in (1, 2)]
            statuses = [each.status for each in self.together(*asked)]
            self.assertLessEqual(statuses.count(201), 1, statuses)
            self.assertLessEqual(set(statuses), {201, 412, 504})
            (after,) = self.together(("GET", PATH, {}, b""))
            if 201 in statuses:
                won += 1
                self.assertEqual(after.json["value"], f"{statuses.index(201) + 1} of {number}")
        self.assertGreater(won, 0)

    def test_a_watch_at_one_gateway_hears_of_a_write_at_another(self) -> None:
        watcher = Connection(self.gateways[1])
        watcher.ask("GET", "/v1/values/k/events")
        self.until(lambda: b"change" in watcher.transport.value())
        watcher.written()
        self.together(("PUT", "/v1/values/k", {}, b"new"))
        self.until(lambda: bool(watcher.transport.value()), 2)
        (heard,) = events_in(unchunked(watcher.written()))
        self.assertEqual(heard["data"]["value"], "new")
        watcher.leave()
