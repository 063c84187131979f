"""What the node does, as a stream."""

from __future__ import annotations

from typing import Any

from kadtwisted.model.contact import Family
from kadtwisted.model.observed import (
    ANSWERED,
    NODES,
    LookupBegan,
    LookupEnded,
    Observation,
    RequestEnded,
)
from kadtwisted.model.results import Trace
from kadtwisted.web.live.activity import BEAT, LOOK, MOST_FOLLOWED
from tests.daemon.fakes import NAME_KEY, TRACE, a_status
from tests.web.live.test_watching import StreamCase
from tests.web.serving import READER, Connection, events_in

START = Trace(TRACE.steps[:1], 0.001, 0)


def began(number: int, path: Trace = START) -> LookupBegan:
    return LookupBegan(Family.IPV4, NAME_KEY, NODES, number, lambda: path)


def ended(number: int, *, completed: bool = True) -> LookupEnded:
    return LookupEnded(Family.IPV4, NAME_KEY, NODES, TRACE, completed, number)


class ActivityTests(StreamCase):
    def listen(self, token: str = READER) -> tuple[Connection, list[dict[str, Any]]]:
        connection, text = self.open("/v1/activity/events", Authorization=f"Bearer {token}")
        self.addCleanup(connection.leave)
        return connection, events_in(text)

    def told(self, told: Observation) -> None:
        """The node tells those who observe it."""
        for each in list(self.node.observers):
            each(told)

    def look(self, looks: int = 1) -> None:
        for _ in range(looks):
            self.clock.advance(LOOK)

    def lookups(self, connection: Connection) -> list[dict[str, Any]]:
        return [each["data"] for each in connection.events() if each["event"] == "lookup"]

    def test_at_first_what_the_client_may_do_and_how_the_node_is(self) -> None:
        _, (hello, status) = self.listen()
        self.assertEqual((hello["event"], hello["data"]["role"]), ("hello", "read"))
        self.assertEqual((hello["data"]["beat_seconds"], hello["data"]["run"]), (BEAT, "run"))
        self.assertEqual((status["event"], status["data"]["health"]), ("status", "serving"))

    def test_the_status_and_the_requests_come_with_each_beat(self) -> None:
        connection, _ = self.listen()
        self.node.answers["status"] = a_status(health="isolated")
        self.told(RequestEnded("Ping", ANSWERED, 0.02))
        self.look(3)
        self.assertEqual(connection.events(), [])
        self.look()
        status, requests = connection.events()
        self.assertEqual((status["event"], status["data"]["health"]), ("status", "isolated"))
        self.assertEqual(requests["data"]["rpcs"][0]["results"], {ANSWERED: 1})
        self.assertEqual(requests["data"]["seconds"], BEAT)

    def test_a_lookup_is_told_as_it_goes_on_and_when_it_has_ended(self) -> None:
        connection, _ = self.listen()
        steps = [START]
        self.told(LookupBegan(Family.IPV4, NAME_KEY, NODES, 7, lambda: steps[-1]))
        self.look()
        (begun,) = self.lookups(connection)
        self.assertEqual((begun["number"], begun["running"], begun["completed"]), (7, True, None))
        self.assertEqual(len(begun["trace"]["steps"]), 1)
        self.look()
        self.assertEqual(self.lookups(connection), [])  # nothing is new
        steps.append(TRACE)
        self.look()
        (moved,) = self.lookups(connection)
        self.assertEqual((len(moved["trace"]["steps"]), moved["running"]), (2, True))
        self.told(ended(7, completed=False))
        self.look()
        (over,) = self.lookups(connection)
        self.assertEqual((over["number"], over["running"], over["completed"]), (7, False, False))
        self.look()
        self.assertEqual(self.lookups(connection), [])

    def test_a_lookup_that_is_over_before_anybody_looks_is_told_once(self) -> None:
        connection, _ = self.listen()
        self.told(began(1))
        self.told(ended(1))
        self.look()
        (told,) = self.lookups(connection)
        self.assertEqual((told["completed"], told["trace"]["hops"]), (True, TRACE.hops))

    def test_so_many_lookups_are_followed_and_the_others_counted(self) -> None:
        connection, _ = self.listen()
        for number in range(1, MOST_FOLLOWED + 3):
            self.told(began(number))
        for number in range(2, MOST_FOLLOWED + 3):
            self.told(ended(number))
        self.look()
        self.assertEqual(len(self.lookups(connection)), MOST_FOLLOWED)
        self.look(3)
        told = connection.events()[-1]["data"]
        self.assertEqual((told["lookups_running"], told["lookups_not_shown"]), ([1], 2))
        self.told(began(99))
        self.look()
        self.assertEqual([each["number"] for each in self.lookups(connection)], [99])

    def test_a_lookup_that_nobody_saw_begin_is_not_told(self) -> None:
        connection, _ = self.listen()
        self.told(ended(0))
        self.look()
        self.assertEqual(self.lookups(connection), [])

    def test_the_node_is_observed_while_somebody_listens(self) -> None:
        before = len(self.node.observers)
        first, _ = self.listen()
        second, _ = self.listen()
        self.assertEqual(len(self.node.observers), before + 1)
        self.told(began(1))
        first.leave()
        self.look()
        self.assertEqual(len(self.lookups(second)), 1)
        second.leave()
        self.assertEqual(len(self.node.observers), before)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        third, _ = self.listen()
        self.look(4)
        (status, requests) = third.events()
        self.assertEqual((status["event"], requests["data"]["lookups_running"]), ("status", []))

    def test_who_reads_slowly_misses_events_and_nothing_is_kept(self) -> None:
        slow, _ = self.listen()
        slow.channel.pauseProducing()
        for number in range(1, 50):
            self.told(began(number))
            self.told(ended(number))
            self.look()
        slow.channel.resumeProducing()
        self.assertEqual(slow.events(), [])
        self.look(4)
        self.assertIn("status", [each["event"] for each in slow.events()])

    def test_nothing_is_looked_at_after_the_end(self) -> None:
        connection, _ = self.listen()
        self.rooms.close()
        connection.leave()
        self.assertEqual(self.node.observers, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_head_opens_no_stream(self) -> None:
        answer = self.ask("HEAD", "/v1/activity/events")
        self.assertEqual(
            (answer.status, answer.headers["content-type"]), (200, "text/event-stream")
        )
        self.assertEqual(self.node.observers, [])
