"""What happens at the node, as a stream."""

from __future__ import annotations

from typing import Any

from kadtwisted.model.health import Health
from kadtwisted.web.live.events import KEPT, LOOK_EVERY
from tests.web.live.test_watching import StreamCase
from tests.web.records.test_raw import OWN
from tests.web.serving import Connection, events_in


class EventsTests(StreamCase):
    def listen(self, last: str = "") -> tuple[Connection, list[dict[str, Any]]]:
        headers = {"Last_Event_ID": last} if last else {}
        connection, text = self.open("/v1/events", **headers)
        return connection, events_in(text)

    def test_the_verdict_now_and_each_change(self) -> None:
        connection, (now,) = self.listen()
        told = {"health": "serving", "sentence": Health.SERVING.sentence}
        self.assertEqual(now, {"event": "verdict", "data": told, "id": "run-0"})
        self.node.answers["health"] = Health.ISOLATED
        self.clock.advance(LOOK_EVERY)
        self.clock.advance(LOOK_EVERY)
        (changed,) = connection.events()
        self.assertEqual((changed["data"]["health"], changed["id"]), ("isolated", "run-1"))
        connection.leave()

    def test_own_records(self) -> None:
        connection, _ = self.listen()
        name, watcher = self.node.calls[0]
        self.assertEqual(name, "watch_own")
        watcher(OWN)
        (told,) = connection.events()
        self.assertEqual((told["event"], told["data"]["state"]), ("own", "kept"))
        connection.leave()

    def test_who_comes_back_hears_what_was_missed(self) -> None:
        connection, _ = self.listen()
        connection.leave()
        for number in range(3):
            self.rooms.events.tell("lookup", {"number": number})
        connection, missed = self.listen("run-1")
        self.assertEqual([each["id"] for each in missed], ["run-2", "run-3"])
        connection.leave()
        for unknown in ("run-9", "other-1", "run-x", "run-\u00b2", "1"):
            connection, told = self.listen(unknown)
            self.assertEqual([each["event"] for each in told], ["verdict"])
            connection.leave()

    def test_so_many_are_kept(self) -> None:
        connection, _ = self.listen()
        connection.channel.pauseProducing()
        for number in range(KEPT + 10):
            self.rooms.events.tell("lookup", {"number": number})
        self.assertEqual(connection.written(), b"")
        connection.channel.resumeProducing()
        found = connection.events()
        self.assertEqual((len(found), found[0]["data"]), (KEPT, {"number": 10}))
        connection.leave()

    def test_who_missed_more_than_is_kept_hears_the_verdict_too(self) -> None:
        connection, _ = self.listen()
        connection.leave()
        for number in range(KEPT + 10):
            self.rooms.events.tell("lookup", {"number": number})
        connection, told = self.listen("run-5")
        self.assertEqual([each["event"] for each in told[:2]], ["verdict", "lookup"])
        self.assertEqual(len(told), 1 + KEPT)
        connection.leave()
        connection, told = self.listen("run-10")
        self.assertEqual([each["event"] for each in told], ["lookup"] * KEPT)
        connection.leave()

    def test_nothing_is_looked_at_before_the_first_and_after_the_end(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])
        connection, _ = self.listen()
        connection.leave()
        self.rooms.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
